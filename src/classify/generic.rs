//! Errors that no category knows: is there one at all, and which line says it?

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::{
    line::Level,
    mention::{self, regex},
    text::Text,
};

/// Index of the line that reports an error, if any does: the loudest, in a chain of causes the last.
pub fn error_line(text: &Text) -> Option<usize> {
    loudest(text, |new, held| new > held)
}

/// The same for the log of a process that ended: of equally loud lines the last, with which it ended.
pub fn last_error_line(text: &Text) -> Option<usize> {
    loudest(text, |new, held| new >= held)
}

fn loudest(text: &Text, beats: impl Fn(u8, u8) -> bool) -> Option<usize> {
    let mut best: Option<(u8, usize)> = None;
    for (index, line) in text.lines().iter().enumerate() {
        let words = text.line_str(line).as_bytes();
        let Some(strength) = strength(words, line.level) else { continue };
        let is_deeper = words.trim_ascii_start().starts_with(b"Caused by");
        let wins = best.is_none_or(|(held, _)| beats(strength, held) || (is_deeper && strength >= held));
        if wins && !mention::is_recovered(text, index) {
            best = Some((strength, index));
        }
    }
    if mention::is_over(text) { None } else { best.map(|(_, index)| index) }
}

/// How clearly a line reports an error: 3 = an exception or a loud log line, 1 = a complaint in prose.
fn strength(words: &[u8], level: Level) -> Option<u8> {
    let is_loud = match level {
        Level::Fatal | Level::Error => true,
        Level::Unsaid | Level::Warning => false,
        Level::Info | Level::Debug => return None,
    };
    if (!is_loud && !TROUBLE.is_match(words)) || HARMLESS_LINE.is_match(words) || mention::is_talk(words) {
        return None;
    }
    let telling = HARMLESS.replace_all(words, b" ".as_slice());
    if is_loud && telling.iter().any(u8::is_ascii_alphabetic) {
        return Some(3);
    }
    let word = TROUBLE.find(&telling)?;
    if mention::is_mention(&telling, word.start(), word.end()) {
        return None;
    }
    let (exception, statement) = if level == Level::Warning { (1, 1) } else { (3, 2) };
    if EXCEPTION.is_match(&telling) {
        Some(exception)
    } else if STATEMENT.is_match(&telling) {
        Some(statement)
    } else {
        COMPLAINT.is_match(&telling).then_some(1)
    }
}

/// A word without which no line below Error reports an error.
static TROUBLE: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"error|exception|fail|fatal|panic|traceback|cannot|can't|cant\ |could\ not|couldn't|unable|denied|crash|abort|critical|invalid|not\ work|n't\ work|doesnt\ work|broken|exit|\b5\d\d\b|stuck|hang|unhandled|uncaught|throw|reject|unexpected|undefined|illegal|mismatch|violat|corrupt|\bdown\b|timed\ out|does\ not\ exist",
    )
});

/// An exception, a panic, a process that says why it ends.
static EXCEPTION: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?-i:\b[A-Z]\w*(?:Exception|Error|Failure|Fault|Panic)\b)(?:\s*[:(\[]|\s+(?:at|in|was|thrown)\b|\s*$)
        |^\s*Caused\ by:|\bTraceback\ \(most\ recent|\bpanic(?:ked)?(?:\(\w+\))?:|\bpanicked\ at\b|\b(?:unhandled|uncaught)\s+(?:exception|error|rejection|promise)
        |\b(?:fatal|error|err|exception)(?:\[\w+\]|\s\w{1,12}\d{2,}|\([^)\n]{1,20}\))?:\s*\S
        |\b(?:npm|yarn)\s+ERR!|\berror\s+(?:TS|CS|E|C|LNK|MSB)\d{2,}",
    )
});

/// A sentence that states a failure.
static STATEMENT: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"\b(?:failed|failure|fails)\b\s+(?:to|with|for|at|in|on|while|when|during|because|due|after|:)|\b(?:has|have|had|just|build|job|test|tests|step|deploy(?:ment)?|pipeline|request|query|task|import|sync|login|payment|backup|migration)\s+(?:\S+\s+){0,2}failed\b|\bfailed:|\bFAILED\b\s*$|^\s*(?:FAIL|FAILED|FAILURE)\b
        |\b(?:cannot|can't|could\ not|couldn't|unable\ to|was\ not\ able\ to)\s+\w+
        |\b(?:an?|the|this|following|internal|unexpected|unknown|server|fatal|critical|runtime|syntax|parse|parsing|validation|compilation|compile|build|assertion|application)\s+(?:error|exception|failure)\b
        |\berrors?\s+(?:occurred|while|when|in|reading|writing|parsing|loading|processing|executing|running|during|from|on|at|was|code|calling|creating|opening)\b
        |\bexit(?:ed|s)?\s+(?:with\s+)?(?:code|status)?\s*[:=]?\s*[1-9]\d{0,2}\b|\b(?:HTTP|status|code|returned?|returns|response|got|gives?|a|an)\b[\ :/=\w.]{0,12}\b5\d\d\b|\b5\d\d\s+(?:internal|bad\s+gateway|service|gateway|error)
        |\b(?:relation|table|column|database|schema|role|user|index|key|topic|queue|bucket|container|file|directory|path|branch|field|module|command|function)\b[^\n]{0,60}\bdoes\ not\ exist\b
        |\b(?:core\ dumped|aborted|assertion\ failed|stack\ overflow|deadlock|data\ (?:loss|corruption)|corrupt(?:ed)?|checksum\ mismatch|was\ rejected|is\ invalid|invalid\s+\w+\s+(?:value|format|type)|unexpected\s+(?:token|end|character|eof|response))\b",
    )
});

/// A person who says that something does not work, without a message.
static COMPLAINT: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"\b(?:is|are|was|were|seems?|keeps?|kept|went|goes|looks?)\s+(?:\w+\s+)?(?:broken|down|failing|crashing|dying|hanging|stuck|erroring|throwing)\b|\b(?:not|isn't|isnt|doesn't|doesnt|don't|stopped)\s+work(?:ing)?\b|\b(?:getting|get|see|seeing|throws?|throwing|shows?|gives?)\s+(?:an?|this|these|the|lots\ of|many|some|weird|strange)?\s*(?:\S+\s+){0,3}(?:errors?|exceptions?|failures?|crash(?:es)?)\b",
    )
});

/// Words that are a name, a setting or a count of nothing; the rest of their line may still report an error.
static HARMLESS: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r#"\b(?:0|no|zero|without|any)\s+(?:\w+\s+)?(?:errors?|failures?|exceptions?|failed|problems?|crashes|faults?)\b
        |\b(?:errors?|failures?|failed|exceptions?|err|crashes|errorCount|error_count|unavailable)["']?\s*[:=]+\s*["']?(?:0\b|nil\b|null\b|none\b|false\b|""|\[\s*\]|\{\s*\})
        |--[\w-]+(?:=\S*)?|\b[\w./]*(?:errors?|exceptions?|failures?|failed|fail|timeout|crash|retry|abort|panic)-\w[\w./-]*|\b[\w./-]*error[\w-]*\.(?:log|html?|json|ya?ml|go|rs|py|js|ts|java|md|txt|css)\b
        |\b(?:log|logging|log[-_\ ]?level|min(?:imum)?_?level)\s*(?:level)?\s*(?:[:=]|\bto\b|\bis\b|\bset\s+to\b)+\s*["']?(?:error|fatal|critical|debug|info|warn)
        |\bexit(?:ed|s)?\s+(?:with\s+)?(?:code|status)\s*[:=]?\s*0\b|\b(?:on|if|stop_on|fail_on|ignore|retry_on|continue-on)[_-]?(?:error|failure|fail)\b
        |\b(?:errors?|exceptions?|crash(?:es)?|failures?)\s+(?:handling|handlers?|budget|page|pages|rate|rates|reporting|reporter|tracking|monitoring|middleware|boundary|messages?\s+(?:guide|style)|codes?\s+(?:table|list|reference)|type|types|class|log(?:s|ger)?\s+(?:enabled|initiali[sz]ed|at))\b
        |\b(?:error|failure|exception|crash)[-\ ](?:free|proof|tolerant|safe)\b|\bshut(?:s|ting)?\s+down\b|\b(?:errors?|failures?)\s+(?:were|was|have\ been|has\ been)\s+(?:fixed|resolved|handled|cleared)\b"#,
    )
});

/// Lines that report no error whatever their words: served requests, questions how to do something.
static HARMLESS_LINE: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r#"\b(?:200|201|204|301|302|304)\b\s+\d+\s|"\s+(?:200|201|204|301|302|304)\b|\bhow\s+(?:do|does|can|should|would|to)\b[^\n]{0,120}\?"#,
    )
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::text::{Escapes, Origin};

    fn check(raw: &str, expected: Option<usize>) {
        let mut text = Text::default();
        for (index, line) in raw.lines().enumerate() {
            text.push(Origin::ErrorMessage, u32::try_from(index).unwrap() + 1, line, Escapes::Keep);
        }
        text.finish();
        assert_eq!(error_line(&text), expected, "{raw}");
    }

    #[test]
    fn the_line_that_reports_is_found() {
        check("starting\nKeyError: 'customer_id'\nbye", Some(1));
        check(
            "java.lang.RuntimeException: a\n\tat b.C.d(C.java:1)\nCaused by: java.lang.IllegalStateException: e\n\tat f",
            Some(2),
        );
        check("2026-11-21T00:00:00Z ERROR payment 17 was refused by the bank", Some(0));
        check("the nightly import failed with status 7", Some(0));
    }

    #[test]
    fn healthy_lines_report_nothing() {
        check("starting with --fail-fast=true --error-log=/var/log/e.log", None);
        check("12 passed, 0 failed", None);
        check("INFO error handler registered", None);
        check("errors=0 warnings=3", None);
        check("How do I handle errors in Go?", None);
        check("10.0.0.1 - - \"GET /error HTTP/1.1\" 200 512 \"-\"", None);
    }
}

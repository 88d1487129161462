//! Tells a fault that is reported from one that is only mentioned: denied, counted as zero, documented, recovered from.

use std::{collections::BTreeSet, sync::LazyLock};

use regex::bytes::{Regex, RegexBuilder};

use super::{
    line::Level,
    text::{Line, Text},
};

/// True when a line talks about faults in general and reports none.
pub fn is_talk(line: &[u8]) -> bool {
    TALK.is_match(line) && !FATAL_HEADER.is_match(line)
}

/// True when the words at `from..to` of the line `whole` do not report a fault.
pub fn is_mention(whole: &[u8], from: usize, to: usize) -> bool {
    let before = &whole[from.saturating_sub(CONTEXT_BYTES)..from];
    let after = &whole[to..whole.len().min(to + CONTEXT_BYTES)];
    let words = &whole[from..to];
    (NEGATED.is_match(before) && !DOUBLE_NEGATIVE.is_match(before))
        || ZERO.is_match(after)
        || (ZERO_IN_TABLE.is_match(after) && !words.contains(&b' '))
        || INNER_NOT.is_match(words)
        || is_part_of_name(before, words, after)
        || TOPIC.is_match(after)
        || (OVER.is_match(after) && !NOT_OVER.is_match(after))
}

/// True when what `line` complains about was retried and a later line says that it worked.
pub fn is_recovered(text: &Text, line: usize) -> bool {
    let words_of = |line: &Line| text.line_str(line).as_bytes();
    let failed = &text.lines()[line];
    let words = words_of(failed);
    if RETRY_SUCCEEDED.is_match(words) {
        return true;
    }
    let later = &text.lines()[line + 1..];
    // What another log says is no success of this one.
    let later = &later[..later.iter().position(|next| next.origin != failed.origin).unwrap_or(later.len())];
    if later.is_empty() || failed.level == Level::Fatal || GIVEN_UP.is_match(words) {
        return false;
    }
    let is_retried = RETRY.is_match(words) || later.iter().take(2).any(|next| RETRY.is_match(words_of(next)));
    if !is_retried && failed.level > Level::Warning {
        return false;
    }
    later.iter().enumerate().any(|(distance, next)| {
        let said = words_of(next);
        if next.level > Level::Unsaid || !RECOVERED.is_match(said) || NOT_RECOVERED.is_match(said) {
            return false;
        }
        let is_near = distance < RECOVERY_LINES;
        let shared = shared_topics(words, said);
        if RECONNECTED.is_match(said) {
            shared >= 1 || (is_near && is_retried)
        } else {
            is_retried && shared >= if is_near { 1 } else { 2 }
        }
    })
}

/// A success so soon after a retry is most likely its success.
const RECOVERY_LINES: usize = 4;

/// How many telling words two lines have in common, by their first letters.
fn shared_topics(one: &[u8], other: &[u8]) -> usize {
    const STEM: usize = 6;
    let is_telling =
        |word: &&[u8]| word.len() >= 5 && !COMMON.iter().any(|common| word[..5].eq_ignore_ascii_case(common.as_bytes()));
    let stems = |line: &[u8]| -> BTreeSet<Vec<u8>> {
        let words = line.split(|byte| !byte.is_ascii_alphabetic()).filter(is_telling);
        words.map(|word| word[..word.len().min(STEM)].to_ascii_lowercase()).collect()
    };
    stems(one).intersection(&stems(other)).count()
}

/// Beginnings of words that any two log lines share.
const COMMON: [&str; 14] = [
    "error", "faile", "warni", "retry", "attem", "secon", "after", "level", "start", "messa", "reque", "info ", "serve", "conte",
];

/// True when the whole text is about something that is over, or defines what to do about faults.
pub fn is_over(text: &Text) -> bool {
    let head = &text.buffer().as_bytes()[..text.buffer().len().min(OVER_TEXT_BYTES)];
    let is_over = text.lines().len() <= OVER_TEXT_LINES && ALL_OVER.is_match(head) && !STILL.is_match(head);
    is_over || DEFINITION.is_match(head)
}

/// True when `line` says that things go well.
pub fn is_good(text: &Text, line: &Line) -> bool {
    line.level <= Level::Unsaid && RECOVERED.is_match(text.line_str(line).as_bytes())
}

const CONTEXT_BYTES: usize = 96;
const OVER_TEXT_LINES: usize = 12;
const OVER_TEXT_BYTES: usize = 4096;

/// `oomkilled-exporter`, `crashloopbackoff_total`: one word joined to others is the name of something.
fn is_part_of_name(before: &[u8], words: &[u8], after: &[u8]) -> bool {
    if words.iter().any(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'-')) {
        return false;
    }
    let joins =
        |joint: Option<&u8>, next: Option<&u8>| matches!(joint, Some(b'-' | b'_')) && next.is_some_and(u8::is_ascii_alphanumeric);
    let flag = before.ends_with(b"--");
    flag || joins(after.first(), after.get(1)) || joins(before.last(), before.len().checked_sub(2).and_then(|at| before.get(at)))
}

/// A regex of this module's or a neighbour's tables: commented layout, ASCII, any case.
pub fn regex(source: &str) -> Regex {
    RegexBuilder::new(source)
        .unicode(false)
        .case_insensitive(true)
        .multi_line(true)
        .ignore_whitespace(true)
        .build()
        .expect("the regexes of these tables are constant and tested")
}

/// Ends where the match begins.
static NEGATED: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r#"(?:
          \b(?:no|not|never|without|zero|none\ of\ the|wasn't|wasnt|isn't|isnt|aren't|arent|weren't|werent|no\ longer|free\ of|instead\ of|rather\ than|unlike
              |didn't|didnt|doesn't|hasn't|haven't|neither|nor|ignoring|ignores?)
          |(?:^|[\ :=(,])0
          |\b(?:fix(?:es|ed|ing)?(?:\ (?:for|an?|the))?|resolves|prevents?|avoids?|handles?|reduces?|mitigates?|detects?|simulat(?:es?|ed|ing)|inject(?:s|ed)?|explains?|test(?:s|ed|ing)?\ for|protects?\ against|guards?\ against|alerts?\ (?:on|for|when)|such\ as|e\.g\.|for\ example|means)
        )
        [\ "'`*,]*(?:(?:a|an|any|the|more|new|further|single|of|been|be|being|due|to|get|got|getting|hit|see|seen|seeing|find|found|have|had|having|case|cases|recent|issue|issues|bug|where|pods?|were|was|are|is|with|in|frequent|rare|occasional|spurious|an?y)[\ ]+[`"']?){0,4}$"#,
    )
});

/// "not only", "not sure why": the negation is not about the fault.
static DOUBLE_NEGATIVE: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"\bnot\ (?:only|just|sure|ready|found|known)[^.]{0,40}$|\bwhether\ or\ not\b|\bcan(?:not|'t)\ (?:fix|resolve|avoid|handle)[^.]{0,20}$",
    )
});

/// "has not expired": the words of the match deny it themselves.
static INNER_NOT: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"\b(?:not|never|hasn't|isn't|wasn't)\s+(?:yet\s+|been\s+|being\s+|currently\s+|get(?:ting)?\s+)*(?:expired|failing|crash(?:ed|ing)|exceeded|evicted|(?:oom)?killed|throttled|lost|corrupt(?:ed)?|stuck)\b",
    )
});

/// What follows makes it the name of a thing made for faults.
static TOPIC: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r#"^[`'"]?[\ -](?:handling|handlers?|detection|dashboards?|panels?|metrics?|counters?|exporters?|polic(?:y|ies)|simulat(?:ion|or)|faq|guides?|docs?|tests?\ pass|runbooks?|playbooks?|semantics|thresholds?|alert\ rules?)\b"#,
    )
});

/// A crash header of the JVM: each line begins like a comment.
static FATAL_HEADER: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"^\#\s+(?:SIG[A-Z]+\b|A\ fatal\ error|There\ is\ insufficient\ memory|Native\ memory\ allocation|Problematic\ frame|C\s+\[)",
    )
});

/// Alert rules, test scenarios: texts that define what to do about faults.
static DEFINITION: LazyLock<Regex> =
    LazyLock::new(|| regex(r"^\s*-?\s*alert:\s[^\n]+\n(?:[^\n]*\n)?\s*expr:\s|^\s*Scenario(?:\ Outline)?:\s"));

/// Begins where the match ends: `OOMKilled: false`, `errors=0`, `counter is 0`, `{reason="OOMKilled"} 0`.
static ZERO: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r#"^(?:_?(?:count(?:er)?|total|events?|errors?|kills?|restarts?)s?)?["'`)\]]*[\ \t]*
        (?:[:=]+|\bis|\bare|\bwas|\bwere|["'\]]?\}|\bcount(?:er)?s?(?:\ is)?[:=]?|\bevents?(?:\ is)?[:=]?)[\ \t"']*
        (?:false|0(?:\.0+)?|none|null|nil|off|disabled|<none>|""|\[\s*\]|zero)(?:["',;}\ \t\])]|$|\.\s|\.$)
        |^\s?\?\s+(?:no|nope)\b
        |^\ (?:events?|errors?|keys?|pods?|kills?|count|requests?|connections?|restarts?|warnings?)\b[^\n:;,=]{0,40}[:=]\ ?0(?:[,;\ ]|$)"#,
    )
});

/// A condition table: `MemoryPressure   False   Sat, 21 Nov ...`.
static ZERO_IN_TABLE: LazyLock<Regex> = LazyLock::new(|| regex(r"^[\ \t]+False\b"));

/// The rest of the sentence says that it is over.
static OVER: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"^[^.;!?\n]{0,90}(?:
          \b(?:was|were|is|are|been|now|already|all|got)\ (?:now\ |all\ |already\ |since\ |been\ )?(?:resolved|fixed|solved|gone|cleared|mitigated|healthy)\b
          |\bresolved\s*(?:$|[.,])|\b(?:recovered|cleared\ up|went\ away|gone\ now|back\ to\ normal|healthy\ again|fixed\ (?:in|by|with|since|yesterday)|resolved\ (?:in|by|itself|at|on))\b
          |\b(?:succeeded|succeeds|ok|worked)\ (?:on|after|at)\ (?:the\ )?(?:\w+\ )?(?:retry|attempt|try|\d)
          |\b(?:retry|attempt|try)\ (?:\#?\d+\ )?(?:succeeded|ok|worked|was\ successful)
          |\bthen\ (?:passed|succeeded|recovered|connected|worked)\b|\b(?:is|are|as)\ expected\b
        )",
    )
});
static NOT_OVER: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"\b(?:not|never|n't|cannot|can\ this|how|until|hasn't\ been|could\ not\ be|can't\ be|but|still|again\ now|came\ back|needs?\ to\ be)\b",
    )
});

/// The line talks about faults in general: change logs, documents, tests, alert definitions, tolerations.
static TALK: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r#"^\s*(?:[-*]\s+|\d+\.\s+)?(?:\*\*|`)?(?:fix(?:es|ed)?|feat(?:ure)?|chore|docs?|refactor|perf|tests?|ci|build|style|revert|added|changed|removed|fixed|improved|deprecated)(?:\([^)\n]*\))?!?(?:\*\*|`)?:\s
        |^\s*[-*]\s+(?:\[[^\]]*\]\s*)?(?:fix(?:es|ed)?|add(?:s|ed)?|improv(?:es?|ed)|handles?|bump(?:s|ed)?|remov(?:es?|ed)|document(?:s|ed)?|updat(?:es?|ed)|avoids?|prevents?)\b
        |^\s*\#{1,4}\s+\S
        |^\s*(?:\#\s|//|/\*|<!--)\s*[a-z]
        |^\s*-\s*(?:alert|record):\s|^\s*-?\s*(?:expr|runbook_url|matchers?|regex|pattern):\s
        |\b(?:rate|increase|absent|min_over_time|max_over_time)\s*\(|\bsum\s+by\s*\(
        |^\s*(?:\#\s+)?(?:ok\s+\d+\b|PASS(?:ED)?\b|---\s+PASS|\[\s*(?:OK|PASSED)\s*\])|\.\.\.\s*ok\s*$|\bPASS(?:ED)?\s*(?:\(|\[|$|Test)|^\s*\xE2\x9C[\x93\x94\x85]
        |\bop=Exists\b|^\s*Tolerations:|\btolerationSeconds\b
        |\bwhat\s+(?:does|is|are|do)\s+(?:an?\s+)?["'`]?(?:exit\b|[a-z]\w{4,})["'`]?(?:\s+\w+){0,4}\s+(?:mean|stand\s+for)\b|\bwhat\s+is\s+the\s+difference\b|\bdifference\s+between\b
        |\b(?:docs?|documentation|article|blog\s*post|guide|tutorial|chapter|glossary|wiki|handbook|training|workshop|webinar|talk|slides|onboarding|cheat\s*sheet|postmortem|post-mortem|retro)\b[^.\n]{0,60}\b(?:about|on|for|explains?|describes?|covers?|lists?|how|template)\b
        |\b(?:explains?|describes?|covers?|documents?|learn)\s+(?:what|how|why|when|the|common)\b
        |^\s*(?:\#\s+)?(?:HELP|TYPE)\s+\w+
        |^\s*(?:an?|any|each|every)\s+(?:pod|container|node|job|process|deployment|volume)s?\s+(?:that|which|whose|is|are|gets?|may|can)\b|\b(?:pods?|containers?)\s+(?:are|is|gets?|get)\s+\w+\s+when(?:ever)?\s+(?:an?|the)\b|^\s*the\s+(?:kubelet|scheduler|kernel|controller)\s+(?:evicts|kills|restarts|marks|deletes)\b
        |^\s*(?:documentation|docs?|runbooks?|playbooks?|wiki|faq|glossary|hint)\s*:\s|\b(?:if|when|whenever)\s+(?:the|an?|your|any|it)\b[^.\n]{1,60},\s+(?:then\s+)?(?:raise|check|look|increase|see|restart|run|use|delete|verify|first|consult|follow|try|set|open|page|escalate)\b
        |--field-selector\b|^\s*"""|\braises?\s+\w+(?:Error|Exception)\b|\berrors\.New\(|\bnew\s+\w*(?:Error|Exception)\(|\bvar\s+Err\w+\s*=
        |\b(?:register(?:ing|ed)?|load(?:ing|ed)?|install(?:ing|ed)?|configur(?:ing|ed)|enabl(?:ing|ed))\s+(?:[\w-]+\s+){0,3}(?:handlers?|mappers?|filters?|advice|translators?|rules|alerts?|policies|hooks?|converters?)\b
        |^\s*\[?(?:recovered|fixed|closed|cleared)\]?\s*[:-]
        |^\s*(?:upgrade|release|migration|breaking)?\s*notes?:|^\s*glossary\b|^\s*(?:breaking\s+change|changelog|release\s+notes)\b
        |\berrors\.(?:Is|As)\(|^\s*case\s+["'\w.]+:|^\s*(?:enum|assert\w*|expect|describe|it)\b\s*[\w(]*\s*[({]
        |\bchaos\s+(?:test|experiment|drill)|\bgame\s*day\b|\bfire\s*drill\b
        |["']?status["']?\s*[:=]\s*["']?resolved\b|^\s*\[?RESOLVED\b"#,
    )
});

/// The text as a whole tells of something that is over.
static ALL_OVER: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"\ball\ (?:good|green|clear|healthy|fine|is\ well)\b(?:\ (?:now|again))?|\b(?:everything|all\ pods|service|cluster|it|things?)\s(?:is|are|has|have|'s)\s(?:been\ )?(?:now\ )?(?:back\ to\ normal|back\ up|healthy|stable|green|fine|recovered|running\ fine|fixed|resolved)\b
        |\b(?:has|have)\ (?:now\ )?been\ (?:fixed|resolved|mitigated)\b|\bincident\ (?:is\ )?(?:closed|resolved)\b|\b(?:no\ (?:further|more|new)\ (?:restarts|errors|failures|alerts|incidents|problems|occurrences))\b
        |\b(?:resolved|fixed)\ (?:it|this|that|the\ issue|now|yesterday|last)\b|\bno\ action\ (?:is\ )?(?:needed|required)\b|\bfalse\ alarm\b|^\s*\[?RESOLVED\b|\bwent\ away\ (?:after|when|once)\b",
    )
});
static STILL: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"\b(?:but|however|still|came\ back|again\ today|is\ back|not\ (?:been\ )?(?:fixed|resolved)|until\ (?:yesterday|today|now|this|the)|since\ (?:then|the|this|we)|anymore|suddenly)\b",
    )
});

static RETRY: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"\bretr(?:y|ying|ied|ies)\b|\battempt\b|\bwill\ try\ again\b|\btrying\ again\b|\breconnect|\bbacking\ off\b|\bwaiting\ for\b|\bnot\ yet\b|\bsleeping\b|\btransient\b|\btemporar",
    )
});
static RETRY_SUCCEEDED: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"\b(?:retry|attempt|try)\b[^\n]{0,30}\b(?:succeeded|successful|ok)\b|\b(?:succeeded|connected|recovered|successful)\b[^\n]{0,20}\b(?:on|after|at)\b[^\n]{0,20}\b(?:retr|attempt|tries|try|\d)",
    )
});
static GIVEN_UP: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"\bgiv(?:ing|en|e)\ up\b|\bexhausted\b|\bno\ more\ retries\b|\bgave\ up\b|\bretries\ exceeded\b|\bafter\ \d+\ (?:attempts|retries)\b|\bexiting\b|\baborting\b",
    )
});
static RECOVERED: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"\b(?:re-?)?connected\b|\bconnection\ (?:re-?)?established\b|\bsucceeded\b|\bsuccess(?:ful|fully)?\b|\brecovered\b|\b(?:is|now|became)\ (?:ready|healthy|available|up)\b|\blistening\ on\b|\bhealthy\ again\b|\bacquired\b|\bserver\ started\b|\bstarted\ in\b|\bready\ to\ (?:accept|serve|handle)\b|\bstartup\ complete\b|\ball\ checks\ passed\b|\bresumed\b|\b(?:reads|writes)\ ok\b",
    )
});
/// Success in words that are only used after a failure.
static RECONNECTED: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"\b(?:re-?)?connected\b|\bconnection\ (?:re-?)?established\b|\brecovered\b|\bhealthy\ again\b|\b(?:is|now|became)\ (?:ready|healthy|available|up)\b|\bacquired\b|\bresumed\b|\b(?:succeeded|successful)\ (?:after|on)\b",
    )
});
static NOT_RECOVERED: LazyLock<Regex> =
    LazyLock::new(|| regex(r"\b(?:not|never|un|failed|without|0)\b|unsuccessful|disconnected"));

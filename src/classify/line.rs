//! What stands before the message of a log line: time stamps, runtime prefixes, the level.

/// How loud a log line says it is. Ordered from quiet to loud, with "does not say" in the middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Debug,
    Info,
    Warning,
    Unsaid,
    Error,
    Fatal,
}

impl Level {
    /// The level that a word of a log line names, in any case.
    pub fn from_word(word: &str) -> Option<Self> {
        const WORDS: [(&str, Level); 22] = [
            ("log", Level::Info),
            ("trace", Level::Debug),
            ("debug", Level::Debug),
            ("dbg", Level::Debug),
            ("info", Level::Info),
            ("inf", Level::Info),
            ("information", Level::Info),
            ("notice", Level::Info),
            ("normal", Level::Info),
            ("warn", Level::Warning),
            ("wrn", Level::Warning),
            ("warning", Level::Warning),
            ("error", Level::Error),
            ("err", Level::Error),
            ("eror", Level::Error),
            ("severe", Level::Error),
            ("fatal", Level::Fatal),
            ("crit", Level::Fatal),
            ("critical", Level::Fatal),
            ("panic", Level::Fatal),
            ("emerg", Level::Fatal),
            ("alert", Level::Fatal),
        ];
        WORDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, level)| *level)
    }
}

/// The part of a line before its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// Bytes to skip. The level word, where there is one, stays part of the message.
    pub len: usize,
    /// `None` = the line does not say.
    pub level: Option<Level>,
    pub stamped: bool,
}

impl Prefix {
    pub fn of(line: &str) -> Self {
        let mut at = 0;
        let mut stamped = false;
        let mut level = None;
        // A container runtime's stamp may stand before the program's own.
        for _ in 0..4 {
            let rest = &line[at..];
            let skipped = if let Some((length, klog)) = klog_header(rest) {
                level = Some(klog);
                length
            } else {
                match time_stamp(rest) {
                    0 => match runtime_prefix(rest) {
                        0 => break,
                        length => {
                            at += length;
                            continue;
                        }
                    },
                    length => length,
                }
            };
            stamped = true;
            at += skipped;
        }
        let level = level.or_else(|| said_level(&line[at..]));
        Self { len: at, level, stamped }
    }
}

/// `kubectl logs --prefix`, CRI stream tags, docker compose's `app_1  | `.
fn runtime_prefix(text: &str) -> usize {
    for tag in ["stdout F ", "stderr F ", "stdout P ", "stderr P "] {
        if text.starts_with(tag) {
            return tag.len();
        }
    }
    if text.starts_with("[pod/") {
        return text.find("] ").map_or(0, |end| end + 2);
    }
    if let Some(bar) = text.get(..40.min(text.len())).and_then(|head| head.find(" | ")) {
        let name = text[..bar].trim_end();
        if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
            return bar + 3;
        }
    }
    0
}

/// `E1121 06:16:21.123456    1234 pod_workers.go:1301] ` (kubernetes/klog).
fn klog_header(text: &str) -> Option<(usize, Level)> {
    let bytes = text.as_bytes();
    let level = match bytes.first()? {
        b'I' => Level::Info,
        b'W' => Level::Warning,
        b'E' => Level::Error,
        b'F' => Level::Fatal,
        _ => return None,
    };
    let is_header = bytes.len() > 20 && bytes[1..5].iter().all(u8::is_ascii_digit) && bytes[5] == b' ' && clock(&text[6..]) > 0;
    let end = text.find("] ").filter(|&end| is_header && end < 120)?;
    Some((end + 2, level))
}

/// Length of the time stamp that `text` begins with, brackets and blanks after it included; 0 without one.
fn time_stamp(text: &str) -> usize {
    let bytes = text.as_bytes();
    let open = usize::from(matches!(bytes.first(), Some(b'[' | b'(' | b'"')));
    let inner = &text[open..];
    let length = match calendar(inner) {
        0 => match clock(inner) {
            0 => match syslog(inner) {
                0 if open == 1 => return uptime(text),
                0 => return 0,
                length => return length,
            },
            length => length,
        },
        day => {
            let time = &inner[day..];
            let separator = usize::from(time.starts_with(['T', 't', ' ', ':', '_']));
            match clock(&time[separator..]) {
                0 => return 0,
                length => day + separator + length,
            }
        }
    };
    let rest = &inner[length..];
    let tail = rest.len() - rest.trim_start_matches([' ', '\t', ']', ')', '"', '-', '|', ':', ',']).len();
    // A time inside a sentence ("10:30 restarted") is followed by a blank too; a stamp is never glued to the next word.
    if tail == 0 && !rest.is_empty() { 0 } else { open + length + tail }
}

/// `2026-11-21` or `2026/11/21`.
fn calendar(text: &str) -> usize {
    let bytes = text.as_bytes();
    let shape = bytes.len() >= 10
        && bytes[..4].iter().all(u8::is_ascii_digit)
        && matches!(bytes[4], b'-' | b'/')
        && bytes[7] == bytes[4]
        && bytes[5..7].iter().chain(&bytes[8..10]).all(u8::is_ascii_digit);
    if shape { 10 } else { 0 }
}

/// `06:16:21`, with a fraction and a zone.
fn clock(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |at: usize| bytes.get(at..at + 2).is_some_and(|pair| pair.iter().all(u8::is_ascii_digit));
    if !(digits(0) && digits(3) && digits(6) && bytes[2] == b':' && bytes[5] == b':') {
        return 0;
    }
    let mut at = 8;
    if matches!(bytes.get(at), Some(b'.' | b',')) && bytes.get(at + 1).is_some_and(u8::is_ascii_digit) {
        at += 1 + bytes[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    }
    let zone = &text[at..];
    if zone.starts_with('Z') {
        at += 1;
    } else if let Some(name) = [" UTC", " GMT", " CET", " EST", " PST"].iter().find(|name| zone.starts_with(**name)) {
        at += name.len();
    } else {
        let signed = zone.trim_start_matches(' ');
        let blanks = zone.len() - signed.len();
        if blanks <= 1 && signed.starts_with(['+', '-']) {
            let digits = signed[1..].bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b':').count();
            if digits >= 4 {
                at += blanks + 1 + digits;
            }
        }
    }
    at
}

/// `Nov 21 06:16:21 node-1 kubelet[1234]: ` (RFC 3164).
fn syslog(text: &str) -> usize {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    if !MONTHS.iter().any(|month| text.starts_with(month)) || text.as_bytes().get(3) != Some(&b' ') {
        return 0;
    }
    let day = text[3..].trim_start_matches(' ');
    let digits = day.bytes().take_while(u8::is_ascii_digit).count();
    if !(1..=2).contains(&digits) || !day[digits..].starts_with(' ') {
        return 0;
    }
    let time = &day[digits + 1..];
    let length = clock(time);
    if length == 0 {
        return 0;
    }
    let rest = time[length..].trim_start_matches(' ');
    let at = text.len() - rest.len();
    // host, then program[pid]:
    let mut words = rest.splitn(3, ' ');
    match (words.next(), words.next()) {
        (Some(host), Some(program)) if program.ends_with(':') && program.len() > 1 => {
            at + (host.len() + 1 + program.len() + 1).min(rest.len())
        }
        (Some(_) | None, _) => at,
    }
}

/// `[11904.312345] ` (dmesg).
fn uptime(text: &str) -> usize {
    let Some(end) = text.find(']').filter(|&end| end <= 20) else { return 0 };
    let inner = text[1..end].trim_start();
    let is_number = inner.contains('.') && inner.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if is_number { end + 1 + usize::from(text[end + 1..].starts_with(' ')) } else { 0 }
}

/// The level that the head of a message says, by a word in capitals, in brackets, before a colon or after `level=`.
fn said_level(message: &str) -> Option<Level> {
    let head = &message[..super::text::floor_char_boundary(message, 96)];
    for key in ["level=", "lvl=", "severity=", "\"level\":", "\"severity\":"] {
        // `--log-level=error` is a setting.
        if let Some(at) = head.find(key).filter(|&at| !head[..at].ends_with(['-', '_'])) {
            let word: String =
                head[at + key.len()..].trim_start_matches(['"', ' ']).chars().take_while(char::is_ascii_alphabetic).collect();
            if let Some(level) = Level::from_word(&word) {
                return Some(level);
            }
        }
    }
    let mut offset = 0;
    for word in head.split(|character: char| !character.is_ascii_alphanumeric()).take(12) {
        let before = head[..offset].chars().next_back();
        let after = head[offset + word.len()..].chars().next();
        offset += word.len() + after.map_or(0, char::len_utf8);
        let Some(level) = Level::from_word(word) else { continue };
        let in_capitals = word.len() >= 3 && word.bytes().all(|byte| byte.is_ascii_uppercase());
        let bracketed = matches!((before, after), (Some('[' | '<' | '|'), Some(']' | '>' | '|')));
        let heads_sentence = before.is_none() && matches!(after, Some(':' | '['));
        let tagged = before.is_none()
            && word.starts_with(|c: char| c.is_ascii_uppercase())
            && after == Some(' ')
            && matches!(level, Level::Warning | Level::Info)
            && !message[word.len()..].trim_start().is_empty()
            && matches!(word, "Warning" | "Normal");
        if in_capitals || bracketed || heads_sentence || tagged {
            return Some(level);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, message: &str, level: Option<Level>) {
        let prefix = Prefix::of(line);
        assert_eq!((&line[prefix.len..], prefix.level), (message, level), "{line}");
    }

    #[test]
    fn stamps_of_the_usual_loggers_are_skipped() {
        check("2026-11-21T06:16:21.123Z boom", "boom", None);
        check("2026-11-21 06:16:21,123 ERROR [main] a.B - boom", "ERROR [main] a.B - boom", Some(Level::Error));
        check("2026-11-21T06:16:21.123456789+01:00 stderr F 06:16:21 boom", "boom", None);
        check("[2026/11/21 06:16:21] [error] 31#31: *1 boom", "[error] 31#31: *1 boom", Some(Level::Error));
        check("Nov 21 06:16:21 node-1 kubelet[1234]: boom", "boom", None);
        check("[11904.312345] Out of memory", "Out of memory", None);
        check(
            "E1121 06:16:21.123456    1234 pod_workers.go:1301] \"Error syncing pod\"",
            "\"Error syncing pod\"",
            Some(Level::Error),
        );
        check("[pod/api-0/app] 06:16:21.5 INFO up", "INFO up", Some(Level::Info));
        check("orders-db_1  | FATAL:  no", "FATAL:  no", Some(Level::Fatal));
        check("2026-11-21 06:16:21.123 UTC [1] FATAL:  no", "[1] FATAL:  no", Some(Level::Fatal));
    }

    #[test]
    fn prose_keeps_its_first_words() {
        check("10 pods are down", "10 pods are down", None);
        check("May the pod restart?", "May the pod restart?", None);
        check("fatal: repository not found", "fatal: repository not found", Some(Level::Fatal));
        check("the error is back", "the error is back", None);
        check("time=\"x\" level=warning msg=y", "time=\"x\" level=warning msg=y", Some(Level::Warning));
    }
}

//! The value that a key is given, by what joins them, and whether it is one.

use super::{
    assign::{BEFORE_BYTES, Join, Key, before, begins_line, is_among_assignments, spaces},
    keys::Tells,
    placeholder,
    scan::Scan,
    value::{self, Until},
};

/// Longest value of a key that only may hold a secret.
const MAYBE_BYTES: usize = 4096;

pub fn equals(scan: &mut Scan<'_, '_>, key: &Key<'_>, tells: Tells, kind: &'static str, at: usize) {
    let text = scan.bytes;
    let until = if follows_pair(&text[key.start.saturating_sub(BEFORE_BYTES)..key.start]) {
        Until::Semicolon
    } else if begins_line(text, key) && is_among_assignments(text, key, at) {
        Until::Line
    } else {
        Until::Word
    };
    let found = value::read(bounded(text, tells, at), at, until);
    let Some(value) = scan.text.get(found.start..found.end) else { return };
    if is_no_value(value) || is_about(key, value) {
        return;
    }
    let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
    let is_one = match tells {
        Tells::Password => true,
        // `token=3`: what a parser counts.
        Tells::Secret => !is_number || value.len() > 4,
        Tells::Maybe => is_suspicious(key, value),
    };
    if is_one {
        scan.mask(found.start, found.end, kind);
    }
}

/// The key is one of a connection string, whose values go on to the next semicolon: `Server=db;Password=two words;`. A semicolon of
/// a sentence has no pair before it.
fn follows_pair(before: &[u8]) -> bool {
    let Some(before) = before.trim_ascii_end().strip_suffix(b";") else { return false };
    before.rsplit(|byte| matches!(byte, b';' | b'\n')).next().is_some_and(|pair| pair.contains(&b'='))
}

/// What only may be a value is looked at so far: the next key may be near.
fn bounded(text: &[u8], tells: Tells, at: usize) -> &[u8] {
    if tells == Tells::Maybe { &text[..text.len().min(at + MAYBE_BYTES)] } else { text }
}

/// A value whose key only may hold a secret.
fn is_suspicious(key: &Key<'_>, value: &str) -> bool {
    if value::looks_random(value)
        || super::base64::text_in(value.as_bytes()).is_some_and(|text| text.contains(':') && value.len() >= 8)
    {
        return true;
    }
    let name = key.name.to_ascii_lowercase();
    let is_short = name.ends_with("pass") || name == "pw" || name == "pin";
    is_short
        && value.len() >= 4
        && (name != "pass" || !value.bytes().next().is_some_and(|byte| byte.is_ascii_digit()) && !value.contains(' '))
}

/// A folder that the shell is in, the name of an object, the label of a metric.
fn is_about(key: &Key<'_>, value: &str) -> bool {
    let name = key.name.to_ascii_lowercase();
    match name.as_str() {
        "pwd" | "oldpwd" => value.starts_with('/'),
        "secret" | "secrets" => is_object_name(value) && !value.bytes().any(|byte| byte.is_ascii_digit()),
        "gpg_key" => value.len() == 40 && value.bytes().all(|byte| byte.is_ascii_hexdigit()),
        _ => false,
    }
}

fn is_no_value(value: &str) -> bool {
    placeholder::is_placeholder(value) || super::is_mark(value)
}

pub fn colon(scan: &mut Scan<'_, '_>, key: &Key<'_>, tells: Tells, kind: &'static str, at: usize) {
    let text = scan.bytes;
    let rest = &text[at.min(text.len())..];
    let begins = begins_line(text, key);
    if rest.is_empty() || matches!(rest[0], b'\n' | b'\r') {
        if begins {
            block(scan, key, tells, kind, at);
        }
        return;
    }
    let is_block = matches!(rest[0], b'|' | b'>')
        && rest
            .iter()
            .take(12)
            .find(|byte| !b"|>+-0123456789 \t".contains(byte))
            .is_none_or(|byte| matches!(byte, b'\n' | b'\r' | b'#'));
    if is_block {
        if begins {
            block(scan, key, tells, kind, at);
        }
        return;
    }
    let mut at = at;
    // A tag of YAML: !!binary, !vault.
    if rest[0] == b'!' {
        at += rest.iter().take(32).take_while(|byte| !byte.is_ascii_whitespace()).count();
        at += spaces(text, at);
    }
    if text.get(at) == Some(&b'[')
        && !text[at..].starts_with(super::MARK.as_bytes())
        && text[at + 1..].first().is_some_and(u8::is_ascii_alphanumeric)
    {
        // Go prints the values of headers and bytes in brackets.
        at += 1;
    }
    let is_tight = at == key.after + 1;
    let found =
        value::read(bounded(text, tells, at), at, if begins && !is_tight && !key.is_quoted { Until::Line } else { Until::Word });
    let Some(value) = scan.text.get(found.start..found.end) else { return };
    if is_no_value(value)
        || is_about(key, value)
        || matches!(value.as_bytes()[0], b'{' | b'[' | b'&') && !found.is_quoted && value.len() < 3
    {
        return;
    }
    // `volume "db-secret" : secret ...` is a sentence; in JSON the value is quoted.
    if key.is_quoted && !found.is_quoted && text[key.after] != b':' {
        return;
    }
    let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
    let opens = text[..key.start].iter().rev().copied().find(|byte| !matches!(byte, b' ' | b'"' | b'\'' | b'\\'));
    // "X-Api-Key: x" is one string.
    let begins_string = !key.is_quoted && matches!(text[..key.start].last(), Some(b'"' | b'\''));
    let is_structured = key.is_quoted && found.is_quoted
        || begins_string
        || key.name.starts_with("X-")
        || key.name.starts_with("x-")
        || begins
        || matches!(opens, Some(b'{' | b',' | b'[' | b'\n'))
        || is_tight && !is_number;
    let is_one = match tells {
        Tells::Password => (found.is_quoted || !placeholder::is_said(value)) && !(is_number && value.len() < 3 && !is_structured),
        Tells::Secret if is_structured && (key.is_quoted && found.is_quoted) => true,
        Tells::Secret if is_structured => {
            let is_name = key.name.eq_ignore_ascii_case("secret") && is_object_name(value);
            let words = value.split_whitespace().count();
            let is_count = is_number && value.len() < 5;
            let is_word = !found.is_quoted && placeholder::is_said(value);
            !(is_name || is_count || is_word) && (words < 2 || found.is_quoted || has_digit(value))
        }
        Tells::Secret => {
            let word = value.split_whitespace().next().unwrap_or_default();
            value::looks_random(word)
                || word.len() >= 8 && found.is_quoted && has_digit(word) && !is_object_name(word)
                || is_env_name(key.name) && !placeholder::is_said(value) && !is_number
        }
        Tells::Maybe => is_suspicious(key, value),
    };
    if !is_one {
        return;
    }
    // A sentence goes on behind what it tells.
    let end = if tells == Tells::Secret && !is_structured {
        found.start + value.split_whitespace().next().map_or(0, str::len)
    } else {
        found.end
    };
    scan.mask(found.start, end, kind);
}

fn has_digit(value: &str) -> bool {
    value.bytes().any(|byte| byte.is_ascii_digit())
}

fn is_env_name(name: &str) -> bool {
    name.contains('_') && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// `db-credentials`, `shop/db-credentials`: how objects of Kubernetes are called.
fn is_object_name(value: &str) -> bool {
    let is_one = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-./".contains(&byte);
    value.len() < 64
        && value.contains('-')
        && value.bytes().all(is_one)
        && value.split('-').all(|word| !word.bytes().any(|byte| byte.is_ascii_digit()) || word.len() < 6)
}

/// What is indented below a key: a string of several lines, or a list.
fn block(scan: &mut Scan<'_, '_>, key: &Key<'_>, tells: Tells, kind: &'static str, at: usize) {
    let text = scan.bytes;
    let Some(here) = before(text, key) else { return };
    let indent = here.len() - usize::from(key.is_quoted);
    let is_scalar = matches!(text.get(at), Some(b'|' | b'>'));
    let Some(line_feed) = text[at..].iter().position(|byte| *byte == b'\n') else { return };
    let mut start = at + line_feed + 1;
    while start < text.len() {
        let end = text[start..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |length| start + length);
        let line = &text[start..end];
        let spaces = line.iter().take_while(|byte| **byte == b' ').count();
        let said = line.trim_ascii();
        if !said.is_empty() {
            let item = said.strip_prefix(b"- ").unwrap_or(said);
            let is_item = item.len() < said.len();
            let is_pair = item.windows(2).any(|two| two == b": ") || item.ends_with(b":");
            if spaces <= indent && !(is_item && spaces == indent && !is_scalar) || is_pair && !is_scalar {
                break;
            }
            let from = start + spaces + (said.len() - item.len());
            let to = from + item.len();
            let value = scan.text.get(from..to).unwrap_or_default();
            let is_one = tells != Tells::Maybe || value::looks_random(value);
            if is_one && !is_no_value(value) && !(is_item && is_object_name(value)) {
                scan.mask(from, to, kind);
            }
        }
        start = end + 1;
    }
}

pub fn element(scan: &mut Scan<'_, '_>, tells: Tells, kind: &'static str, at: usize) {
    let window = &scan.bytes[at..scan.bytes.len().min(at + 2048)];
    let Some(length) = window.windows(2).position(|two| two == b"</") else { return };
    let value = scan.text.get(at..at + length).unwrap_or_default();
    if !is_no_value(value) && !value.contains('<') && (tells != Tells::Maybe || value::looks_random(value)) {
        scan.mask(at, at + length, kind);
    }
}

pub fn pair(scan: &mut Scan<'_, '_>, tells: Tells, kind: &'static str, at: usize) {
    let text = scan.bytes;
    // In Go's words the next field follows after a space; in YAML the line is the value.
    let is_yaml = text[..at].ends_with(b" ");
    let found = value::read(text, at, if is_yaml { Until::Line } else { Until::Word });
    let value = scan.text.get(found.start..found.end).unwrap_or_default();
    if !is_no_value(value) && !value.starts_with("ValueFrom") && (tells != Tells::Maybe || value::looks_random(value)) {
        scan.mask(found.start, found.end, kind);
    }
}

pub fn said(scan: &mut Scan<'_, '_>, key: &Key<'_>, tells: Tells, kind: &'static str, join: Join, at: usize) {
    let found = value::read(bounded(scan.bytes, Tells::Maybe, at), at, Until::Word);
    let value = scan.text.get(found.start..found.end).unwrap_or_default();
    if is_no_value(value) {
        return;
    }
    let is_ordinary = value.bytes().all(|byte| byte.is_ascii_lowercase() || b"-,.!?".contains(&byte));
    let is_netrc = || {
        let before = before(scan.bytes, key).unwrap_or_default();
        let above = scan.bytes[..key.start - before.len()].strip_suffix(b"\n").unwrap_or_default();
        let above = above[above.len().saturating_sub(BEFORE_BYTES)..].rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        let before = if before.trim_ascii().is_empty() { above } else { before };
        let words: Vec<&[u8]> = before.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
        key.name == "password" && (words.contains(&&b"login"[..]) || words.contains(&&b"machine"[..]))
    };
    let is_one = match (join, tells) {
        (Join::Space, _) if key.is_flag => {
            let is_word = !found.is_quoted && placeholder::is_said(value);
            tells != Tells::Maybe
                && !(is_word || value.starts_with('-'))
                && (!is_ordinary
                    || found.is_quoted
                    || is_last_word(scan.bytes, found.end)
                    || tells == Tells::Password && !follows_word(scan.bytes, found.end))
        }
        (Join::Comma, Tells::Password | Tells::Secret) => key.is_flag || tells == Tells::Password || value::looks_random(value),
        (Join::Space, Tells::Password) => {
            found.is_quoted && !is_ordinary_quote(value) || value::looks_random(value) || is_netrc()
        }
        (Join::Is, Tells::Password) => {
            !placeholder::is_said(value) && (found.is_quoted || !is_ordinary || value.len() > 24) && !value.starts_with('(')
        }
        (Join::Space, Tells::Secret) | (Join::Is, Tells::Secret | Tells::Maybe) => value::looks_random(value),
        (_, _) => false,
    };
    if is_one {
        scan.mask(found.start, found.end, kind);
    }
}

/// `password "db-password" key`: the name of an object rather than a password.
fn is_ordinary_quote(value: &str) -> bool {
    is_object_name(value) || value.contains(' ') || value.len() < 2
}

fn is_last_word(text: &[u8], at: usize) -> bool {
    text.get(at).is_none_or(|byte| matches!(byte, b'\n' | b'\r' | b'"' | b'\'' | b'`'))
}

fn follows_word(text: &[u8], at: usize) -> bool {
    text.get(at) == Some(&b' ') && text.get(at + 1).is_some_and(u8::is_ascii_alphabetic)
}

//! A key that tells, and the value that it is given: assignments, mappings, flags, pairs of name and value, sentences.

use super::{
    header,
    keys::{self, Tells},
    scan::Scan,
    value::{self, Until, quote_at},
};

/// Longest name of a key, to each side of the word that tells.
const NAME_BYTES: usize = 96;
/// How far a line is looked back for what stands before a key.
const BEFORE_BYTES: usize = 96;
/// Longest value of a key that only may hold a secret.
const MAYBE_BYTES: usize = 4096;
/// White space between a key, its separator and its value.
const SPACES: usize = 64;

/// A key where it stands.
pub struct Key<'t> {
    pub start: usize,
    /// Without the dashes of a flag.
    pub name: &'t str,
    pub is_flag: bool,
    /// Behind the name and its closing quote.
    pub after: usize,
    pub is_quoted: bool,
}

/// What joins a key and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Join {
    Equals,
    Colon,
    /// `<password>x</password>`
    Element,
    /// `("password", "x")`, `["--password", "x"]`
    Comma,
    /// `--password x`, `password 'x'`
    Space,
    /// `password is x`
    Is,
    /// `name: PASSWORD`, `value: x`
    Pair,
}

/// Masks the value of the key around the hit `start..end`, where it has one that is secret.
pub fn at(scan: &mut Scan<'_, '_>, start: usize, end: usize) {
    let Some(key) = key_around(scan, start, end) else { return };
    let Some((join, at)) = join(scan.bytes, &key) else { return };
    let Some(tells) = keys::tells(key.name) else { return };
    let name = key.name.trim_start_matches("HTTP_");
    if matches!(join, Join::Equals | Join::Colon | Join::Comma | Join::Pair) {
        if name.len() <= 24 && name.to_ascii_lowercase().ends_with("authorization") {
            return header::authorization(scan, &key, at);
        }
        if name.eq_ignore_ascii_case("cookie") || name.to_ascii_lowercase().ends_with("set-cookie") {
            return header::cookie(scan, &key, at);
        }
    }
    let kind = match tells {
        Tells::Password => "password",
        Tells::Secret | Tells::Maybe => "secret",
    };
    match join {
        Join::Equals => equals(scan, &key, tells, kind, at),
        Join::Colon => colon(scan, &key, tells, kind, at),
        Join::Element => element(scan, tells, kind, at),
        Join::Comma | Join::Space | Join::Is => said(scan, &key, tells, kind, join, at),
        Join::Pair => pair(scan, tells, kind, at),
    }
}

fn key_around<'t>(scan: &mut Scan<'t, '_>, start: usize, end: usize) -> Option<Key<'t>> {
    let text = scan.bytes;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    let before = text[start.saturating_sub(NAME_BYTES)..start].iter().rev().take_while(|byte| is_name(**byte)).count();
    let mut from = start - before;
    // The `n` of an escaped line feed is not the name's, nor are the digits of a percent-encoded sign.
    if from > 0 && text[from - 1] == b'\\' && matches!(text[from], b'n' | b'r' | b't') {
        from += 1;
    } else if from > 0
        && text[from - 1] == b'%'
        && text[from..].len() > 2
        && text[from..from + 2].iter().all(u8::is_ascii_hexdigit)
    {
        from += 2;
    } else if text[..from].ends_with(b"\\") && text[from..].starts_with(b"u00") {
        from += 5;
    }
    if from > start {
        return None;
    }
    let behind = text[end..text.len().min(end + NAME_BYTES)].iter().take_while(|byte| is_name(**byte)).count();
    let to = end + behind;
    if to <= scan.keys_read {
        return None;
    }
    scan.keys_read = to;
    let name = scan.text.get(from..to)?;
    let dashes = name.len() - name.trim_start_matches('-').len();
    let name = name.trim_start_matches(['-', '.']).trim_end_matches(['.', '-']);
    let shortened = from + dashes;
    let quote_before =
        from > 0 && matches!(text[from - 1], b'"' | b'\'' | b'`' | b';') || from >= 3 && (text[..from].ends_with(b"%22"));
    let mut after = to;
    let quote = if quote_before { quote_at(text, to) } else { 0 };
    after += quote;
    if text.get(after) == Some(&b']') {
        after += 1;
    }
    Some(Key { start: shortened, name, is_flag: dashes > 0 && dashes < 3, after, is_quoted: quote > 0 })
}

fn spaces(text: &[u8], at: usize) -> usize {
    text[at.min(text.len())..].iter().take(SPACES).take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

fn word_is(text: &[u8], at: usize, word: &[u8]) -> bool {
    text.get(at..at + word.len()).is_some_and(|part| part.eq_ignore_ascii_case(word))
        && text.get(at + word.len()).is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')
}

/// How the key is joined to a value, and where that begins.
fn join(text: &[u8], key: &Key<'_>) -> Option<(Join, usize)> {
    let space = spaces(text, key.after);
    let at = key.after + space;
    let rest = text.get(at..)?;
    let begin = |at: usize| at + spaces(text, at);
    let found = match rest.first()? {
        b'=' => {
            let signs = rest.iter().take(3).take_while(|byte| matches!(byte, b'=' | b'>' | b'~')).count();
            (Join::Equals, begin(at + signs))
        }
        b'!' if rest.starts_with(b"!=") => (Join::Equals, begin(at + 2)),
        b'-' if rest.starts_with(b"->") => (Join::Equals, begin(at + 2)),
        b'%' if rest.starts_with(b"%3D") || rest.starts_with(b"%3d") => (Join::Equals, at + 3),
        b'%' if rest.starts_with(b"%3A") || rest.starts_with(b"%3a") => (Join::Colon, at + 3),
        b'\\' if rest.starts_with(b"\\u003d") => (Join::Equals, at + 6),
        b':' if rest.starts_with(b":=") => (Join::Equals, begin(at + 2)),
        b':' if rest.starts_with(b"::") || rest.starts_with(b"://") => return None,
        b':' => (Join::Colon, begin(at + 1)),
        b'>' if space == 0 && key.start > 0 && text[key.start - 1] == b'<' => (Join::Element, at + 1),
        b',' if key.is_quoted && quote_at(text, begin(at + 1)) > 0 => (Join::Comma, begin(at + 1)),
        _ => return pair_join(text, key).or_else(|| loose(text, key, at, space)),
    };
    if let Some(pair) = pair_join(text, key).filter(|_| found.0 == Join::Comma) {
        return Some(pair);
    }
    Some(found)
}

/// The value of a pair: `value` comes next, on this line or the following one.
fn pair_join(text: &[u8], key: &Key<'_>) -> Option<(Join, usize)> {
    let window = &text[key.after..text.len().min(key.after + 160)];
    let skipped = window
        .iter()
        .take_while(|byte| byte.is_ascii_whitespace() || matches!(byte, b',' | b'-' | b'"' | b'\'' | b'\\' | b';' | b'|'))
        .count();
    if skipped == 0 {
        return None;
    }
    let mut at = key.after + skipped;
    // An escaped line feed.
    if text[at..].starts_with(b"n") && text[at - 1] == b'\\' {
        at += 1;
        at += text[at..].iter().take(SPACES).take_while(|byte| **byte == b' ').count();
    }
    if !word_is(text, at, b"value") {
        return None;
    }
    at += 5;
    at += quote_at(text, at);
    at += spaces(text, at);
    matches!(text.get(at), Some(b':' | b'=')).then(|| (Join::Pair, at + 1 + spaces(text, at + 1)))
}

/// Flags, and sentences about passwords.
fn loose(text: &[u8], key: &Key<'_>, at: usize, space: usize) -> Option<(Join, usize)> {
    let rest = &text[at..];
    if key.is_flag {
        let list = rest.iter().take(SPACES).take_while(|byte| byte.is_ascii_whitespace()).count();
        if list > 0 && text[at + list..].starts_with(b"- ") {
            return Some((Join::Space, at + list + 2));
        }
    }
    if space == 0 || rest.first() == Some(&b'-') {
        return None;
    }
    if word_is(text, at, b"is")
        || word_is(text, at, b"was")
        || word_is(text, at, b"to")
        || word_is(text, at, b"of")
        || word_is(text, at, b"are")
    {
        let word = rest.iter().take(4).take_while(|byte| byte.is_ascii_alphabetic()).count();
        let mut value = at + word + spaces(text, at + word);
        if text.get(value) == Some(&b':') {
            value += 1 + spaces(text, value + 1);
        }
        return (value > at + word && !key.is_flag).then_some((Join::Is, value));
    }
    Some((Join::Space, at))
}

/// What stands before the key on its line, if that is near.
fn before<'t>(text: &'t [u8], key: &Key<'_>) -> Option<&'t [u8]> {
    let from = key.start.saturating_sub(BEFORE_BYTES);
    let window = &text[from..key.start];
    match window.iter().rposition(|byte| *byte == b'\n') {
        Some(at) => Some(&window[at + 1..]),
        None if from == 0 => Some(window),
        None => None,
    }
}

/// The key is the first thing of its line: of a mapping, of an environment.
fn begins_line(text: &[u8], key: &Key<'_>) -> bool {
    let Some(before) = before(text, key) else { return false };
    let before = before.trim_ascii();
    let marks = before.iter().all(|byte| b"-+>\"'#*|`$/;".contains(byte));
    marks
        || [
            &b"export"[..],
            b"set",
            b"ENV",
            b"ARG",
            b"env",
            b"declare -x",
            b"- export",
            b"$env:",
            b"Environment:",
            b"setx",
            b"RUN export",
            b"-e",
            b"--env",
        ]
        .contains(&before)
        || before.ends_with(b"\\n") && before.len() < 4
}

/// A neighbouring line is an assignment as well: this is a list of them.
fn is_among_assignments(text: &[u8], key: &Key<'_>, end: usize) -> bool {
    let is_one = |line: &[u8]| {
        let line = line.strip_prefix(b"export ").unwrap_or(line);
        let name = line.iter().take(64).take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
        name > 1 && line.get(name) == Some(&b'=') && line[0].is_ascii_alphabetic()
    };
    let next = text.get(end..).unwrap_or_default();
    let next = next.iter().take(512).position(|byte| *byte == b'\n').map(|at| &next[at + 1..]);
    if next.is_some_and(is_one) {
        return true;
    }
    let Some(here) = before(text, key) else { return false };
    let Some(above) = text[..key.start - here.len()].strip_suffix(b"\n") else { return false };
    let window = &above[above.len().saturating_sub(512)..];
    is_one(window.rsplit(|byte| *byte == b'\n').next().unwrap_or_default())
}

fn equals(scan: &mut Scan<'_, '_>, key: &Key<'_>, tells: Tells, kind: &'static str, at: usize) {
    let text = scan.bytes;
    let previous = text[..key.start].iter().rev().copied().find(|byte| !matches!(byte, b' ' | b'\t'));
    let until = if previous == Some(b';') {
        Until::Semicolon
    } else if begins_line(text, key) && is_among_assignments(text, key, at) {
        Until::Line
    } else {
        Until::Word
    };
    let found = value::read(bounded(text, tells, at), at, until);
    let Some(value) = scan.text.get(found.start..found.end) else { return };
    if is_no_value(value) {
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

fn is_no_value(value: &str) -> bool {
    value::is_placeholder(value) || super::is_mark(value)
}

fn colon(scan: &mut Scan<'_, '_>, key: &Key<'_>, tells: Tells, kind: &'static str, at: usize) {
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
            .skip_while(|byte| b"|>+-0123456789 \t".contains(byte))
            .next()
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
        && text[at + 1..].first().is_some_and(|byte| byte.is_ascii_alphanumeric())
    {
        // Go prints the values of headers and bytes in brackets.
        at += 1;
    }
    let is_tight = at == key.after + 1;
    let found =
        value::read(bounded(text, tells, at), at, if begins && !is_tight && !key.is_quoted { Until::Line } else { Until::Word });
    let Some(value) = scan.text.get(found.start..found.end) else { return };
    if is_no_value(value) || matches!(value.as_bytes()[0], b'{' | b'[' | b'&') && !found.is_quoted && value.len() < 3 {
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
        Tells::Password => (found.is_quoted || !value::is_said(value)) && !(is_number && value.len() < 3 && !is_structured),
        Tells::Secret if is_structured && (key.is_quoted && found.is_quoted) => true,
        Tells::Secret if is_structured => {
            let is_name = key.name.eq_ignore_ascii_case("secret") && is_object_name(value);
            let words = value.split_whitespace().count();
            !is_name
                && !(is_number && value.len() < 5)
                && (found.is_quoted || !value::is_said(value))
                && (words < 2 || found.is_quoted || has_digit(value))
        }
        Tells::Secret => {
            let word = value.split_whitespace().next().unwrap_or_default();
            value::looks_random(word)
                || word.len() >= 8 && found.is_quoted && has_digit(word) && !is_object_name(word)
                || is_env_name(key.name) && !value::is_said(value) && !is_number
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

fn element(scan: &mut Scan<'_, '_>, tells: Tells, kind: &'static str, at: usize) {
    let window = &scan.bytes[at..scan.bytes.len().min(at + 2048)];
    let Some(length) = window.windows(2).position(|two| two == b"</") else { return };
    let value = scan.text.get(at..at + length).unwrap_or_default();
    if !is_no_value(value) && !value.contains('<') && (tells != Tells::Maybe || value::looks_random(value)) {
        scan.mask(at, at + length, kind);
    }
}

fn pair(scan: &mut Scan<'_, '_>, tells: Tells, kind: &'static str, at: usize) {
    let text = scan.bytes;
    // In Go's words the next field follows after a space; in YAML the line is the value.
    let is_yaml = text[..at].ends_with(b" ");
    let found = value::read(text, at, if is_yaml { Until::Line } else { Until::Word });
    let value = scan.text.get(found.start..found.end).unwrap_or_default();
    if !is_no_value(value) && !value.starts_with("ValueFrom") && (tells != Tells::Maybe || value::looks_random(value)) {
        scan.mask(found.start, found.end, kind);
    }
}

fn said(scan: &mut Scan<'_, '_>, key: &Key<'_>, tells: Tells, kind: &'static str, join: Join, at: usize) {
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
            tells != Tells::Maybe
                && !value.starts_with('-')
                && !(value::is_said(value) && !found.is_quoted)
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
            !value::is_said(value) && (found.is_quoted || !is_ordinary || value.len() > 24) && !value.starts_with('(')
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

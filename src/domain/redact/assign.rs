//! A key that tells, and the value that it is given: assignments, mappings, flags, pairs of name and value, sentences.

use super::{
    given, header,
    keys::{self, Tells},
    scan::Scan,
    value::quote_at,
};

/// Longest name of a key, to each side of the word that tells.
const NAME_BYTES: usize = 96;
/// How far a line is looked back for what stands before a key.
pub const BEFORE_BYTES: usize = 96;
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
pub enum Join {
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
    // `checksum/secret`, `arn:aws:secretsmanager:...:secret:name`: about a secret, and none.
    let ahead = &scan.bytes[..key.start];
    if ahead.ends_with(b"checksum/") || join == Join::Colon && ahead.ends_with(b":") {
        return;
    }
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
        Join::Equals => given::equals(scan, &key, tells, kind, at),
        Join::Colon => given::colon(scan, &key, tells, kind, at),
        Join::Element => given::element(scan, tells, kind, at),
        Join::Comma | Join::Space | Join::Is => given::said(scan, &key, tells, kind, join, at),
        Join::Pair => given::pair(scan, tells, kind, at),
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

pub fn spaces(text: &[u8], at: usize) -> usize {
    let rest = &text[at.min(text.len())..];
    let mut length = 0;
    while length < SPACES {
        match rest.get(length) {
            Some(b' ' | b'\t') => length += 1,
            // A colour (ECMA-48, SGR) is as good as a space.
            Some(0x1b) => match rest[length..].iter().take(10).position(|byte| *byte == b'm') {
                Some(end) if rest.get(length + 1) == Some(&b'[') => length += end + 1,
                Some(_) | None => break,
            },
            Some(_) | None => break,
        }
    }
    length
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
        // A typed declaration: `token: string = 'x'`.
        b':' if word_is(text, begin(at + 1), b"string") && text.get(begin(begin(at + 1) + 6)) == Some(&b'=') => {
            (Join::Equals, begin(begin(begin(at + 1) + 6) + 1))
        }
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
    if let Some(value) = value_before(text, key).or_else(|| form_field(text, key)) {
        return Some((Join::Pair, value));
    }
    if skipped == 0 {
        return None;
    }
    let mut at = key.after + skipped;
    // A comment stands between the two.
    while text.get(at) == Some(&b'#') && at < key.after + 400 {
        at += text[at..].iter().take_while(|byte| **byte != b'\n').count();
        at += text[at..].iter().take(SPACES).take_while(|byte| byte.is_ascii_whitespace()).count();
    }
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

/// The value of a pair that is written the other way round: `- value: x`, then `name: PASSWORD`.
fn value_before(text: &[u8], key: &Key<'_>) -> Option<usize> {
    let window = &text[key.start.saturating_sub(256)..key.start];
    let is_blank = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'\\' | b',');
    let trimmed = |part: &[u8]| part.len() - part.iter().rev().take_while(|byte| is_blank(byte)).count();
    let mut end = trimmed(window);
    end = trimmed(window[..end].strip_suffix(b":")?);
    let before = window[..end].strip_suffix(b"name")?;
    // Only the line above: a pair has two.
    let before = &before[..trimmed(before)];
    let line = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |line_feed| line_feed + 1);
    let said = line + before[line..].iter().position(u8::is_ascii_alphabetic)?;
    if !before[said..].starts_with(b"value") {
        return None;
    }
    let mut at = key.start - window.len() + said + 5;
    at += quote_at(text, at);
    at += spaces(text, at);
    (text.get(at) == Some(&b':')).then(|| at + 1 + spaces(text, at + 1))
}

/// A field of a form, RFC 7578: `name="password"`, an empty line, the value.
fn form_field(text: &[u8], key: &Key<'_>) -> Option<usize> {
    let is_field = key.is_quoted && text[..key.start].ends_with(b"name=\"");
    let rest = &text[key.after..text.len().min(key.after + 8)];
    let blank = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let is_empty_line = matches!(&rest[..blank], b"\n\n" | b"\r\n\r\n");
    (is_field && is_empty_line).then_some(key.after + blank)
}

/// Flags, and sentences about passwords.
fn loose(text: &[u8], key: &Key<'_>, at: usize, space: usize) -> Option<(Join, usize)> {
    let rest = &text[at..];
    if key.is_flag {
        let list = rest.iter().take(SPACES).take_while(|byte| byte.is_ascii_whitespace()).count();
        if list > 0 && text[at + list..].starts_with(b"- ") {
            return Some((Join::Space, at + list + 2));
        }
        // As `kubectl describe` lists arguments: one a line, all of one depth.
        let depth = before(text, key).map_or(0, |before| before.iter().take_while(|byte| **byte == b' ').count());
        if rest.first() == Some(&b'\n') && depth > 1 && list == depth + 1 {
            return Some((Join::Space, at + list));
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
pub fn before<'t>(text: &'t [u8], key: &Key<'_>) -> Option<&'t [u8]> {
    let from = key.start.saturating_sub(BEFORE_BYTES);
    let window = &text[from..key.start];
    match window.iter().rposition(|byte| *byte == b'\n') {
        Some(at) => Some(&window[at + 1..]),
        None if from == 0 => Some(window),
        None => None,
    }
}

/// The key is the first thing of its line: of a mapping, of an environment.
pub fn begins_line(text: &[u8], key: &Key<'_>) -> bool {
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
pub fn is_among_assignments(text: &[u8], key: &Key<'_>, end: usize) -> bool {
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

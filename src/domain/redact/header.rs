//! Credentials as HTTP carries them: `Authorization`, cookies, and the words `Bearer` and `Basic` wherever they stand.

use super::{
    assign::Key,
    base64, placeholder,
    scan::Scan,
    tokens::Chars,
    value::{self, quote_at},
};

/// How far a header is read before it is judged.
const MOST_BYTES: usize = 2048;
/// Longest single word of credentials.
const MOST_TICKET: usize = 64 << 10;

/// Schemes with one word of credentials; of any other all that follows is.
const ONE_WORD: &[&str] = &["bearer", "basic", "token", "apikey", "negotiate", "ntlm", "bot", "key", "jwt", "genie", "splunk"];

/// Masks the credentials of an `Authorization` header whose value begins at `at`.
pub fn authorization(scan: &mut Scan<'_, '_>, key: &Key<'_>, at: usize) {
    let text = scan.bytes;
    let Some((start, end)) = bounds(text, key, at) else { return };
    let Some(value) = scan.text.get(start..end) else { return };
    let (scheme, rest) = value.split_once(' ').unwrap_or(("", value));
    let lower = scheme.to_ascii_lowercase();
    let word = value.split_whitespace().next().unwrap_or_default();
    if placeholder::is_placeholder(value) || super::is_mark(word) {
        return;
    }
    let is_scheme = !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if is_scheme && (ONE_WORD.contains(&lower.as_str()) || is_parametric(rest)) {
        let skipped = rest.len() - rest.trim_start().len();
        let from = start + scheme.len() + 1 + skipped;
        let one = rest.split_whitespace().next().unwrap_or_default().trim_end_matches([',', ';', ')', '}']);
        let to = if ONE_WORD.contains(&lower.as_str()) { from + one.len() } else { end };
        let said = scan.text.get(from..to).unwrap_or_default();
        let is_word = placeholder::is_said(said) && !said.contains('=');
        if !(is_word || placeholder::is_placeholder(said) || super::is_mark(said)) {
            scan.mask(from, to, "authorization");
        }
        return;
    }
    // Without a scheme: the credentials alone, and no word of a sentence.
    let is_ordinary = word.bytes().all(|byte| byte.is_ascii_alphabetic() || b"-,.".contains(&byte)) && word.len() < 24;
    if !is_ordinary && !placeholder::is_said(value) {
        let to = if is_scheme && !has_digit(word) { end } else { start + word.trim_end_matches([',', ';', ')', '}']).len() };
        scan.mask(start, to, "authorization");
    }
}

fn has_digit(word: &str) -> bool {
    word.bytes().any(|byte| byte.is_ascii_digit())
}

/// `username="x", response="y"`, or one opaque word: credentials and no sentence.
fn is_parametric(rest: &str) -> bool {
    let words = rest.split_whitespace().count();
    rest.contains('=') || words == 1 && (value::looks_random(rest) || has_digit(rest) && rest.len() > 5)
}

/// Masks the values of a `Cookie` or `Set-Cookie` header.
pub fn cookie(scan: &mut Scan<'_, '_>, key: &Key<'_>, at: usize) {
    let text = scan.bytes;
    let Some((start, end)) = bounds(text, key, at) else { return };
    let Some(value) = scan.text.get(start..end) else { return };
    if super::is_mark(value) {
        return;
    }
    let is_set = key.name.to_ascii_lowercase().ends_with("set-cookie");
    let mut from = start;
    for pair in value.split(';') {
        let Some((name, held)) = pair.split_once('=') else {
            from += pair.len() + 1;
            continue;
        };
        let (start, end) = (from + name.len() + 1, from + pair.trim_end().len());
        let held = held.trim();
        if !name.trim().contains(' ') && !held.is_empty() && !super::is_mark(held) && !placeholder::is_placeholder(held) {
            scan.mask(start, end.max(start), "cookie");
        }
        from += pair.len() + 1;
        if is_set {
            break;
        }
    }
}

/// The value of a header: to its closing quote, bracket, or the end of the line.
fn bounds(text: &[u8], key: &Key<'_>, at: usize) -> Option<(usize, usize)> {
    let mut start = at;
    let is_listed = text.get(start) == Some(&b'[');
    start += usize::from(is_listed);
    let quote = quote_at(text, start);
    start += quote;
    let before = text[..key.start].last().copied();
    let closes = if quote > 0 {
        text[start - 1]
    } else {
        before.filter(|byte| matches!(byte, b'"' | b'\'')).filter(|_| !key.is_quoted).unwrap_or(b'\n')
    };
    let rest = text.get(start..text.len().min(start + MOST_BYTES))?;
    let mut end = 0;
    while end < rest.len() {
        let byte = rest[end];
        let is_end = match byte {
            b'\n' | b'\r' | b'\'' => true,
            b'\\' => matches!(rest.get(end + 1), Some(b'n' | b'r')) || quote > 1 && quote_at(rest, end) > 0,
            b']' => is_listed,
            b'"' => closes == b'"',
            _ => false,
        };
        if is_end {
            break;
        }
        end += 1;
    }
    if end == MOST_BYTES {
        // A ticket may be long; it has no end but the line's.
        let more = &text[start + end..];
        end += more.iter().take(MOST_TICKET).position(u8::is_ascii_whitespace).unwrap_or(more.len().min(MOST_TICKET));
        return Some((start, start + end));
    }
    while end > 0 && rest[end - 1] == b' ' {
        end -= 1;
    }
    (end > 0).then_some((start, start + end))
}

/// Masks the token behind the word `Bearer` that ends at `at`.
pub fn bearer(scan: &mut Scan<'_, '_>, at: usize) {
    let (start, end) = word_behind(scan.bytes, at, Chars::Base64);
    let word = scan.text.get(start..end).unwrap_or_default().trim_end_matches('.');
    if start > at
        && word.len() >= 8
        && (has_digit(word) || value::looks_random(word))
        && !word.contains('=') | word.ends_with('=')
    {
        scan.mask(start, start + word.len(), "bearer-token");
    }
}

/// Masks user and password behind the word `Basic` that ends at `at`.
pub fn basic(scan: &mut Scan<'_, '_>, at: usize) {
    let (start, end) = word_behind(scan.bytes, at, Chars::Base64);
    if start > at && end - start >= 8 && base64::text_in(&scan.bytes[start..end]).is_some_and(|text| text.contains(':')) {
        scan.mask(start, end, "basic-credentials");
    }
}

fn word_behind(text: &[u8], at: usize, chars: Chars) -> (usize, usize) {
    let mut start = at;
    while matches!(text.get(start), Some(b' ' | b'+')) && start < at + 4 || text.get(start..start + 3) == Some(b"%20") {
        start += if text[start] == b'%' { 3 } else { 1 };
    }
    let length = text[start..].iter().take_while(|byte| chars.has(**byte)).count();
    (start, start + length)
}

//! What stands behind a key: where it ends, and whether it is a value at all.

use super::base64;

/// A value that is judged by what it says has at most this size; whatever is longer is one.
pub const JUDGED_BYTES: usize = 512;

/// Where a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    pub start: usize,
    pub end: usize,
    pub is_quoted: bool,
}

/// How far a bare value goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// To white space, or to what separates it from the next pair.
    Word,
    /// To the `;` of a connection string.
    Semicolon,
    /// To the end of the line.
    Line,
}

/// Length of a quote with its backslashes at `at`: `"`, `'`, `` ` ``, `\"`, `\\\"`, `&quot;`, `%22`, `\u0022`. 0 = there is none.
pub fn quote_at(text: &[u8], at: usize) -> usize {
    let Some(rest) = text.get(at..) else { return 0 };
    let slashes = rest.iter().take(8).take_while(|byte| **byte == b'\\').count();
    match rest.get(slashes) {
        Some(b'"' | b'\'' | b'`') => slashes + 1,
        Some(b'&') if rest.starts_with(b"&quot;") || rest.starts_with(b"&#034;") => 6,
        Some(b'&') if rest.starts_with(b"&#34;") || rest.starts_with(b"&#39;") => 5,
        Some(b'%') if rest.starts_with(b"%22") || rest.starts_with(b"%27") => 3,
        Some(b'u') if slashes == 1 && rest.starts_with(b"\\u0022") => 6,
        _ => 0,
    }
}

/// The value that begins at `at`, behind the separator and white space. Empty where there is none.
pub fn read(text: &[u8], at: usize, until: Until) -> Value {
    let mut at = at;
    // Go and Python write lists and bytes: ["x"], b'x'.
    if text.get(at) == Some(&b'[') && quote_at(text, at + 1) > 0 {
        at += 1;
    }
    if matches!(text.get(at), Some(b'b' | b'u' | b'r' | b'$' | b'@' | b'f')) && matches!(text.get(at + 1), Some(b'"' | b'\'')) {
        at += 1;
    }
    let quote = quote_at(text, at);
    if quote > 0 {
        let start = at + quote;
        return Value { start, end: closing(text, at, start), is_quoted: true };
    }
    let end = match until {
        Until::Line => trimmed_line(text, at),
        Until::Semicolon => at + length_until(text, at, |byte| matches!(byte, b';' | b'\n' | b'\r' | b'"')),
        Until::Word => word_end(text, at),
    };
    Value { start: at, end: end.max(at), is_quoted: false }
}

/// Where the string that `text[open..start]` opens ends. One that never does ends with its line.
fn closing(text: &[u8], open: usize, start: usize) -> usize {
    let quote = &text[open..start];
    if text[start..].starts_with(quote) && quote.len() == 1 && text[start + 1..].starts_with(quote) {
        // """three of them"""
        let from = start + 2;
        let end = memchr_quote(text, from, &[quote[0]; 3]);
        return end.unwrap_or(text.len().min(from + 4096));
    }
    let last = quote[quote.len() - 1];
    let slashes = quote.iter().take_while(|byte| **byte == b'\\').count();
    let is_plain = matches!(last, b'"' | b'\'' | b'`');
    let mut at = start;
    while at < text.len() {
        let byte = text[at];
        if byte == b'\n' {
            if last != b'"' && last != b'\'' {
                return at;
            }
            // A string over several lines is closed soon, and holds no pairs.
            let ahead = &text[at..text.len().min(at + 1024)];
            let close = ahead.iter().position(|byte| *byte == last);
            let Some(close) = close.filter(|close| !ahead[..*close].iter().any(|byte| matches!(byte, b':' | b'=' | b'{'))) else {
                return at;
            };
            return at + close;
        }
        if is_plain && byte == last && text[at - slashes..at].iter().all(|byte| *byte == b'\\') && at - slashes >= start {
            // With more backslashes before it, it is a part of the string.
            let more = text[start..at - slashes].iter().rev().take(8).take_while(|byte| **byte == b'\\').count();
            if more == 0 || slashes == 0 && more % 2 == 0 {
                return at - slashes;
            }
        }
        if !is_plain && text[at..].starts_with(quote) {
            return at;
        }
        at += 1;
    }
    at
}

fn memchr_quote(text: &[u8], from: usize, quote: &[u8]) -> Option<usize> {
    let window = text.get(from..text.len().min(from + 4096))?;
    window.windows(quote.len()).position(|three| three == quote).map(|at| from + at)
}

fn length_until(text: &[u8], at: usize, is_end: impl Fn(u8) -> bool) -> usize {
    text[at..].iter().position(|byte| is_end(*byte)).unwrap_or(text.len() - at)
}

/// The end of the line without its comment, its line feed as an escape, and white space.
fn trimmed_line(text: &[u8], at: usize) -> usize {
    let mut end = at;
    while end < text.len() && text[end] != b'\n' {
        let rest = &text[end..];
        if rest.starts_with(b" #") || rest.starts_with(b"\t#") || rest.starts_with(b"\\n") && rest.get(2) != Some(&b'\\') {
            break;
        }
        end += 1;
    }
    while end > at && matches!(text[end - 1], b' ' | b'\t' | b'\r' | b',' | b';') {
        end -= 1;
    }
    end
}

fn word_end(text: &[u8], at: usize) -> usize {
    let mut end = at;
    let mut open = 0_i32;
    while let Some(&byte) = text.get(end) {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' | b'"' | b'`' | b'<' | b'\0' | 0x1b => break,
            b'\'' if end > at => break,
            b'\\' if matches!(text.get(end + 1), Some(b'n' | b'r' | b't')) || quote_at(text, end) > 0 => break,
            b'\\' if text[end..].starts_with(b"\\u0026") || text[end..].starts_with(b"\\u003c") => break,
            b'%' if matches!(text.get(end..end + 3), Some(b"%26" | b"%22" | b"%20")) => break,
            b'&' if text[end..].starts_with(b"&quot;") || text[end..].starts_with(b"&amp;") || text[end..].starts_with(b"&#") => {
                break;
            }
            b',' | b';' | b'&' | b'|' if ends_pair(text, end + 1) => break,
            b'(' | b'[' | b'{' => open += 1,
            b')' | b']' | b'}' => {
                open -= 1;
                // What closes more than the value opened is not its own.
                if open < 0 && closes_all(text, end + 1) {
                    break;
                }
            }
            _ => {}
        }
        end += 1;
    }
    while end > at && matches!(text[end - 1], b',' | b';' | b'.' | b':') {
        end -= 1;
    }
    end
}

/// Behind a separator: nothing more, or a new pair.
fn ends_pair(text: &[u8], at: usize) -> bool {
    let rest = &text[at..text.len().min(at + 64)];
    let name = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"_.-[] ".contains(byte)).count();
    rest.is_empty()
        || rest[0].is_ascii_whitespace()
        || matches!(rest[0], b'"' | b'\'')
        || name > 0 && matches!(rest.get(name), Some(b'=' | b':'))
}

fn closes_all(text: &[u8], at: usize) -> bool {
    let rest = &text[at..text.len().min(at + 16)];
    let closing = rest.iter().take_while(|byte| matches!(byte, b')' | b']' | b'}' | b',' | b';' | b'.' | b':')).count();
    rest.get(closing).is_none_or(|byte| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'\\' | b'`' | b'<'))
        || closing > 0 && rest[closing - 1] == b','
}

/// Capitals, small letters and digits together.
pub fn has_mix(text: &str) -> bool {
    let has = |is: fn(&u8) -> bool| text.bytes().any(|byte| is(&byte));
    has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_digit)
}

/// Whether `value` looks as if nobody made it up: long, mixed, without words.
pub fn looks_random(value: &str) -> bool {
    let bytes = value.as_bytes();
    let bytes = &bytes[..bytes.len().min(JUDGED_BYTES + 1)];
    if bytes.len() < 12 || !bytes.iter().all(u8::is_ascii_graphic) {
        return false;
    }
    if bytes.len() > JUDGED_BYTES {
        return true;
    }
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = bytes.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    if is_uuid(bytes) || value.starts_with("sha256:") || value.starts_with("sha512:") || value.contains("://") {
        return false;
    }
    let is_hex = bytes.iter().all(u8::is_ascii_hexdigit);
    if is_hex {
        return bytes.len() >= 16 && digits > 2 && letters > 2;
    }
    let separators = bytes.iter().filter(|byte| b"-_./:".contains(byte)).count();
    let is_decodable = bytes.iter().all(|byte| base64::is_digit(*byte) || *byte == b'=');
    has_mix(value) && separators * 6 <= bytes.len() && entropy(bytes) >= 3.2
        || is_decodable && bytes.len() >= 20 && separators == 0 && entropy(bytes) >= 3.5 && (digits > 1 || has_mix(value))
}

pub fn is_uuid(bytes: &[u8]) -> bool {
    bytes.len() == 36
        && bytes
            .iter()
            .enumerate()
            .all(|(at, byte)| if matches!(at, 8 | 13 | 18 | 23) { *byte == b'-' } else { byte.is_ascii_hexdigit() })
}

/// Bits per byte.
fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in bytes {
        counts[usize::from(*byte)] += 1;
    }
    let all = bytes.len() as f64;
    counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count) / all).map(|share| -share * share.log2()).sum()
}

//! Private keys in PEM: whole blocks, on one line, behind the stamps of a log, and halves of them.

use super::scan::Scan;

/// Longest block.
const MOST_BYTES: usize = 64 << 10;
/// Lines before an end without a beginning.
const MOST_LINES: usize = 120;
/// Bytes that are looked back from an end without a beginning.
const MOST_BYTES_BEFORE: usize = 12 << 10;
/// Bytes of base64 that make a line a part of a key.
const LINE_BYTES: usize = 24;

/// Masks the block that begins with the `-----BEGIN ` at `start`, where it holds a private key.
pub fn begin(scan: &mut Scan<'_, '_>, start: usize, end: usize) {
    let text = scan.bytes;
    let label = &text[end..text.len().min(end + 64)];
    let Some(length) = label.windows(5).position(|dashes| dashes == b"-----") else {
        // It breaks off within its first line.
        if is_secret(label) && end + label.len() == text.len() {
            scan.mask(start, text.len(), "private-key");
        }
        return;
    };
    if !is_secret(&label[..length]) {
        return;
    }
    let body = end + length + 5;
    let window = &text[body..text.len().min(body + MOST_BYTES)];
    let next = window.windows(9).position(|part| part == b"-----END " || part == b"-----BEGI" || part == b"---- END ");
    let until = next.filter(|at| window[*at..].starts_with(b"-----END ") || window[*at..].starts_with(b"---- END "));
    let stop = match until {
        Some(at) => {
            let behind = body + at + 9;
            let close = text[behind..text.len().min(behind + 64)].windows(5).position(|dashes| dashes == b"-----");
            behind + close.map_or(0, |at| at + 5)
        }
        None => body + cut_body(window),
    };
    scan.mask(start, stop, "private-key");
}

/// Masks what stands before the `-----END ` at `start`, where its beginning was cut off.
pub fn end(scan: &mut Scan<'_, '_>, start: usize, end: usize) {
    let text = scan.bytes;
    let label = &text[end..text.len().min(end + 64)];
    if !is_secret(label.split(|byte| *byte == b'-').next().unwrap_or_default()) {
        return;
    }
    let from = start.saturating_sub(MOST_BYTES_BEFORE);
    let mut begin = start;
    for line in text[from..start].rsplit(|byte| *byte == b'\n').take(MOST_LINES) {
        // The last line of a key may be short.
        let is_last = begin == start;
        let is_end = line.trim_ascii().is_empty() && is_last || is_last_words(line) && start - begin < 80;
        if !(is_end || is_of_key(line)) {
            break;
        }
        begin = begin.saturating_sub(line.len() + usize::from(begin < start));
    }
    // On one line, the key is what stands before, up to white space that is no escape.
    if begin == start {
        let before = &text[from..start];
        let length = before.iter().rev().take_while(|byte| byte.is_ascii_alphanumeric() || b"+/=\\ ".contains(byte)).count();
        begin = start - if length >= LINE_BYTES { length } else { 0 };
    }
    if begin < start {
        scan.mask(begin, start, "private-key");
    }
}

fn is_secret(label: &[u8]) -> bool {
    find(label, b"PRIVATE KEY").is_some() || find(label, b"PRIVATE-KEY").is_some() || find(label, b"SECRET KEY").is_some()
}

/// How far a key goes whose end is missing: as long as lines, or words of one line, are base64 or its headers.
fn cut_body(window: &[u8]) -> usize {
    let mut length = 0;
    for line in window.split_inclusive(|byte| *byte == b'\n') {
        let said = line.trim_ascii();
        let is_header = said.len() < 100
            && find(said, b": ").is_some()
            && (said.starts_with(b"Proc-Type")
                || said.starts_with(b"DEK-Info")
                || said.starts_with(b"Comment")
                || said.starts_with(b"Version"));
        if said.is_empty() || is_header || is_of_key(line) || is_last_words(line) {
            length += line.len();
            continue;
        }
        // Base64 and then something else, on one line.
        let mut more = line.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"+/=\\\r ".contains(byte)).count();
        if find(said, b" ").is_some() {
            let words = line
                .split(u8::is_ascii_whitespace)
                .take_while(|word| word.is_empty() || word.len() >= LINE_BYTES || word.ends_with(b"="));
            more = more.min(words.map(|word| word.len() + 1).sum::<usize>().max(1) - 1);
        }
        length += more;
        break;
    }
    // The line feed before what goes on belongs to that.
    length - usize::from(window[..length].ends_with(b"\n"))
}

/// A line whose last word is base64 of a certain length: a log may put its stamp before.
fn is_of_key(line: &[u8]) -> bool {
    let word = line
        .trim_ascii()
        .rsplit(|byte| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'|'))
        .find(|word| !word.is_empty())
        .unwrap_or_default();
    word.len() >= LINE_BYTES && word.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/=\\".contains(byte))
}

/// The short last line of a key.
fn is_last_words(line: &[u8]) -> bool {
    let word = line.trim_ascii();
    !word.is_empty()
        && word.len() < 80
        && word.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(byte))
        && (word.ends_with(b"=") || word.iter().any(u8::is_ascii_digit) && word.iter().any(u8::is_ascii_uppercase))
}

pub fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|part| part == what)
}

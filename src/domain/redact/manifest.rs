//! Manifests of kind Secret: every value of `data` and `stringData`, in YAML and in JSON, also where one is quoted in the other.

use super::{
    placeholder,
    scan::Scan,
    value::{self, quote_at},
};

/// Masks the values below the key that ends at `end`: `data` or `stringData`, with its quotes before `start`. Tells how far it read.
pub fn values(scan: &mut Scan<'_, '_>, start: usize, end: usize) -> usize {
    let text = scan.bytes;
    let mut at = end;
    let quote = quote_at(text, at);
    at += quote;
    at += blanks(text, at);
    if !matches!(text.get(at), Some(b':' | b'=')) {
        return end;
    }
    at += 1;
    at += text[at..].iter().take(256).take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
    if text[at.min(text.len())..].starts_with(b"map[") {
        return braces(scan, at + 4, b']');
    }
    if text.get(at) == Some(&b'{') {
        return braces(scan, at + 1, b'}');
    }
    if quote == 0 {
        lines(scan, start, end);
    }
    end
}

fn blanks(text: &[u8], at: usize) -> usize {
    text[at.min(text.len())..].iter().take(64).take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

/// `"name": "value"` and `name:value` up to the closing bracket.
fn braces(scan: &mut Scan<'_, '_>, from: usize, close: u8) -> usize {
    let text = scan.bytes;
    let mut at = from;
    let mut is_value = false;
    while let Some(&byte) = text.get(at) {
        if byte == close {
            return at;
        }
        let quote = quote_at(text, at);
        if byte == b':' {
            is_value = true;
            at += 1;
        } else if byte == b',' || byte == b' ' && close == b']' {
            is_value = false;
            at += 1;
        } else if quote > 0 && byte != b'`' {
            let found = value::read(text, at, value::Until::Word);
            if is_value {
                mask(scan, found.start, found.end);
                is_value = false;
            }
            at = found.end + quote_at(text, found.end).max(1);
        } else if is_value && !byte.is_ascii_whitespace() {
            let stop = text[at..]
                .iter()
                .position(|byte| byte.is_ascii_whitespace() || *byte == close || *byte == b',')
                .map_or(text.len(), |length| at + length);
            // Go prints bytes as numbers in brackets.
            let stop = if byte == b'[' {
                text[at..].iter().position(|byte| *byte == b']').map_or(text.len(), |length| at + length + 1)
            } else {
                stop
            };
            mask(scan, at, stop);
            is_value = false;
            at = stop.max(at + 1);
        } else {
            at += 1;
        }
    }
    at
}

/// The lines that are indented below the key.
fn lines(scan: &mut Scan<'_, '_>, start: usize, end: usize) {
    let text = scan.bytes;
    let line_start = text[..start]
        .iter()
        .rev()
        .take(256)
        .position(|byte| *byte == b'\n')
        .map_or(start.saturating_sub(256), |length| start - length);
    if !text[line_start..start].iter().all(|byte| matches!(byte, b' ' | b'-' | b'+' | b'\t')) {
        return;
    }
    let indent = start - line_start;
    let Some(line_feed) = text[end..].iter().position(|byte| *byte == b'\n') else { return };
    let mut at = end + line_feed + 1;
    // Indentation of a block scalar's key, while within one.
    let mut scalar: Option<usize> = None;
    while at < text.len() {
        let stop = text[at..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |length| at + length);
        let line = &text[at..stop];
        let spaces = line.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'+' | b'-')).count();
        let said = line.trim_ascii();
        if !said.is_empty() {
            if spaces <= indent {
                return;
            }
            if scalar.is_some_and(|key| spaces > key) {
                mask(scan, at + spaces, at + spaces + said.len().min(line.len() - spaces));
            } else {
                scalar = None;
                let Some(colon) = line.iter().position(|byte| *byte == b':') else {
                    mask(scan, at + spaces, stop);
                    at = stop + 1;
                    continue;
                };
                let from = at + colon + 1 + blanks(text, at + colon + 1);
                let held = text[from.min(stop)..stop].trim_ascii();
                if held.is_empty() || matches!(held[0], b'|' | b'>') && held.len() < 4 {
                    scalar = Some(spaces);
                } else if held[0] == b'"' || held[0] == b'\'' {
                    let found = value::read(text, from, value::Until::Line);
                    mask(scan, found.start, found.end);
                    scalar = Some(spaces);
                } else {
                    mask(scan, from, from + held.len());
                    scalar = Some(spaces);
                }
            }
        }
        at = stop + 1;
    }
}

fn mask(scan: &mut Scan<'_, '_>, start: usize, end: usize) {
    let held = scan.text.get(start..end).unwrap_or_default();
    if !placeholder::is_placeholder(held) && !super::is_mark(held) {
        scan.mask(start, end, "secret-data");
    }
}

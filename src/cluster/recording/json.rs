//! JSON as text, looked into no further than is needed: the lists of a large cluster as data would take five times their size.

use std::collections::BTreeMap;

use serde_json::{Value, value::RawValue};

/// Nested deeper than this is nothing that Kubernetes writes, and more than some clients read.
pub const MAX_DEPTH: usize = 100;

/// The fields of an object, each as it is written.
pub type Fields<'t> = BTreeMap<String, &'t RawValue>;

pub fn fields(text: &str) -> Option<Fields<'_>> {
    serde_json::from_str(text).ok()
}

pub fn items(text: &str) -> Option<Vec<&RawValue>> {
    serde_json::from_str(text).ok()
}

/// A field that is text.
pub fn string(fields: &Fields<'_>, name: &str) -> Option<String> {
    string_of(fields.get(name)?)
}

pub fn string_of(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

/// A field that is an object.
pub fn object<'t>(of: &Fields<'t>, name: &str) -> Option<Fields<'t>> {
    fields(of.get(name)?.get())
}

/// Text, a number or a truth, as a field selector would write it.
pub fn scalar(raw: &RawValue) -> Option<String> {
    match raw.get() {
        "null" => None,
        text if text.starts_with(['{', '[']) => None,
        text if text.starts_with('"') => string_of(raw),
        text => Some(text.to_owned()),
    }
}

/// Valid JSON without the space that makes it readable, as an API server writes it. `None` where a client could not read it.
pub fn compact(text: &str) -> Option<String> {
    let mut compact = Vec::with_capacity(text.len());
    let (mut depth, mut is_in_string, mut is_escaped, mut has_surrogates) = (0_usize, false, false, false);
    for byte in text.bytes() {
        if is_in_string {
            has_surrogates |= is_escaped && byte == b'u';
            is_in_string = is_escaped || byte != b'"';
            is_escaped = !is_escaped && byte == b'\\';
        } else {
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' => continue,
                b'"' => is_in_string = true,
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth > MAX_DEPTH {
                return None;
            }
        }
        compact.push(byte);
    }
    let compact = String::from_utf8(compact).ok()?;
    // Escapes can make half a character, which only reading the text shows.
    let is_readable = !has_surrogates || compact.parse::<Value>().is_ok();
    is_readable.then_some(compact)
}

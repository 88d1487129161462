//! Strict reading of an object: every field that is wrong is named, not only the first.

use std::ops::RangeInclusive;

use super::{
    json::Json,
    problem::{Code, FieldError, Problem},
};
use crate::domain::object::MAX_NAME_BYTES;

pub use crate::domain::object::is_kubernetes_name;

/// Longest text that is read: `error_message` and `logs`.
pub const MAX_TEXT_BYTES: usize = 256 << 10;

/// Longest target: a kind, a namespace and a name.
const MAX_TARGET_BYTES: usize = 400;

/// Fields that are named as wrong in one answer.
const MAX_ERRORS: usize = 16;

/// The fields of one object, taken one by one; what is left at the end is unknown.
pub struct Fields {
    entries: Vec<(String, Json)>,
    /// Pointer to the object: `#` or `#/target`.
    pointer: String,
    errors: Vec<FieldError>,
    /// Some text is over its limit, which has a status of its own.
    is_too_long: bool,
}

impl Fields {
    /// Begins to read a whole document.
    pub fn open(document: Json) -> Result<Self, Problem> {
        let Json::Object(entries) = document else {
            let error = FieldError { detail: format!("must be an object, not {}", document.kind()), pointer: "#".to_owned() };
            return Err(Problem::new(Code::InvalidRequest, "the body must be a JSON object").with_errors(vec![error]));
        };
        Ok(Self { entries, pointer: "#".to_owned(), errors: Vec::new(), is_too_long: false })
    }

    /// A text that must be there and say something.
    pub fn required_text(&mut self, name: &str) -> String {
        let had_errors = self.errors.len();
        match self.text(name) {
            Some(text) if text.trim().is_empty() => {
                self.refuse(name, "must not be empty");
                String::new()
            }
            Some(text) => text,
            None => {
                if self.errors.len() == had_errors {
                    self.refuse(name, "is required");
                }
                String::new()
            }
        }
    }

    pub fn text(&mut self, name: &str) -> Option<String> {
        match self.take(name)? {
            Json::Text(text) if text.len() > MAX_TEXT_BYTES => {
                self.is_too_long = true;
                self.refuse(name, format!("must have at most {MAX_TEXT_BYTES} bytes, has {}", text.len()));
                None
            }
            Json::Text(text) => Some(text),
            other => self.wrong_kind(name, "a string", &other),
        }
    }

    /// Words of a person, trimmed: 1 to `most` characters.
    pub fn words(&mut self, name: &str, most: usize) -> Option<String> {
        let text = self.short_text(name)?;
        let words = text.trim();
        if words.is_empty() {
            self.refuse(name, "must not be empty");
        } else if words.chars().count() > most {
            self.refuse(name, format!("must have at most {most} characters"));
        } else {
            return Some(words.to_owned());
        }
        None
    }

    /// The same where they must be there.
    pub fn required_words(&mut self, name: &str, most: usize) -> String {
        let had_errors = self.errors.len();
        let words = self.words(name, most);
        if words.is_none() && self.errors.len() == had_errors {
            self.refuse(name, "is required");
        }
        words.unwrap_or_default()
    }

    /// The name of a Kubernetes object: an RFC 1123 subdomain.
    pub fn name(&mut self, name: &str) -> Option<String> {
        let text = self.short_text(name)?;
        if is_kubernetes_name(&text) {
            return Some(text);
        }
        self.refuse(name, "must be a Kubernetes name: lower-case letters, digits, '-' and '.', at most 253 characters");
        None
    }

    /// The kind of a Kubernetes object, in lower case.
    pub fn kind(&mut self, name: &str) -> Option<String> {
        let text = self.short_text(name)?;
        if !text.is_empty() && text.len() <= 63 && text.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return Some(text.to_ascii_lowercase());
        }
        self.refuse(name, "must be a kind such as Deployment: letters only, at most 63");
        None
    }

    pub fn label_selector(&mut self, name: &str) -> Option<String> {
        let text = self.short_text(name)?;
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./=!,() ".contains(&byte);
        if !text.trim().is_empty() && text.len() <= 1024 && text.bytes().all(is_allowed) {
            return Some(text);
        }
        self.refuse(name, "must be a label selector such as app=api,tier!=cache, at most 1024 characters");
        None
    }

    pub fn flag(&mut self, name: &str) -> Option<bool> {
        match self.take(name)? {
            Json::Bool(flag) => Some(flag),
            other => self.wrong_kind(name, "a boolean", &other),
        }
    }

    pub fn integer(&mut self, name: &str, range: RangeInclusive<u64>) -> Option<u64> {
        match self.take(name)? {
            Json::Unsigned(number) if range.contains(&number) => Some(number),
            Json::Unsigned(_) | Json::OtherNumber => {
                self.refuse(name, format!("must be an integer from {} to {}", range.start(), range.end()));
                None
            }
            other => self.wrong_kind(name, "an integer", &other),
        }
    }

    /// An object within this one, read by `read`.
    pub fn object<T>(&mut self, name: &str, read: impl FnOnce(&mut Fields) -> T) -> Option<T> {
        match self.take(name)? {
            Json::Object(entries) => {
                let pointer = self.pointer_to(name);
                let mut inner = Fields { entries, pointer, errors: Vec::new(), is_too_long: false };
                let value = read(&mut inner);
                inner.refuse_the_rest();
                self.errors.append(&mut inner.errors);
                self.is_too_long |= inner.is_too_long;
                Some(value)
            }
            other => self.wrong_kind(name, "an object", &other),
        }
    }

    /// Ends reading: fails if anything was wrong or is left over.
    pub fn close(mut self) -> Result<(), Problem> {
        self.refuse_the_rest();
        if self.errors.is_empty() {
            return Ok(());
        }
        let code = if self.is_too_long { Code::TextTooLong } else { Code::InvalidRequest };
        let first = &self.errors[0];
        let detail = match self.errors.len() {
            1 => format!("{} {}", shown(&first.pointer), first.detail),
            count => format!("{} {}; and {} more", shown(&first.pointer), first.detail, count - 1),
        };
        self.errors.truncate(MAX_ERRORS);
        Err(Problem::new(code, detail).with_errors(self.errors))
    }

    fn short_text(&mut self, name: &str) -> Option<String> {
        match self.take(name)? {
            Json::Text(text) => Some(text),
            other => self.wrong_kind(name, "a string", &other),
        }
    }

    /// The field's value; absent and null are the same. A field that comes twice is refused.
    fn take(&mut self, name: &str) -> Option<Json> {
        let position = self.entries.iter().position(|(field, _)| field == name)?;
        let (_, value) = self.entries.remove(position);
        if self.entries.iter().any(|(field, _)| field == name) {
            self.entries.retain(|(field, _)| field != name);
            self.refuse(name, "must not be given twice");
            return None;
        }
        (value != Json::Null).then_some(value)
    }

    fn refuse_the_rest(&mut self) {
        for (name, _) in std::mem::take(&mut self.entries).iter().take(MAX_ERRORS) {
            self.refuse(name, "is not a field of this request");
        }
    }

    fn wrong_kind<T>(&mut self, name: &str, wanted: &str, got: &Json) -> Option<T> {
        self.refuse(name, format!("must be {wanted}, not {}", got.kind()));
        None
    }

    fn refuse(&mut self, name: &str, detail: impl Into<String>) {
        let pointer = self.pointer_to(name);
        self.errors.push(FieldError { detail: detail.into(), pointer });
    }

    fn pointer_to(&self, name: &str) -> String {
        pointer_in(&self.pointer, name, MAX_NAME_BYTES)
    }
}

/// Whether `text` may be the name of a namespace: one RFC 1123 label.
pub fn is_namespace(text: &str) -> bool {
    text.len() <= 63 && !text.contains('.') && is_kubernetes_name(text)
}

/// Whether `text` may be NAME, KIND/NAME or KIND/NAMESPACE/NAME, as a list is asked for what is about it.
pub fn is_target(text: &str) -> bool {
    let is_part =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'));
    text.len() <= MAX_TARGET_BYTES && text.split('/').count() <= 3 && text.split('/').all(is_part)
}

/// RFC 6901 pointer in its URI fragment form to `name` within `parent`; of a longer name its first `most_bytes`.
pub fn pointer_in(parent: &str, name: &str, most_bytes: usize) -> String {
    let mut pointer = format!("{parent}/");
    for byte in name.bytes().take(most_bytes) {
        match byte {
            b'~' => pointer.push_str("~0"),
            b'/' => pointer.push_str("~1"),
            _ if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) => pointer.push(char::from(byte)),
            _ => pointer.push_str(&format!("%{byte:02X}")),
        }
    }
    pointer
}

/// `#/target/namespace` as a sentence names it.
fn shown(pointer: &str) -> &str {
    pointer.strip_prefix("#/").unwrap_or(pointer)
}

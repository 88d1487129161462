//! Named values found in a text or given with a request: the pod, the image, the exit code.

use std::collections::BTreeMap;

/// Parameter name to value. What was set first stays: callers fill it from the most to the least trusted source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// Longest value kept; a longer one is no name of anything.
    const MAX_VALUE_BYTES: usize = 512;

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Sets `name` unless it is set already or the value is empty, over-long or has control characters.
    pub fn offer(&mut self, name: &str, value: &str) {
        let value = value.trim();
        let fits = !value.is_empty() && value.len() <= Self::MAX_VALUE_BYTES && !value.chars().any(char::is_control);
        if fits && !self.0.contains_key(name) {
            self.0.insert(name.to_owned(), value.to_owned());
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

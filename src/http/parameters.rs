//! Strict reading of a query: every parameter that is wrong is named.

use jiff::Timestamp;

use super::{
    fields::pointer_in,
    problem::{Code, FieldError, Problem},
};

/// Wrong parameters that are named.
const MAX_ERRORS: usize = 16;

/// The parameters of a query, taken one by one; what is left at the end is unknown.
pub struct Parameters {
    pairs: Vec<(String, String)>,
    errors: Vec<FieldError>,
}

impl Parameters {
    pub fn of(pairs: Vec<(String, String)>) -> Self {
        Self { pairs, errors: Vec::new() }
    }

    /// All values of `name`.
    fn take(&mut self, name: &str) -> Vec<String> {
        let (taken, left) = std::mem::take(&mut self.pairs).into_iter().partition(|(known, _)| known == name);
        self.pairs = left;
        let taken: Vec<(String, String)> = taken;
        taken.into_iter().map(|(_, value)| value).collect()
    }

    /// One value; `wanted` says what it must be.
    pub fn read<T>(&mut self, name: &str, wanted: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let values = self.take(name);
        if values.len() > 1 {
            self.refuse(name, "must not be given twice");
            return None;
        }
        let value = read(values.first()?);
        if value.is_none() {
            self.refuse(name, wanted);
        }
        value
    }

    /// Names by comma, or given more than once. An empty list is as good as none.
    pub fn names<T>(&mut self, name: &str, known: &str, read: impl Fn(&str) -> Option<T>) -> Vec<T> {
        let mut all = Vec::new();
        for value in self.take(name).into_iter().filter(|value| !value.is_empty()) {
            for one in value.split(',').map(str::trim) {
                match read(one) {
                    Some(value) if all.len() < MAX_ERRORS => all.push(value),
                    Some(_) => {}
                    None => {
                        self.refuse(name, &format!("must be {known}"));
                        break;
                    }
                }
            }
        }
        all
    }

    /// A time, RFC 3339.
    pub fn time(&mut self, name: &str) -> Option<Timestamp> {
        // A plus sign that was not encoded arrives as a blank.
        self.read(name, "must be a time such as 2026-02-19T10:30:00Z", |text| text.replace(' ', "+").parse().ok())
    }

    pub fn refuse(&mut self, name: &str, detail: &str) {
        self.errors.push(FieldError { detail: detail.to_owned(), pointer: pointer_in("#", name, 63) });
    }

    /// Ends reading: fails if anything was wrong or is left over.
    pub fn close(mut self) -> Result<(), Problem> {
        for (name, _) in std::mem::take(&mut self.pairs).into_iter().take(MAX_ERRORS) {
            self.refuse(&name, "is not a parameter of this request");
        }
        let Some(first) = self.errors.first() else { return Ok(()) };
        let detail = format!("{} {}", first.pointer.trim_start_matches("#/"), first.detail);
        self.errors.truncate(MAX_ERRORS);
        Err(Problem::new(Code::InvalidRequest, detail).with_errors(self.errors))
    }
}

//! The query of a list of incidents: every parameter that is wrong is named.

use jiff::{SignedDuration, Timestamp};

use super::super::{
    fields::{is_kubernetes_name, pointer_in},
    problem::{Code, FieldError, Problem},
};
use crate::{
    domain::{
        incident::{Cursor, IncidentFilter, Status},
        symptom::Severity,
    },
    pipeline::incidents::Listed,
};

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;
/// Longest search, in characters.
const SEARCH_CHARACTERS: usize = 256;
/// Longest target: a kind, a namespace and a name.
const TARGET_BYTES: usize = 400;
/// Wrong parameters that are named.
const MAX_ERRORS: usize = 16;
/// The window of figures where none is given.
const WINDOW: SignedDuration = SignedDuration::from_hours(30 * 24);
const SEVERITIES: [Severity; 4] = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

pub fn list(pairs: Vec<(String, String)>) -> Result<(IncidentFilter, Listed), Problem> {
    let mut parameters = Parameters { pairs, errors: Vec::new() };
    let statuses = parameters.names("status", "open, acknowledged, mitigated or resolved", Status::of);
    let severity = |name: &str| SEVERITIES.into_iter().find(|one| one.as_str().eq_ignore_ascii_case(name));
    let filter = IncidentFilter {
        statuses,
        severities: parameters.names("severity", "CRITICAL, HIGH, MEDIUM or LOW", severity),
        category: parameters.read("category", "must be a category such as OOMKilled", |text| {
            let is_category = text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
            is_category.then(|| text.to_owned())
        }),
        namespace: parameters
            .read("namespace", "must be the name of a namespace", |text| is_kubernetes_name(text).then(|| text.to_owned())),
        target: parameters.read("target", "must be NAME, KIND/NAME or KIND/NAMESPACE/NAME", |text| {
            let parts: Vec<&str> = text.split('/').collect();
            let is_target = text.len() <= TARGET_BYTES && parts.len() <= 3 && parts.iter().all(|part| is_kubernetes_name(part));
            is_target.then(|| text.to_owned())
        }),
        since: parameters.time("since"),
        until: parameters.time("until"),
        text: parameters.read("q", "must have at most 256 characters", |text| {
            (text.chars().count() <= SEARCH_CHARACTERS).then(|| text.to_owned())
        }),
    };
    let limit = parameters.read("limit", "must be an integer from 1 to 200", |text| {
        text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit))
    });
    let after = parameters.read("cursor", "must be the next_cursor of a page", Cursor::parse);
    parameters.close()?;
    Ok((filter, Listed { limit: limit.unwrap_or(DEFAULT_LIMIT), after }))
}

/// The window that figures are wanted of.
pub fn window(pairs: Vec<(String, String)>, now: Timestamp) -> Result<(Timestamp, Timestamp), Problem> {
    let mut parameters = Parameters { pairs, errors: Vec::new() };
    let since = parameters.time("since");
    let until = parameters.time("until").unwrap_or(now);
    let since = since.unwrap_or_else(|| until.checked_sub(WINDOW).unwrap_or(Timestamp::MIN));
    if since > until {
        parameters.refuse("since", "must not be after the end of the window");
    }
    parameters.close()?;
    Ok((since, until))
}

/// The parameters of a query, taken one by one; what is left at the end is unknown.
struct Parameters {
    pairs: Vec<(String, String)>,
    errors: Vec<FieldError>,
}

impl Parameters {
    /// All values of `name`; an empty one is as good as none.
    fn take(&mut self, name: &str) -> Vec<String> {
        let (taken, left) = std::mem::take(&mut self.pairs).into_iter().partition(|(known, _)| known == name);
        self.pairs = left;
        let taken: Vec<(String, String)> = taken;
        taken.into_iter().map(|(_, value)| value).filter(|value| !value.is_empty()).collect()
    }

    fn read<T>(&mut self, name: &str, wanted: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
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

    /// Names by comma, or given more than once.
    fn names<T>(&mut self, name: &str, known: &str, read: impl Fn(&str) -> Option<T>) -> Vec<T> {
        let mut all = Vec::new();
        for value in self.take(name) {
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

    fn time(&mut self, name: &str) -> Option<Timestamp> {
        // A plus sign that was not encoded arrives as a blank.
        self.read(name, "must be a time such as 2026-02-19T10:30:00Z", |text| text.replace(' ', "+").parse().ok())
    }

    fn refuse(&mut self, name: &str, detail: &str) {
        self.errors.push(FieldError { detail: detail.to_owned(), pointer: pointer_in("#", name, 63) });
    }

    fn close(mut self) -> Result<(), Problem> {
        for (name, _) in std::mem::take(&mut self.pairs).into_iter().take(MAX_ERRORS) {
            self.refuse(&name, "is not a parameter of this request");
        }
        let Some(first) = self.errors.first() else { return Ok(()) };
        let detail = format!("{} {}", first.pointer.trim_start_matches("#/"), first.detail);
        self.errors.truncate(MAX_ERRORS);
        Err(Problem::new(Code::InvalidRequest, detail).with_errors(self.errors))
    }
}

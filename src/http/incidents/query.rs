//! The query of a list of incidents: every parameter that is wrong is named.

use jiff::{SignedDuration, Timestamp};

use super::super::{
    fields::{is_namespace, is_target},
    parameters::Parameters,
    problem::Problem,
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
/// The window of figures where none is given.
const WINDOW: SignedDuration = SignedDuration::from_hours(30 * 24);
const SEVERITIES: [Severity; 4] = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

pub fn list(pairs: Vec<(String, String)>) -> Result<(IncidentFilter, Listed), Problem> {
    let mut parameters = Parameters::of(pairs);
    let statuses = parameters.names("status", "open, acknowledged, mitigated or resolved", Status::of);
    let severity = |name: &str| SEVERITIES.into_iter().find(|one| one.as_str().eq_ignore_ascii_case(name));
    let filter = IncidentFilter {
        statuses,
        severities: parameters.names("severity", "CRITICAL, HIGH, MEDIUM or LOW", severity),
        category: parameters.read("category", "must be a category such as OOMKilled", |text| {
            let is_category = (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
            is_category.then(|| text.to_owned())
        }),
        namespace: parameters
            .read("namespace", "must be the name of a namespace", |text| is_namespace(text).then(|| text.to_owned())),
        target: parameters
            .read("target", "must be NAME, KIND/NAME or KIND/NAMESPACE/NAME", |text| is_target(text).then(|| text.to_owned())),
        since: parameters.time("since"),
        until: parameters.time("until"),
        text: parameters
            .read("q", "must have at most 256 characters", |text| {
                (text.chars().count() <= SEARCH_CHARACTERS).then(|| text.to_owned())
            })
            .filter(|text| !text.is_empty()),
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
    let mut parameters = Parameters::of(pairs);
    let since = parameters.time("since");
    let until = parameters.time("until").unwrap_or(now);
    let since = since.unwrap_or_else(|| until.checked_sub(WINDOW).unwrap_or(Timestamp::MIN));
    if since > until {
        parameters.refuse("since", "must not be after the end of the window");
    }
    parameters.close()?;
    Ok((since, until))
}

//! A taken alert, read, and what is written down of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    domain::{
        alert::{Alert, AlertState, subject::Subject},
        incident::{IncidentTarget, milliseconds_if_any},
        symptom::{CategoryId, Severity},
    },
    incidents::{Seen, SeenAlert, Sighting, TakenAlert},
    pipeline::{Stages, runbooks},
};

/// One alert in the hands of a worker.
pub(super) struct Case {
    pub alert: Alert,
    pub subject: Subject,
    /// File of the runbook that it names, or that is called as it is. `None` = there is none.
    pub runbook: Option<String>,
    pub taken: TakenAlert,
}

impl Case {
    /// `None` = no version of this program wrote it.
    pub fn of(stages: &Stages, taken: TakenAlert) -> Option<Self> {
        let alert: Alert = serde_json::from_str(&taken.alert.payload).ok()?;
        let subject = Subject::of(&alert);
        let meant = |name: &str| runbooks::meant_by(stages, name);
        let runbook = alert.runbook_url.as_deref().and_then(meant).or_else(|| meant(alert.name()));
        Some(Self { alert, subject, runbook, taken })
    }

    /// What the history of its incident says of it.
    pub fn seen(&self) -> SeenAlert {
        let Self { alert, taken, .. } = self;
        let summary = match alert.state {
            AlertState::Firing => format!("{}: {}", alert.name(), alert.title()),
            AlertState::Resolved if taken.is_unseen_firing => {
                format!("{}: fired and was over before it was looked at: {}", alert.name(), alert.title())
            }
            AlertState::Resolved => format!("{}: is over", alert.name()),
        };
        SeenAlert {
            queue_id: taken.id.clone(),
            fingerprint: taken.alert.fingerprint.clone(),
            cause: taken.alert.cause.clone(),
            target: taken.alert.target.clone(),
            group_key: taken.alert.group_key.clone(),
            severity: alert.severity(),
            summary,
            details: serde_json::to_string(&self.details()).unwrap_or_default(),
        }
    }

    fn details(&self) -> Details<'_> {
        Details {
            alertname: self.alert.name(),
            fingerprint: &self.alert.fingerprint,
            state: self.alert.state,
            severity: self.alert.severity(),
            starts_at: self.alert.starts_at,
            ends_at: self.alert.ends_at,
            labels: &self.alert.labels,
            runbook_url: self.alert.runbook_url.as_deref(),
            runbook: self.runbook.as_deref(),
        }
    }

    /// Trouble that has no category: the alert says that there is some, and nobody could say more.
    pub fn unexplained(&self, seen: Seen, now: Timestamp) -> Sighting {
        Sighting {
            target: self.incident_target(),
            category: CategoryId::unknown(),
            severity: self.alert.severity(),
            title: self.alert.title().to_owned(),
            started_at: self.alert.starts_at.unwrap_or(now),
            seen,
        }
    }

    pub fn incident_target(&self) -> IncidentTarget {
        self.subject.incident.clone()
    }
}

/// An alert as the history keeps it.
#[derive(Serialize)]
struct Details<'a> {
    alertname: &'a str,
    fingerprint: &'a str,
    state: AlertState,
    severity: Severity,
    #[serde(serialize_with = "milliseconds_if_any")]
    starts_at: Option<Timestamp>,
    #[serde(serialize_with = "milliseconds_if_any")]
    ends_at: Option<Timestamp>,
    labels: &'a BTreeMap<String, String>,
    /// As the alert gives it, to be shown.
    runbook_url: Option<&'a str>,
    /// The one of ours that is meant.
    runbook: Option<&'a str>,
}

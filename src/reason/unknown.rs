//! What to say when no category fits: of an error that nobody knows yet, and of a text without one.

use crate::domain::{action::ActionKind, advice::Remedy, symptom::Severity};

/// Prose and commands for a text that has no category.
pub struct Unknown {
    pub severity: Severity,
    pub root_cause: String,
    pub explanation: String,
    pub remedies: Vec<Remedy>,
    pub prevention: Vec<String>,
    pub runbook: Option<&'static str>,
}

/// An error that no category knows; `quote` is its telling line.
pub fn error(quote: &str) -> Unknown {
    Unknown {
        severity: Severity::Medium,
        root_cause: format!("No known category fits; the text reports: {quote}"),
        explanation: "The text reports an error, but in words that none of the rules knows, so its cause is not proven here. The quoted line is \
                      the most telling one; what stands just before it in the log usually names what was being attempted."
            .to_owned(),
        remedies: look_around(),
        prevention: vec![
            "If this error comes back, add a rule for it (RULES_DIR) and a runbook, so that the next person gets an answer.".to_owned(),
            "Log errors with what was attempted and on which object, so that one line is enough to tell the cause.".to_owned(),
        ],
        runbook: Some("unknown-error.md"),
    }
}

/// A text that reports no error.
pub fn no_error(mentions_faults: bool) -> Unknown {
    let seen = if mentions_faults {
        "It mentions faults, but as absent, counted as zero, described or over, and nothing says that one is happening now."
    } else {
        "Nothing in it reads like a failure: no exception, no refusal, no reason that Kubernetes or a program gives for trouble."
    };
    Unknown {
        severity: Severity::Low,
        root_cause: "No error is seen in this text.".to_owned(),
        explanation: format!(
            "{seen} If something is wrong nevertheless, send what a person saw: the exact message, the events of the object, or the last lines of \
             its log before it stopped."
        ),
        remedies: look_around(),
        prevention: Vec::new(),
        runbook: None,
    }
}

/// A cluster was looked at, and what was asked about is well.
pub fn healthy(target: &str) -> Unknown {
    Unknown {
        severity: Severity::Low,
        root_cause: format!("Nothing is wrong with {target} as far as its status, its events and its logs tell."),
        explanation: "Its pods are ready, nothing that belongs to it reports a fault, and its logs show none. If users see trouble nevertheless, look at what it \
                      depends on and at what stands before it, or send the exact message that they see."
            .to_owned(),
        remedies: look_around(),
        prevention: Vec::new(),
        runbook: None,
    }
}

fn look_around() -> Vec<Remedy> {
    let read = |command: &str, description: &str, when: Option<&str>| Remedy {
        command: command.to_owned(),
        description: description.to_owned(),
        action: ActionKind::Read,
        when: when.map(str::to_owned),
    };
    vec![
        read(
            "kubectl get pods -n {{ namespace }} -o wide",
            "See which pods are unwell, how often they restarted and on which node",
            None,
        ),
        read(
            "kubectl get events -n {{ namespace }} --sort-by=.lastTimestamp",
            "Read what the cluster itself reported, newest last",
            None,
        ),
        read(
            "kubectl describe pod {{ pod }} -n {{ namespace }}",
            "Read states, last states, probes and events of the pod",
            Some("pod"),
        ),
        read(
            "kubectl logs {{ pod }} -n {{ namespace }} --all-containers --tail=200",
            "Read the lines around the error",
            Some("pod"),
        ),
        read(
            "kubectl logs {{ workload }} -n {{ namespace }} --all-containers --tail=200",
            "Read the lines around the error",
            Some("not pod"),
        ),
    ]
}

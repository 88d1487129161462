//! What is done without a person: low risk, allowed by the policy, proven by the cluster, within budgets, and one at a time.

use jiff::{SignedDuration, Timestamp};
use tracing::warn;

use super::{super::Stages, AUTO, NotDone, Shown, decide, mode, pause};
use crate::{
    domain::{
        diagnosis::Diagnosis,
        evidence::Source,
        finding::Role,
        remediation::{Remediation, RemediationStatus},
        ruling::PolicyDecision,
        verdict::RiskLevel,
    },
    incidents::{Bound, Spent, Store},
    remediate::Mode,
};

/// A cause that the rules are less sure of is looked at by a person.
const SURE: f32 = 0.8;
/// Remediations of one target in a day that did not help, after which a person is needed.
const MOST_FAILURES: i64 = 2;
const DAY: SignedDuration = SignedDuration::from_hours(24);
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// Decides by the policy alone. Returns why it did not; `None` = it did, or mode auto is not on.
pub async fn consider(
    stages: &Stages,
    store: &Store,
    shown: &Shown,
    diagnosis: &Diagnosis,
    now: Timestamp,
) -> Result<Option<String>, NotDone> {
    if mode(stages) != Mode::Auto || shown.status() != RemediationStatus::Proposed {
        return Ok(None);
    }
    // Of all replicas one decides at a time: what one of them has in work keeps the others back.
    let holder = format!("{} {}", stages.remediator.holder, shown.id());
    let until = now.checked_add(DECIDES_WITHIN).unwrap_or(Timestamp::MAX);
    if !store.leases().acquire(DECIDING, &holder, until, now).await? {
        return Ok(Some("another replica is deciding just now".to_owned()));
    }
    let decided = decided(stages, store, shown, diagnosis, now).await;
    store.leases().release(DECIDING, &holder).await?;
    decided
}

const DECIDING: &str = "remediate auto";
const DECIDES_WITHIN: SignedDuration = SignedDuration::from_secs(10);

async fn decided(
    stages: &Stages,
    store: &Store,
    shown: &Shown,
    diagnosis: &Diagnosis,
    now: Timestamp,
) -> Result<Option<String>, NotDone> {
    if let Some(why) = not_by_itself(stages, store, shown, diagnosis, now).await? {
        return Ok(Some(why));
    }
    let Some(found) = store.remediations().read(shown.id()).await? else { return Ok(None) };
    match decide::decide(stages, store, &found, shown.etag(), decide::Verdict::Approved { by: AUTO }, now).await {
        Ok(_) => {
            stages.remediator.wake.notify_one();
            Ok(None)
        }
        // A person was faster.
        Err(NotDone::Changed(_) | NotDone::Expired | NotDone::NotSeen) => {
            store.budgets().give_back(&bounds(stages, &found.proposal.target), now).await?;
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

async fn not_by_itself(
    stages: &Stages,
    store: &Store,
    shown: &Shown,
    diagnosis: &Diagnosis,
    now: Timestamp,
) -> Result<Option<String>, NotDone> {
    let settings = &stages.remediator.settings;
    if let Some(why) = pause::paused(stages, store).await? {
        return Ok(Some(format!("remediation is paused: {why}")));
    }
    if let Some(why) = pause::auto_waits(stages, store).await? {
        return Ok(Some(why));
    }
    if shown.risk() != RiskLevel::Low {
        return Ok(Some(format!("its risk is {}, and only LOW is done without a person", shown.risk().as_str())));
    }
    if shown.policy().decision != PolicyDecision::Allow {
        return Ok(Some("the policy wants a person to approve it".to_owned()));
    }
    if !is_proven(diagnosis) {
        return Ok(Some("the cause is not proven by the cluster itself".to_owned()));
    }
    if shown.pods().is_some_and(|pods| pods > settings.auto_max_pods) {
        return Ok(Some(format!("it would end more than {} pods (AUTO_MAX_PODS)", settings.auto_max_pods)));
    }
    let target = shown.target().to_string();
    let since = now.checked_sub(DAY).unwrap_or(Timestamp::MIN);
    if store.remediations().failures_since(&target, since).await? >= MOST_FAILURES {
        return Ok(Some(format!("{MOST_FAILURES} remediations of {target} did not help within a day: a person is needed")));
    }
    for status in [RemediationStatus::Approved, RemediationStatus::Applying, RemediationStatus::Applied] {
        if let Some(other) = store.remediations().in_status(status).await?.first() {
            return Ok(Some(format!("another remediation is in work: {} of {}", other.id, other.proposal.target)));
        }
    }
    match store.budgets().spend(&bounds(stages, &target), now).await? {
        Spent::Yes => Ok(None),
        Spent::No { budget, free_at } if free_at == Timestamp::MAX => Ok(Some(format!("its budget is zero ({budget})"))),
        Spent::No { budget, free_at } => Ok(Some(format!("its budget is used up ({budget}) until {free_at:.0}"))),
    }
}

/// What one act costs.
fn bounds(stages: &Stages, target: &str) -> Vec<Bound> {
    let settings = &stages.remediator.settings;
    let mut bounds = vec![
        Bound { budget: format!("auto hour {target}"), most: settings.auto_per_target_hour, window: HOUR },
        Bound { budget: "auto hour cluster".to_owned(), most: settings.auto_per_cluster_hour, window: HOUR },
    ];
    let minutes = i64::try_from(settings.auto_cooldown_minutes).unwrap_or(i64::MAX);
    if minutes > 0 {
        let window = SignedDuration::from_mins(minutes);
        bounds.push(Bound { budget: format!("auto cooldown {target}"), most: 1, window });
    }
    bounds
}

/// Gives back what was spent when it was decided on. Where the store fails it stays spent: that only makes it more careful.
pub async fn give_back(stages: &Stages, store: &Store, remediation: &Remediation) {
    let Some(decided_at) = remediation.decided_at else { return };
    if let Err(error) = store.budgets().give_back(&bounds(stages, &remediation.proposal.target), decided_at).await {
        warn!(%error, id = remediation.id, "a budget stays spent");
    }
}

/// The rules found the cause, are sure of it, and it rests on what the cluster shows, not only on what somebody or a log said.
fn is_proven(diagnosis: &Diagnosis) -> bool {
    let Some(root) = diagnosis.findings.first() else { return false };
    let is_seen = |id: &String| {
        let found = diagnosis.evidence.iter().find(|evidence| evidence.id == *id);
        found.is_some_and(|evidence| !matches!(evidence.source, Source::Said | Source::Logs))
    };
    root.role == Role::RootCause
        && root.category == diagnosis.error_category
        && root.confidence >= SURE
        && root.evidence.iter().any(is_seen)
}

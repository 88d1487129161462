//! The kill switch. Paused, nothing new is decided or begun; what was begun is still verified, and undone where it does not help.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::{super::Stages, NotDone, clean, mode, reader, store};
use crate::{
    cluster::{Found, wire::api_of},
    domain::{
        audit::{Act, ActOutcome},
        object::Kind,
    },
    incidents::Store,
    remediate::Mode,
};

/// `yes: why` or `no`.
const PAUSED: &str = "remediation paused";
/// When somebody last resumed, as a time.
const RESUMED_AT: &str = "remediation resumed at";
const SWITCH: &str = "faultline.io/paused";

/// How far remediation goes just now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    pub mode: &'static str,
    /// Why nothing is decided or begun. `None` = it goes on.
    pub paused: Option<String>,
    /// Why nothing is done without a person. `None` = in mode auto it is, in other modes never.
    pub auto_waits: Option<String>,
    pub policy: String,
}

pub async fn standing(stages: &Stages) -> Result<Standing, NotDone> {
    let store = store(stages)?;
    Ok(Standing {
        mode: mode(stages).as_str(),
        paused: paused(stages, &store).await?,
        auto_waits: if mode(stages) == Mode::Auto { auto_waits(stages, &store).await? } else { None },
        policy: stages.policy.version().to_owned(),
    })
}

pub async fn pause(stages: &Stages, why: &str, by: &str, now: Timestamp) -> Result<Standing, NotDone> {
    let store = store(stages)?;
    let (why, by) = (clean(stages, why), clean(stages, by));
    switch(&store, "pause", &format!("yes: {why} ({by})"), &by, now).await?;
    standing(stages).await
}

/// Goes on, in every replica that runs now.
pub async fn resume(stages: &Stages, by: &str, now: Timestamp) -> Result<Standing, NotDone> {
    let (store, by) = (store(stages)?, &clean(stages, by));
    switch(&store, "resume", "no", by, now).await?;
    store.flags().set(RESUMED_AT, &now.as_millisecond().to_string(), by, now).await?;
    stages.remediator.wake.notify_one();
    standing(stages).await
}

/// Paused by Faultline itself, because something needs a person.
pub(super) async fn pause_for(store: &Store, why: &str, now: Timestamp) -> Result<(), NotDone> {
    switch(store, "pause", &format!("yes: {why}"), super::AUTO, now).await
}

async fn switch(store: &Store, action: &str, value: &str, by: &str, now: Timestamp) -> Result<(), NotDone> {
    let act = Act {
        actor: by.to_owned(),
        action: action.to_owned(),
        target: "remediation".to_owned(),
        incident_id: None,
        request_id: None,
        details: json!({"value": value}).to_string(),
    };
    let entry = store.audit().begin(act, now).await?;
    store.flags().set(PAUSED, value, by, now).await?;
    store.audit().complete(entry, ActOutcome::Done, "", now).await?;
    Ok(())
}

/// `None` = it goes on.
pub(super) async fn paused(stages: &Stages, store: &Store) -> Result<Option<String>, NotDone> {
    if let Some(why) = store.flags().get(PAUSED).await?.as_deref().and_then(|value| value.strip_prefix("yes: ")) {
        return Ok(Some(why.to_owned()));
    }
    let settings = &stages.remediator.settings;
    if settings.remediation_paused && !was_resumed(stages, store).await? {
        return Ok(Some("REMEDIATION_PAUSED is set, and nobody resumed it since the start".to_owned()));
    }
    let Some((namespace, name)) = settings.pause_configmap() else { return Ok(None) };
    let reader = reader(stages)?;
    match reader.metadata(api_of(Kind::ConfigMap), Some(namespace), name).await {
        Found::Seen(object) if super::tend::annotation(&object, SWITCH) == Some("true") => {
            Ok(Some(format!("config map {namespace}/{name} says so")))
        }
        Found::Seen(_) | Found::Absent => Ok(None),
        // A switch that cannot be read is taken to be off: nothing is done.
        Found::Unknown => Ok(Some(format!("config map {namespace}/{name} could not be read"))),
    }
}

/// Why mode auto does nothing yet. `None` = it does.
pub(super) async fn auto_waits(stages: &Stages, store: &Store) -> Result<Option<String>, NotDone> {
    if stages.remediator.settings.auto_resume || was_resumed(stages, store).await? {
        return Ok(None);
    }
    Ok(Some("after a start somebody has to resume it (POST /remediations/resume), or AUTO_RESUME is set".to_owned()))
}

async fn was_resumed(stages: &Stages, store: &Store) -> Result<bool, NotDone> {
    let at = store.flags().get(RESUMED_AT).await?.and_then(|at| at.parse::<i64>().ok());
    Ok(at.is_some_and(|at| at >= stages.remediator.started_at.as_millisecond()))
}

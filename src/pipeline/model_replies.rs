//! What a model replied to an equal question: remembered by this process, else by the store for all of them, else asked for.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use super::Stages;
use crate::{
    incidents::{KeptReply, Store, StoreError},
    reason::{
        model::Model,
        prompt::Prompt,
        replies::{Got, Had, Said, Silence},
        reply,
    },
};

/// The store has as long to answer; then it is as if there were none.
const STORE_DEADLINE: Duration = Duration::from_millis(250);

/// A reply to `prompt`. A store that is missing, slow or failing costs nothing but the question to the model.
pub async fn get(
    stages: &Stages,
    model: &Model,
    prompt: &Prompt,
    deadline: Option<Instant>,
    now: Timestamp,
) -> Result<Had, Silence> {
    let turn = match model.replies.get(prompt, model.prompts.version(), deadline).await? {
        Got::Remembered(had) => return Ok(had),
        Got::Turn(turn) => turn,
    };
    let (Some(name), Some(store)) = (turn.name(), stages.records.store()) else { return turn.ask().await };
    let keep = model.replies.keep();
    if let Some((said, age)) = recall(&store, &name, turn.until(), now).await
        && age < keep
    {
        return Ok(turn.remember(said, age));
    }
    let until = turn.until();
    let had = turn.ask().await?;
    kept(stages, &store, &name, &had.said, (keep, until), now).await;
    Ok(had)
}

/// What the store knows, and how long ago it came.
async fn recall(store: &Store, name: &str, until: Instant, now: Timestamp) -> Option<(Said, Duration)> {
    let found = within(until, store.model_replies().recall(name, now)).await??;
    let said: Said = serde_json::from_str(&found.text).ok()?;
    reply::read(&said.text).ok()?;
    // One that came from a replica whose clock is ahead is new.
    let age = Duration::try_from(now.duration_since(found.at)).unwrap_or_default();
    Some((said, age))
}

/// A reply in which something looks like a secret stays in memory.
async fn kept(stages: &Stages, store: &Store, name: &str, said: &Said, (keep, until): (Duration, Instant), now: Timestamp) {
    let Ok(text) = serde_json::to_string(said) else { return };
    if stages.redactor.clean(&said.text).as_str() != said.text {
        return;
    }
    let lasts = SignedDuration::try_from(keep).unwrap_or(SignedDuration::MAX);
    let reply = KeptReply { text, at: now };
    within(until, store.model_replies().keep(name, &reply, now.checked_add(lasts).unwrap_or(Timestamp::MAX))).await;
}

/// `None` = the store failed, or was too slow.
async fn within<T>(until: Instant, asking: impl Future<Output = Result<T, StoreError>>) -> Option<T> {
    match timeout_at(until.min(Instant::now() + STORE_DEADLINE), asking).await {
        Ok(Ok(answer)) => return Some(answer),
        Ok(Err(error)) => warn!(%error, "the store does not remember what models replied: this process does"),
        Err(_) => warn!("the store is too slow to remember what models replied: this process does"),
    }
    None
}

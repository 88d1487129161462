//! What tells callers apart, in the life of the process: keys and certificates of others are looked at again.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::task::JoinSet;

use crate::auth::Auth;

/// Looks after keys until what is returned is dropped.
pub fn keep(auth: &Auth) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    if let Some(keys) = auth.keys() {
        tasks.spawn(Arc::clone(keys).keep_fresh());
    }
    if let Some(oidc) = auth.oidc() {
        tasks.spawn(Arc::clone(oidc).keep_fresh(now));
    }
    tasks
}

#[expect(clippy::disallowed_methods, reason = "the process is an edge: its upkeep reads the clock here")]
fn now() -> Timestamp {
    Timestamp::now()
}

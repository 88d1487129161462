//! Questions about the connection itself: what the account may do, and how the API server's clock goes.

use http::header;
use jiff::{Timestamp, fmt::rfc2822};

use super::{
    Cluster,
    access::{self, Missing, Need},
    wire,
};

impl Cluster {
    /// The time that the API server says it is, in whole seconds. `None` = no live cluster is connected, or it does not say.
    pub async fn clock(&self) -> Option<Timestamp> {
        let request = wire::get("/version", wire::JSON).ok()?;
        let response = self.client()?.send(request).await.ok()?;
        let date = response.headers().get(header::DATE)?.to_str().ok()?;
        Some(rfc2822::parse(date).ok()?.timestamp())
    }

    /// Permissions of looking that the account lacks in the cluster as a whole. `None` = they could not be asked for.
    pub async fn lacking(&self) -> Option<Vec<Missing>> {
        access::missing(&self.client()?).await
    }

    /// Whether the account may do it, in a namespace or, without one, everywhere. `None` = it could not be asked.
    pub async fn may(&self, need: Need, verb: &str, namespace: Option<&str>) -> Option<bool> {
        access::allowed(&self.client()?, need, verb, namespace).await
    }
}

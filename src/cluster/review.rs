//! Asking the cluster about somebody else: whose a token is, and what they may do. Binding `system:auth-delegator` allows it.

use std::time::Duration;

use http::{Method, header};
use kube::client::Body;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use super::{
    Cluster,
    reader::unreachable_because,
    wire::{self, JSON},
};

/// The API group of our own resources, which exist in roles alone.
pub const GROUP: &str = "faultline.io";

/// One question may take as long.
const DEADLINE: Duration = Duration::from_secs(5);
const LONGEST_NAME: usize = 256;

/// A user of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// `system:serviceaccount:shop:deployer`, or what the cluster's own identity provider says.
    pub name: String,
    uid: String,
    groups: Vec<String>,
    /// As the cluster said it; its authorizers may want it.
    extra: Map<String, Value>,
}

/// What a user may or may not do in [`GROUP`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    pub verb: &'static str,
    pub resource: &'static str,
}

/// Why the cluster did not answer.
#[derive(Debug, thiserror::Error)]
#[error("could not ask the cluster: {0}")]
pub struct ReviewError(String);

#[derive(Deserialize)]
struct Review<Status> {
    status: Status,
}

#[derive(Deserialize)]
struct TokenStatus {
    #[serde(default)]
    authenticated: bool,
    #[serde(default)]
    audiences: Vec<String>,
    user: Option<UserInfo>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct UserInfo {
    username: String,
    uid: String,
    groups: Vec<String>,
    extra: Map<String, Value>,
}

#[derive(Deserialize)]
struct AccessStatus {
    #[serde(default)]
    allowed: bool,
    #[serde(default)]
    denied: bool,
}

impl Cluster {
    /// Whose `token` is, which has to be for one of `audiences`, or for the API server itself where there are none. `None` = nobody's.
    pub async fn token_review(&self, token: &str, audiences: &[String]) -> Result<Option<User>, ReviewError> {
        let body = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": audiences},
        });
        let status: TokenStatus = self.review("/apis/authentication.k8s.io/v1/tokenreviews", &body).await?;
        // A server that knows no audiences answers with none: its tokens would open this door as well.
        let is_for_us = audiences.is_empty() || audiences.iter().any(|audience| status.audiences.contains(audience));
        let user = status.user.filter(|user| {
            let is_name = !user.username.is_empty() && user.username.len() <= LONGEST_NAME;
            status.authenticated && is_for_us && is_name && !user.username.chars().any(char::is_control)
        });
        Ok(user.map(|user| User { name: user.username, uid: user.uid, groups: user.groups, extra: user.extra }))
    }

    /// Whether `user` may do what is `asked`, in the cluster as a whole.
    pub async fn access_review(&self, user: &User, asked: Asked) -> Result<bool, ReviewError> {
        let body = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": user.name, "uid": user.uid, "groups": user.groups, "extra": user.extra,
                "resourceAttributes": {"group": GROUP, "resource": asked.resource, "verb": asked.verb},
            },
        });
        let status: AccessStatus = self.review("/apis/authorization.k8s.io/v1/subjectaccessreviews", &body).await?;
        Ok(status.allowed && !status.denied)
    }

    async fn review<Status: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<Status, ReviewError> {
        let failed = |why: String| ReviewError(why);
        let client = self.client().ok_or_else(|| failed("no cluster is connected".to_owned()))?;
        let body = serde_json::to_vec(body).map_err(|error| failed(error.to_string()))?;
        let request = wire::request(Method::POST, path, JSON)
            .header(header::CONTENT_TYPE, JSON)
            .body(Body::from(body))
            .map_err(|error| failed(error.to_string()))?;
        let asking = async {
            let response = client.send(request).await.map_err(|error| failed(unreachable_because(&error).to_string()))?;
            let status = response.status();
            let body = response.into_body().collect_bytes().await.map_err(|error| failed(error.to_string()))?;
            if !status.is_success() {
                return Err(failed(wire::refusal(status, &body).to_string()));
            }
            serde_json::from_slice::<Review<Status>>(&body).map_err(|_| failed("its answer makes no sense".to_owned()))
        };
        let review = timeout(DEADLINE, asking).await.map_err(|_| failed("no answer in time".to_owned()))??;
        Ok(review.status)
    }
}

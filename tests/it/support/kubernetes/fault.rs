//! What goes wrong, for which requests, and how often.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::json;

use super::{Answered, Seen};

/// A way to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Forbidden,
    NotFound,
    /// As to a continue token that is too old.
    Expired,
    TooManyRequests {
        retry_after_seconds: u32,
    },
    InternalError,
    /// Answers, or fails as a later rule says, but late.
    Delay(Duration),
    /// Breaks the connection off within the body.
    CutAfter(usize),
    /// Says 200 and means nothing.
    Garbage,
    /// Never answers.
    Hang,
}

/// A fault and the requests that it happens to.
pub struct Rule {
    applies: Box<dyn Fn(&Seen) -> bool + Send + Sync>,
    fault: Fault,
    /// How often it will still happen.
    left: usize,
}

impl Rule {
    /// For the requests that `applies` says.
    pub fn when(applies: impl Fn(&Seen) -> bool + Send + Sync + 'static, fault: Fault) -> Self {
        Self { applies: Box::new(applies), fault, left: usize::MAX }
    }

    pub fn always(fault: Fault) -> Self {
        Self::when(|_| true, fault)
    }

    pub fn prefix(path: &'static str, fault: Fault) -> Self {
        Self::when(move |seen| seen.path.starts_with(path), fault)
    }

    pub fn suffix(path: &'static str, fault: Fault) -> Self {
        Self::when(move |seen| seen.path.ends_with(path), fault)
    }

    pub fn containing(path: &'static str, fault: Fault) -> Self {
        Self::when(move |seen| seen.path.contains(path), fault)
    }

    /// Only the first of these requests fail.
    pub fn only_first(self, times: usize) -> Self {
        Self { left: times, ..self }
    }

    /// The fault of a request, which counts as having happened.
    pub(super) fn fault(&mut self, seen: &Seen) -> Option<Fault> {
        if self.left == 0 || !(self.applies)(seen) {
            return None;
        }
        self.left -= 1;
        Some(self.fault)
    }
}

impl Fault {
    /// `None` where it lets the request go on.
    pub(super) async fn happen(self, answer: impl FnOnce() -> Response<Bytes>) -> Option<Response<Answered>> {
        Some(match self {
            Self::Forbidden => refusal(StatusCode::FORBIDDEN, "Forbidden", "forbidden: User \"tester\" cannot do this"),
            Self::NotFound => refusal(StatusCode::NOT_FOUND, "NotFound", "the server could not find the requested resource"),
            Self::Expired => refusal(
                StatusCode::GONE,
                "Expired",
                "The provided continue parameter is too old to display a consistent list result.",
            ),
            Self::TooManyRequests { retry_after_seconds } => {
                let what = "too many requests, please try again later.";
                let mut response = refusal(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", what);
                response.headers_mut().insert(header::RETRY_AFTER, retry_after_seconds.into());
                response
            }
            Self::InternalError => {
                refusal(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", "an error on the server has prevented the request")
            }
            Self::Delay(time) => {
                tokio::time::sleep(time).await;
                return None;
            }
            Self::CutAfter(bytes) => answer().map(|body| Answered::cut_after(&body, bytes)),
            Self::Garbage => answer().map(|_| Answered::whole(Bytes::from_static(b"<html>\xff\xfe not what was asked for"))),
            Self::Hang => std::future::pending().await,
        })
    }
}

fn refusal(status: StatusCode, reason: &str, message: &str) -> Response<Answered> {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "details": {}, "code": status.as_u16(),
    });
    let mut response = Response::new(Answered::whole(body.to_string().into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

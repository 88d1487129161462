//! Why something could not be read from a cluster.

/// Told apart as far as an answer would say something else.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// 403: the account may not. Never to be taken for "does not exist".
    #[error("denied: {0}")]
    Denied(String),
    /// 401: the credentials are not accepted.
    #[error("the cluster does not accept the credentials: {0}")]
    Unauthorized(String),
    /// 404 for one object.
    #[error("does not exist")]
    Absent,
    /// 404 for a whole resource: an API that this cluster does not serve, or a recording does not hold.
    #[error("is not served by this cluster")]
    NotServed,
    /// 410: a list went on for too long.
    #[error("the list expired before its end was read")]
    Expired,
    #[error("could not reach the API server: {0}")]
    Unreachable(String),
    #[error("no answer in time")]
    Slow,
    /// Any other refusal.
    #[error("the API server answered {status}: {message}")]
    Refused { status: u16, message: String },
    /// The answer broke off, or is not what it should be.
    #[error("the answer is damaged: {0}")]
    Damaged(String),
    /// What may be read for one request is used up.
    #[error("not read: a request may cost the cluster a bounded number of calls and bytes")]
    Spent,
}

impl ReadError {
    /// True where the same call may do better at once.
    pub fn is_worth_a_retry(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Refused { status, .. } => matches!(status, 429 | 500 | 502 | 503 | 504),
            Self::Denied(_)
            | Self::Unauthorized(_)
            | Self::Absent
            | Self::NotServed
            | Self::Expired
            | Self::Slow
            | Self::Damaged(_)
            | Self::Spent => false,
        }
    }
}

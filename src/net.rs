//! The one outgoing HTTP client: every request has a deadline, every answer a greatest size, TLS is rustls over ring.

use std::fmt;
use std::sync::Once;
use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response, StatusCode};

/// Time to reach a server; what is further away than this is as good as down.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// Why there is no answer to use.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    #[error("could not make an HTTP client: {0}")]
    Client(String),
    #[error("no answer in time")]
    Timeout,
    #[error("could not reach the server: {0}")]
    Unreachable(String),
    /// The server answered, and not with a success.
    #[error("the server answered {status}: {text}")]
    Status {
        status: StatusCode,
        /// The beginning of the body.
        text: String,
        /// What `Retry-After` asks for. `None` = it does not say.
        retry_after: Option<Duration>,
    },
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    #[error("the answer makes no sense: {0}")]
    Nonsense(String),
}

impl NetError {
    /// Whether asking again can help.
    pub fn may_pass(&self) -> bool {
        match self {
            NetError::Timeout | NetError::Unreachable(_) => true,
            NetError::Status { status, .. } => status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS,
            NetError::Client(_) | NetError::TooLarge(_) | NetError::Nonsense(_) => false,
        }
    }
}

/// A secret of the settings: never shown, wherever it is printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }

    /// An empty variable is as good as none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::str::FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Secret, Self::Err> {
        Ok(Secret::new(text.trim()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The process's TLS provider. Called by everything that opens a connection; only the first call does something.
pub fn install_tls() {
    static INSTALL: Once = Once::new();
    // An `Err` says that another part of the process was first, which is as good.
    INSTALL.call_once(|| _ = rustls::crypto::ring::default_provider().install_default());
}

/// A client whose requests take at most `deadline`, redirects and body included.
pub fn client(deadline: Duration) -> Result<Client, NetError> {
    install_tls();
    let builder = Client::builder()
        .user_agent(concat!("faultline/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_DEADLINE.min(deadline))
        .timeout(deadline)
        .redirect(reqwest::redirect::Policy::limited(5));
    builder.build().map_err(|error| NetError::Client(error.to_string()))
}

/// Sends a request and reads its answer, at most `max_bytes` of it.
pub async fn read(request: RequestBuilder, max_bytes: usize) -> Result<Vec<u8>, NetError> {
    let mut response = send(request).await?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(of_transport)? {
        if body.len() + chunk.len() > max_bytes {
            return Err(NetError::TooLarge(max_bytes));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Sends a request; an `Ok` is a success whose body has not been read.
pub async fn send(request: RequestBuilder) -> Result<Response, NetError> {
    let mut response = request.send().await.map_err(of_transport)?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let seconds = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let retry_after = seconds.map(Duration::from_secs);
    let mut text = String::new();
    if let Ok(Some(chunk)) = response.chunk().await {
        text = String::from_utf8_lossy(&chunk).chars().take(200).collect();
    }
    Err(NetError::Status { status, text, retry_after })
}

/// Without the address, which may hold a key.
fn of_transport(error: reqwest::Error) -> NetError {
    if error.is_timeout() {
        return NetError::Timeout;
    }
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    NetError::Unreachable(text)
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn secrets_are_not_shown() {
        let secret: Secret = " sesame ".parse().expect("any text is a secret");
        assert_eq!((format!("{secret:?}").as_str(), secret.expose()), ("***", "sesame"));
    }
}

//! The one outgoing HTTP client: every request has a deadline, every answer a greatest size, TLS is rustls over ring.

use std::fmt;
use std::sync::Once;
use std::time::Duration;

use jiff::{Timestamp, fmt::rfc2822};
use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;
use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode};

use crate::domain::trace::TraceParent;

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
    client_with(deadline, Policy::limited(5))
}

/// The same, which follows no redirect: a key in a header of ours must not go where another server points.
pub fn direct_client(deadline: Duration) -> Result<Client, NetError> {
    client_with(deadline, Policy::none())
}

fn client_with(deadline: Duration, redirects: Policy) -> Result<Client, NetError> {
    install_tls();
    let builder = Client::builder()
        .user_agent(concat!("faultline/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_DEADLINE.min(deadline))
        .timeout(deadline)
        .redirect(redirects);
    builder.build().map_err(|error| NetError::Client(error.to_string()))
}

/// Whatever a server answered, success or not.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// Sends a request and reads the answer of any status. A success larger than `max_bytes` is an error; of anything else
/// the beginning is enough.
pub async fn exchange(request: RequestBuilder, max_bytes: usize) -> Result<Answer, NetError> {
    let mut response = traced(request).send().await.map_err(of_transport)?;
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= max_bytes => body.extend_from_slice(&chunk),
            Ok(Some(_)) if status.is_success() => return Err(NetError::TooLarge(max_bytes)),
            Err(error) if status.is_success() => return Err(of_transport(error)),
            Ok(Some(_) | None) | Err(_) => return Ok(Answer { status, headers, body }),
        }
    }
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
    let mut response = traced(request).send().await.map_err(of_transport)?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let retry_after = retry_after(response.headers());
    let mut text = String::new();
    if let Ok(Some(chunk)) = response.chunk().await {
        text = String::from_utf8_lossy(&chunk).chars().take(200).collect();
    }
    Err(NetError::Status { status, text, retry_after })
}

/// The same request, which names the trace that it is a part of, if it is part of one.
fn traced(request: RequestBuilder) -> RequestBuilder {
    trace_context().into_iter().fold(request, |request, (name, value)| request.header(name, value))
}

/// The headers that name the trace which whatever is done now is a part of (W3C Trace Context); none where it is part of none.
pub fn trace_context() -> Vec<(&'static str, String)> {
    let context = Context::current();
    let span = context.span();
    let span = span.span_context();
    if !span.is_valid() {
        return Vec::new();
    }
    let parent = TraceParent {
        trace_id: u128::from_be_bytes(span.trace_id().to_bytes()),
        span_id: u64::from_be_bytes(span.span_id().to_bytes()),
        is_sampled: span.is_sampled(),
    };
    let mut headers = vec![("traceparent", parent.header())];
    let state = span.trace_state().header();
    if !state.is_empty() {
        headers.push(("tracestate", state));
    }
    headers
}

/// How long the server asks to wait: `retry-after-ms`, or `retry-after` in seconds or as a date, which counts from the
/// server's own `date`. `None` = it does not say, or not so that it can be read.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let header = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let number = |name: &str| header(name)?.parse::<f64>().ok();
    if let Some(milliseconds) = number("retry-after-ms") {
        return Duration::try_from_secs_f64(milliseconds / 1000.0).ok();
    }
    if let Some(seconds) = number("retry-after") {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let moment = |name: &str| Some(rfc2822::parse(header(name)?).ok()?.timestamp());
    let (now, then): (Timestamp, Timestamp) = (moment("date")?, moment("retry-after")?);
    Some(Duration::try_from(then.duration_since(now)).unwrap_or(Duration::ZERO))
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
    use super::{Secret, retry_after};
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

    #[test]
    fn secrets_are_not_shown() {
        let secret: Secret = " sesame ".parse().expect("any text is a secret");
        assert_eq!((format!("{secret:?}").as_str(), secret.expose()), ("***", "sesame"));
    }

    #[test]
    fn a_wish_to_wait_is_read_in_all_its_forms() {
        let wish = |headers: &[(&'static str, &'static str)]| {
            let headers = headers.iter();
            let headers = headers.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
            retry_after(&headers.collect::<HeaderMap>()).map(|wait| wait.as_millis())
        };
        assert_eq!(wish(&[("retry-after", "2")]), Some(2000));
        assert_eq!(wish(&[("retry-after", " 1.5 ")]), Some(1500));
        assert_eq!(wish(&[("retry-after", "2"), ("retry-after-ms", "150")]), Some(150));
        let date = ("date", "Wed, 21 Oct 2015 07:28:00 GMT");
        assert_eq!(wish(&[date, ("retry-after", "Wed, 21 Oct 2015 07:28:09 GMT")]), Some(9000));
        assert_eq!(wish(&[date, ("retry-after", "Wed, 21 Oct 2015 07:27:00 GMT")]), Some(0), "already over");
        assert_eq!(wish(&[("retry-after", "Wed, 21 Oct 2015 07:28:09 GMT")]), None, "from when?");
        for nonsense in ["soon", "-1", "NaN", "1e400", ""] {
            assert_eq!(wish(&[("retry-after", nonsense)]), None, "{nonsense}");
        }
    }
}

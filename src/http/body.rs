//! The body of a request: JSON, in UTF-8, bounded in size and time.

use std::{future::poll_fn, pin::Pin, time::Duration};

use axum::{
    body::{Body, Bytes, HttpBody},
    http::{HeaderMap, header},
};

use super::{
    json::Json,
    problem::{Code, Problem},
};

/// Largest body: two texts of 256 KiB with their escapes, and names.
pub const MAX_BODY_BYTES: usize = 600 << 10;

/// A body that is too large is still read up to this size: most clients read no answer before they have sent all.
const MAX_DRAINED_BYTES: u64 = 8 << 20;

/// A document and how much was sent for it.
pub struct Document {
    pub json: Json,
    pub size_bytes: usize,
}

/// Reads the whole body as one JSON document.
pub async fn read(headers: &HeaderMap, body: Body, deadline: Duration) -> Result<Document, Problem> {
    let text = read_text(headers, body, deadline, MAX_BODY_BYTES).await?;
    let json = serde_json::from_str(&text)
        .map_err(|error| Problem::new(Code::InvalidJson, format!("the body is not valid JSON: {error}")))?;
    Ok(Document { json, size_bytes: text.len() })
}

/// The same where nothing has to be said: no body is an empty document. The page of another site can send none so, too, and names
/// itself as the origin: that has to say JSON, which it may not.
pub async fn read_optional(headers: &HeaderMap, body: Body, deadline: Duration) -> Result<Document, Problem> {
    let says_nothing = !headers.contains_key(header::CONTENT_TYPE) && !headers.contains_key(header::ORIGIN);
    if says_nothing && body.is_end_stream() {
        return Ok(Document { json: Json::Object(Vec::new()), size_bytes: 0 });
    }
    read(headers, body, deadline).await
}

/// Reads the whole body, at most `most_bytes` of it, as text that says it is JSON.
pub async fn read_text(headers: &HeaderMap, body: Body, deadline: Duration, most_bytes: usize) -> Result<String, Problem> {
    let bytes = bytes(body, deadline, most_bytes).await?;
    require_json(headers)?;
    String::from_utf8(bytes.into()).map_err(|_| Problem::of(Code::InvalidUtf8))
}

/// The whole body, if it has at most `most_bytes` and arrives in time.
pub async fn bytes(body: Body, deadline: Duration, most_bytes: usize) -> Result<Bytes, Problem> {
    let collected = tokio::time::timeout(deadline, collect(body, most_bytes)).await;
    collected.map_err(|_| Problem::of(Code::BodyTimeout))?
}

/// `application/json` or any `application/*+json`, in UTF-8.
fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = content_type.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
    let is_json = media_type == "application/json"
        || media_type.strip_prefix("application/").is_some_and(|subtype| subtype.ends_with("+json") && subtype.len() > 5);
    let is_utf8 = parts.all(|parameter| match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            matches!(value.trim().trim_matches('"').to_ascii_lowercase().as_str(), "utf-8" | "utf8")
        }
        Some(_) | None => true,
    });
    let is_plain = headers.get(header::CONTENT_ENCODING).is_none_or(|encoding| encoding == "identity");
    if is_json && is_utf8 && is_plain { Ok(()) } else { Err(Problem::of(Code::UnsupportedMediaType)) }
}

/// All bytes of the body. The usual body is one frame and is not copied.
async fn collect(mut body: Body, most_bytes: usize) -> Result<Bytes, Problem> {
    let mut first = Bytes::new();
    let mut rest: Vec<u8> = Vec::new();
    let mut seen_bytes = 0;
    if body.size_hint().lower() > MAX_DRAINED_BYTES {
        return Err(too_large(most_bytes));
    }
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(data) = frame.map_err(|_| Problem::of(Code::IncompleteBody))?.into_data() else {
            continue;
        };
        seen_bytes += data.len();
        if seen_bytes as u64 > MAX_DRAINED_BYTES {
            break;
        }
        if seen_bytes > most_bytes {
            (first, rest) = (Bytes::new(), Vec::new());
        } else if first.is_empty() {
            first = data;
        } else {
            rest.extend_from_slice(&data);
        }
    }
    if seen_bytes > most_bytes {
        return Err(too_large(most_bytes));
    }
    Ok(if rest.is_empty() { first } else { Bytes::from([first.as_ref(), &rest].concat()) })
}

fn too_large(most_bytes: usize) -> Problem {
    Problem::new(Code::BodyTooLarge, format!("the body is larger than {most_bytes} bytes"))
}

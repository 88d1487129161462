//! What a request asks for: its path and its query, decoded.

use bytes::Bytes;
use http::{Request, header::ACCEPT};

/// The path of a request and what its query says.
#[derive(Debug)]
pub struct Asked {
    pub segments: Vec<String>,
    query: Vec<(String, String)>,
    pub view: View,
}

/// How objects are to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    Whole,
    /// `PartialObjectMetadata`.
    Metadata,
}

impl Asked {
    pub fn of(request: &Request<Bytes>) -> Self {
        let segments = request.uri().path().split('/').filter(|segment| !segment.is_empty());
        let accept = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
        // The first that is asked for is what is liked best.
        let is_metadata = accept.split(',').next().is_some_and(|first| first.contains("as=PartialObjectMetadata"));
        Self {
            segments: segments.map(|segment| decode(segment, Plus::IsPlus)).collect(),
            query: query_of(request.uri().query().unwrap_or_default()),
            view: if is_metadata { View::Metadata } else { View::Whole },
        }
    }

    /// A parameter; empty where it was not given.
    pub fn parameter(&self, name: &str) -> &str {
        self.query.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// A parameter that is `true` or `1`.
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.parameter(name), "true" | "1")
    }

    /// A parameter that counts something. `None` means it was not given.
    pub fn count(&self, name: &str) -> Result<Option<usize>, String> {
        match self.parameter(name) {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| format!("invalid value for {name}: {text:?} is not a number of things")),
        }
    }
}

/// The parameters of a query, decoded, in their order.
pub fn query_of(query: &str) -> Vec<(String, String)> {
    let parameters = query.split('&').filter(|parameter| !parameter.is_empty());
    let parameters = parameters.map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")));
    parameters.map(|(key, value)| (decode(key, Plus::IsSpace), decode(value, Plus::IsSpace))).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Plus {
    IsPlus,
    IsSpace,
}

fn decode(text: &str, plus: Plus) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        let escaped = match (byte, after) {
            (b'%', [high, low, after @ ..]) => {
                char::from(*high).to_digit(16).zip(char::from(*low).to_digit(16)).map(|digits| (digits, after))
            }
            _ => None,
        };
        let plain = if *byte == b'+' && plus == Plus::IsSpace { b' ' } else { *byte };
        let (decoded, after) = match escaped {
            Some(((high, low), after)) => (u8::try_from(high * 16 + low).unwrap_or(plain), after),
            None => (plain, after),
        };
        bytes.push(decoded);
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

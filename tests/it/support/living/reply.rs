//! A request as the server reads it, and what it answers.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use super::failure::{Failure, Wrong};

pub struct Asked {
    pub method: String,
    pub path: String,
    /// Decoded, in their order.
    pub query: Vec<(String, String)>,
    pub accept: String,
    pub content_type: String,
    pub body: Bytes,
}

impl Asked {
    /// A parameter; empty where it was not given.
    pub fn parameter(&self, name: &str) -> &str {
        self.query.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// Whether nothing may be stored, as parameters of the request say.
    pub fn dry_run(&self, options: &str) -> Result<bool, Failure> {
        let mut values = self.query.iter().filter(|(key, _)| key == "dryRun").map(|(_, value)| value);
        if let Some(value) = values.clone().find(|value| *value != "All") {
            return Err(Failure::invalid_options(options, &[Wrong::unsupported("dryRun", &json!([value]), "\"All\"")]));
        }
        Ok(values.next().is_some())
    }

    /// The object that the body is.
    pub fn json(&self) -> Result<Value, Failure> {
        if !self.content_type.is_empty() && !self.content_type.starts_with("application/json") {
            return Err(Failure::unsupported_media(&["application/json", "application/yaml"]));
        }
        let unreadable = "the object provided is unrecognized (must be of type object)";
        let object: Value =
            serde_json::from_slice(&self.body).map_err(|error| Failure::bad_request(format!("{unreadable}: {error}")))?;
        if object.is_object() { Ok(object) } else { Err(Failure::bad_request(unreadable)) }
    }

    pub fn wants_metadata_only(&self) -> bool {
        self.accept.split(';').any(|part| part.trim().starts_with("as=PartialObjectMetadata"))
    }
}

#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    body: Body,
    warnings: Vec<String>,
}

#[derive(Debug, Clone)]
enum Body {
    Object(Value),
    Text(String),
}

impl Reply {
    pub fn object(status: u16, object: Value) -> Self {
        Self { status, body: Body::Object(object), warnings: Vec::new() }
    }

    pub fn text(text: String) -> Self {
        Self { status: 200, body: Body::Text(text), warnings: Vec::new() }
    }

    pub fn failure(failure: &Failure) -> Self {
        Self::object(failure.code, failure.body())
    }

    pub fn warning(mut self, warnings: Vec<String>) -> Self {
        self.warnings.extend(warnings);
        self
    }

    /// With its object cut down to the metadata, if it is one.
    pub fn metadata_only(mut self) -> Self {
        if let Body::Object(object) = &mut self.body
            && object["kind"] != "Status"
        {
            *object = partial(object);
        }
        self
    }

    pub fn response(self) -> Response<Bytes> {
        let retry_after = match &self.body {
            Body::Object(object) => object["details"]["retryAfterSeconds"].as_u64(),
            Body::Text(_) => None,
        };
        let (content_type, body) = match self.body {
            Body::Object(object) => ("application/json", object.to_string()),
            Body::Text(text) => ("text/plain", text),
        };
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = StatusCode::from_u16(self.status).expect("a status code of HTTP");
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        for warning in &self.warnings {
            let warning = format!("299 - {}", Value::String(warning.clone()));
            headers.append(header::WARNING, warning.parse().expect("warnings are plain text"));
        }
        response
    }
}

pub fn partial(object: &Value) -> Value {
    if let Some(items) = object["items"].as_array() {
        let items: Vec<Value> = items.iter().map(partial).collect();
        return json!({
            "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"], "items": items,
        });
    }
    json!({ "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"] })
}

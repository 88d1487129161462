//! `GET /openapi.json`, `/docs` and `/problems/{code}`: the contract, for programs and for people.

use std::{fmt::Write, sync::LazyLock};

use axum::{
    body::{Body, Bytes},
    extract::{Path, rejection::PathRejection},
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};
use serde_json::Value;

use super::{
    accept::{self, Form},
    page::{self, escape},
    problem::{Code, Problem},
};

/// The document as its authors write it.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let mut document: Value = serde_saphyr::from_str(include_str!("openapi.yaml")).unwrap_or_default();
    document["info"]["version"] = env!("CARGO_PKG_VERSION").into();
    document
});

static JSON: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(DOCUMENT.to_string()));

static PAGE: LazyLock<String> = LazyLock::new(|| docs_body(&DOCUMENT));

/// The document; a test makes sure that it can be read.
pub fn document() -> &'static Value {
    &DOCUMENT
}

pub async fn json() -> Response {
    let mut response = Response::new(Body::from(JSON.clone()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

pub async fn docs() -> Response {
    page::html("Faultline API", &PAGE)
}

/// What the `type` of a problem leads to.
pub async fn problem(path: Result<Path<String>, PathRejection>, headers: HeaderMap) -> Result<Response, Problem> {
    let Path(name) = path.map_err(|_| Problem::of(Code::InvalidPath))?;
    let code = Code::ALL.iter().find(|code| code.as_str() == name).ok_or_else(|| Problem::of(Code::NotFound))?;
    let (title, meaning, status) = (code.title(), code.meaning(), code.status().as_u16());
    Ok(match accept::choose(&headers, &[Form::Json, Form::Html]) {
        Form::Html => page::html(
            title,
            &format!(
                "<p><a href=\"/docs#problems\">Problems</a></p>\n<h1>{title}</h1>\n<p>Status {status}, code <code>{name}</code>.</p>\n<p>{meaning}</p>"
            ),
        ),
        Form::Json | Form::Markdown | Form::Plain | Form::Events => {
            let body = serde_json::json!({"code": name, "status": status, "title": title, "meaning": meaning});
            super::diagnose::answer(Form::Json, body.to_string().into_bytes())
        }
    })
}

fn docs_body(document: &Value) -> String {
    let mut body = String::new();
    let text = |value: &Value| escape(value.as_str().unwrap_or_default());
    let _ = write!(body, "<p><a href=\"/\">Faultline</a></p>\n<h1>{}</h1>\n", text(&document["info"]["title"]));
    paragraphs(&mut body, document["info"]["description"].as_str());
    let paths = document["paths"].as_object().into_iter().flatten();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            endpoint(&mut body, document, path, &method.to_uppercase(), operation);
        }
    }
    body.push_str("<h2 id=\"problems\">Problems</h2>\n<table><tr><th>Status</th><th>Code</th><th>Meaning</th></tr>\n");
    for code in Code::ALL {
        let (name, status) = (code.as_str(), code.status().as_u16());
        let _ = writeln!(
            body,
            "<tr><td>{status}</td><td><a href=\"/problems/{name}\">{name}</a></td><td>{}</td></tr>",
            escape(code.meaning())
        );
    }
    body.push_str("</table>");
    body
}

fn endpoint(body: &mut String, document: &Value, path: &str, method: &str, operation: &Value) {
    let summary = escape(operation["summary"].as_str().unwrap_or_default());
    let _ = write!(body, "<h2><span class=\"method\">{method}</span> <code>{}</code></h2>\n<p>{summary}</p>\n", escape(path));
    paragraphs(body, operation["description"].as_str());
    let example = &operation["requestBody"]["content"]["application/json"]["example"];
    let curl = if example.is_null() {
        format!("curl -s 'http://localhost:8000{}'", path.replace("{id}", "oomkilled").replace("{code}", "rate-limited"))
    } else {
        format!(
            "curl -s http://localhost:8000{path} -H 'content-type: application/json' -d '{}'",
            example.to_string().replace('\'', "'\\''")
        )
    };
    let _ = write!(body, "<pre><code>{}</code></pre>\n<table><tr><th>Status</th><th>Answer</th></tr>\n", escape(&curl));
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let referred = response["$ref"].as_str().and_then(|pointer| document.pointer(pointer.trim_start_matches('#')));
        let response = referred.unwrap_or(response);
        let description = response["description"].as_str().unwrap_or_default();
        let types: Vec<_> = response["content"].as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        let _ = writeln!(
            body,
            "<tr><td>{}</td><td>{} <span class=\"quiet\">{}</span></td></tr>",
            escape(status),
            escape(description),
            escape(&types.join(", "))
        );
    }
    body.push_str("</table>\n");
}

fn paragraphs(body: &mut String, text: Option<&str>) {
    for paragraph in text.unwrap_or_default().split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()) {
        let _ = writeln!(body, "<p>{}</p>", escape(paragraph.trim()));
    }
}

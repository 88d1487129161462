//! `GET /cluster-health`

use std::sync::Arc;

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::HeaderMap,
    response::Response,
};

use super::{
    Shared,
    accept::{self, Form},
    diagnose::{answer, now},
    fields::{is_namespace, pointer_in},
    markdown,
    problem::{Code, FieldError, Problem},
};
use crate::pipeline::cluster_health;

/// Namespaces of one parameter.
const MOST_NAMESPACES: usize = 50;
/// Longest name of a namespace: an RFC 1123 label.
const MAX_NAME_BYTES: usize = 63;
/// Wrong parameters that are named.
const MAX_ERRORS: usize = 16;

pub async fn handler(
    State(shared): State<Arc<Shared>>,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Query(pairs) = query.map_err(|_| Problem::new(Code::InvalidRequest, "the query cannot be decoded"))?;
    let namespaces = namespaces(&pairs)?;
    let work = cluster_health::cluster_health(&shared.stages, &namespaces, now());
    let health = tokio::time::timeout(shared.work_deadline, work).await.map_err(|_| Problem::of(Code::Timeout))?;
    let form = accept::choose(&headers, &[Form::Json, Form::Markdown, Form::Plain]);
    let text = match form {
        Form::Json | Form::Html | Form::Events => serde_json::to_vec(&health).map_err(|_| Problem::of(Code::Internal))?,
        Form::Markdown | Form::Plain => markdown::cluster_health(&health).into_bytes(),
    };
    Ok(answer(form, text))
}

/// `namespace=a&namespace=b` and `namespaces=a,b`; nothing else. Nothing between commas names nothing.
fn namespaces(pairs: &[(String, String)]) -> Result<Vec<String>, Problem> {
    let mut all: Vec<String> = Vec::new();
    let mut errors: Vec<FieldError> = Vec::new();
    let mut refuse = |name: &str, detail: &str| {
        errors.push(FieldError { detail: detail.to_owned(), pointer: pointer_in("#", name, MAX_NAME_BYTES) });
    };
    let mut counts = [("namespace", 0), ("namespaces", 0)];
    for (name, value) in pairs {
        let values: Vec<&str> = match name.as_str() {
            "namespace" => vec![value],
            "namespaces" => value.split(',').collect(),
            _ => {
                refuse(name, "is not a parameter of this request");
                continue;
            }
        };
        counts.iter_mut().filter(|(known, _)| known == name).for_each(|(_, count)| *count += values.len());
        for value in values.into_iter().filter(|value| !value.is_empty() || name == "namespace") {
            if !is_namespace(value) {
                refuse(name, "must be a namespace: lower-case letters, digits and '-', at most 63 characters");
            } else if !all.iter().any(|known| known == value) {
                all.push(value.to_owned());
            }
        }
    }
    for (name, _) in counts.into_iter().filter(|(_, count)| *count > MOST_NAMESPACES) {
        refuse(name, "must not name more than 50 namespaces; name none to see them all");
    }
    let Some(first) = errors.first() else { return Ok(all) };
    let detail = format!("{} {}", first.pointer.trim_start_matches("#/"), first.detail);
    errors.truncate(MAX_ERRORS);
    Err(Problem::new(Code::InvalidRequest, detail).with_errors(errors))
}

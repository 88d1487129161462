//! `POST /suggest-runbook`

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::Response,
};
use serde::Serialize;

use super::{
    Shared,
    accept::{self, Form},
    body,
    diagnose::answer,
    fields::Fields,
    json::Json,
    markdown,
    problem::{Code, Problem},
    request_id::RequestId,
};
use crate::{
    domain::{evidence::Gap, passage::Suggestion},
    pipeline::{Stages, runbooks, suggest},
};

const MAX_TOP_K: u64 = 20;
const DEFAULT_TOP_K: u64 = 3;

pub async fn handler(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let document = body::read(&parts.headers, body, shared.body_deadline).await?;
    let asked = read(document.json)?;
    let found =
        shared.work(document.size_bytes, move |stages| suggest::suggest(stages, &asked.error_message, asked.top_k)).await?;
    shared.metrics.suggested(found.results.len(), &found.gaps);

    let id = RequestId::from_extensions(&parts.extensions);
    let results: Vec<Item> = found.results.into_iter().map(|one| Item::new(&shared.stages, one)).collect();
    let suggestions = Suggestions { request_id: id.as_str(), results, gaps: &found.gaps };
    let form = accept::choose(&parts.headers, &[Form::Json, Form::Markdown, Form::Plain]);
    let text = match form {
        Form::Json | Form::Html => serde_json::to_vec(&suggestions).map_err(|_| Problem::of(Code::Internal))?,
        Form::Markdown | Form::Plain => markdown::suggestions(&suggestions).into_bytes(),
    };
    Ok(answer(form, text))
}

struct Asked {
    error_message: String,
    top_k: usize,
}

fn read(document: Json) -> Result<Asked, Problem> {
    let mut fields = Fields::open(document)?;
    let error_message = fields.required_text("error_message");
    let top_k = fields.integer("top_k", 1..=MAX_TOP_K).unwrap_or(DEFAULT_TOP_K);
    fields.close()?;
    Ok(Asked { error_message, top_k: usize::try_from(top_k).unwrap_or(usize::MAX) })
}

#[derive(Serialize)]
pub struct Suggestions<'a> {
    pub request_id: &'a str,
    pub results: Vec<Item>,
    pub gaps: &'a [Gap],
}

#[derive(Serialize)]
pub struct Item {
    pub runbook: String,
    pub title: String,
    pub section: String,
    pub excerpt: String,
    pub score: f64,
    pub categories: Vec<String>,
    pub url: String,
}

impl Item {
    fn new(stages: &Stages, suggestion: Suggestion) -> Self {
        let url = runbooks::url(stages, &suggestion.runbook, &suggestion.anchor);
        Self {
            runbook: suggestion.runbook,
            title: suggestion.title,
            section: suggestion.section,
            excerpt: suggestion.excerpt,
            score: suggestion.score,
            categories: suggestion.categories,
            url,
        }
    }
}

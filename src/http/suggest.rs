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
    domain::{
        evidence::Gap,
        passage::{Suggestion, Why},
        text::CleanText,
    },
    pipeline::{Stages, runbooks, suggest},
};

const MAX_TOP_K: u64 = 20;
const DEFAULT_TOP_K: u64 = 3;

pub async fn handler(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let document = body::read(&parts.headers, body, shared.body_deadline).await?;
    let asked = read(document.json, &shared.stages)?;
    let wants_why = asked.why;
    let work = move |stages: Arc<Stages>| async move { suggest::suggest(&stages, &asked.error_message, asked.top_k).await };
    let found = shared.work(document.size_bytes, work).await?;
    shared.metrics.suggested(found.results.len(), &found.gaps);

    let id = RequestId::from_extensions(&parts.extensions);
    let results: Vec<Item> = found.results.iter().map(|one| Item::new(&shared.stages, one, wants_why)).collect();
    let suggestions = Suggestions { request_id: id.as_str(), results, gaps: &found.gaps };
    let form = accept::choose(&parts.headers, &[Form::Json, Form::Markdown, Form::Plain]);
    let text = match form {
        Form::Json | Form::Html | Form::Events => serde_json::to_vec(&suggestions).map_err(|_| Problem::of(Code::Internal))?,
        Form::Markdown | Form::Plain => markdown::suggestions(&suggestions).into_bytes(),
    };
    Ok(answer(form, text))
}

struct Asked {
    error_message: CleanText,
    top_k: usize,
    /// What each score rests on is wanted.
    why: bool,
}

fn read(document: Json, stages: &Stages) -> Result<Asked, Problem> {
    let mut fields = Fields::open(document)?;
    let error_message = fields.required_text("error_message");
    let top_k = fields.integer("top_k", 1..=MAX_TOP_K).unwrap_or(DEFAULT_TOP_K);
    let why = fields.flag("why").unwrap_or(false);
    fields.close()?;
    let error_message = stages.redactor.clean(&error_message);
    Ok(Asked { error_message, top_k: usize::try_from(top_k).unwrap_or(usize::MAX), why })
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
    /// `None` = it was not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<Why>,
}

impl Item {
    fn new(stages: &Stages, suggestion: &Suggestion, wants_why: bool) -> Self {
        let url = runbooks::url(stages, &suggestion.runbook, &suggestion.anchor);
        Self {
            runbook: suggestion.runbook.clone(),
            title: suggestion.title.clone(),
            section: suggestion.section.clone(),
            excerpt: suggestion.excerpt.clone(),
            score: suggestion.score,
            categories: suggestion.categories.clone(),
            url,
            why: wants_why.then(|| suggestion.why.clone()),
        }
    }
}

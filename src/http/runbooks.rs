//! `GET /runbooks` and `GET /runbooks/{id}`

use std::{fmt::Write, sync::Arc};

use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};
use serde::Serialize;

use super::{
    Shared,
    accept::{self, Form},
    diagnose::answer,
    page,
    problem::{Code, Problem},
};
use crate::pipeline::runbooks::{self, Page, Summary};

#[derive(Serialize)]
struct List<'a> {
    runbooks: Vec<Item<'a>>,
}

#[derive(Serialize)]
struct Item<'a> {
    id: &'a str,
    /// The name that answers call `runbook`.
    runbook: &'a str,
    title: &'a str,
    categories: &'a [String],
    tags: &'a [String],
    owner: Option<&'a str>,
    reviewed: Option<&'a str>,
    url: &'a str,
}

#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    item: Item<'a>,
    markdown: &'a str,
    html: &'a str,
}

impl<'a> Item<'a> {
    fn new(summary: &'a Summary) -> Self {
        Self {
            id: &summary.id,
            runbook: &summary.file,
            title: &summary.title,
            categories: &summary.categories,
            tags: &summary.tags,
            owner: summary.owner.as_deref(),
            reviewed: summary.reviewed.as_deref(),
            url: &summary.url,
        }
    }
}

pub async fn list(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Result<Response, Problem> {
    let summaries = runbooks::list(&shared.stages);
    match accept::choose(&headers, &[Form::Json, Form::Html]) {
        Form::Html => Ok(varied(list_page(&summaries))),
        Form::Json | Form::Markdown | Form::Plain | Form::Events => {
            json(&List { runbooks: summaries.iter().map(Item::new).collect() })
        }
    }
}

pub async fn read(
    State(shared): State<Arc<Shared>>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Path(id) = id.map_err(|_| Problem::of(Code::InvalidPath))?;
    let runbook = runbooks::read(&shared.stages, &id).ok_or_else(|| Problem::of(Code::RunbookNotFound))?;
    let form = accept::choose(&headers, &[Form::Json, Form::Markdown, Form::Plain, Form::Html]);
    match form {
        Form::Json | Form::Events => {
            let item = Item::new(&runbook.summary);
            json(&Whole { item, markdown: &runbook.markdown, html: &runbook.html })
        }
        Form::Markdown | Form::Plain => Ok(answer(form, runbook.markdown.into_bytes())),
        Form::Html => Ok(varied(runbook_page(&runbook))),
    }
}

fn json(body: &impl Serialize) -> Result<Response, Problem> {
    let text = serde_json::to_vec(body).map_err(|_| Problem::of(Code::Internal))?;
    Ok(answer(Form::Json, text))
}

fn varied(mut response: Response) -> Response {
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    response
}

fn list_page(summaries: &[Summary]) -> Response {
    let mut body = String::from("<p><a href=\"/\">Faultline</a></p>\n<h1>Runbooks</h1>\n<ul>\n");
    for summary in summaries {
        let (url, title) = (page::escape(&summary.url), page::escape(&summary.title));
        let categories = page::escape(&summary.categories.join(", "));
        let _ = writeln!(body, "<li><a href=\"{url}\">{title}</a> <span class=\"quiet\">{categories}</span></li>");
    }
    body.push_str("</ul>");
    page::html("Runbooks", &body)
}

fn runbook_page(runbook: &Page) -> Response {
    let summary = &runbook.summary;
    let mut facts = vec![summary.file.clone()];
    facts.extend(summary.owner.iter().map(|owner| format!("owner {owner}")));
    facts.extend(summary.reviewed.iter().map(|day| format!("reviewed {day}")));
    facts.extend(summary.categories.iter().cloned());
    let facts = page::escape(&facts.join(" \u{b7} "));
    let begins_with_title = runbook.html.trim_start().starts_with("<h1");
    let heading = if begins_with_title { String::new() } else { format!("<h1>{}</h1>\n", page::escape(&summary.title)) };
    let body = format!("<p><a href=\"/runbooks\">Runbooks</a></p>\n{heading}<p class=\"quiet\">{facts}</p>\n{}", runbook.html);
    page::html(&summary.title, &body)
}

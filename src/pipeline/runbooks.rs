//! The runbooks themselves: what there is, and one to read.

use super::Stages;
use crate::retrieve::{library::Library, render, runbook::Runbook};

/// A runbook as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The shortest name by which [`read`] finds it.
    pub id: String,
    /// The file, relative to its folder: what answers call `runbook`.
    pub file: String,
    pub title: String,
    pub categories: Vec<String>,
    pub tags: Vec<String>,
    /// `None` = the runbook does not say.
    pub owner: Option<String>,
    /// Day of the last review, as written. `None` = the runbook does not say.
    pub reviewed: Option<String>,
    /// Path of its page.
    pub url: String,
}

/// A runbook to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub summary: Summary,
    /// The markdown after the front matter.
    pub markdown: String,
    /// The same as a safe HTML fragment, whoever wrote the runbook.
    pub html: String,
}

/// Every runbook, in order of their files.
pub fn list(stages: &Stages) -> Vec<Summary> {
    let library = stages.retriever.library();
    library.runbooks().iter().map(|runbook| summary(&library, runbook)).collect()
}

/// The runbook of that id: its file or its file's name, with or without `.md`.
pub fn read(stages: &Stages, id: &str) -> Option<Page> {
    let library = stages.retriever.library();
    let runbook = library.get(id)?;
    let html = render::to_html(&library, runbook);
    Some(Page { summary: summary(&library, runbook), markdown: runbook.markdown.clone(), html })
}

/// Path of a runbook's page, at the section that `anchor` names; an empty anchor means its top.
pub fn url(stages: &Stages, file: &str, anchor: &str) -> String {
    url_in(&stages.retriever.library(), file, anchor)
}

fn url_in(library: &Library, file: &str, anchor: &str) -> String {
    let id = library.get_exact(file).map_or(file, |runbook| library.id(runbook));
    let mut url = String::with_capacity(id.len() + anchor.len() + 12);
    url.push_str("/runbooks/");
    escape_into(&mut url, id);
    if !anchor.is_empty() {
        url.push('#');
        escape_into(&mut url, anchor);
    }
    url
}

/// The runbook that somebody means by an address or a name: the last part of a path, whatever its case, without `.md`, query
/// and anchor, is the id or the title of one. `None` = none is called so.
pub fn meant_by(stages: &Stages, address: &str) -> Option<String> {
    let path = address.split(['?', '#']).next().unwrap_or(address).trim_end_matches('/');
    let last = path.rsplit('/').next().unwrap_or(path);
    let bare = last.get(..last.len().saturating_sub(3)).filter(|_| last.to_ascii_lowercase().ends_with(".md")).unwrap_or(last);
    if bare.is_empty() {
        return None;
    }
    let library = stages.retriever.library();
    let words = |text: &str| -> Vec<String> {
        text.replace("%20", " ")
            .to_lowercase()
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let titled = || library.runbooks().iter().find(|runbook| words(&runbook.title) == words(bare));
    library.get(bare).or_else(titled).map(|runbook| runbook.file.clone())
}

fn summary(library: &Library, runbook: &Runbook) -> Summary {
    Summary {
        id: library.id(runbook).to_owned(),
        file: runbook.file.clone(),
        title: runbook.title.clone(),
        categories: runbook.categories.clone(),
        tags: runbook.tags.clone(),
        owner: runbook.owner.clone(),
        reviewed: runbook.reviewed.clone(),
        url: url_in(library, &runbook.file, ""),
    }
}

/// Escapes what has a meaning in a URL, and keeps the `/` between folders.
fn escape_into(url: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
}

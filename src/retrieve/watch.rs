//! Where runbooks come from, and whether they changed.
//!
//! Changes are found by looking at sizes and times every few seconds. That works on every file system, also where a
//! mounted `ConfigMap` is replaced by swapping a link, and costs a millisecond for a thousand files.

use super::folder::stamps;
use super::library::Library;
use super::runbook::Problem;
use crate::domain::redact::Redactor;
use std::path::PathBuf;
use std::sync::Arc;

/// Where the runbooks are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the program itself.
    BuiltIn,
    /// In these folders and the folders within them; the first that has a file provides it.
    Folders(Vec<PathBuf>),
}

/// What the files looked like: changes when one of them does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot(Vec<(PathBuf, u64, u128)>);

impl Place {
    /// The runbooks, redacted: what they say is embedded elsewhere and shown.
    pub fn load(&self, redactor: &Arc<Redactor>) -> (Library, Vec<Problem>) {
        match self {
            Place::BuiltIn => Library::builtin(),
            Place::Folders(folders) => Library::load(folders, redactor),
        }
    }

    pub fn snapshot(&self) -> Snapshot {
        match self {
            Place::BuiltIn => Snapshot::default(),
            Place::Folders(folders) => Snapshot(folders.iter().flat_map(|folder| stamps(folder)).collect()),
        }
    }

    /// Tells one place from another in the cache.
    pub fn name(&self) -> String {
        match self {
            Place::BuiltIn => "built in".to_owned(),
            Place::Folders(folders) => {
                let canonical = |folder: &PathBuf| folder.canonicalize().unwrap_or_else(|_| folder.clone()).display().to_string();
                folders.iter().map(canonical).collect::<Vec<_>>().join("\n")
            }
        }
    }
}

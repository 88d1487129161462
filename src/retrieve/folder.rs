//! The markdown files of a folder, or of the program itself.

use super::runbook::{MAX_BYTES, Problem, is_markdown_extension, stem};
use include_dir::{Dir, DirEntry, include_dir};
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

/// The runbooks that come with the program.
static BUILTIN: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/runbooks");

/// Folders deeper than this are not looked into; they would be a loop of links.
const MAX_DEPTH: usize = 16;

/// Files about the collection rather than of it; left out at the top of a folder.
const ABOUT_FILES: &[&str] = &["changelog", "code_of_conduct", "contributing", "license", "readme", "security"];

/// The runbooks that come with the program, by relative path.
pub fn builtin_files() -> BTreeMap<String, &'static [u8]> {
    let mut files = BTreeMap::new();
    collect_builtin(&BUILTIN, &mut files);
    files
}

/// The runbooks of a folder and the folders within it, by relative path. What cannot be read becomes a problem.
pub fn folder_files(root: &Path, problems: &mut Vec<Problem>) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut walk = Walk { root, found: Found::Contents(&mut files), seen: HashSet::new(), problems };
    walk.folder(root, 0);
    files
}

/// The size and time of every runbook of a folder, in order of their paths; changes when a file does.
pub fn stamps(root: &Path) -> Vec<(PathBuf, u64, u128)> {
    let mut problems = Vec::new();
    let mut stamps = Vec::new();
    let mut walk = Walk { root, found: Found::Stamps(&mut stamps), seen: HashSet::new(), problems: &mut problems };
    walk.folder(root, 0);
    stamps
}

fn collect_builtin(folder: &Dir<'static>, files: &mut BTreeMap<String, &'static [u8]>) {
    for entry in folder.entries() {
        match entry {
            DirEntry::Dir(folder) => collect_builtin(folder, files),
            DirEntry::File(file) => {
                let name = relative(file.path(), Path::new(""));
                if is_runbook(&name) {
                    files.insert(name, file.contents());
                }
            }
        }
    }
}

/// One pass through a folder. Links are followed, since that is how a mounted `ConfigMap` looks, but no folder twice.
struct Walk<'a> {
    root: &'a Path,
    found: Found<'a>,
    seen: HashSet<PathBuf>,
    problems: &'a mut Vec<Problem>,
}

/// What is taken of a file.
enum Found<'a> {
    Contents(&'a mut BTreeMap<String, Vec<u8>>),
    Stamps(&'a mut Vec<(PathBuf, u64, u128)>),
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, depth: usize) {
        let canonical = match folder.canonicalize() {
            Ok(canonical) => canonical,
            Err(error) => return self.problem(folder, &format!("could not read folder: {error}")),
        };
        if depth > MAX_DEPTH || !self.seen.insert(canonical) {
            return;
        }
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => return self.problem(folder, &format!("could not read folder: {error}")),
        };
        let mut paths: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            let is_hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
            if is_hidden {
                continue;
            }
            if path.is_dir() {
                self.folder(&path, depth + 1);
            } else {
                self.file(&path);
            }
        }
    }

    fn file(&mut self, path: &Path) {
        let name = relative(path, self.root);
        if !is_runbook(&name) {
            return;
        }
        let files = match &mut self.found {
            Found::Stamps(stamps) => {
                let Ok(metadata) = path.metadata() else { return };
                let since =
                    |time: std::time::SystemTime| time.duration_since(std::time::UNIX_EPOCH).map_or(0, |age| age.as_nanos());
                return stamps.push((path.to_owned(), metadata.len(), metadata.modified().map_or(0, since)));
            }
            Found::Contents(files) => files,
        };
        let is_too_large = path.metadata().is_ok_and(|metadata| metadata.len() > MAX_BYTES as u64);
        if is_too_large {
            return self.problem(path, &format!("skipped: larger than {} MiB", MAX_BYTES / 1024 / 1024));
        }
        match std::fs::read(path) {
            Ok(content) => _ = files.insert(name, content),
            Err(error) => self.problem(path, &format!("could not read file: {error}")),
        }
    }

    fn problem(&mut self, path: &Path, what: &str) {
        let name = relative(path, self.root);
        let file = if name.is_empty() { path.display().to_string() } else { name };
        self.problems.push(Problem { file, what: what.to_owned() });
    }
}

fn is_runbook(file: &str) -> bool {
    let is_markdown = Path::new(file).extension().is_some_and(|extension| is_markdown_extension(&extension.to_string_lossy()));
    let is_about = !file.contains('/') && ABOUT_FILES.contains(&stem(file).to_lowercase().as_str());
    is_markdown && !is_about
}

fn relative(path: &Path, root: &Path) -> String {
    let parts = path.strip_prefix(root).unwrap_or(path).components();
    parts.map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

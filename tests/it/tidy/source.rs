//! Source files, read just far enough to see which modules they name.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// One file, and the same with comments, strings and characters blanked out, byte for byte.
pub struct Source {
    /// From the crate's root.
    pub path: PathBuf,
    pub text: String,
    code: String,
}

/// A module of the crate's root, named somewhere.
pub struct Named {
    pub name: String,
    pub at: usize,
}

impl Source {
    pub fn new(path: PathBuf, text: String) -> Self {
        let code = if path.extension().is_some_and(|extension| extension == "rs") { blanked(&text) } else { String::new() };
        Self { path, text, code }
    }

    /// The part of the house that the file belongs to: `classify` for `src/classify.rs` and all below `src/classify/`.
    pub fn module(&self) -> &str {
        let below = self.path.strip_prefix("src").unwrap_or(&self.path);
        below.iter().next().and_then(|first| first.to_str()).unwrap_or_default().trim_end_matches(".rs")
    }

    /// How many modules the file is below the root.
    fn depth(&self) -> usize {
        let is_root = matches!(self.module(), "main" | "lib");
        self.path.iter().count() - if is_root { 2 } else { 1 }
    }

    pub fn line_of(&self, at: usize) -> usize {
        self.text[..at].matches('\n').count() + 1
    }

    /// Where `word` stands in the code, on its own.
    pub fn words(&self, word: &str) -> Vec<usize> {
        let is_part = |character: char| character.is_alphanumeric() || character == '_';
        let stands_alone = |at: &usize| {
            !self.code[..*at].ends_with(is_part)
                && (word.ends_with(['!', ':']) || !self.code[at + word.len()..].starts_with(is_part))
        };
        self.code.match_indices(word).map(|(at, _)| at).filter(stands_alone).collect()
    }

    /// Where a path starts with `name`.
    pub fn paths_from(&self, name: &str) -> Vec<usize> {
        let starts_path = |at: &usize| {
            let is_followed = self.code[at + name.len()..].trim_start().starts_with("::");
            let is_use = self.code[..*at].ends_with("use ") || self.code[..*at].ends_with("extern crate ");
            !self.code[..*at].trim_end().ends_with("::") && (is_followed || is_use)
        };
        self.words(name).into_iter().filter(starts_path).collect()
    }

    /// Every module of the root that the file names, by `crate::` or by enough `super::`.
    pub fn root_modules(&self) -> Vec<Named> {
        let mut named: Vec<Named> = self.words("crate::").into_iter().flat_map(|at| self.heads(at + "crate::".len())).collect();
        for at in self.words("super::").into_iter().filter(|at| !self.code[..*at].ends_with("super::")) {
            let after = self.code[at..].trim_start_matches("super::");
            let supers = (self.code.len() - at - after.len()) / "super::".len();
            if supers >= self.depth() + self.inline_depth(at) {
                named.extend(self.heads(self.code.len() - after.len()));
            }
        }
        named
    }

    /// The first names of the path, or of the paths in braces, that starts at `at`.
    fn heads(&self, at: usize) -> Vec<Named> {
        let mut heads = Vec::new();
        let (mut depth, mut expects_head) = (0, true);
        let mut rest = at;
        while let Some(character) = self.code[rest..].chars().next() {
            match character {
                '{' => depth += 1,
                '}' => {
                    depth -= 1;
                    expects_head = false;
                }
                ',' if depth == 1 => expects_head = true,
                _ if character.is_whitespace() => {}
                _ if expects_head && depth <= 1 => {
                    let name: String = self.code[rest..]
                        .chars()
                        .take_while(|character| character.is_alphanumeric() || *character == '_')
                        .collect();
                    heads.push(Named { name, at: rest });
                    expects_head = false;
                }
                _ => {}
            }
            if depth == 0 && !expects_head {
                break;
            }
            rest += character.len_utf8();
        }
        heads
    }

    /// How many inline modules `at` is in.
    fn inline_depth(&self, at: usize) -> usize {
        let mut open = Vec::new();
        for (brace, character) in self.code[..at].char_indices() {
            match character {
                '{' => {
                    let words: Vec<&str> = self.code[..brace].split_whitespace().rev().take(2).collect();
                    open.push(words.get(1) == Some(&"mod"));
                }
                '}' => {
                    open.pop();
                }
                _ => {}
            }
        }
        open.into_iter().filter(|is_module| *is_module).count()
    }

    /// The value of a key of the top level, and where it stands.
    pub fn yaml_value(&self, key: &str) -> Option<(usize, &str)> {
        let mut at = 0;
        for line in self.text.split_inclusive('\n') {
            if let Some(value) = line.strip_prefix(key).and_then(|rest| rest.strip_prefix(':')) {
                return Some((at, value.trim().trim_matches(['"', '\''])));
            }
            at += line.len();
        }
        None
    }
}

/// `source` with comments, strings and characters turned into spaces.
fn blanked(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let is_name = code.ends_with(|character: char| character.is_alphanumeric() || character == '_');
        let len = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment_len(rest),
            '"' => 1 + string_len(&rest[1..]),
            'r' if !is_name || code.ends_with('b') => raw_string_len(rest),
            '\'' => character_len(rest),
            _ => 0,
        };
        if len == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            code.extend(rest[..len].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
            rest = &rest[len..];
        }
    }
    code
}

fn block_comment_len(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        let step = match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => {
                depth += 1;
                2
            }
            [b'*', b'/', ..] => {
                depth -= 1;
                2
            }
            _ => 1,
        };
        at += step;
        if depth == 0 {
            break;
        }
    }
    at
}

/// Bytes up to and with the closing quote.
fn string_len(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// 0 where no raw string starts.
fn raw_string_len(text: &str) -> usize {
    let hashes = text[1..].bytes().take_while(|byte| *byte == b'#').count();
    if !text[1 + hashes..].starts_with('"') {
        return 0;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    let start = hashes + 2;
    text[start..].find(&end).map_or(text.len(), |at| start + at + end.len())
}

/// 0 for a lifetime.
fn character_len(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    match characters.next() {
        Some((_, '\\')) => text[3..].find('\'').map_or(0, |at| at + 4),
        Some((_, _)) => characters.next().filter(|(_, character)| *character == '\'').map_or(0, |(at, _)| at + 1),
        None => 0,
    }
}

pub fn sources() -> Vec<Source> {
    files_below("src", "rs")
}

pub fn files_below(folder: &str, extension: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("could not list {}: {error}", folder.display())) {
            let path = entry.expect("a folder's entry is readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("could not read {}: {error}", path.display()));
                found.push(Source::new(path.strip_prefix(root()).unwrap_or(&path).to_owned(), text));
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

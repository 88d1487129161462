//! The library: every runbook that can be read, in a fixed order, ready to be searched.

use super::asked::Asked;
use super::folder::{builtin_files, folder_files};
use super::lexical::Index;
use super::query::Query;
use super::ranking::{Hit, Ranking};
use super::runbook::{Problem, Runbook, parse, stem, without_extension};
use crate::domain::passage::{Passage, Suggestion};
use crate::domain::redact::Redactor;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

/// Runbooks with their passages and the index over them. Built once, then only read.
#[derive(Debug)]
pub struct Library {
    runbooks: Vec<Runbook>,
    passages: Vec<Passage>,
    index: Index,
    /// Lower-case relative path without `.md`, and file name without `.md` where it is not a path already, to position.
    positions: HashMap<String, usize>,
}

impl Library {
    /// The runbooks that come with the program.
    pub fn builtin() -> (Library, Vec<Problem>) {
        let files = builtin_files();
        Library::from_files(files.iter().map(|(file, content)| (file.as_str(), *content)))
    }

    /// All runbooks of some folders and the folders within them. A file that an earlier folder has too is left out.
    /// Whatever cannot be read is named in the list and does not stop the rest.
    pub fn load(folders: &[PathBuf], redactor: &Arc<Redactor>) -> (Library, Vec<Problem>) {
        let mut files = BTreeMap::new();
        let mut problems = Vec::new();
        for folder in folders {
            for (file, content) in folder_files(folder, &mut problems) {
                let content = cleaned(content, redactor);
                match files.entry(file) {
                    Entry::Vacant(place) => _ = place.insert(content),
                    Entry::Occupied(taken) => problems.push(Problem {
                        file: taken.key().clone(),
                        what: format!("left out of {}: an earlier folder has it", folder.display()),
                    }),
                }
            }
        }
        let (library, parse_problems) =
            Library::from_files(files.iter().map(|(file, content)| (file.as_str(), content.as_slice())));
        problems.extend(parse_problems);
        (library, problems)
    }

    /// A library of files given as path and content, kept in order of their paths.
    pub fn from_files<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> (Library, Vec<Problem>) {
        let mut runbooks = Vec::new();
        let mut problems = Vec::new();
        for (file, content) in files {
            match parse(file, content) {
                Ok((runbook, found)) => {
                    runbooks.push(runbook);
                    problems.extend(found);
                }
                Err(problem) => problems.push(problem),
            }
        }
        runbooks.sort_by(|one, other| one.file.cmp(&other.file));
        (Library::new(runbooks), problems)
    }

    fn new(runbooks: Vec<Runbook>) -> Library {
        let passages: Vec<Vec<Passage>> = runbooks.iter().map(Runbook::passages).collect();
        let index = Index::new(&runbooks, &passages);
        let mut positions = HashMap::new();
        for (position, runbook) in runbooks.iter().enumerate() {
            positions.insert(without_extension(&runbook.file).to_lowercase(), position);
        }
        for (position, runbook) in runbooks.iter().enumerate() {
            positions.entry(stem(&runbook.file).to_lowercase()).or_insert(position);
        }
        Library { runbooks, passages: passages.into_iter().flatten().collect(), index, positions }
    }

    /// The runbooks that fit a query, best first, at most `limit`. Empty when none fits.
    pub fn search(&self, query: &Query<'_>, limit: usize) -> Vec<Suggestion> {
        self.answer(&Asked::of(query), limit)
    }

    /// The same for a query that was read already.
    pub fn answer(&self, asked: &Asked<'_>, limit: usize) -> Vec<Suggestion> {
        self.index.search(asked, limit).iter().map(|hit| self.suggestion(hit)).collect()
    }

    /// Every runbook that shares a word or a category with the query, best first, whether it fits or not; for fusing with
    /// other rankings.
    pub fn rank(&self, asked: &Asked<'_>) -> Ranking {
        self.index.rank(asked)
    }

    /// A hit of [`Library::rank`] in full.
    pub fn suggestion(&self, hit: &Hit) -> Suggestion {
        hit.suggestion(&self.runbooks, &self.passages)
    }

    /// The runbook of that id: its relative path or its file name, with or without `.md`, in any case of letters.
    /// Where two folders hold the same file name, the name alone means the first in order.
    pub fn get(&self, id: &str) -> Option<&Runbook> {
        let id = without_extension(id.trim_start_matches("./")).to_lowercase();
        self.positions.get(&id).map(|&position| &self.runbooks[position])
    }

    /// The runbook with exactly this relative path, in any case of letters.
    pub fn get_exact(&self, file: &str) -> Option<&Runbook> {
        self.get(file).filter(|runbook| runbook.file.eq_ignore_ascii_case(file))
    }

    /// The shortest id by which [`Library::get`] finds this runbook.
    pub fn id<'a>(&self, runbook: &'a Runbook) -> &'a str {
        let name = stem(&runbook.file);
        let by_name = self.get(name).is_some_and(|found| found.file == runbook.file);
        if by_name { name } else { without_extension(&runbook.file) }
    }

    /// All runbooks in order of their paths.
    pub fn runbooks(&self) -> &[Runbook] {
        &self.runbooks
    }

    /// The passages of the runbook at a position, as positions among all passages.
    pub fn passages_of(&self, runbook: usize) -> std::ops::Range<usize> {
        self.index.passages_of(runbook)
    }

    /// All passages, runbook by runbook; what an embedder reads.
    pub fn passages(&self) -> &[Passage] {
        &self.passages
    }
}

/// A file as it may be shown. What is no text is left to the parser, which refuses it.
fn cleaned(content: Vec<u8>, redactor: &Arc<Redactor>) -> Vec<u8> {
    match String::from_utf8(content) {
        Ok(text) => redactor.clean(&text).into_string().into_bytes(),
        Err(error) => error.into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Library, Redactor};
    use crate::retrieve::query::Query;
    use std::path::PathBuf;

    fn library() -> Library {
        let files = [
            (
                "oomkilled.md",
                "---\ntitle: Container ran out of memory\ncategories: [OOMKilled]\n---\n## Meaning\n\nThe kernel killed the container at its memory limit.\n\n## Mitigation\n\nRaise the limit.\n",
            ),
            ("dns/KubeDNSDown.md", "# KubeDNSDown\n\n## Meaning\n\nNo name server answers.\n"),
            ("dns/oomkilled.md", "# Name server out of memory\n\ntext\n"),
            ("web/KubeDNSSlow.md", "# KubeDNSSlow\n\n## Meaning\n\nThe name server answers late.\n"),
        ];
        Library::from_files(files.map(|(file, text)| (file, text.as_bytes()))).0
    }

    fn found(text: &str) -> Vec<String> {
        library().search(&Query { text, ..Query::default() }, 3).into_iter().map(|one| one.runbook).collect()
    }

    #[test]
    fn runbooks_are_found_by_name_and_path() {
        let library = library();
        for id in ["KubeDNSDown", "kubednsdown.md", "dns/KubeDNSDown", "./dns/KubeDNSDown.md"] {
            assert_eq!(library.get(id).map(|one| one.file.as_str()), Some("dns/KubeDNSDown.md"), "{id}");
        }
        assert_eq!(library.get("oomkilled").map(|one| one.file.as_str()), Some("oomkilled.md"));
        assert!(library.get("nothing").is_none());
        let ids: Vec<_> = library.runbooks().iter().map(|one| library.id(one)).collect();
        assert_eq!(ids, ["KubeDNSDown", "dns/oomkilled", "oomkilled", "KubeDNSSlow"]);
    }

    #[test]
    fn codes_alert_names_and_plain_words_find_the_runbook() {
        assert_eq!(found("exit code 137")[0], "oomkilled.md");
        assert_eq!(found("[FIRING:1] KubeDNSSlow (pod=\"a-7d9f8b6c5-xk4jn\") p99 is 2s")[0], "web/KubeDNSSlow.md");
        assert_eq!(found("kube dns down")[0], "dns/KubeDNSDown.md");
    }

    #[test]
    fn nothing_is_found_where_nothing_fits() {
        for text in ["", "a recipe for lentil soup", "🦀", "12345", "the", "memory is healthy"] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn a_known_category_is_enough() {
        let query = Query { text: "it does not work", categories: &["OOMKilled"], words: &[] };
        let best = library().search(&query, 1).remove(0);
        assert_eq!(best.runbook, "oomkilled.md");
        assert!(best.score > 0.5 && best.score <= 1.0, "{}", best.score);
    }

    #[test]
    fn what_is_in_trouble_is_found_by_its_name() {
        let (library, _) = Library::from_files([
            ("memory.md", b"# OutOfMemory\n\nThe container was killed at its memory limit.\n".as_slice()),
            ("service-media-resizer.md", b"# media-resizer\n\nMakes thumbnails.\n"),
            ("media.md", b"# Media library\n\nAll about the media team.\n"),
        ]);
        let found = |words| {
            let query = Query { text: "container killed, memory limit", words, ..Query::default() };
            library.search(&query, 3).into_iter().map(|one| one.runbook).collect::<Vec<_>>()
        };
        assert_eq!(found(&[]), ["memory.md"]);
        let with_name = found(&["media-resizer"]);
        assert!(with_name.contains(&"service-media-resizer.md".to_owned()) && with_name.contains(&"memory.md".to_owned()));
    }

    #[test]
    fn a_noisy_log_is_searched_by_its_rare_words() {
        let mut log = "2026-02-19T10:30:00Z INFO request handled by worker in 12ms\n".repeat(4000);
        log.push_str("OOMKilled\n");
        assert_eq!(found(&log)[0], "oomkilled.md");
    }

    #[test]
    fn the_same_question_gets_the_same_answer() {
        let query = Query { text: "name server memory limit killed container", ..Query::default() };
        let first = library().search(&query, 10);
        assert!((0..20).all(|_| library().search(&query, 10) == first));
    }

    #[test]
    fn missing_folders_and_strange_files_are_named() {
        let (library, problems) = Library::load(&[PathBuf::from("/nonexistent/runbooks")], &Redactor::built_in());
        assert!(library.runbooks().is_empty());
        assert_eq!(problems.len(), 1);
        assert_eq!(library.search(&Query { text: "oom", ..Query::default() }, 3), []);
        let (_, problems) = Library::from_files([("bad.md", b"\xff".as_slice())]);
        assert_eq!(problems[0].file, "bad.md");
    }

    #[test]
    fn builtin_runbooks_have_no_problems() {
        assert_eq!(Library::builtin().1, []);
    }
}

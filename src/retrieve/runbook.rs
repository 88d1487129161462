//! A runbook: a markdown file with or without front matter, parsed into what search, lint and the page need.

use super::front_matter::{FrontMatter, FrontMatterText, non_empty, read_front_matter, split_front_matter};
use super::split::{Outline, Section, outline};
use crate::domain::passage::Passage;

/// A parsed runbook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runbook {
    /// The file, relative to its folder and written with `/`. Unique in a library.
    pub file: String,
    /// The front matter's title, else the first heading of level one, else the first heading, else the file's name.
    pub title: String,
    /// The error categories it is for. Empty when it declares none.
    pub categories: Vec<String>,
    /// Further words to be found by.
    pub tags: Vec<String>,
    /// Who looks after it. `None` when it does not say.
    pub owner: Option<String>,
    /// The day it was last reviewed, as written. `None` when it does not say.
    pub reviewed: Option<String>,
    /// True when the title was written down, rather than taken from the file's name.
    pub has_title: bool,
    /// The markdown after the front matter.
    pub markdown: String,
    /// The headings with their text.
    pub outline: Outline,
}

/// Something wrong with a runbook or its folder, for the person who looks after it. Never stops the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file or folder.
    pub file: String,
    /// What is wrong with it.
    pub what: String,
}

/// The greatest size of a runbook; a larger file is not one.
pub const MAX_BYTES: usize = 5 * 1024 * 1024;

/// Parses a runbook from a file's content. An `Err` says why the file cannot be served at all; the list names what is
/// wrong with one that can.
pub fn parse(file: &str, content: &[u8]) -> Result<(Runbook, Vec<Problem>), Problem> {
    let problem = |what: String| Problem { file: file.to_owned(), what };
    if content.len() > MAX_BYTES {
        return Err(problem(format!("skipped: larger than {} MiB", MAX_BYTES / 1024 / 1024)));
    }
    let Ok(text) = std::str::from_utf8(content) else {
        return Err(problem("skipped: not UTF-8 text".to_owned()));
    };
    if text.contains('\0') {
        return Err(problem("skipped: not a text file".to_owned()));
    }
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let mut problems = Vec::new();
    let (front, markdown) = match split_front_matter(&text) {
        FrontMatterText::None => (FrontMatter::default(), text.as_str()),
        FrontMatterText::Unclosed => {
            problems.push(problem("front matter is not closed by `---`; read as plain markdown".to_owned()));
            (FrontMatter::default(), text.as_str())
        }
        FrontMatterText::Found { yaml, markdown } => {
            let front = read_front_matter(yaml).unwrap_or_else(|what| {
                problems.push(problem(format!("front matter ignored: {what}")));
                FrontMatter::default()
            });
            (front, markdown)
        }
    };
    if markdown.trim().is_empty() {
        return Err(problem("skipped: empty".to_owned()));
    }
    let outline = outline(markdown);
    let title = front.title.and_then(non_empty).or_else(|| first_heading(&outline));
    let runbook = Runbook {
        file: file.to_owned(),
        has_title: title.is_some(),
        title: title.unwrap_or_else(|| stem(file).to_owned()),
        categories: front.categories.into_list(),
        tags: front.tags.into_list(),
        owner: front.owner.and_then(non_empty),
        reviewed: front.reviewed.and_then(non_empty),
        markdown: markdown.to_owned(),
        outline,
    };
    Ok((runbook, problems))
}

/// The file's name without folders and without its `.md`.
pub fn stem(file: &str) -> &str {
    let name = file.rsplit('/').next().unwrap_or(file);
    without_extension(name)
}

/// A path without its `.md`, if it has one.
pub fn without_extension(path: &str) -> &str {
    match path.rsplit_once('.') {
        Some((stem, extension)) if is_markdown_extension(extension) => stem,
        Some(_) | None => path,
    }
}

/// Whether files with this extension are runbooks.
pub fn is_markdown_extension(extension: &str) -> bool {
    extension.eq_ignore_ascii_case("md") || extension.eq_ignore_ascii_case("markdown")
}

impl Runbook {
    /// The runbook in passages of about 1200 characters, in order. Sections without text give none.
    pub fn passages(&self) -> Vec<Passage> {
        let mut passages = Vec::new();
        let mut path: Vec<&Section> = Vec::new();
        for section in &self.outline.sections {
            path.retain(|above| above.level < section.level);
            path.push(section);
            for text in split_blocks(&section.blocks) {
                let name = self.section_name(&path);
                passages.push(Passage { runbook: self.file.clone(), section: name, anchor: section.anchor.clone(), text });
            }
        }
        passages
    }

    /// The headings below the title, joined; the title itself for the text directly beneath it.
    fn section_name(&self, path: &[&Section]) -> String {
        let names = path.iter().filter(|section| section.level > 1 && !section.heading.is_empty());
        let mut name = names.map(|section| section.heading.as_str()).collect::<Vec<_>>().join(" > ");
        if name.is_empty() {
            let own = path.last().map(|section| section.heading.as_str()).filter(|heading| !heading.is_empty());
            own.unwrap_or(&self.title).clone_into(&mut name);
        }
        name
    }
}

const PASSAGE_CHARS: usize = 1200;

/// Joins blocks into texts of about `PASSAGE_CHARS`; a block that is longer by itself is cut between lines.
fn split_blocks(blocks: &[String]) -> Vec<String> {
    let mut texts = Vec::new();
    let mut text = String::new();
    let mut add = |piece: &str, separator: &str| {
        if !text.is_empty() && text.len() + piece.len() > PASSAGE_CHARS {
            texts.push(std::mem::take(&mut text));
        }
        if !text.is_empty() {
            text.push_str(separator);
        }
        text.push_str(piece);
    };
    for block in blocks {
        let separator = if block.starts_with("- ") { "\n" } else { "\n\n" };
        if block.len() <= PASSAGE_CHARS + PASSAGE_CHARS / 2 {
            add(block, separator);
            continue;
        }
        for line in block.split_inclusive(['\n', '.']) {
            for piece in chunks(line, PASSAGE_CHARS) {
                add(piece, "");
            }
        }
    }
    if !text.is_empty() {
        texts.push(text);
    }
    texts.retain(|text| !text.trim().is_empty());
    texts
}

/// Cuts a text into pieces of at most `bytes` bytes, between characters.
fn chunks(text: &str, bytes: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, tail) = rest.split_at(rest.floor_char_boundary(bytes));
        rest = tail;
        Some(piece)
    })
}

fn first_heading(outline: &Outline) -> Option<String> {
    let headings = || outline.sections.iter().filter(|section| section.level > 0 && !section.heading.is_empty());
    headings().find(|section| section.level == 1).or_else(|| headings().next()).map(|section| section.heading.clone())
}

#[cfg(test)]
mod tests {
    use super::{PASSAGE_CHARS, Runbook, parse};

    fn read(file: &str, text: &str) -> (Runbook, Vec<String>) {
        let (runbook, problems) = parse(file, text.as_bytes()).expect("the text is a runbook");
        (runbook, problems.into_iter().map(|problem| problem.what).collect())
    }

    #[test]
    fn front_matter_is_read_and_unknown_keys_are_ignored() {
        let (runbook, problems) = read(
            "a/b.md",
            "---\ntitle: Out of memory\ncategories: [OOMKilled, 137]\ntags: memory, limits\nowner: sre\nreviewed: 2026-02-19\nweight: 20\n---\n# Other\n\ntext\n",
        );
        assert_eq!(problems, [""; 0]);
        assert_eq!(runbook.title, "Out of memory");
        assert_eq!(runbook.categories, ["OOMKilled", "137"]);
        assert_eq!(runbook.tags, ["memory", "limits"]);
        assert_eq!(runbook.owner.as_deref(), Some("sre"));
        assert_eq!(runbook.reviewed.as_deref(), Some("2026-02-19"));
    }

    #[test]
    fn title_falls_back_to_heading_then_file_name() {
        assert_eq!(read("x/PodDown.md", "## Meaning\n\ntext\n\n# Pod down\n").0.title, "Pod down");
        assert_eq!(read("x/PodDown.md", "## Meaning\n\ntext\n").0.title, "Meaning");
        let (untitled, _) = read("x/PodDown.md", "only text");
        assert_eq!((untitled.title.as_str(), untitled.has_title), ("PodDown", false));
    }

    #[test]
    fn bad_front_matter_is_named_and_the_rest_served() {
        let (runbook, problems) = read("a.md", "---\ntitle: [unclosed\n---\n# Heading\n\ntext\n");
        assert_eq!(runbook.title, "Heading");
        assert!(problems[0].starts_with("front matter ignored"), "{problems:?}");
        let (_, problems) = read("a.md", "---\ntitle: x\n# Heading\n\ntext\n");
        assert!(problems[0].contains("not closed"), "{problems:?}");
    }

    #[test]
    fn what_is_no_text_is_refused_by_name() {
        assert!(parse("a.md", b"\xff\xfe").is_err());
        assert!(parse("a.md", b"PNG\0\0").is_err());
        assert!(parse("a.md", b"---\ntitle: x\n---\n \n").is_err());
        assert!(parse("a.md", &vec![b'a'; super::MAX_BYTES + 1]).is_err());
    }

    #[test]
    fn sections_become_passages_with_their_path() {
        let (runbook, _) =
            read("a.md", "# T\n\nintro\n\n## Diagnosis\n\nlook\n\n### Deeper\n\ndig\n\n## Empty\n\n## Prevention\n\nplan\n");
        let passages: Vec<_> = runbook.passages().into_iter().map(|one| (one.section, one.anchor, one.text)).collect();
        let expected = [
            ("T", "t", "intro"),
            ("Diagnosis", "diagnosis", "look"),
            ("Diagnosis > Deeper", "deeper", "dig"),
            ("Prevention", "prevention", "plan"),
        ];
        assert_eq!(passages, expected.map(|(section, anchor, text)| (section.to_owned(), anchor.to_owned(), text.to_owned())));
    }

    #[test]
    fn long_sections_are_cut_at_paragraphs() {
        let paragraph = "word ".repeat(100);
        let (runbook, _) = read("a.md", &format!("# T\n\n{}{}", format!("{paragraph}\n\n").repeat(10), "é".repeat(5000)));
        let passages = runbook.passages();
        assert!(passages.len() > 5);
        assert!(passages.iter().all(|one| one.text.len() <= 2 * PASSAGE_CHARS));
    }
}

//! Front matter: the YAML between `---` lines at the top of a markdown file.

use serde::Deserialize;

/// What front matter may say; keys that are not here are ignored.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct FrontMatter {
    /// The runbook's title.
    pub title: Option<String>,
    /// The error categories it is for.
    #[serde(alias = "category")]
    pub categories: OneOrMany,
    /// Further words to be found by.
    #[serde(alias = "keywords", alias = "labels")]
    pub tags: OneOrMany,
    /// Who looks after it.
    pub owner: Option<String>,
    /// The day of its last review, as written.
    #[serde(alias = "last_reviewed")]
    pub reviewed: Option<String>,
}

/// A list, or a single value that stands for a list of one, or words separated by commas.
#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    #[default]
    /// The key is absent or empty.
    Nothing,
    /// A single value.
    One(Scalar),
    /// A list.
    Many(Vec<Scalar>),
}

/// A word, or a number that stands for one: `tags: [401]`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    /// A word.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Another number.
    Number(f64),
    /// `true` or `false`.
    Truth(bool),
    /// A value left out.
    Nothing(()),
}

impl Scalar {
    fn into_text(self) -> String {
        match self {
            Scalar::Text(text) => text,
            Scalar::Integer(integer) => integer.to_string(),
            Scalar::Number(number) => number.to_string(),
            Scalar::Truth(truth) => truth.to_string(),
            Scalar::Nothing(()) => String::new(),
        }
    }
}

impl OneOrMany {
    /// The values as texts that are not blank.
    pub fn into_list(self) -> Vec<String> {
        match self {
            OneOrMany::Nothing => Vec::new(),
            OneOrMany::One(text) => text.into_text().split(',').map(str::to_owned).filter_map(non_empty).collect(),
            OneOrMany::Many(list) => list.into_iter().map(Scalar::into_text).filter_map(non_empty).collect(),
        }
    }
}

/// A file's text in its two parts.
pub enum FrontMatterText<'a> {
    /// There is no front matter.
    None,
    /// It begins and does not end.
    Unclosed,
    /// Both parts.
    Found {
        /// The text between the lines.
        yaml: &'a str,
        /// The text after them.
        markdown: &'a str,
    },
}

/// Front matter stands between a first line `---` and the next such line. A document that merely begins with a
/// thematic break is told apart by what follows: front matter has a `key:` on its first line that is not blank.
pub fn split_front_matter(text: &str) -> FrontMatterText<'_> {
    let Some(rest) = text.strip_prefix("---").and_then(|rest| rest.trim_start_matches([' ', '\t']).strip_prefix('\n')) else {
        return FrontMatterText::None;
    };
    let mut end = 0;
    for line in rest.split_inclusive('\n') {
        if matches!(line.trim_end(), "---" | "...") {
            return FrontMatterText::Found { yaml: &rest[..end], markdown: &rest[end + line.len()..] };
        }
        end += line.len();
    }
    let first_line = rest.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let begins_with_key = first_line.split_once(':').is_some_and(|(key, _)| key.chars().all(|c| c.is_alphanumeric() || c == '_'));
    if begins_with_key { FrontMatterText::Unclosed } else { FrontMatterText::None }
}

/// Reads front matter; an `Err` says in one line what is wrong with it.
pub fn read_front_matter(yaml: &str) -> Result<FrontMatter, String> {
    if yaml.trim().is_empty() {
        return Ok(FrontMatter::default());
    }
    serde_saphyr::from_str(yaml).map_err(|error| {
        let text = error.to_string();
        text.lines().next().unwrap_or("not readable").to_owned()
    })
}

/// The text without blanks around it, if anything is left.
#[expect(clippy::needless_pass_by_value, reason = "ends chains over owned texts")]
pub fn non_empty(text: String) -> Option<String> {
    let trimmed = text.trim();
    (!trimmed.is_empty()).then(|| trimmed.to_owned())
}

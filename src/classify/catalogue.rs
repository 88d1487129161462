//! All rules together: loading, overlaying, and the relations between categories.

use std::{collections::BTreeMap, path::Path};

use include_dir::{Dir, include_dir};

use super::{digest::Gate, pattern::PatternSet, rule::Rule};
use crate::domain::{advice::Playbook, symptom::CategoryId};

static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/classify/rules");

/// The rules of this process, ready to classify with.
#[derive(Debug)]
pub struct Catalogue {
    rules: Vec<Rule>,
    says: PatternSet,
    /// Parallel to the patterns of `says`.
    meanings: Vec<Meaning>,
    /// The fact patterns of all rules.
    sees: PatternSet,
    /// Parallel to the patterns of `sees`: the number of the rule.
    seen_by: Vec<usize>,
    gate: Gate,
    /// `explained_by[symptom * n + cause]`, transitively.
    explained_by: Vec<bool>,
    /// `absorbed_by[inner * n + outer]`.
    absorbed_by: Vec<bool>,
}

/// What a pattern stands for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Meaning {
    /// Pattern number `pattern` of rule number `rule`.
    Says { rule: usize, pattern: usize },
    /// A span that rule number `rule` must not count.
    Excludes { rule: usize },
}

/// A catalogue that cannot be used, with every reason.
#[derive(Debug, thiserror::Error)]
#[error("{} in the rule files:\n{}", count(problems.len()), problems.iter().map(|problem| format!("  {problem}")).collect::<Vec<_>>().join("\n"))]
pub struct CatalogueError {
    /// `file: field: what is wrong`.
    pub problems: Vec<String>,
}

fn count(problems: usize) -> String {
    if problems == 1 { "1 problem".to_owned() } else { format!("{problems} problems") }
}

impl Catalogue {
    /// The rules that are built into the binary.
    pub fn built_in() -> Result<Self, CatalogueError> {
        Self::from_files(&built_in_files(), &[])
    }

    /// The built-in rules with those of `directory` added; a file whose `id` is built in replaces that rule.
    pub fn with_overlay(directory: &Path) -> Result<Self, CatalogueError> {
        let overlay = read_overlay(directory).map_err(|problem| CatalogueError { problems: vec![problem] })?;
        Self::from_files(&built_in_files(), &overlay)
    }

    fn from_files(built_in: &[(String, String)], overlay: &[(String, String)]) -> Result<Self, CatalogueError> {
        let mut rules: BTreeMap<CategoryId, Rule> = BTreeMap::new();
        let mut problems = Vec::new();
        for (is_own, files) in [(false, built_in), (true, overlay)] {
            for (name, yaml) in files {
                match Rule::parse(yaml) {
                    Ok(rule) => {
                        rules.insert(rule.id.clone(), Rule { is_own, ..rule });
                    }
                    Err(found) => problems.extend(found.into_iter().map(|problem| format!("{name}: {problem}"))),
                }
            }
        }
        if !problems.is_empty() {
            return Err(CatalogueError { problems });
        }
        Self::from_rules(rules.into_values().collect())
    }

    fn from_rules(rules: Vec<Rule>) -> Result<Self, CatalogueError> {
        let relations = Relations::of(&rules)?;
        let mut patterns = Vec::new();
        let mut meanings = Vec::new();
        let (mut facts, mut seen_by) = (Vec::new(), Vec::new());
        for (number, rule) in rules.iter().enumerate() {
            for (index, said) in rule.patterns.iter().enumerate() {
                patterns.push(said.pattern.clone());
                meanings.push(Meaning::Says { rule: number, pattern: index });
            }
            for exclude in &rule.excludes {
                patterns.push(exclude.clone());
                meanings.push(Meaning::Excludes { rule: number });
            }
            for fact in &rule.facts {
                facts.push(fact.clone());
                seen_by.push(number);
            }
        }
        let sees = PatternSet::new(facts);
        let says = PatternSet::new(patterns);
        let own = rules.iter().filter(|rule| rule.is_own).flat_map(|rule| &rule.patterns);
        let gate = Gate::new(own.flat_map(|said| said.pattern.literals()));
        Ok(Self {
            rules,
            says,
            meanings,
            sees,
            seen_by,
            gate,
            explained_by: relations.explained_by,
            absorbed_by: relations.absorbed_by,
        })
    }

    /// In order of id.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    pub fn rule(&self, id: &CategoryId) -> Option<&Rule> {
        self.rules.binary_search_by(|rule| rule.id.cmp(id)).ok().map(|at| &self.rules[at])
    }

    pub fn playbooks(&self) -> impl Iterator<Item = &Playbook> {
        self.rules.iter().map(|rule| &rule.playbook)
    }

    pub(super) fn says(&self) -> &PatternSet {
        &self.says
    }

    pub(super) fn sees(&self) -> &PatternSet {
        &self.sees
    }

    /// Number of the rule that a pattern of [`Catalogue::sees`] belongs to.
    pub(super) fn seen_by(&self, pattern: usize) -> usize {
        self.seen_by[pattern]
    }

    pub(super) fn meaning(&self, pattern: usize) -> Meaning {
        self.meanings[pattern]
    }

    /// False when the vectorised search serves long texts; see [`Gate`].
    pub fn gate_is_open(&self) -> bool {
        self.gate.is_open()
    }

    pub(super) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// True when rule `cause` explains rule `symptom` away.
    pub(super) fn explains(&self, cause: usize, symptom: usize) -> bool {
        self.explained_by[symptom * self.rules.len() + cause]
    }

    /// True when rule `inner` is a detail of rule `outer` in the same sentence.
    pub(super) fn absorbs(&self, outer: usize, inner: usize) -> bool {
        self.absorbed_by[inner * self.rules.len() + outer]
    }
}

struct Relations {
    explained_by: Vec<bool>,
    absorbed_by: Vec<bool>,
}

impl Relations {
    fn of(rules: &[Rule]) -> Result<Self, CatalogueError> {
        let n = rules.len();
        let mut problems = Vec::new();
        let mut explained_by = vec![false; n * n];
        let mut absorbed_by = vec![false; n * n];
        for (number, rule) in rules.iter().enumerate() {
            for (field, names, table) in
                [("explains", &rule.explains, &mut explained_by), ("absorbs", &rule.absorbs, &mut absorbed_by)]
            {
                for name in names {
                    match rules.binary_search_by(|other| other.id.cmp(name)) {
                        Ok(other) if other == number => problems.push(format!("{}: {field}: names itself", rule.id)),
                        Ok(other) => table[other * n + number] = true,
                        Err(_) => problems.push(format!("{}: {field}: there is no category `{name}`", rule.id)),
                    }
                }
            }
        }
        for symptom in (0..n).filter(|&number| rules[number].symptom) {
            for cause in (0..n).filter(|&number| !rules[number].symptom) {
                explained_by[symptom * n + cause] = true;
            }
        }
        // Warshall: what explains my cause explains me.
        for middle in 0..n {
            for symptom in 0..n {
                if explained_by[symptom * n + middle] {
                    for cause in 0..n {
                        explained_by[symptom * n + cause] |= explained_by[middle * n + cause];
                    }
                }
            }
        }
        let circular: Vec<&str> =
            (0..n).filter(|&number| explained_by[number * n + number]).map(|number| rules[number].id.as_str()).collect();
        if !circular.is_empty() {
            problems.push(format!("explains: a category explains itself in a circle among {}", circular.join(", ")));
        }
        if problems.is_empty() { Ok(Self { explained_by, absorbed_by }) } else { Err(CatalogueError { problems }) }
    }
}

fn built_in_files() -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> =
        BUILT_IN.files().filter_map(|file| Some((file.path().display().to_string(), file.contents_utf8()?.to_owned()))).collect();
    files.sort();
    files
}

fn read_overlay(directory: &Path) -> Result<Vec<(String, String)>, String> {
    let unreadable = |error: std::io::Error| format!("could not read rules in {}: {error}", directory.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            let yaml = std::fs::read_to_string(&path).map_err(|error| format!("could not read {}: {error}", path.display()))?;
            files.push((path.display().to_string(), yaml));
        }
    }
    files.sort();
    Ok(files)
}

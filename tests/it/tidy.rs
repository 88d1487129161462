//! The house rules that a compiler does not check. Each failure lists every offence, with file and line.

mod source;

use std::{fs, path::PathBuf};

use source::{Source, files_below, root, sources};

/// Files are about one idea; past this many lines a second one has moved in.
const MAX_LINES: usize = 400;

const STAGES: [&str; 8] = ["auth", "classify", "collect", "retrieve", "reason", "guard", "remediate", "incidents"];

/// The arrows of the design: whether a file of module `from` may name module `to`.
fn may_use(from: &str, to: &str) -> bool {
    match from {
        "main" | "lib" | "cli" | "app" | "config" | "telemetry" => true,
        "http" => matches!(to, "http" | "pipeline" | "domain"),
        "pipeline" => matches!(to, "pipeline" | "domain" | "cluster") || STAGES.contains(&to),
        "cluster" => matches!(to, "cluster" | "net" | "domain"),
        "net" => matches!(to, "net" | "domain"),
        "domain" => to == "domain",
        stage if STAGES.contains(&stage) => to == stage || matches!(to, "domain" | "cluster" | "net"),
        _ => false,
    }
}

/// The crates that plain data may use; the last two in its tests.
const DOMAIN_CRATES: [&str; 6] = ["serde", "jiff", "regex", "aho_corasick", "proptest", "serde_json"];

#[test]
fn modules_import_only_along_the_arrows() {
    let mut offences = Offences::default();
    for file in sources() {
        let from = file.module();
        for named in file.root_modules() {
            if !may_use(from, &named.name) {
                offences.add(&file, named.at, &format!("`{from}` may not use `{}`", named.name));
            }
        }
    }
    offences.assert_none("imports against the arrows of the design (DESIGN section 1)");
}

#[test]
fn modules_are_those_of_the_design() {
    let known = ["main", "lib", "cli", "app", "config", "telemetry", "http", "pipeline", "cluster", "net", "domain"];
    let mut offences = Offences::default();
    for file in sources().iter().filter(|file| !known.contains(&file.module()) && !STAGES.contains(&file.module())) {
        offences.add(
            file,
            0,
            &format!("module `{}` has no place in the design: say in tests/it/tidy.rs what it may use", file.module()),
        );
    }
    offences.assert_none("unknown modules");
}

#[test]
fn domain_uses_only_std_serde_jiff_regex_and_aho_corasick() {
    let mut offences = Offences::default();
    let crates = dependencies();
    for file in sources().iter().filter(|file| file.module() == "domain") {
        for name in crates.iter().filter(|name| !DOMAIN_CRATES.contains(&name.as_str())) {
            for at in file.paths_from(name) {
                offences.add(file, at, &format!("domain may not use the crate `{name}`"));
            }
        }
    }
    offences.assert_none("crates that plain data must not know");
}

/// Files that make clean texts of parts of clean texts. Everywhere else redaction is the only way to one.
const DERIVES_CLEAN_TEXT: [&str; 4] = ["src/domain/text.rs", "src/classify.rs", "src/classify/beside.rs", "src/classify/seen.rs"];

#[test]
fn clean_text_comes_from_redaction_alone() {
    let mut offences = Offences::default();
    for file in sources().iter().filter(|file| !DERIVES_CLEAN_TEXT.iter().any(|path| file.path.ends_with(path))) {
        for (at, _) in file.text.match_indices("CleanText::derived") {
            offences.add(file, at, "makes a clean text without redaction");
        }
    }
    offences.assert_none("texts that only claim to be clean");
}

/// Proofs, and the files that may make them; `domain/permit.rs` does so in its tests.
const PROOFS: [(&str, &[&str]); 4] = [
    ("by_policy(", &["src/guard/policy", "src/domain/permit.rs"]),
    ("AuditEntry::written(", &["src/incidents/audit.rs", "src/domain/permit.rs"]),
    ("Clearance::to_undo(", &["src/pipeline/remediate/undo.rs"]),
    ("Writer::new(", &["src/cluster/connect.rs"]),
];

#[test]
fn proofs_are_made_where_they_are_earned() {
    let mut offences = Offences::default();
    for (proof, makers) in PROOFS {
        let is_maker = |file: &Source| {
            let path = file.path.to_string_lossy().replace('\\', "/");
            makers.iter().any(|maker| path.contains(maker))
        };
        for file in sources().iter().filter(|file| !is_maker(file)) {
            for (at, _) in file.text.match_indices(proof).filter(|(at, _)| !file.text[..*at].ends_with("fn ")) {
                offences.add(file, at, &format!("makes `{proof}`, which only {makers:?} may"));
            }
        }
    }
    offences.assert_none("proofs that nobody earned");
}

#[test]
fn only_an_undo_goes_back_whatever_the_policy_says() {
    let mut offences = Offences::default();
    let undoes = |file: &Source| file.path.to_string_lossy().replace('\\', "/").ends_with("src/pipeline/remediate/undo.rs");
    for file in sources().iter().filter(|file| !undoes(file)) {
        for (at, _) in file.text.match_indices("to_undo(").filter(|(at, _)| !file.text[..*at].ends_with("fn ")) {
            offences.add(file, at, "takes leave to undo");
        }
    }
    offences.assert_none("ways around the policy");
}

#[test]
fn files_hold_one_idea() {
    let mut offences = Offences::default();
    for file in sources() {
        let lines = file.text.lines().count();
        if lines > MAX_LINES {
            offences.add(&file, file.text.len(), &format!("{lines} lines, more than {MAX_LINES}: which second idea moved in?"));
        }
    }
    offences.assert_none("files that are too long");
}

#[test]
fn only_config_reads_the_environment() {
    let mut offences = Offences::default();
    for file in sources().iter().filter(|file| file.module() != "config") {
        for reader in ["env::var", "env::vars", "env::var_os", "env::vars_os", "env!", "option_env!"] {
            for at in file.words(reader) {
                let is_of_cargo = reader.ends_with('!') && file.text[at + reader.len()..].starts_with("(\"CARGO_");
                if !is_of_cargo {
                    offences.add(file, at, "reads the environment: make it a setting in config");
                }
            }
        }
    }
    offences.assert_none("environment reads outside config");
}

#[test]
fn rule_files_are_named_for_their_category_and_have_a_runbook() {
    let mut offences = Offences::default();
    let rules = files_below("src/classify/rules", "yaml");
    assert!(!rules.is_empty(), "src/classify/rules holds no rule");
    for file in &rules {
        let stem = file.path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        match file.yaml_value("id") {
            Some((at, id)) if kebab_case(id) != stem => {
                offences.add(file, at, &format!("`{id}` belongs in {}.yaml", kebab_case(id)));
            }
            Some(_) => {}
            None => offences.add(file, 0, "has no id"),
        }
        match file.yaml_value("runbook") {
            Some((at, runbook)) => {
                let runbook = format!("runbooks/{}.md", runbook.trim_end_matches(".md"));
                if !root().join(&runbook).is_file() {
                    offences.add(file, at, &format!("{runbook} does not exist"));
                }
            }
            None => offences.add(file, 0, "names no runbook"),
        }
    }
    offences.assert_none("rule files");
}

#[test]
fn the_scanner_sees_code_and_nothing_else() {
    let file = Source::new(
        PathBuf::from("src/guard/x.rs"),
        r##"
use crate::{domain::verdict::Verdict, classify::{self, rule}, guard,};
// crate::http
/* crate::http /* nested */ crate::http */
const A: &str = "crate::http \" crate::http"; const B: &str = r#"crate::http " "#; const C: char = '"'; const D: &'static str = "";
fn f<'a>(x: &'a str) { crate::retrieve::search(x); super::super::pipeline::run(); super::check(); }
mod tests { use super::super::super::cli; use super::super::check; }
use $crate::not_ours; use crate as us;
"##
        .to_owned(),
    );
    let names: Vec<String> = file.root_modules().into_iter().map(|named| named.name).collect();
    assert_eq!(names, ["domain", "classify", "guard", "retrieve", "not_ours", "pipeline", "cli"]);
    assert_eq!(file.line_of(file.root_modules()[3].at), 6);
    assert_eq!(kebab_case("OOMKilled"), "oom-killed");
    assert_eq!(kebab_case("APIServerUnavailable"), "api-server-unavailable");
    assert_eq!(kebab_case("GitOpsSyncFailed"), "gitops-sync-failed");
}

#[derive(Default)]
struct Offences(Vec<String>);

impl Offences {
    fn add(&mut self, file: &Source, at: usize, what: &str) {
        self.0.push(format!("{}:{}: {what}", file.path.display(), file.line_of(at)));
    }

    fn assert_none(mut self, what: &str) {
        self.0.sort();
        self.0.dedup();
        assert!(self.0.is_empty(), "{} {what}:\n{}", self.0.len(), self.0.join("\n"));
    }
}

/// `OOMKilled` as `oom-killed`, `GitOpsSyncFailed` as `gitops-sync-failed`.
fn kebab_case(id: &str) -> String {
    let letters: Vec<char> = id.replace("GitOps", "Gitops").chars().collect();
    let mut kebab = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let starts_word = letter.is_ascii_uppercase()
            && at > 0
            && (letters[at - 1].is_ascii_lowercase() || letters.get(at + 1).is_some_and(char::is_ascii_lowercase));
        if starts_word {
            kebab.push('-');
        }
        kebab.push(letter.to_ascii_lowercase());
    }
    kebab
}

/// The crates that `Cargo.toml` names, as code names them.
fn dependencies() -> Vec<String> {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml is readable");
    let mut is_dependency = false;
    let mut names = Vec::new();
    for line in manifest.lines() {
        if let Some(section) = line.strip_prefix('[') {
            is_dependency = section.contains("dependencies]");
        } else if is_dependency && let Some((name, _)) = line.split_once('=') {
            names.push(name.trim().split('.').next().unwrap_or_default().replace('-', "_"));
        }
    }
    names
}

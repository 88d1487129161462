//! The README says what is true of the program: what can be generated is compared, and its rule is used.

use std::fs;

use crate::support::cli::{Folder, faultline};

fn readme() -> String {
    fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("README.md is readable")
}

/// What stands between two markers.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(begin).unwrap_or_else(|| panic!("README.md has no {begin}"));
    rest.split_once(end).unwrap_or_else(|| panic!("README.md has no {end}")).0.trim()
}

#[track_caller]
fn check_table(name: &str, command: &[&str]) {
    let readme = readme();
    let table = between(&readme, &format!("<!-- {name}:begin -->"), &format!("<!-- {name}:end -->"));
    let printed = faultline(command).succeeds();
    assert!(
        table == printed.trim(),
        "README.md is stale: put what `cargo run -- {}` prints between its {name} markers\n{printed}",
        command.join(" ")
    );
}

#[test]
fn the_table_of_categories_is_what_the_program_prints() {
    check_table("categories", &["rules", "list", "--markdown"]);
}

#[test]
fn the_table_of_settings_is_what_the_program_prints() {
    check_table("settings", &["settings"]);
}

#[test]
fn the_rule_adds_its_category() {
    let folder = Folder::new("readme-rule");
    folder.write("licence-expired.yaml", between(&readme(), "```yaml\n", "```"));
    let answer = faultline(&["diagnose", "FATAL report engine: licence R-7 expired"]).env("RULES_DIR", folder.path()).succeeds();
    assert!(answer.starts_with("HIGH  LicenceExpired"), "{answer}");
}

#[test]
fn the_first_answer_is_a_real_one() {
    let readme = readme();
    let shown = between(&readme, "```console\n", "```");
    let (command, shown) = shown.split_once('\n').expect("a command and its answer");
    let (_, rest) = command.split_once("diagnose '").expect("the command diagnoses a text in quotes");
    let (text, flags) = rest.split_once('\'').expect("a closing quote");
    let arguments: Vec<&str> = ["diagnose", text].into_iter().chain(flags.split_whitespace()).collect();
    let answer = faultline(&arguments).succeeds();
    for line in shown.lines().filter(|line| !line.is_empty() && !line.starts_with("[...")) {
        assert!(answer.lines().any(|said| said == line), "the answer no longer says {line:?}:\n{answer}");
    }
}

#[test]
fn it_names_every_exit_code_that_help_names() {
    let readme = readme();
    let help = faultline(&["--help"]).succeeds();
    let (_, codes) = help.split_once("Exit codes:").expect("help names the exit codes");
    for (code, meaning) in codes.lines().filter_map(|line| line.trim().split_once("  ")) {
        assert!(readme.contains(&format!("| {code} | {meaning} |")), "README.md does not say: {code} {meaning}");
    }
}

//! The command line. A run of the debug build takes a good part of a second, so each asks for as much as it can.

use std::net::TcpListener;

use serde_json::Value;

use crate::support::cli::{Folder, faultline};

/// A rule file with `id` and one wording.
fn rule(id: &str, wording: &str, example: &str) -> String {
    format!(
        "id: {id}\ntitle: A fault of our own\nseverity: CRITICAL\nconfidence: 0.95\npatterns: ['{wording}']\n\
         root_cause: It is our own fault.\nexplanation: Our people know why.\n\
         remedies:\n  - command: kubectl get pods -n {{{{ namespace }}}}\n    description: Look at the pods\n    action: read\n\
         prevention: [Do it better.]\nrunbook: unknown-error\n\
         examples:\n  match: ['{wording}', '{example}']\n  not_match: ['all is well']\n"
    )
}

#[test]
fn a_text_is_diagnosed_from_arguments_a_file_or_a_pipe() {
    let folder = Folder::new("cli-text");
    let log =
        "2026-11-21T06:14:02Z INFO  starting\r\n\u{1b}[31mERROR\u{1b}[0m listen tcp :8080: bind: address already in use\r\n";
    let file = folder.write("app.log", log);
    let runs = [
        faultline(&["diagnose", "listen", "tcp", ":8080:", "bind:", "address", "already", "in", "use"]),
        faultline(&["diagnose", "-f", &file]),
        faultline(&["diagnose"]).input(log),
        faultline(&["diagnose", "-"]).input(log),
        faultline(&["diagnose", "-f", "-"]).input(log),
    ];
    for run in runs {
        let answer = run.succeeds();
        assert!(answer.starts_with("HIGH  PortInUse  confidence 0.9"), "{answer}");
        assert!(!answer.contains('\u{1b}'), "colour where no terminal is: {answer}");
        for part in ["8080", "What to do", "LOW reads only", "Runbooks  portinuse.md", "Evidence", "Not looked at"] {
            assert!(answer.contains(part), "{part} in {answer}");
        }
    }
}

#[test]
fn an_answer_is_json_or_markdown_on_demand() {
    let text = "Back-off restarting failed container";
    let arguments = ["diagnose", text, "-n", "shop", "--pod", "api-0", "--deployment", "api", "-c", "app", "-o"];
    let with = |form: &'static str| faultline(&[&arguments[..], &[form]].concat()).succeeds();
    let answer: Value = serde_json::from_str(&with("json")).expect("valid JSON");
    assert_eq!((&answer["schema_version"], &answer["mode"]), (&"1".into(), &"rules".into()));
    assert_eq!(answer["error_category"], "CrashLoopBackOff");
    assert_eq!(answer["evidence"][0]["text"], text);
    assert_eq!(answer["fix_commands"][0]["command"], "kubectl logs api-0 -n shop -c app --previous --tail=100");
    let page = with("markdown");
    assert!(page.starts_with("# HIGH: CrashLoopBackOff\n"), "{page}");
    assert!(page.contains("```sh\nkubectl logs api-0 -n shop -c app --previous --tail=100\n```"), "{page}");
}

#[test]
fn the_exit_code_tells_how_much_was_found() {
    let unknown = faultline(&["diagnose", "frobnicator failed with error E77"]).ends_with(3).out;
    assert!(unknown.starts_with("MEDIUM  Unknown") && unknown.contains("frobnicator failed with error E77"), "{unknown}");
    let healthy = faultline(&["diagnose", "all is well"]).ends_with(4).out;
    assert!(healthy.starts_with("LOW  Unknown") && healthy.contains("No error is seen"), "{healthy}");
    assert!(faultline(&["suggest", "my cat is hungry"]).ends_with(4).out.starts_with("No runbook fits."));
    assert_eq!(faultline(&["rules", "explain", "all is well"]).ends_with(4).out, "no rule matches\n");
}

#[test]
fn what_cannot_be_read_is_said() {
    let missing = faultline(&["diagnose", "-f", "no-such-file.log"]).ends_with(1);
    assert!(missing.err.starts_with("faultline: could not read no-such-file.log: "), "{}", missing.err);
    for run in [faultline(&["diagnose"]), faultline(&["diagnose", " \n "]), faultline(&["suggest", "-"]).input("\n")] {
        let ran = run.ends_with(1);
        assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", "faultline: the error is empty\n"));
    }
    let both = faultline(&["diagnose", "text", "-f", "app.log"]).ends_with(2);
    assert!(both.err.contains("cannot be used with"), "{}", both.err);
}

#[test]
fn invalid_utf_8_is_answered() {
    let folder = Folder::new("cli-bytes");
    let file = folder.write("core.log", b"\xff\xfe\x00 noise\nlast state: OOMKilled, exit code 137 \xc3\x28\n");
    let answer = faultline(&["diagnose", "-f", &file]).succeeds();
    assert!(answer.starts_with("HIGH  OOMKilled"), "{answer}");
}

#[test]
fn hyphens_belong_to_the_text() {
    let inside = faultline(&["diagnose", "Back-off", "restarting failed container -- see --previous logs"]).succeeds();
    assert!(inside.starts_with("HIGH  CrashLoopBackOff"), "{inside}");
    let leading = faultline(&["diagnose", "--", "-bash: helm: command not found"]).succeeds();
    assert!(leading.starts_with("HIGH  MissingDependency"), "{leading}");
    let unguarded = faultline(&["diagnose", "-bash: helm: command not found"]).ends_with(2);
    assert!(unguarded.err.contains("use '-- -b'"), "{}", unguarded.err);
}

#[test]
fn runbooks_are_suggested_best_first() {
    let found = faultline(&["suggest", "terraform state lock", "-k", "1", "-o", "json"]).succeeds();
    let found: Value = serde_json::from_str(&found).expect("valid JSON");
    let names: Vec<&str> = found.as_array().expect("a list").iter().filter_map(|item| item["runbook"].as_str()).collect();
    assert_eq!(names, ["terraform-state-lock.md"]);
    let page = faultline(&["suggest", "-o", "markdown"]).input("terraform state lock").succeeds();
    assert!(page.starts_with("- **") && page.contains("(terraform-state-lock.md, "), "{page}");
}

#[test]
fn rules_are_listed_and_explained() {
    let list = faultline(&["rules", "list"]).succeeds();
    assert!(list.lines().count() >= 48, "{list}");
    assert!(list.lines().any(|line| line.starts_with("OOMKilled ") && line.contains(" HIGH ")), "{list}");
    let why = faultline(&["rules", "explain", "CrashLoopBackOff\nlast state: OOMKilled"]).succeeds();
    assert!(why.contains("OOMKilled (root_cause, 0.95) line 2: OOMKilled\n"), "{why}");
    assert!(why.contains("CrashLoopBackOff (symptom, "), "{why}");
}

#[test]
fn own_rules_add_and_replace_categories() {
    let folder = Folder::new("cli-own-rules");
    folder.write("frobnicator.yaml", rule("FrobnicatorJammed", "frobnicator jammed", "the frobnicator jammed again"));
    folder.write("port.yml", rule("PortInUse", "harbour is full", "our harbour is full today"));
    folder.write("notes.txt", "no rule");
    let faultline = |arguments: &[&str]| faultline(arguments).env("RULES_DIR", folder.path());

    let list = faultline(&["rules", "list"]).succeeds();
    let built_in = super::support::stages().catalogue.rules().len();
    assert_eq!(list.lines().count(), built_in + 1, "{list}");
    let titles: Vec<&str> = list.lines().filter(|line| line.contains("A fault of our own")).collect();
    assert!(
        matches!(titles[..], [added, replaced] if added.starts_with("Frob") && replaced.starts_with("PortInUse ")),
        "{titles:?}"
    );

    let added = faultline(&["diagnose", "the frobnicator jammed again", "-n", "shop"]).succeeds();
    assert!(added.starts_with("CRITICAL  FrobnicatorJammed"), "{added}");
    assert!(added.contains("kubectl get pods -n shop") && added.contains("unknown-error.md"), "{added}");
    // The old wordings went with the rule that was replaced.
    let replaced = faultline(&["diagnose", "ERROR bind: address already in use"]).ends_with(3).out;
    assert!(replaced.starts_with("MEDIUM  Unknown"), "{replaced}");
}

#[test]
fn broken_own_rules_stop_the_start_and_are_all_named() {
    let folder = Folder::new("cli-broken-rules");
    let sound = rule("FrobnicatorJammed", "frobnicator jammed", "the frobnicator jammed again");
    folder.write("a-regex.yaml", sound.replace("['frobnicator jammed']", "['frobnicator (jammed']"));
    folder.write("b-field.yaml", sound.replace("severity:", "sevrity:"));
    folder.write("c-title.yaml", sound.replace("title: A fault of our own", "title: ' '"));
    let ran = faultline(&["diagnose", "OOMKilled", "--rules-dir", folder.path().to_str().expect("UTF-8")]).ends_with(2);
    assert_eq!(ran.out, "");
    assert!(ran.err.contains("RULES_DIR=") && ran.err.contains("3 problems"), "{}", ran.err);
    for (file, field) in [("a-regex.yaml", "patterns: "), ("b-field.yaml", "`sevrity`"), ("c-title.yaml", "title: is empty")] {
        assert!(ran.err.lines().any(|line| line.contains(file) && line.contains(field)), "{file} {field}: {}", ran.err);
    }
}

#[test]
fn a_rule_check_holds_every_example_against_all_rules() {
    let folder = Folder::new("cli-rule-check");
    // One example is better told by a built-in rule, and the runbook is not there.
    let wrong = rule("FrobnicatorJammed", "frobnicator jammed", "OOMKilled").replace("unknown-error", "no-such-runbook");
    folder.write("frobnicator.yaml", wrong);
    let checked = faultline(&["rules", "check"]).env("RULES_DIR", folder.path()).ends_with(1).out;
    let (problems, summary): (Vec<&str>, Vec<&str>) = checked.lines().partition(|line| line.starts_with("FrobnicatorJammed: "));
    assert!(problems.iter().any(|line| line.contains("examples.match: yields OOMKilled")), "{checked}");
    assert!(problems.iter().any(|line| line.contains("there is no no-such-runbook.md")), "{checked}");
    assert_eq!((problems.len(), summary.len()), (2, 1), "the built-in rules have problems:\n{checked}");
    assert!(summary[0].ends_with(" rules, 2 problems"), "{checked}");
}

#[test]
fn runbooks_are_linted_listed_and_shown() {
    let folder = Folder::new("cli-runbooks");
    folder.write("plain.md", "# Who to call\n\nPage the people of the frobnicator.\n\nSee [the other](gone.md).\n");
    let faultline = |arguments: &[&str]| faultline(arguments).env("RUNBOOK_DIR", folder.path());
    let lint = faultline(&["runbooks", "lint"]).ends_with(1).out;
    for problem in ["plain.md: no owner\n", "plain.md: no heading Meaning\n", "plain.md: link to gone.md leads nowhere\n"] {
        assert!(lint.contains(problem), "{problem} in {lint}");
    }
    let list = faultline(&["runbooks", "list"]).succeeds();
    assert!(list.starts_with("plain.md ") && list.trim_end().ends_with("Who to call"), "{list}");
    let shown = faultline(&["runbooks", "show", "plain"]).succeeds();
    assert!(shown.contains("Page the people of the frobnicator."), "{shown}");
    let missing = faultline(&["runbooks", "show", "nothing"]).ends_with(1);
    assert!(missing.err.contains("there is no runbook `nothing`"), "{}", missing.err);
}

#[test]
fn labelled_texts_are_measured_and_held_against_a_share() {
    let folder = Folder::new("cli-eval");
    let texts = folder.write(
        "texts.jsonl",
        "{\"id\":\"right\",\"group\":\"a\",\"text\":\"OOMKilled\",\"category\":\"OOMKilled\"}\n\n\
         {\"id\":\"wrong\",\"group\":\"b\",\"text\":\"OOMKilled\",\"category\":\"PortInUse\"}\n",
    );
    let half = faultline(&["eval", "classify", &texts, "--at-least", "0.5", "--json"]).succeeds();
    let half: Value = serde_json::from_str(&half).expect("valid JSON");
    assert_eq!((&half["texts"], &half["accuracy"]), (&2.into(), &0.5.into()));
    assert_eq!((&half["misses"][0]["id"], &half["misses"][0]["found"]), (&"wrong".into(), &"OOMKilled".into()));
    let below = faultline(&["eval", "classify", &texts, "--at-least", "0.6"]).ends_with(1).out;
    assert!(below.contains("wrong: PortInUse -> OOMKilled: OOMKilled"), "{below}");

    let queries = folder.write(
        "queries.jsonl",
        "{\"query\":\"terraform state lock\",\"relevant\":[\"terraform-state-lock.md\"]}\n{\"query\":\"my cat is hungry\",\"relevant\":[]}\n",
    );
    let found = faultline(&["eval", "retrieve", &queries, "--at-least", "1.0"]).succeeds();
    assert!(found.contains("recall@3          1.000"), "{found}");

    let wrong = folder.write("wrong.jsonl", "{\"query\":\"terraform state lock\",\"relevant\":[\"gone.md\"]}\n");
    let misses = faultline(&["eval", "retrieve", &wrong, "--misses"]).succeeds();
    assert!(misses.contains("terraform state lock\n    wanted gone.md (not found); first terraform-state-lock.md\n"), "{misses}");
    let misses = faultline(&["eval", "retrieve", &wrong, "--misses", "--json"]).succeeds();
    let misses: Value = serde_json::from_str(&misses).expect("valid JSON");
    assert_eq!(misses["misses"][0]["first"], "terraform-state-lock.md");
    assert!(!faultline(&["eval", "retrieve", &wrong]).succeeds().contains("wanted"));

    let broken = folder.write("broken.jsonl", "{\"text\":\"a\",\"category\":\"b\"}\n{\"text\":");
    let said = faultline(&["eval", "classify", &broken]).ends_with(1).err;
    assert!(said.contains("broken.jsonl line 2: "), "{said}");
}

#[test]
fn a_service_that_is_not_there_is_not_healthy() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.local_addr().expect("an address").port().to_string()
    };
    let ran = faultline(&["healthcheck"]).env("APP_HOST", "0.0.0.0").env("APP_PORT", &port).ends_with(1);
    assert!(ran.err.starts_with(&format!("faultline: could not read http://127.0.0.1:{port}/readyz: ")), "{}", ran.err);
}

#[test]
fn a_shell_gets_its_completions() {
    let script = faultline(&["completions", "bash"]).succeeds();
    assert!(script.contains("complete -F _faultline") && script.contains("suggest"), "{script}");
}

#[test]
fn a_wrong_setting_names_its_variable() {
    let settings = [
        ("APP_PORT", "99999"),
        ("RATE_LIMIT_REQUESTS", "many"),
        ("LOG_LEVEL", "a=b=c"),
        ("RUNBOOK_DIR", "no-such-folder"),
        ("RULES_DIR", "no-such-folder"),
    ];
    for (variable, value) in settings {
        let ran = faultline(&["serve"]).env(variable, value).ends_with(2);
        assert!(ran.err.contains(variable) && ran.err.contains(value), "{variable}={value}: {}", ran.err);
    }
}

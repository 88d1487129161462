//! What the rules find: the figures they must reach, their own examples, and what no text may do to them.

use std::{fs, path::Path, sync::Arc};

use faultline::{
    classify::{self, Classification, Origin, Reading, check},
    cli::{Case, Report, evaluate},
    domain::finding::Role,
    pipeline::Stages,
};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::support::stages;

fn classified(stages: &Stages, text: &str) -> Classification {
    classify::classify(&stages.catalogue, &[(Origin::ErrorMessage, &stages.redactor.clean(text))])
}

fn cases(file: &Path) -> Vec<Case> {
    let text = fs::read_to_string(file).expect("a labelled set is readable");
    let case = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{}: {error}: {line}", file.display()));
    text.lines().filter(|line| !line.is_empty()).map(case).collect()
}

fn fixtures() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures"))
}

#[track_caller]
fn reaches(report: &Report, accuracy: f64, macro_f1: f64) {
    assert!(report.accuracy >= accuracy && report.macro_f1 >= macro_f1, "below {accuracy} or {macro_f1}:\n{}", report.to_text());
}

#[test]
fn the_labelled_sets_reach_their_figures() {
    let folder = fs::read_dir(fixtures().join("classify")).expect("the labelled sets are there");
    let known: Vec<Case> = folder.flat_map(|entry| cases(&entry.expect("a readable folder").path())).collect();
    let report = evaluate(&stages().catalogue, &known);
    reaches(&report, 0.97, 0.95);
    assert!(report.false_alarms <= 0.05, "too many false alarms:\n{}", report.to_text());
    for (name, group) in &report.groups {
        assert!(group.right * 100 >= group.texts * 85, "group {name} is below 0.85:\n{}", report.to_text());
    }
}

/// Texts that nobody looked at while the rules were written.
#[test]
fn the_set_that_rules_were_not_written_for_reaches_its_figures() {
    reaches(&evaluate(&stages().catalogue, &cases(&fixtures().join("classify-blind.jsonl"))), 0.93, 0.90);
}

#[test]
fn every_example_of_every_rule_holds_over_all_rules() {
    let problems = check::check(&stages().catalogue);
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

/// A log of `bytes` bytes or a little more in which all is well, in many shapes.
fn healthy_log(bytes: usize) -> String {
    let mut log = String::with_capacity(bytes + 256);
    let mut n: u64 = 0x9e37_79b9;
    while log.len() < bytes {
        n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (a, b, second) = (n >> 40, (n >> 20) & 0xfff, (n >> 33) % 60);
        let line = match n >> 61 {
            0 => format!("2026-11-21T06:16:{second:02}.{b:03}Z INFO  http: GET /api/v1/orders/{a} 200 {b}ms request_id={a:x}"),
            1 => format!(
                "10.42.{}.{} - - [21/Nov/2026:06:16:{second:02} +0000] \"GET /app-{a:x}.js HTTP/1.1\" 200 {b}",
                a % 250,
                b % 250
            ),
            2 => format!("{{\"level\":\"info\",\"ts\":{a},\"msg\":\"processed batch\",\"size\":{b},\"worker\":{}}}", b % 16),
            3 => format!("I1121 06:16:{second:02}.{b:06} 1 controller.go:{b}] \"Reconciled\" object=\"shop/orders-{a:x}\""),
            4 => format!("2026-11-21 06:16:{second:02},{b:03} DEBUG [worker-{}] c.e.s.CacheService - hit ratio 0.{b}", b % 8),
            5 => format!("time=\"2026-11-21T06:16:{second:02}Z\" level=info msg=\"sync finished\" errors=0 items={b}"),
            6 => format!("[{a}.{b:06}] eth0: link up, 1000 Mbps, full duplex, lpa 0x{b:x}"),
            _ => format!("user {a} bought {b} items"),
        };
        log.push_str(&line);
        log.push('\n');
    }
    log
}

/// The root's category and the line of its first quote.
fn root(found: &Classification) -> Option<(String, usize)> {
    let finding = found.findings.first().filter(|_| found.reading == Reading::Known)?;
    let quoted = found.evidence.iter().find(|evidence| finding.evidence.contains(&evidence.id))?;
    let line = quoted.object.rsplit(' ').next()?.parse().ok()?;
    Some((finding.category.to_string(), line))
}

/// Share of examples that a long log may hide at most 3 of 100 of.
const FOUND_IN_LONG_LOGS: f64 = 0.97;

#[test]
fn a_decisive_line_is_found_in_the_middle_of_a_long_healthy_log() {
    let stages = stages();
    let healthy = healthy_log(200 << 10);
    let lines_before = healthy.lines().count();
    assert_eq!(root(&classified(&stages, &healthy)), None, "the healthy log is healthy");
    let mut tried = 0;
    let mut hidden = Vec::new();
    for (rule, example) in
        stages.catalogue.rules().iter().flat_map(|rule| rule.examples.r#match.iter().take(2).map(move |text| (rule, text)))
    {
        tried += 1;
        let expected = root(&classified(&stages, example)).map(|(category, line)| (category, line + lines_before));
        let found = root(&classified(&stages, &format!("{healthy}{}\n{healthy}", example.trim_end_matches('\n'))));
        if found.is_none() || found != expected {
            hidden.push(format!("{}: expected {expected:?}, found {found:?}: {example}", rule.id));
        }
    }
    let share = 1.0 - hidden.len() as f64 / f64::from(tried);
    assert!(share >= FOUND_IN_LONG_LOGS, "{} of {tried} are hidden:\n{}", hidden.len(), hidden.join("\n"));
}

/// `quote` is what is left of `line` when characters are taken out of it (colours, escapes, what was cut off).
fn is_taken_from(quote: &str, line: &str) -> bool {
    let quote = quote.strip_prefix("... ").unwrap_or(quote);
    let quote = quote.strip_suffix(" ...").unwrap_or(quote);
    let mut rest = line.chars();
    quote.chars().filter(|character| !character.is_whitespace()).all(|wanted| rest.any(|character| character == wanted))
}

/// What holds of the answer to any text.
#[track_caller]
fn is_sound(stages: &Arc<Stages>, text: &str) {
    let found = classified(stages, text);
    // What is quoted has passed redaction.
    let clean = stages.redactor.clean(text);
    let lines: Vec<&str> = clean.lines().collect();
    for evidence in &found.evidence {
        let number = evidence.object.strip_prefix("error_message line ").and_then(|number| number.parse::<usize>().ok());
        let line = number.and_then(|number| lines.get(number - 1));
        let line = line.unwrap_or_else(|| panic!("{:?} has no line in {text:?}", evidence.object));
        assert!(is_taken_from(&evidence.text, line), "{:?} is no quote of {line:?}", evidence.text);
        assert!(!evidence.text.chars().any(char::is_control) && evidence.text.len() <= 420, "{:?}", evidence.text);
    }
    for finding in &found.findings {
        assert!(!finding.evidence.is_empty(), "{finding:?} cites nothing");
        assert!(finding.evidence.iter().all(|id| found.evidence.iter().any(|evidence| evidence.id == *id)), "{finding:?}");
        assert!((0.0..=1.0).contains(&finding.confidence), "{finding:?}");
    }
    let roots = found.findings.iter().filter(|finding| finding.role == Role::RootCause).count();
    assert_eq!(roots, usize::from(!matches!(found.reading, Reading::NoError { .. })), "{:?}", found.findings);
}

/// Any text at all, mixed with what rules look for and with what is special to a reader of logs.
fn texts() -> impl Strategy<Value = String> {
    let examples: Vec<String> = stages().catalogue.rules().iter().flat_map(|rule| rule.examples.r#match.clone()).collect();
    let special = [
        "\n",
        "\r\n",
        "\\n",
        "\t",
        "\0",
        "\u{1b}[31m",
        "\u{1b}",
        "\u{feff}",
        "\u{202e}",
        "\u{2028}",
        "e\u{301}",
        "İ",
        "{",
        "\"}",
        "```",
        "<<",
        "{{ x }}",
    ];
    let long = ("[ -~é]{1,20}", 1..2000_usize).prop_map(|(word, times)| word.repeat(times));
    let part = prop_oneof![
        4 => any::<String>(),
        4 => select(examples).prop_filter("JSON lines are taken apart, not quoted", |text| !text.contains('{')),
        4 => select(special.to_vec()).prop_map(str::to_owned),
        1 => long,
    ];
    vec(part, 0..8).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_classified_and_evidence_quotes_lines_of_it(text in texts()) {
        is_sound(&stages(), &text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_word_a_quarter_of_a_million_times_is_classified(word in "[ -~\\n]{1,12}|error |killed|\\PC{1,4}") {
        is_sound(&stages(), &word.repeat((300 << 10) / word.len()));
    }
}

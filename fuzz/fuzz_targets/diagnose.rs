//! Any bytes: as the text of an error, and as a command to judge. Nothing may panic.
//! A pipe into a shell is never less risky than the command alone.
#![no_main]

use std::sync::LazyLock;

use faultline::{
    classify::{self, Origin, Reading, catalogue::Catalogue},
    domain::redact::Redactor,
    guard,
};
use libfuzzer_sys::fuzz_target;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::built_in().expect("the built-in rules are sound"));

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);

    let found = classify::classify(&CATALOGUE, &[(Origin::ErrorMessage, &Redactor::built_in().clean(&text))]);
    let is_error = !matches!(found.reading, Reading::NoError { .. });
    assert_eq!(found.findings.is_empty(), !is_error, "an error has findings, and nothing else has");
    for finding in &found.findings {
        assert!(!finding.evidence.is_empty(), "{finding:?} cites nothing");
        assert!(finding.evidence.iter().all(|id| found.evidence.iter().any(|evidence| evidence.id == *id)), "{finding:?}");
    }

    let verdict = guard::assess(&text);
    let piped = guard::assess(&format!("{text} | sh"));
    assert!(piped.risk >= verdict.risk, "a pipe into a shell lowers the risk of {text:?}");
});

//! `faultline policy`, and a service that does not start with a policy that cannot be used.

use serde_json::{Value, json};

use crate::support::cli::{Folder, faultline};

const BROKEN: &str = "version: 1\nrules:\n  - id: r\n    actions: [rollout-restart]\n    namespaces: []\n    decision: allow\n    \
    justification: j\n    examples: {match: [], not_match: []}\n";

#[track_caller]
fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn check_prints_what_is_wrong_and_ends_with_one() {
    assert_eq!(parsed(&faultline(&["policy", "check"]).succeeds()), json!({"ok": true, "rules": 1, "problems": []}));
    let folder = Folder::new("policy-check");
    let example = folder.write("example.yaml", faultline(&["policy", "example"]).succeeds());
    let checked = parsed(&faultline(&["policy", "check", "--policy-file", &example]).succeeds());
    assert_eq!((&checked["ok"], &checked["problems"]), (&json!(true), &json!([])));
    assert!(checked["rules"].as_u64().is_some_and(|rules| rules > 5), "{checked}");

    let broken = folder.write("broken.yaml", BROKEN);
    let wanted = json!({"ok": false, "rules": 0, "problems": [
        {"rule": "r", "field": "namespaces", "line": 5, "what": "names nothing; leave the field out where everything is meant"},
    ]});
    assert_eq!(parsed(&faultline(&["policy", "check"]).env("POLICY_FILE", &broken).ends_with(1).out), wanted);
    let missing = faultline(&["policy", "check", "--policy-file", "no-such-policy.yaml"]).ends_with(1);
    assert!(missing.err.contains("could not read the policy no-such-policy.yaml"), "{}", missing.err);
}

#[test]
fn explain_prints_the_ruling_and_every_rule_and_ends_with_the_decision() {
    let folder = Folder::new("policy-explain");
    let policy = folder.write("policy.yaml", faultline::guard::policy::EXAMPLE);
    let explain = |arguments: &[&str], code: i32| {
        let all = [&["policy", "explain", "--policy-file", &policy, "--at", "2026-03-02T09:00:00Z"], arguments].concat();
        parsed(&faultline(&all).ends_with(code).out)
    };
    let restart = "kubectl rollout restart deployment/api -n team-a";
    let allowed = explain(&[restart, "--labels", "tier=web", "--magnitude", "pods=3"], 0);
    assert_eq!(allowed["action"], "rollout-restart deployment/team-a/api");
    assert_eq!((&allowed["decision"], &allowed["rule"]), (&json!("allow"), &json!("restart-stateless")));
    assert_eq!(allowed["matched"], json!([{"rule": "restart-stateless", "decision": "allow"}]));
    assert_eq!(allowed["policy"].as_str().map(str::len), Some(12));
    let rules = allowed["rules"].as_array().expect("a list");
    assert!(rules.iter().all(|rule| rule["conditions"][0]["why"].is_string()), "{allowed}");
    let labels = json!({"field": "labels", "met": false, "why": "the labels do not fit `tier in (database, queue)`"});
    assert!(rules.iter().any(|rule| rule["rule"] == "leave-databases-alone" && rule["conditions"][1] == labels), "{allowed}");
}

#[test]
fn explain_tells_approval_refusal_and_mistakes_apart_by_its_exit_code() {
    let folder = Folder::new("policy-explain-codes");
    let policy = folder.write("policy.yaml", faultline::guard::policy::EXAMPLE);
    let broken = folder.write("broken.yaml", BROKEN);
    let explain = |arguments: &[&str]| faultline(&[&["policy", "explain", "--policy-file", &policy], arguments].concat());
    let undo = explain(&["kubectl rollout undo deployment/api", "-n", "team-a", "--labels", "tier=web"]).ends_with(3);
    assert_eq!(parsed(&undo.out)["decision"], "needs-approval");
    let unread = explain(&["rollout-undo deployment/team-a/api"]).ends_with(4);
    assert_eq!(parsed(&unread.out)["rule"], "leave-databases-alone");
    let nothing = parsed(&explain(&["cordon node/a"]).env("POLICY_FILE", "ignored.yaml").ends_with(3).out);
    assert_eq!(nothing["rule"], "ask-before-cordoning");
    let refused = explain(&["kubectl delete pods --all -n team-a"]).ends_with(1);
    assert!(refused.err.contains("no action that Faultline can make: chooses objects instead of naming one"), "{}", refused.err);
    for wrong in
        [["--labels", "tier"], ["--labels", "a=b,a=c"], ["--at", "soon"], ["--magnitude", "pods=many"], ["--magnitude", "size=1"]]
    {
        explain(&[&["cordon node/a"], &wrong[..]].concat()).ends_with(2);
    }
    let unusable = faultline(&["policy", "explain", "cordon node/a"]).env("POLICY_FILE", &broken).ends_with(2);
    assert!(unusable.err.contains("rule r, namespaces, line 5: names nothing"), "{}", unusable.err);
}

#[test]
fn a_policy_that_does_not_load_stops_the_start() {
    let folder = Folder::new("policy-start");
    let broken = folder.write("broken.yaml", BROKEN);
    for (file, why) in [(broken.as_str(), "rule r, namespaces, line 5: names nothing"), ("no-such-policy.yaml", "No such file")] {
        let serve = faultline(&["serve", "--app-port", "0", "--database-url", "off"]).env("POLICY_FILE", file).ends_with(2);
        assert!(serve.err.contains("could not use the policy of POLICY_FILE=") && serve.err.contains(why), "{}", serve.err);
    }
}

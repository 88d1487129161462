//! What is wrong with a policy is told by rule, field and line, all at once; what is wrong in part does not hold at all.

use faultline::guard::policy::Policy;

/// A rule with one more field, whose line is the fifth.
fn with(field: &str) -> String {
    format!(
        "version: 1\nrules:\n  - id: r\n    actions: [rollout-restart]\n    {field}\n    decision: allow\n    justification: j\n    examples:\n      \
         match: [rollout-restart deployment/shop/api]\n      not_match: [rollout-restart deployment/pay/api]\n"
    )
}

#[track_caller]
fn problems(text: &str) -> String {
    Policy::load(text).expect_err(text).to_string()
}

#[test]
fn a_wrong_field_is_told_with_its_rule_and_line() {
    let cases = [
        ("namespaces: []", "names nothing"),
        ("namespaces: [Shop]", "`Shop` is no name"),
        ("namespaces: ['*a*b*c*']", "at most 3 `*`"),
        ("except_namespaces: ['']", "`` is no name"),
        ("kinds: [widget]", "`widget` is no kind"),
        ("kinds: []", "names nothing"),
        ("names: ['a b']", "`a b` is no name"),
        ("labels: 'tier in (web'", "bracket that does not end"),
        ("labels: 'tier of (web)'", "without `in` or `notin`"),
        ("labels: 'tier in (web) x'", "behind a bracket"),
        ("labels: 'a=b,,c=d'", "`` is no key of a label"),
        ("labels: 'a b=c'", "`a b` is no key"),
        ("labels: 'a>1'", "`a>1` is no key"),
        ("labels: 'A_/b'", "is no key"),
        ("labels: 'a!b'", "a `!` in the middle"),
        ("labels: 'a=b)'", "a bracket too many"),
        ("bounds: {}", "names no bound"),
        ("bounds: {max_replicas: 3}", "max_replicas bounds none of the rule's actions"),
        ("bounds: {max_memory: 3Gi}", "max_memory bounds none"),
        ("times: {days: [monday]}", "`monday` is no day"),
        ("times: {days: []}", "names no day"),
        ("times: {from: '8:00'}", "`8:00` is no time of day"),
        ("times: {from: '25:00'}", "`25:00` is no time of day"),
        ("times: {from: '24:00', to: '06:00'}", "no time between"),
        ("times: {from: '08:00', to: '08:00'}", "no time between"),
        ("times: {zone: Mars/Olympus}", "`Mars/Olympus` is no time zone"),
    ];
    for (field, what) in cases {
        let told = problems(&with(field));
        let name = field.split(':').next().expect("a field");
        assert!(told.starts_with(&format!("rule r, {name}, line 5: ")) && told.contains(what), "{field}: {told}");
    }
}

#[test]
fn what_is_no_policy_file_is_told_with_its_line() {
    let cases = [
        ("", "line 1: unexpected end of input"),
        ("version: 2\nrules: []\n", "line 1: `version` is not 1"),
        ("version: 1\n", "rules"),
        ("version: 1\nrules: []\nrule: []\n", "rule"),
        ("version: 1\nrules: [\n", "line 2: unclosed bracket"),
        ("not a policy", "line 1: "),
    ];
    for (text, what) in cases {
        let told = problems(text);
        assert!(told.contains(what), "{text:?}: {told}");
    }
    for unknown in ["namespace: shop", "bounds: {max_replica: 1}", "times: {day: [mon]}", "decision: permit"] {
        let told = problems(&with(unknown));
        assert!(told.starts_with("line 5: ") || unknown.starts_with("decision"), "{unknown}: {told}");
    }
    assert!(problems(&with("justification: k")).contains("duplicate"));
    let nameless = with("").replace("id: r\n    ", "");
    assert!(problems(&nameless).contains("id"), "{}", problems(&nameless));
}

#[test]
fn only_what_is_named_can_be_granted_and_only_grants_have_bounds() {
    let every = with("kinds: [deployment]").replace("[rollout-restart]\n", "'*'\n");
    assert!(problems(&every).contains("rule r, actions, line 4: `*` may only be forbidden"), "{}", problems(&every));
    let mixed = with("kinds: [deployment]").replace("[rollout-restart]\n", "[rollout-restart, '*']\n");
    assert!(problems(&mixed).contains("`*` is no action; actions are evict-pod, "), "{}", problems(&mixed));
    for not_a_step in ["read", "change", "drain"] {
        let text = with("kinds: [deployment]").replace("[rollout-restart]\n", &format!("[{not_a_step}]\n"));
        assert!(problems(&text).contains(&format!("`{not_a_step}` is no action")), "{}", problems(&text));
    }
    let bounded = with("bounds: {max_pods: 3}").replace("decision: allow", "decision: forbidden");
    assert!(problems(&bounded).contains("rule r, bounds, line 5: bound what is granted"), "{}", problems(&bounded));
    let scale = |bounds: &str| with(&format!("bounds: {bounds}")).replace("[rollout-restart]\n", "[scale]\n");
    for wrong in ["{max_scale_factor: 0}", "{max_scale_factor: -1}", "{min_scale_factor: .nan}", "{max_scale_factor: .inf}"] {
        assert!(problems(&scale(wrong)).contains("is not a number above 0"), "{wrong}: {}", problems(&scale(wrong)));
    }
}

#[test]
fn every_rule_has_an_id_of_its_own_and_a_justification() {
    let rule = with("namespaces: [shop]");
    let twice = format!("{rule}{}", rule.split_once("rules:\n").expect("rules").1);
    assert!(problems(&twice).contains("rule r, id, line 11: another rule has it, too"), "{}", problems(&twice));
    for (id, is_good) in
        [("a", true), ("restart-2", true), ("'-a'", false), ("'a-'", false), ("A", false), ("'a b'", false), ("''", false)]
    {
        let text = rule.replace("id: r\n", &format!("id: {id}\n"));
        assert_eq!(Policy::load(&text).is_ok(), is_good, "{id}");
    }
    assert!(problems(&rule.replace("justification: j", "justification: ' '")).contains("rule r, justification, line 7: "));
}

#[test]
fn examples_are_checked_and_every_problem_is_told_at_once() {
    let rule = with("namespaces: [shop]");
    assert!(Policy::load(&rule).is_ok());
    let cases = [
        (
            "deployment/shop/api]",
            "deployment/web/api]",
            "line 9: `rollout-restart deployment/web/api` does not match: namespaces: web is not",
        ),
        ("deployment/pay/api]", "deployment/shop/web]", "line 10: `rollout-restart deployment/shop/web` matches, and must not"),
        ("[rollout-restart deployment/shop/api]", "[]", "line 9: there is no `match`"),
        ("[rollout-restart deployment/pay/api]", "[]", "there is no `not_match`"),
        ("rollout-restart deployment/pay/api", "kubectl get pods", "`kubectl get pods` is no action; one is written as"),
        ("rollout-restart deployment/pay/api", "scale deployment/pay/api", "is no action: does not say how many replicas"),
        ("rollout-restart deployment/pay/api", "{act: x}", "act"),
        ("rollout-restart deployment/pay/api", "{action: x, magnitude: {pod: 1}}", "pod"),
    ];
    for (from, to, what) in cases {
        let told = problems(&rule.replace(from, to));
        assert!(told.contains(what), "{to}: {told}");
    }
    let both = rule.replace("deployment/shop/api]", "deployment/web/api]").replace("deployment/pay/api]", "deployment/shop/web]");
    assert_eq!(problems(&both).lines().count(), 2, "{}", problems(&both));
    let timed = with("times: {days: [mon]}");
    assert!(problems(&timed).contains("does not match: times: it says no `at`"), "{}", problems(&timed));
}

#[test]
fn a_policy_is_known_by_the_hash_of_its_text() {
    let load = |text: &str| Policy::load(text).expect("a policy").version().to_owned();
    let text = with("namespaces: [shop]");
    assert_eq!(load(&text).len(), 12);
    assert_eq!(load(&text), load(&text));
    assert_ne!(load(&text), load(&format!("{text}# another\n")));
}

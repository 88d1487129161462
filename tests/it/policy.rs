//! The policy of remediation: which changes may be made, as a file says it, and the actions that commands say.

mod actions;
mod loading;
mod properties;
mod terminal;

use std::collections::BTreeMap;

use faultline::{
    domain::ruling::{Magnitude, Ruling},
    guard::{
        action::{action, written},
        policy::{Policy, PolicyQuestion},
    },
};
use jiff::Timestamp;

/// A Monday, 10:00 UTC.
const MONDAY: &str = "2026-03-02T10:00:00Z";

/// One action, and what is known of it. Without labels it is as if they had not been read.
#[derive(Clone, Copy, Debug)]
struct Asked<'a> {
    action: &'a str,
    labels: Option<&'a str>,
    magnitude: Magnitude,
    at: &'a str,
}

const NOTHING_KNOWN: Magnitude = Magnitude { replicas_before: None, replicas_after: None, memory_factor: None, pods: None };

fn asked(action: &str) -> Asked<'_> {
    Asked { action, labels: None, magnitude: NOTHING_KNOWN, at: MONDAY }
}

/// A policy of these rules, each with the examples that it needs.
fn policy(rules: &[&str]) -> Policy {
    Policy::load(&file(rules)).unwrap_or_else(|error| panic!("{error}"))
}

fn file(rules: &[&str]) -> String {
    let rules: Vec<String> = rules.iter().map(|rule| format!("  - {rule}\n")).collect();
    format!("version: 1\nrules:{}{}", if rules.is_empty() { " []\n" } else { "\n" }, rules.concat())
}

#[track_caller]
fn ruling(policy: &Policy, asked: Asked) -> Ruling {
    let action = match written(asked.action) {
        Some(action) => action,
        None => action(asked.action, None),
    };
    let action = action.unwrap_or_else(|error| panic!("{}: {error}", asked.action));
    let labels: BTreeMap<String, String> = asked
        .labels
        .unwrap_or_default()
        .split(',')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    policy.judge(&PolicyQuestion {
        action: &action,
        labels: &labels,
        labels_known: asked.labels.is_some(),
        magnitude: asked.magnitude,
        now: asked.at.parse::<Timestamp>().expect("a time"),
    })
}

/// The decision, and the rule that made it.
#[track_caller]
fn check(policy: &Policy, asked: Asked, decision: &str, rule: Option<&str>) -> String {
    let ruling = ruling(policy, asked);
    assert_eq!((ruling.decision().as_str(), ruling.rule()), (decision, rule), "{asked:?}: {}", ruling.reason());
    ruling.reason().to_owned()
}

const RESTARTS: &str = "{id: restarts, actions: [rollout-restart], namespaces: [shop, 'team-*'], except_namespaces: [team-vault], \
    kinds: [deployment, statefulset], decision: allow, justification: they lose nothing, \
    examples: {match: [rollout-restart deployment/shop/api], not_match: [rollout-restart daemonset/shop/logs]}}";

#[test]
fn the_built_in_policy_denies_every_write_and_tells_what_to_do() {
    let policy = Policy::built_in();
    for action in [
        "rollout-restart deployment/shop/api",
        "evict-pod pod/shop/api-0",
        "delete-failed-pods namespace/shop",
        "uncordon node/node-a",
        "rerun-job job/shop/import",
        "kubectl scale deployment/api --replicas=3 -n shop",
    ] {
        let reason = check(&policy, asked(action), "forbidden", Some("deny-every-write"));
        assert!(reason.contains("POLICY_FILE"), "{reason}");
    }
}

#[test]
fn what_no_rule_matches_is_forbidden_and_near_misses_are_named() {
    let policy = policy(&[RESTARTS]);
    check(&policy, asked("rollout-restart deployment/team-a/api"), "allow", Some("restarts"));
    let misses = [
        ("rollout-restart deployment/payments/api", "rule restarts would allow it but for its namespaces (payments is not among"),
        ("rollout-restart deployment/team-vault/api", "but for its except_namespaces (team-vault is among team-vault)"),
        ("rollout-restart daemonset/shop/logs", "but for its kinds (daemonset is not among deployment, statefulset)"),
    ];
    for (action, why) in misses {
        let reason = check(&policy, asked(action), "forbidden", None);
        assert!(reason.contains(why), "{reason}");
    }
    let reason = check(&policy, asked("scale deployment/shop/api to 3 replicas"), "forbidden", None);
    assert_eq!(reason, "no rule of the policy matches, and what none matches is forbidden");
}

#[test]
fn the_strictest_of_all_matches_wins() {
    let ask = "{id: ask, actions: [rollout-restart], names: ['pay*'], decision: needs-approval, justification: it is money, \
        examples: {match: [rollout-restart deployment/shop/pay], not_match: [rollout-restart deployment/shop/api]}}";
    let deny = "{id: deny, actions: '*', names: [payroll], decision: forbidden, justification: nobody touches it, \
        examples: {match: [cordon node/payroll], not_match: [cordon node/node-a]}}";
    let policy = policy(&[RESTARTS, ask, deny]);
    check(&policy, asked("rollout-restart deployment/shop/api"), "allow", Some("restarts"));
    check(&policy, asked("rollout-restart deployment/shop/payments"), "needs-approval", Some("ask"));
    let reason = check(&policy, asked("rollout-restart deployment/shop/payroll"), "forbidden", Some("deny"));
    assert_eq!(reason, "nobody touches it");
    let ruling = ruling(&policy, asked("rollout-restart deployment/shop/payroll"));
    let matched: Vec<_> = ruling.matched().iter().map(|matched| (matched.rule.as_str(), matched.decision.as_str())).collect();
    assert_eq!(matched, [("deny", "forbidden"), ("ask", "needs-approval"), ("restarts", "allow")]);
}

#[test]
fn labels_that_were_not_read_grant_nothing_and_forbid_all_the_same() {
    let web = "{id: web, actions: [rollout-restart], labels: 'tier in (web), env!=prod', decision: allow, justification: web, examples: \
        {match: [{action: rollout-restart deployment/shop/api, labels: {tier: web}}], not_match: [rollout-restart deployment/shop/api]}}";
    let granting = policy(&[web]);
    let restart = asked("rollout-restart deployment/shop/api");
    check(&granting, Asked { labels: Some("tier=web"), ..restart }, "allow", Some("web"));
    check(&granting, Asked { labels: Some("tier=web,env=prod"), ..restart }, "forbidden", None);
    check(&granting, Asked { labels: Some(""), ..restart }, "forbidden", None);
    let reason = check(&granting, restart, "forbidden", None);
    assert!(reason.ends_with("rule web would allow it but for its labels (the labels were not read)"), "{reason}");

    let frozen = "{id: frozen, actions: '*', labels: frozen, decision: forbidden, justification: frozen, examples: \
        {match: [cordon node/node-a], not_match: [{action: cordon node/node-a, labels: {}}]}}";
    let forbidding = policy(&[RESTARTS, frozen]);
    check(&forbidding, Asked { labels: Some("tier=web"), ..restart }, "allow", Some("restarts"));
    let reason = check(&forbidding, restart, "forbidden", Some("frozen"));
    assert_eq!(reason, "frozen (the labels were not read, which counts as a match)");
}

#[test]
fn selectors_mean_what_kubernetes_means_by_them() {
    let cases = [
        ("tier=web", "tier=web", "tier=api"),
        ("tier==web", "tier=web", ""),
        ("tier!=web", "", "tier=web"),
        ("tier in (web, api)", "tier=api", "tier=db"),
        ("tier notin (web,api)", "tier=db", "tier=web"),
        ("tier notin (web)", "other=web", "tier=web"),
        ("tier", "tier=x", "other=x"),
        ("!tier", "other=x", "tier=x"),
        ("example.com/tier = web , !legacy", "example.com/tier=web", "example.com/tier=web,legacy=yes"),
        ("tier=", "tier=", "tier=web"),
    ];
    for (selector, fitting, other) in cases {
        let rule = format!(
            "{{id: x, actions: [cordon], labels: '{selector}', decision: allow, justification: x, \
             examples: {{match: [{{action: cordon node/a, labels: {}}}], not_match: [{{action: cordon node/a, labels: {}}}]}}}}",
            labels_as_yaml(fitting),
            labels_as_yaml(other)
        );
        let policy = policy(&[&rule]);
        check(&policy, Asked { labels: Some(fitting), ..asked("cordon node/a") }, "allow", Some("x"));
        check(&policy, Asked { labels: Some(other), ..asked("cordon node/a") }, "forbidden", None);
    }
}

fn labels_as_yaml(labels: &str) -> String {
    let pairs = labels.split(',').filter_map(|pair| pair.split_once('='));
    format!("{{{}}}", pairs.map(|(key, value)| format!("{key}: '{value}'")).collect::<Vec<_>>().join(", "))
}

#[test]
fn bounds_grant_up_to_themselves_and_what_is_not_known_is_over_them() {
    let scale = "{id: scale, actions: [scale], bounds: {min_replicas: 2, max_replicas: 9, max_scale_factor: 1.5}, decision: allow, \
        justification: small steps, examples: {match: [{action: scale deployment/shop/api to 6 replicas, magnitude: {replicas_before: 4}}], \
        not_match: [scale deployment/shop/api to 6 replicas]}}";
    let memory = "{id: memory, actions: [raise-memory-limit], bounds: {max_memory: 1Gi, max_memory_factor: 2}, decision: needs-approval, \
        justification: m, examples: {match: [{action: raise-memory-limit deployment/shop/api of container app to 1Gi, \
        magnitude: {memory_factor: 2}}], not_match: [raise-memory-limit deployment/shop/api of container app to 512Mi]}}";
    let pods = "{id: pods, actions: [evict-pod, rollout-restart, delete-failed-pods], bounds: {max_pods: 3}, decision: allow, justification: p, \
        examples: {match: [evict-pod pod/shop/api-0], not_match: [rollout-restart deployment/shop/api]}}";
    let policy = policy(&[scale, memory, pods]);
    let known = |magnitude: Magnitude| move |action| Asked { magnitude, ..asked(action) };
    let scaled = |before| known(Magnitude { replicas_before: Some(before), ..NOTHING_KNOWN });
    check(&policy, scaled(6)("scale deployment/shop/api to 9 replicas"), "allow", Some("scale"));
    check(&policy, scaled(9)("scale deployment/shop/api to 2 replicas"), "allow", Some("scale"));
    let refusals = [
        (scaled(8)("scale deployment/shop/api to 10 replicas"), "max_replicas (10 is more than 9)"),
        (scaled(3)("scale deployment/shop/api to 5 replicas"), "max_scale_factor (1.667 is more than 1.5)"),
        (scaled(3)("scale deployment/shop/api to 1 replicas"), "min_replicas (1 is less than 2)"),
        (scaled(0)("scale deployment/shop/api to 2 replicas"), "max_scale_factor (cannot be told"),
        (asked("scale deployment/shop/api to 2 replicas"), "max_scale_factor (cannot be told"),
        (
            known(Magnitude { replicas_before: Some(4), replicas_after: Some(3), ..NOTHING_KNOWN })(
                "scale deployment/shop/api to 5 replicas",
            ),
            "but for its max_replicas (cannot be told",
        ),
        (
            known(Magnitude { memory_factor: Some(2.5), ..NOTHING_KNOWN })(
                "raise-memory-limit deployment/shop/api of container app to 512Mi",
            ),
            "max_memory_factor (2.5 is more than 2)",
        ),
        (
            known(Magnitude { memory_factor: Some(f64::NAN), ..NOTHING_KNOWN })(
                "raise-memory-limit deployment/shop/api of container app to 512Mi",
            ),
            "max_memory_factor (NaN is more than 2)",
        ),
        (
            known(Magnitude { memory_factor: Some(1.0), ..NOTHING_KNOWN })(
                "raise-memory-limit deployment/shop/api of container app to 2Gi",
            ),
            "max_memory (2Gi is more than 1Gi)",
        ),
        (
            known(Magnitude { pods: Some(4), ..NOTHING_KNOWN })("rollout-restart deployment/shop/api"),
            "max_pods (4 is more than 3)",
        ),
        (asked("delete-failed-pods namespace/shop"), "max_pods (cannot be told"),
    ];
    for (asked, why) in refusals {
        let reason = check(&policy, asked, "forbidden", None);
        assert!(reason.contains(why), "{asked:?}: {reason}");
    }
    check(
        &policy,
        known(Magnitude { pods: Some(3), ..NOTHING_KNOWN })("rollout-restart deployment/shop/api"),
        "allow",
        Some("pods"),
    );
    check(&policy, asked("evict-pod pod/shop/api-0"), "allow", Some("pods"));
}

#[test]
fn times_are_of_the_zone_and_go_over_midnight() {
    let rule = |times: &str, within: &str, outside: &str| {
        format!(
            "{{id: t, actions: [cordon], times: {times}, decision: allow, justification: t, examples: \
             {{match: [{{action: cordon node/a, at: '{within}'}}], not_match: [{{action: cordon node/a, at: '{outside}'}}]}}}}"
        )
    };
    let office = rule("{days: [mon..fri], from: '08:00', to: '18:00', zone: Europe/Vienna}", MONDAY, "2026-03-01T10:00:00Z");
    let night = rule("{days: [fri], from: '22:00', to: '06:00'}", "2026-03-06T23:00:00Z", MONDAY);
    let weekend = rule("{days: [sat..mon]}", MONDAY, "2026-03-03T00:00:00Z");
    let evening = rule("{from: '18:00', to: '24:00'}", "2026-03-02T18:00:00Z", MONDAY);
    let cases = [
        // Vienna is an hour ahead in winter and two in summer.
        (&office, "2026-03-02T07:00:00Z", true),
        (&office, "2026-03-02T06:59:59Z", false),
        (&office, "2026-03-02T16:59:59Z", true),
        (&office, "2026-03-02T17:00:00Z", false),
        (&office, "2026-07-06T06:00:00Z", true),
        (&office, "2026-07-06T16:00:00Z", false),
        (&office, "2026-03-07T10:00:00Z", false),
        // Of the night from Friday to Saturday.
        (&night, "2026-03-06T22:00:00Z", true),
        (&night, "2026-03-07T05:59:00Z", true),
        (&night, "2026-03-07T06:00:00Z", false),
        (&night, "2026-03-06T05:00:00Z", false),
        (&night, "2026-03-07T22:30:00Z", false),
        (&weekend, "2026-03-01T23:59:59Z", true),
        (&weekend, "2026-03-02T23:59:59Z", true),
        (&weekend, "2026-03-06T23:59:59Z", false),
        (&evening, "2026-03-02T23:59:59Z", true),
        (&evening, "2026-03-02T00:00:00Z", false),
    ];
    for (rule, at, is_within) in cases {
        let (decision, by) = if is_within { ("allow", Some("t")) } else { ("forbidden", None) };
        check(&policy(&[rule]), Asked { at, ..asked("cordon node/a") }, decision, by);
    }
}

#[test]
fn cluster_wide_targets_match_only_where_no_namespaces_are_asked_for() {
    let named = "{id: named, actions: [cordon, rollout-restart], namespaces: ['*'], decision: allow, justification: n, examples: \
        {match: [rollout-restart deployment/shop/api], not_match: [cordon node/a]}}";
    let anywhere = "{id: anywhere, actions: [cordon], except_namespaces: [shop], kinds: [node], decision: needs-approval, justification: a, \
        examples: {match: [cordon node/a], not_match: [uncordon node/a]}}";
    check(&policy(&[named]), asked("cordon node/a"), "forbidden", None);
    check(&policy(&[named, anywhere]), asked("cordon node/a"), "needs-approval", Some("anywhere"));
}

#[test]
fn failed_pods_are_judged_by_their_namespace_and_their_names_count_as_unknown() {
    let clear = "{id: clear, actions: [delete-failed-pods], namespaces: [shop], kinds: [pod], decision: allow, justification: c, examples: \
        {match: [delete-failed-pods namespace/shop], not_match: [delete-failed-pods namespace/pay]}}";
    let by_name = "{id: by-name, actions: [delete-failed-pods], names: ['*'], decision: allow, justification: b, examples: \
        {match: [], not_match: [delete-failed-pods namespace/shop]}}";
    let keep = "{id: keep, actions: '*', names: ['db-*'], decision: forbidden, justification: k, examples: \
        {match: [delete-failed-pods namespace/shop], not_match: [delete-pod pod/shop/api-0]}}";
    check(&policy(&[clear]), asked("delete-failed-pods namespace/shop"), "allow", Some("clear"));
    check(&policy(&[clear, keep]), asked("delete-failed-pods namespace/shop"), "forbidden", Some("keep"));
    let error = Policy::load(&file(&[by_name])).expect_err("no example can match").to_string();
    assert!(error.contains("there is no `match`"), "{error}");
}

#[test]
fn what_cannot_be_done_is_forbidden_whatever_the_policy_allows() {
    use faultline::domain::{
        action::{Action, Change},
        object::{Kind, ObjectRef},
    };
    let anything = "{id: anything, actions: [scale, cordon, raise-memory-limit], decision: allow, justification: a, examples: \
        {match: [cordon node/a], not_match: [uncordon node/a]}}";
    let policy = policy(&[anything]);
    let target = |kind, namespace: Option<&str>, name: &str| ObjectRef {
        kind,
        namespace: namespace.map(str::to_owned),
        name: name.to_owned(),
    };
    let limit = |limit: &str| Change::RaiseMemoryLimit { container: "app".to_owned(), limit: limit.to_owned() };
    let impossible = [
        (target(Kind::Secret, Some("shop"), "api"), Change::Scale { replicas: 1 }),
        (target(Kind::Deployment, None, "api"), Change::Scale { replicas: 1 }),
        (target(Kind::Deployment, Some("shop"), "../api"), Change::Scale { replicas: 1 }),
        (target(Kind::Deployment, Some("Shop"), "api"), Change::Scale { replicas: 1 }),
        (target(Kind::Deployment, Some("shop"), "api"), Change::Scale { replicas: u32::MAX }),
        (target(Kind::Node, Some("shop"), "a"), Change::Cordon),
        (target(Kind::Deployment, Some("shop"), "api"), limit("99999999999999999999999999999999999999P")),
        (target(Kind::Deployment, Some("shop"), "api"), limit("0")),
    ];
    for (target, change) in impossible {
        let action = Action { target, change };
        let now = MONDAY.parse().expect("a time");
        let question =
            PolicyQuestion { action: &action, labels: &BTreeMap::new(), labels_known: true, magnitude: NOTHING_KNOWN, now };
        let ruling = policy.judge(&question);
        assert_eq!((ruling.decision().as_str(), ruling.rule()), ("forbidden", None), "{action:?}");
        assert!(ruling.reason().starts_with("no action that can be carried out: "), "{}", ruling.reason());
    }
}

#[test]
fn the_example_policy_decides_as_it_reads() {
    let policy = Policy::load(faultline::guard::policy::EXAMPLE).unwrap_or_else(|error| panic!("{error}"));
    let pods = |pods| Magnitude { pods: Some(pods), ..NOTHING_KNOWN };
    let web = |action, magnitude| Asked { labels: Some("tier=web"), magnitude, ..asked(action) };
    check(&policy, web("rollout-restart deployment/team-a/api", pods(3)), "allow", Some("restart-stateless"));
    check(&policy, web("evict-pod pod/staging/api-0", NOTHING_KNOWN), "allow", Some("replace-one-pod"));
    check(
        &policy,
        Asked { magnitude: pods(5), ..asked("delete-failed-pods namespace/team-a") },
        "allow",
        Some("clear-failed-pods"),
    );
    let four = Magnitude { replicas_before: Some(4), ..NOTHING_KNOWN };
    check(&policy, web("scale deployment/staging/api to 6 replicas", four), "allow", Some("scale-up"));
    check(&policy, web("scale deployment/team-a/api to 3 replicas", four), "needs-approval", Some("ask-before-scaling"));
    check(&policy, web("rollout-undo deployment/team-a/api", NOTHING_KNOWN), "needs-approval", Some("ask-before-undoing"));
    check(&policy, asked("cordon node/a"), "needs-approval", Some("ask-before-cordoning"));
    check(&policy, web("scale deployment/staging/api to 0 replicas", four), "forbidden", None);
    check(&policy, web("rollout-restart deployment/kube-system/coredns", pods(2)), "forbidden", None);
    let database = Asked { labels: Some("tier=database"), ..asked("rollout-undo statefulset/team-a/orders") };
    check(&policy, database, "forbidden", Some("leave-databases-alone"));
}

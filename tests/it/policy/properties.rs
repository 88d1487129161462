//! What holds of every policy and every question.

use std::collections::BTreeMap;

use faultline::{
    domain::{
        action::{Action, Change},
        object::{Kind, ObjectRef},
        ruling::{Magnitude, PolicyDecision, Ruling},
    },
    guard::policy::{Policy, PolicyQuestion},
};
use jiff::Timestamp;
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

use super::file;

/// Rules for one another to be stricter than, by number. Each holds its own examples.
const RULES: [&str; 9] = [
    "{id: allow-restart, actions: [rollout-restart], decision: allow, justification: a, \
      examples: {match: [rollout-restart deployment/a/a], not_match: [evict-pod pod/a/a]}}",
    "{id: ask-in-a, actions: [rollout-restart, evict-pod, scale], namespaces: [a], decision: needs-approval, justification: b, \
      examples: {match: [evict-pod pod/a/a], not_match: [evict-pod pod/b/a]}}",
    "{id: deny-names, actions: '*', names: ['a*'], decision: forbidden, justification: c, \
      examples: {match: [evict-pod pod/a/a], not_match: [evict-pod pod/a/b]}}",
    "{id: allow-web, actions: [evict-pod, scale, rollout-restart], labels: tier=web, decision: allow, justification: d, \
      examples: {match: [{action: evict-pod pod/a/a, labels: {tier: web}}], not_match: [evict-pod pod/a/a]}}",
    "{id: deny-labelled, actions: '*', labels: 'tier in (db)', decision: forbidden, justification: e, \
      examples: {match: [cordon node/a], not_match: [{action: cordon node/a, labels: {}}]}}",
    "{id: allow-scale, actions: [scale], bounds: {max_replicas: 5, max_scale_factor: 2}, decision: allow, justification: f, \
      examples: {match: [{action: scale deployment/a/a to 4 replicas, magnitude: {replicas_before: 2}}], not_match: [scale deployment/a/a to 9 replicas]}}",
    "{id: ask-at-night, actions: [rollout-restart, cordon], times: {from: '22:00', to: '06:00'}, decision: needs-approval, justification: g, \
      examples: {match: [{action: cordon node/a, at: '2026-01-01T00:00:00Z'}], not_match: [cordon node/a]}}",
    "{id: deny-on-mondays, actions: '*', times: {days: [mon]}, decision: forbidden, justification: h, \
      examples: {match: [{action: cordon node/a, at: '2026-03-02T00:00:00Z'}], not_match: [cordon node/a]}}",
    "{id: allow-memory, actions: [raise-memory-limit, cordon], bounds: {max_memory: 1Gi}, decision: allow, justification: i, \
      examples: {match: [cordon node/a], not_match: [raise-memory-limit deployment/a/a of container a to 2Gi]}}",
];

#[derive(Clone, Debug)]
struct Question {
    action: Action,
    labels: BTreeMap<String, String>,
    labels_known: bool,
    magnitude: Magnitude,
    now: Timestamp,
}

/// Actions that can and that cannot be carried out, with anything known of them.
fn question() -> impl Strategy<Value = Question> {
    let name = || prop_oneof![4 => Just("a".to_owned()), 12 => Just("b".to_owned()), 1 => any::<String>()];
    let change = prop_oneof![
        Just(Change::EvictPod),
        Just(Change::DeletePod),
        Just(Change::DeleteFailedPods),
        Just(Change::RolloutRestart),
        prop::option::of(any::<u64>()).prop_map(|to_revision| Change::RolloutUndo { to_revision }),
        prop_oneof![4 => 0..6_u32, 1 => any::<u32>()].prop_map(|replicas| Change::Scale { replicas }),
        Just(Change::Cordon),
        Just(Change::RerunJob),
        (name(), prop_oneof![4 => Just("1Gi".to_owned()), 1 => "[0-9.]{1,40}[A-Za-z]{0,2}", 1 => any::<String>()])
            .prop_map(|(container, limit)| Change::RaiseMemoryLimit { container, limit }),
    ];
    let magnitude = (
        prop::option::of(0..9_u32),
        prop::option::weighted(0.1, any::<u32>()),
        prop::option::of(any::<f64>()),
        prop::option::of(any::<u32>()),
    )
        .prop_map(|(replicas_before, replicas_after, memory_factor, pods)| Magnitude {
            replicas_before,
            replicas_after,
            memory_factor,
            pods,
        });
    let labels = prop_oneof![3 => Just("web"), 1 => Just("db"), 1 => Just("x")]
        .prop_map(|tier| BTreeMap::from([("tier".to_owned(), tier.to_owned())]));
    let now = prop_oneof![
        8 => (1_772_000_000..1_773_000_000_i64).prop_map(|second| Timestamp::from_second(second).expect("a time")),
        1 => Just(Timestamp::MIN),
        1 => Just(Timestamp::MAX),
    ];
    let action = (change, any_kind(), 0..12_u8, name(), name()).prop_map(|(change, other, chance, namespace, name)| {
        let kind = if chance == 0 { other } else { kind_of(&change) };
        let namespace = (chance == 1 || !kind.is_cluster_wide()).then_some(namespace);
        Action { target: ObjectRef { kind, namespace, name }, change }
    });
    (action, labels, prop::bool::weighted(0.8), magnitude, now)
        .prop_map(|(action, labels, labels_known, magnitude, now)| Question { action, labels, labels_known, magnitude, now })
}

fn any_kind() -> impl Strategy<Value = Kind> {
    prop::sample::select(vec![Kind::Deployment, Kind::Pod, Kind::Node, Kind::Namespace, Kind::Job, Kind::Secret])
}

/// A kind that the change can be made to.
fn kind_of(change: &Change) -> Kind {
    match change {
        Change::EvictPod | Change::DeletePod => Kind::Pod,
        Change::DeleteFailedPods => Kind::Namespace,
        Change::Cordon | Change::Uncordon => Kind::Node,
        Change::RerunJob => Kind::Job,
        Change::RolloutRestart
        | Change::RolloutUndo { .. }
        | Change::Scale { .. }
        | Change::Pause
        | Change::Resume
        | Change::RaiseMemoryLimit { .. } => Kind::Deployment,
    }
}

fn judge(rules: &[&str], question: &Question) -> Ruling {
    let policy = Policy::load(&file(rules)).unwrap_or_else(|error| panic!("{error}"));
    let Question { action, labels, labels_known, magnitude, now } = question;
    policy.judge(&PolicyQuestion { action, labels, labels_known: *labels_known, magnitude: *magnitude, now: *now })
}

fn rules() -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(RULES.to_vec(), 0..=RULES.len()).prop_shuffle()
}

#[test]
fn the_questions_get_every_decision() {
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeMap::<PolicyDecision, usize>::new();
    for _ in 0..400 {
        let (rules, question) = (rules(), question()).new_tree(&mut runner).expect("a question").current();
        *seen.entry(judge(&rules, &question).decision()).or_default() += 1;
    }
    assert!(seen.len() == 3 && seen.values().all(|count| *count >= 15), "{seen:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_further_rule_that_forbids_never_makes_a_decision_laxer(rules in rules(), added in prop::sample::select(vec![2_usize, 4, 7]), question in question()) {
        let before: Vec<&str> = rules.into_iter().filter(|rule| *rule != RULES[added]).collect();
        let after: Vec<&str> = before.iter().copied().chain([RULES[added]]).collect();
        prop_assert!(judge(&after, &question).decision() >= judge(&before, &question).decision());
    }

    #[test]
    fn the_order_of_rules_never_matters(rules in rules(), question in question()) {
        let mut turned = rules.clone();
        turned.reverse();
        let (one, other) = (judge(&rules, &question), judge(&turned, &question));
        prop_assert_eq!((one.decision(), one.rule(), one.reason(), one.matched()), (other.decision(), other.rule(), other.reason(), other.matched()));
    }

    #[test]
    fn a_ruling_is_the_strictest_of_its_matches_and_says_why(rules in rules(), question in question()) {
        let ruling = judge(&rules, &question);
        prop_assert!(!ruling.reason().is_empty());
        if let Some(rule) = ruling.rule() {
            prop_assert_eq!(ruling.matched().iter().map(|matched| matched.decision).max(), Some(ruling.decision()));
            prop_assert!(ruling.matched().iter().any(|matched| matched.rule == rule && matched.decision == ruling.decision()));
        } else {
            prop_assert_eq!(ruling.decision(), PolicyDecision::Forbidden);
        }
    }

    #[test]
    fn any_text_is_a_policy_or_refused_with_a_problem(text in prop_oneof![any::<String>(), "(version: 1\n)?rules:( \\[|\n)[-a-z:{}\\[\\]*&!'\" \n]{0,60}"]) {
        if let Err(error) = Policy::load(&text) {
            prop_assert!(!error.problems.is_empty() && !error.to_string().is_empty());
        }
    }

    #[test]
    fn any_selector_and_any_times_are_read_or_refused(labels in "[a-z0-9 !=(),./]{0,24}", from in "[0-9:]{0,6}", zone in any::<String>()) {
        let quote = |text: &str| serde_json::to_string(text).expect("a text");
        let rule = format!(
            "{{id: a, actions: '*', labels: {}, times: {{from: {}, zone: {}}}, decision: forbidden, justification: a, examples: {{}}}}",
            quote(&labels), quote(&from), quote(&zone)
        );
        // Without examples nothing is a policy: what is asked is that everything is told, and nothing panics.
        prop_assert!(Policy::load(&file(&[&rule])).is_err());
    }
}

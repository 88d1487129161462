//! What is not safe is not proposed, and the reason says what to look at.

use faultline::{
    domain::{
        action::{Action, Change},
        object::{Kind, ObjectRef},
    },
    pipeline::remediate::NotDone,
    remediate::{Mode, Refusal, RemediateSettings},
};
use serde_json::json;

use super::bed::{Bed, POLICY, changes};

const RESTART: &str = "kubectl rollout restart deployment/api -n shop";
const SCALE: &str = "kubectl scale deployment/api --replicas=4 -n shop";
const UNDO: &str = "kubectl rollout undo deployment/api -n shop";
const MEMORY: &str = "kubectl set resources deployment/api -c app --limits=memory=512Mi -n shop";

/// The reason why a command is refused.
async fn why(bed: &Bed, command: &str) -> String {
    let process = bed.process().await;
    match bed.propose(&process, command).await {
        Err(NotDone::Refused(refusal)) => refusal.to_string(),
        other => panic!("{command}: {other:?}"),
    }
}

#[tokio::test]
async fn what_a_gitops_tool_manages_is_changed_at_its_source() {
    for (key, manager) in [("argocd.argoproj.io/instance", "Argo CD"), ("kustomize.toolkit.fluxcd.io/name", "Flux")] {
        let bed = Bed::new().await;
        bed.living.deployment("shop", "api").replicas(3).memory_limit("app", "256Mi").label(key, "shop").create();
        bed.living.new_revision("shop", "api", |template| template["metadata"]["labels"]["x"] = "y".into());
        let process = bed.process().await;
        for (command, patch) in [(RESTART, "restartedAt"), (SCALE, "replicas: 4"), (MEMORY, "memory: 512Mi"), (UNDO, "labels.x")]
        {
            match bed.propose(&process, command).await {
                Err(error @ NotDone::Refused(Refusal::Managed { .. })) => {
                    assert!(error.to_string().contains(manager), "{error}");
                    assert!(error.proposed_patch().is_some_and(|proposed| proposed.contains(patch)), "{error:?}");
                }
                other => panic!("{command}: {other:?}"),
            }
        }
        assert!(changes(&bed.living.writes()).is_empty());
    }
}

#[tokio::test]
async fn what_helm_installed_keeps_its_template() {
    let bed = Bed::new().await;
    bed.living
        .deployment("shop", "api")
        .replicas(3)
        .memory_limit("app", "256Mi")
        .label("app.kubernetes.io/managed-by", "Helm")
        .create();
    assert!(why(&bed, MEMORY).await.contains("managed by Helm"));
    let process = bed.process().await;
    bed.propose(&process, RESTART).await.expect("a restart is no change of the release");
}

#[tokio::test]
async fn a_paused_or_rolling_workload_is_left_alone() {
    let bed = Bed::new().await;
    bed.living.deployment("shop", "api").replicas(3).with(|object| object["spec"]["paused"] = true.into()).create();
    for command in [RESTART, SCALE, UNDO] {
        assert!(why(&bed, command).await.contains("is paused"), "{command}");
    }
    let bed = Bed::new().await;
    bed.api();
    bed.living.freeze();
    bed.living.new_revision("shop", "api", |template| template["metadata"]["labels"]["x"] = "y".into());
    for command in [RESTART, SCALE] {
        assert!(why(&bed, command).await.contains("under way already"), "{command}");
    }
}

#[tokio::test]
async fn a_template_that_does_not_come_up_is_not_started_again() {
    let bed = Bed::new().await;
    bed.api();
    bed.living.template_is_bad(|template| template["spec"]["containers"][0]["image"] == "registry.example/api:2");
    bed.living
        .new_revision("shop", "api", |template| template["spec"]["containers"][0]["image"] = "registry.example/api:2".into());
    assert!(why(&bed, RESTART).await.contains("does not come up"));
}

#[tokio::test]
async fn protected_namespaces_and_our_own_are_never_touched() {
    let bed = Bed::new().await;
    for namespace in ["kube-system", "faultline"] {
        bed.living.deployment(namespace, "api").replicas(3).create();
        let process = bed.process().await;
        let refused = bed.propose(&process, &format!("kubectl rollout restart deployment/api -n {namespace}")).await;
        assert!(
            matches!(refused, Err(NotDone::Refused(Refusal::Protected { .. }) | NotDone::Forbidden(_))),
            "{namespace}: {refused:?}"
        );
    }
    let everywhere = "version: 1\nrules:\n  - {id: all, actions: [rollout-restart], decision: allow, justification: a play, \
                      examples: {match: [rollout-restart deployment/kube-system/api], not_match: [cordon node/a]}}\n";
    let settings = RemediateSettings { remediation_mode: Mode::Approve, ..RemediateSettings::default() };
    let bed = Bed::with(settings, everywhere).await;
    for namespace in ["kube-system", "faultline"] {
        bed.living.deployment(namespace, "api").replicas(3).create();
        let process = bed.process().await;
        let refused = bed.propose(&process, &format!("kubectl rollout restart deployment/api -n {namespace}")).await;
        assert!(matches!(refused, Err(NotDone::Refused(Refusal::Protected { .. }))), "{refused:?}");
    }
}

#[tokio::test]
async fn the_only_ready_replica_a_bare_pod_and_a_guarded_one_stay() {
    let bed = Bed::new().await;
    bed.living.deployment("shop", "one").create();
    bed.living.bare_pod("shop", "alone").create();
    bed.living.deployment("shop", "three").replicas(3).create();
    bed.living.pdb("shop", "guard", "three", json!({"minAvailable": 3})).create();
    let process = bed.process().await;
    let pod_of = |app: &str| {
        let pods = bed.living.all("Pod", "shop");
        let pod = pods.iter().find(|pod| pod["metadata"]["labels"]["app"] == app).expect("it has a pod");
        pod["metadata"]["name"].as_str().expect("a name").to_owned()
    };
    let ask = async |name: &str, change: Change| {
        let target = ObjectRef::new(Kind::Pod, Some("shop"), name);
        match bed.wish(&process, Action { target, change }, None).await {
            Err(error) => error.to_string(),
            Ok(shown) => panic!("{shown:?}"),
        }
    };
    assert!(ask(&pod_of("one"), Change::DeletePod).await.contains("only ready replica"));
    assert!(ask("alone", Change::DeletePod).await.contains("has no controller"));
    assert!(ask(&pod_of("three"), Change::DeletePod).await.contains("disruption budget shop/guard"));
    assert!(ask(&pod_of("three"), Change::EvictPod).await.contains("disruption budget"));
    assert!(changes(&bed.living.writes()).is_empty());
}

#[tokio::test]
async fn singletons_are_neither_stopped_nor_doubled() {
    let bed = Bed::new().await;
    let recreate = |object: &mut serde_json::Value| object["spec"]["strategy"] = json!({"type": "Recreate"});
    bed.living.deployment("shop", "api").with(recreate).create();
    assert!(why(&bed, RESTART).await.contains("singleton"));
    assert!(why(&bed, "kubectl scale deployment/api --replicas=2 -n shop").await.contains("singleton"));
}

#[tokio::test]
async fn scaling_is_up_in_steps_and_where_there_is_room() {
    let bed = Bed::new().await;
    bed.api();
    assert!(why(&bed, "kubectl scale deployment/api --replicas=1 -n shop").await.contains("left to a person"));
    assert!(why(&bed, "kubectl scale deployment/api --replicas=40 -n shop").await.contains("more than one step"));
    bed.living.quota("shop", "small", json!({"limits.memory": "1Gi"})).create();
    assert!(why(&bed, "kubectl scale deployment/api --replicas=5 -n shop").await.contains("the quota small has no room"));
    bed.living.hpa("shop", "api", "api", 2, 5).create();
    assert!(why(&bed, SCALE).await.contains("the autoscaler api is in charge"));

    let bed = Bed::new().await;
    bed.living
        .deployment("shop", "api")
        .replicas(3)
        .with(|object| {
            object["spec"]["template"]["spec"]["containers"][0]["resources"] = json!({"requests": {"memory": "2500Mi"}});
        })
        .create();
    assert!(why(&bed, SCALE).await.contains("no node has room"));
}

#[tokio::test]
async fn a_limit_range_bounds_the_memory() {
    let bed = Bed::new().await;
    bed.api();
    let limits = json!({"spec": {"limits": [{"type": "Container", "max": {"memory": "300Mi"}}]}});
    bed.living.object("LimitRange", "shop", "small", limits).create();
    assert!(why(&bed, MEMORY).await.contains("the limit range small allows 300Mi"));
}

#[tokio::test]
async fn nothing_is_done_without_a_mode_a_policy_a_store_or_a_cluster() {
    let off = Bed::with(RemediateSettings::default(), POLICY).await;
    off.api();
    let process = off.process().await;
    assert!(matches!(off.propose(&process, RESTART).await, Err(NotDone::Off)));

    let bed = Bed::new().await;
    bed.living.deployment("other", "api").replicas(3).create();
    let process = bed.process().await;
    let forbidden = bed.propose(&process, "kubectl rollout restart deployment/api -n other").await;
    assert!(matches!(forbidden, Err(NotDone::Forbidden(_))), "{forbidden:?}");
    assert!(bed.living.writes().is_empty(), "not even a rehearsal");

    let propose = RemediateSettings { remediation_mode: Mode::Propose, ..RemediateSettings::default() };
    let bed = Bed::with(propose, POLICY).await;
    bed.api();
    let process = bed.process().await;
    let shown = bed.propose(&process, RESTART).await.expect("it is shown");
    assert!(matches!(bed.approve(&process, &shown).await, Err(NotDone::Mode("propose"))));
    process.records.close().await;
    assert!(matches!(bed.propose(&process, RESTART).await, Err(NotDone::NoStore(_))));
}

#[tokio::test]
async fn what_does_not_exist_or_may_not_be_seen_is_said() {
    let bed = Bed::new().await;
    assert_eq!(why(&bed, RESTART).await, "deployment/shop/api does not exist");
    bed.api();
    bed.living.deny("get", "deployments", "shop");
    assert!(why(&bed, RESTART).await.contains("could not be looked at: denied"));
}

#[tokio::test]
async fn a_rule_about_labels_is_held_against_the_labels_that_there_are() {
    let policy = "version: 1\nrules:\n  - {id: shop, actions: [rollout-restart], namespaces: [shop], decision: needs-approval, \
                  justification: it is looked after, examples: {match: [rollout-restart deployment/shop/api], not_match: [cordon node/a]}}\n  \
                  - {id: critical, actions: [rollout-restart], labels: \"critical=true\", decision: forbidden, justification: too dear, \
                  examples: {match: [{action: rollout-restart deployment/shop/api, labels: {critical: \"true\"}}], \
                  not_match: [{action: rollout-restart deployment/shop/api, labels: {critical: \"false\"}}]}}\n";
    let settings = RemediateSettings { remediation_mode: Mode::Approve, ..RemediateSettings::default() };
    let bed = Bed::with(settings, policy).await;
    bed.api();
    bed.living.deployment("shop", "till").replicas(3).label("critical", "true").create();
    let process = bed.process().await;
    bed.propose(&process, RESTART).await.expect("it is not critical");
    let till = bed.propose(&process, "kubectl rollout restart deployment/till -n shop").await;
    assert!(matches!(&till, Err(NotDone::Forbidden(ruling)) if ruling.rule() == Some("critical")), "{till:?}");
}

/// Four pods on a node of 8Gi: what starts them counts, what runs beside them, and what their sandbox takes.
#[tokio::test]
async fn room_is_what_a_pod_takes_at_its_most() {
    let asks = |name: &str, memory: &str| json!({"name": name, "image": "a:1", "resources": {"requests": {"memory": memory}}});
    let sidecar = |memory: &str| {
        let mut sidecar = asks("proxy", memory);
        sidecar["restartPolicy"] = "Always".into();
        sidecar
    };
    let cases = [
        (json!([]), true),
        (json!([asks("migrate", "1900Mi")]), true),
        (json!([asks("migrate", "2500Mi")]), false),
        (json!([asks("first", "1500Mi"), asks("second", "1500Mi")]), true),
        (json!([sidecar("1500Mi")]), true),
        (json!([sidecar("1500Mi"), asks("migrate", "1000Mi")]), false),
        (json!([asks("migrate", "1000Mi"), sidecar("1500Mi")]), true),
        (json!([sidecar("2000Mi")]), false),
    ];
    for (init, fits) in cases {
        let bed = Bed::new().await;
        let deployment = bed.living.deployment("shop", "api").replicas(3).with(|object| {
            let spec = &mut object["spec"]["template"]["spec"];
            spec["initContainers"] = init.clone();
            spec["containers"][0]["resources"] = json!({"requests": {"memory": "100Mi"}});
        });
        deployment.create();
        if fits {
            let process = bed.process().await;
            bed.propose(&process, SCALE).await.unwrap_or_else(|error| panic!("{init}: {error}"));
        } else {
            assert!(why(&bed, SCALE).await.contains("no node has room"), "{init}");
        }
    }
}

#[tokio::test]
async fn what_a_runtime_class_adds_counts_for_the_pods_to_come() {
    for (overhead, fits) in [("100Mi", true), ("2000Mi", false)] {
        let bed = Bed::new().await;
        let deployment = bed.living.deployment("shop", "api").replicas(3).with(|object| {
            object["spec"]["template"]["spec"]["runtimeClassName"] = "sandboxed".into();
            object["spec"]["template"]["spec"]["containers"][0]["resources"] = json!({"requests": {"memory": "100Mi"}});
        });
        deployment.create();
        for pod in bed.pods() {
            let name = pod["metadata"]["name"].as_str().expect("a name");
            bed.living.edit_status(&format!("/api/v1/namespaces/shop/pods/{name}"), |pod| {
                pod["spec"]["overhead"] = json!({"memory": overhead, "cpu": "50m"});
            });
        }
        let process = bed.process().await;
        let proposed = bed.propose(&process, SCALE).await;
        assert_eq!(proposed.is_ok(), fits, "{overhead}: {proposed:?}");
    }
}

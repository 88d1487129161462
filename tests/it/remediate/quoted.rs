//! What comes from clients and clusters is checked, bounded, and without secrets wherever it is kept or told.

use serde_json::json;

use super::door::{Door, text};

const RESTART: &str = "kubectl rollout restart deployment/api -n shop";

#[tokio::test]
async fn what_is_no_wish_is_neither_kept_nor_looked_at() {
    let door = Door::new().await;
    door.bed.api();
    let before = door.bed.living.seen().len();
    let on = |kind: &str, name: &str| json!({"kind": kind, "namespace": "shop", "name": name});
    let scale = |replicas: serde_json::Value| json!({"action": {"action": "scale", "target": on("deployment", "api"), "replicas": replicas}});
    let long = "a".repeat(254);
    let bodies = [
        (json!({}), "#/command"),
        (json!({"command": null}), "#/command"),
        (json!({"command": 7}), "#/command"),
        (json!({"command": "  "}), "#/command"),
        (json!({"command": format!("kubectl {}", "x".repeat(2000))}), "#/command"),
        (json!({"command": RESTART, "action": {"action": "pause", "target": on("deployment", "api")}}), "#/action"),
        (json!({"command": RESTART, "mood": "good"}), "#/mood"),
        (json!({"command": RESTART, "author": "x".repeat(129)}), "#/author"),
        (json!({"command": RESTART, "incident_id": "x".repeat(65)}), "#/incident_id"),
        (json!({"command": RESTART, "namespace": "Shop"}), "#/namespace"),
        (json!({"namespace": "shop", "action": {"action": "pause", "target": on("deployment", "api")}}), "#/namespace"),
        (json!({"action": "pause"}), "#/action"),
        (json!({"action": {}}), "#/action/action"),
        (json!({"action": {"action": "explode", "target": on("deployment", "api")}}), "#/action/action"),
        (json!({"action": {"action": "read", "target": on("deployment", "api")}}), "#/action/action"),
        (json!({"action": {"action": "change", "target": on("deployment", "api")}}), "#/action/action"),
        (json!({"action": {"action": "pause"}}), "#/action/target/kind"),
        (json!({"action": {"action": "pause", "target": {"kind": "deployment", "namespace": "shop"}}}), "#/action/target/name"),
        (json!({"action": {"action": "pause", "target": on("secret", "api")}}), "#/action"),
        (json!({"action": {"action": "pause", "target": on("pod", "api")}}), "#/action"),
        (json!({"action": {"action": "evict-pod", "target": on("deployment", "api")}}), "#/action"),
        (json!({"action": {"action": "cordon", "target": on("node", "node-a")}}), "#/action"),
        (json!({"action": {"action": "pause", "target": {"kind": "deployment", "name": "api"}}}), "#/action"),
        (json!({"action": {"action": "pause", "target": on("deployment", "api;rm -rf /")}}), "#/action/target/name"),
        (json!({"action": {"action": "pause", "target": on("deployment", "../../secrets/token")}}), "#/action/target/name"),
        (json!({"action": {"action": "pause", "target": on("deployment", "api?dryRun=All")}}), "#/action/target/name"),
        (json!({"action": {"action": "pause", "target": on("deployment", &long)}}), "#/action/target/name"),
        (json!({"action": {"action": "pause", "target": on("deployment/x", "api")}}), "#/action/target/kind"),
        (json!({"action": {"action": "pause", "target": on("deployment", "api"), "replicas": 3}}), "#/action/replicas"),
        (json!({"action": {"action": "rollout-restart", "target": on("deployment", "api"), "limit": "1Gi"}}), "#/action/limit"),
        (scale(json!(null)), "#/action/replicas"),
        (scale(json!(10_001)), "#/action/replicas"),
        (scale(json!(18_446_744_073_709_551_615_u64)), "#/action/replicas"),
        (scale(json!(-1)), "#/action/replicas"),
        (scale(json!("4")), "#/action/replicas"),
        (scale(json!(4.5)), "#/action/replicas"),
        (
            json!({"action": {"action": "raise-memory-limit", "target": on("deployment", "api"), "container": "app"}}),
            "#/action/limit",
        ),
        (
            json!({"action": {"action": "raise-memory-limit", "target": on("deployment", "api"), "container": "a b", "limit": "1Gi"}}),
            "#/action",
        ),
        (
            json!({"action": {"action": "raise-memory-limit", "target": on("deployment", "api"), "container": "app", "limit": "1e9"}}),
            "#/action",
        ),
    ];
    for (body, pointer) in bodies {
        let (status, code, pointers) = door.propose(&body).await.problem();
        assert_eq!((status, code.as_str()), (422, "invalid-request"), "{body}");
        assert!(pointers.contains(&pointer.to_owned()), "{body}: {pointers:?}");
    }
    for command in [
        "kubectl rollout restart deployment/api -n shop; rm -rf /",
        "kubectl rollout restart deployment/api -n shop && kubectl delete ns shop",
        "kubectl rollout restart deployment/$(cat /etc/passwd) -n shop",
        "kubectl rollout restart deployment/api -n shop --kubeconfig /tmp/other",
        "kubectl rollout restart deployment/api -n shop --token abc",
        "kubectl rollout restart deployment/api deployment/web -n shop",
        "kubectl rollout restart deployment -n shop --all",
        "kubectl delete namespace shop",
        "kubectl delete pods --all -n shop",
        "kubectl scale deployment/<name> --replicas=4 -n shop",
        "kubectl rollout restart deployment/api",
        "helm rollback api",
        "sudo kubectl cordon node-a",
        "kubectl cordon ../node-a",
    ] {
        let problem = door.propose(&json!({"command": command})).await.problem();
        assert_eq!(problem, (422, "invalid-request".to_owned(), vec!["#/command".to_owned()]), "{command}");
    }
    for (body, code) in [("{", "invalid-json"), ("[]", "invalid-request"), ("{\"command\": \"a\", \"command\": \"b\"}", "")] {
        let problem = door.app.post_text("/remediations", body).await.problem();
        assert!(matches!(problem.0, 400 | 422) && (code.is_empty() || problem.1 == code), "{body}: {problem:?}");
    }
    assert_eq!(door.bed.living.seen().len(), before, "the cluster was not asked");
    assert!(door.bed.store.store.audit().list(1, None).await.expect("it is read").is_empty());
    let list = door.app.get("/remediations").await.json();
    assert_eq!(list["remediations"], json!([]));
    assert_eq!(door.app.get("/incidents").await.json()["incidents"], json!([]));
}

const SECRET: &str = "hunter2-Zq81xYw7";

#[track_caller]
fn is_without(what: &str, bytes: &[u8]) {
    let is_there = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
    assert!(!is_there, "{what} holds the secret");
}

#[tokio::test]
async fn no_secret_is_told_or_kept() {
    let door = Door::new().await;
    let address = format!("postgres://app:{SECRET}@db/shop");
    door.bed.api();
    let (dir, header) = (address.clone(), format!("Bearer {SECRET}"));
    door.bed.living.new_revision("shop", "api", move |template| {
        let container = &mut template["spec"]["containers"][0];
        container["workingDir"] = dir.into();
        container["env"] = json!([{"name": "TOKEN", "value": SECRET}]);
        container["livenessProbe"] =
            json!({"httpGet": {"port": 80, "httpHeaders": [{"name": "Authorization", "value": header}]}});
    });
    let said = format!("it is password={SECRET}");

    // In a command that is refused, and in everything that is said beside one that is not.
    let refused = door.propose(&json!({"command": format!("{RESTART} --token={SECRET}")})).await;
    assert_eq!(refused.problem().0, 422);
    is_without("a refusal", &refused.body);
    let made = door.propose(&json!({"command": "kubectl rollout undo deployment/api -n shop", "author": said})).await;
    assert_eq!(made.status, 201, "{}", made.text());
    is_without("a proposal", &made.body);
    assert!(text(&made.json(), "diff").contains("workingDir: postgres://"), "the difference is shown: {}", made.text());
    let made = made.json();
    let etag = format!("\"{}\"", text(&made, "etag"));
    let rejected = door.decide_with(&made, "reject", Some(&etag), &json!({"reason": said, "author": said})).await;
    assert_eq!(rejected.status, 200, "{}", rejected.text());
    is_without("a rejection", &rejected.body);
    let paused = door.app.post("/remediations/pause", &json!({"reason": said, "author": said})).await;
    is_without("a pause", &paused.body);
    door.app.post("/remediations/resume", &json!({"author": said})).await;

    // In what is carried out, undone, and written down about it.
    let made = door.proposed("kubectl rollout undo deployment/api -n shop").await;
    let applied =
        door.decide_with(&made, "approve", Some(&format!("\"{}\"", text(&made, "etag"))), &json!({"author": said})).await;
    assert_eq!(applied.status, 200, "{}", applied.text());
    is_without("what was applied", &applied.body);
    let verified = door.tended(&made).await;
    assert_eq!(text(&verified, "status"), "verified");
    let undone = door.decide_with(&made, "undo", None, &json!({"author": said})).await;
    assert_eq!(undone.json()["status"], "undone", "{}", undone.text());
    let deployment = door.bed.deployment();
    assert_eq!(deployment["spec"]["template"]["spec"]["containers"][0]["workingDir"], address, "it is undone as it was");
    let timeline = door.app.get(&format!("/incidents/{}/timeline", text(&made, "incident_id"))).await;
    is_without("a timeline", &timeline.body);
    is_without("an incident", &door.app.get("/incidents").await.body);
    is_without("the list", &door.app.get("/remediations").await.body);
    is_without("the store", &door.kept());

    // In the patch that is to be made elsewhere.
    door.bed.living.edit(super::bed::API, |object| object["metadata"]["labels"]["argocd.argoproj.io/instance"] = "shop".into());
    let managed = door.propose(&json!({"command": "kubectl rollout undo deployment/api -n shop"})).await;
    assert_eq!(managed.problem().1, "remediation-refused");
    assert!(managed.text().contains("Argo CD") && managed.text().contains("workingDir"), "{}", managed.text());
    is_without("a proposed patch", &managed.body);
}

#[tokio::test]
async fn what_a_gitops_tool_manages_is_told_with_the_patch_for_its_source() {
    let door = Door::new().await;
    door.bed.living.deployment("shop", "api").replicas(3).label("kustomize.toolkit.fluxcd.io/name", "shop").create();
    let refused = door.propose(&json!({"command": "kubectl scale deployment/api --replicas=4 -n shop"})).await;
    assert_eq!(refused.problem(), (409, "remediation-refused".to_owned(), Vec::new()));
    let detail = text(&refused.json(), "detail").to_owned();
    assert_eq!(
        detail,
        "deployment/shop/api is managed by Flux: make the change where Flux takes it from:\nspec:\n  replicas: 4\n"
    );
}

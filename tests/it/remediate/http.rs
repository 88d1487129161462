//! `/remediations` as a client sees it.

use axum::{
    body::Body,
    http::{HeaderValue, Request},
};
use faultline::{
    incidents::Told,
    remediate::{Mode, RemediateSettings},
};
use serde_json::{Value, json};

use super::door::{Door, text};
use crate::{http::contract::conforms, support::living::Fault};

const RESTART: &str = "kubectl rollout restart deployment/api -n shop";
const SCALE: &str = "kubectl scale deployment/api --replicas=4 -n shop";

/// An action for everything that can be carried out, and the command that says it, where one does.
fn furnish(door: &Door) -> Vec<(Value, Option<String>)> {
    let living = &door.bed.living;
    living.template_is_bad(|_| true);
    living.job("shop", "report").annotation("faultline.io/idempotent", "true").create();
    living.settle();
    living.template_is_bad(|_| false);
    door.bed.api();
    living.new_revision("shop", "api", |template| template["metadata"]["labels"]["x"] = "y".into());
    living.deployment("shop", "held").with(|object| object["spec"]["paused"] = true.into()).create();
    living.failed_pod("shop", "api");
    for node in ["node-b", "node-c", "node-d"] {
        living.node(node).create();
    }
    living.edit_status("/api/v1/nodes/node-d", |node| node["status"]["conditions"][0]["status"] = "False".into());
    let cordoned = |node: &mut Value| node["spec"]["unschedulable"] = true.into();
    living.node("node-e").annotation("faultline.io/cordoned", "true").with(cordoned).create();
    living.edit_status("/api/v1/nodes/node-e", |node| {
        node["status"]["conditions"][0]["lastTransitionTime"] = "2026-01-01T00:00:00Z".into();
    });
    let pods = door.bed.pods();
    let pod = pods.iter().find(|pod| pod["metadata"]["labels"]["app"] == "api" && pod["status"]["phase"] == "Running");
    let pod = pod.expect("a pod that runs")["metadata"]["name"].as_str().expect("a name");
    let of = |action: &str, kind: &str, name: &str, more: Value| {
        let mut action = json!({"action": action, "target": {"kind": kind, "namespace": "shop", "name": name}});
        action.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        action
    };
    let whole = |action: &str, kind: &str, name: &str| json!({"action": action, "target": {"kind": kind, "name": name}});
    let said = |command: &str| Some(command.to_owned());
    vec![
        (of("rollout-restart", "deployment", "api", json!({})), said(RESTART)),
        (of("rollout-undo", "deployment", "api", json!({})), said("kubectl rollout undo deployment/api -n shop")),
        (
            of("rollout-undo", "deployment", "api", json!({"to_revision": 1})),
            said("kubectl rollout undo deployment/api --to-revision=1 -n shop"),
        ),
        (of("scale", "deployment", "api", json!({"replicas": 4})), said(SCALE)),
        (of("pause", "Deployment", "api", json!({})), said("kubectl rollout pause deployment/api -n shop")),
        (of("resume", "deployment", "held", json!({})), said("kubectl rollout resume deployment/held -n shop")),
        (
            of("raise-memory-limit", "deployment", "api", json!({"container": "app", "limit": "512Mi"})),
            said("kubectl set resources deployment/api -c app --limits=memory=512Mi -n shop"),
        ),
        (of("evict-pod", "pod", pod, json!({})), None),
        (of("delete-pod", "pod", pod, json!({})), Some(format!("kubectl delete pod {pod} -n shop"))),
        (
            whole("delete-failed-pods", "namespace", "shop"),
            said("kubectl delete pods --field-selector=status.phase=Failed -n shop"),
        ),
        (of("rerun-job", "job", "report", json!({})), None),
        (whole("cordon", "node", "node-d"), said("kubectl cordon node-d")),
        (whole("uncordon", "node", "node-e"), said("kubectl uncordon node-e")),
    ]
}

#[tokio::test]
async fn every_action_is_proposed_read_and_rejected() {
    let door = Door::new().await;
    for (action, command) in furnish(&door) {
        let body = json!({"action": action, "author": "ada"});
        conforms("ProposeRequest", &body);
        let answer = door.propose(&body).await;
        assert_eq!(answer.status, 201, "{action}: {}", answer.text());
        let made = answer.json();
        conforms("Remediation", &made);
        assert_eq!((text(&made, "status"), text(&made, "requested_by")), ("proposed", "anonymous (ada)"));
        assert_eq!(answer.header("etag"), format!("\"{}\"", text(&made, "etag")));
        assert_eq!(answer.header("location"), format!("/remediations/{}", text(&made, "id")));
        let read = door.app.get(answer.header("location")).await;
        assert_eq!((read.json(), read.header("etag")), (made.clone(), answer.header("etag")));
        let rejected = door.decide(&made, "reject").await;
        assert_eq!((rejected.status.as_u16(), rejected.json()["status"].clone()), (200, json!("rejected")));
        conforms("Remediation", &rejected.json());
        let Some(command) = command else { continue };
        let said = door.proposed(&command).await;
        for field in ["action", "target", "replicas", "to_revision", "container", "limit", "diff", "risk_level", "policy"] {
            assert_eq!(said[field], made[field], "{command}: {field}");
        }
        assert_eq!(text(&said, "command"), command);
        assert_eq!(door.decide(&said, "reject").await.status, 200);
    }
    assert!(door.bed.living.real_writes().is_empty());
    door.bed.audit_is_whole().await;
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let door = Door::new().await;
    door.bed.api();
    door.bed.living.deployment("shop", "web").replicas(2).create();
    let mut made = Vec::new();
    for command in
        [RESTART, SCALE, "kubectl rollout pause deployment/api -n shop", "kubectl rollout restart deployment/web -n shop"]
    {
        made.push(door.proposed(command).await);
    }
    door.decide(&made[1], "reject").await;
    let ids = async |query: &str| -> Vec<String> {
        let list = door.app.get(&format!("/remediations{query}")).await.json();
        conforms("RemediationList", &list);
        list["remediations"].as_array().expect("a list").iter().map(|one| text(one, "id").to_owned()).collect()
    };
    let id = |at: usize| text(&made[at], "id").to_owned();
    assert_eq!(ids("").await, [id(3), id(2), id(1), id(0)]);
    assert_eq!(ids("?status=proposed").await, [id(3), id(2), id(0)]);
    assert_eq!(ids("?status=rejected").await, [id(1)]);
    assert_eq!(ids("?target=deployment/shop/web").await, [id(3)]);
    assert_eq!(ids(&format!("?incident={}&status=proposed", text(&made[0], "incident_id"))).await, [id(2), id(0)]);
    let (mut seen, mut query) = (Vec::new(), "?limit=3".to_owned());
    loop {
        let page = door.app.get(&format!("/remediations{query}")).await.json();
        seen.extend(page["remediations"].as_array().expect("a list").iter().map(|one| text(one, "id").to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("?limit=3&cursor={cursor}");
    }
    assert_eq!(seen, [id(3), id(2), id(1), id(0)]);
    for (query, pointer) in [
        ("status=gone", "#/status"),
        ("target=deployment/shop/Api", "#/target"),
        ("incident=%27%20OR%201=1", "#/incident"),
        ("limit=0", "#/limit"),
        ("limit=201", "#/limit"),
        ("cursor=a%20b", "#/cursor"),
        ("colour=red", "#/colour"),
    ] {
        let problem = door.app.get(&format!("/remediations?{query}")).await.problem();
        assert_eq!(problem, (422, "invalid-request".to_owned(), vec![pointer.to_owned()]), "{query}");
    }
}

#[tokio::test]
async fn a_decision_names_what_was_seen() {
    let door = Door::new().await;
    door.bed.api();
    let made = door.proposed(RESTART).await;
    let etag = format!("\"{}\"", text(&made, "etag"));
    let grace = json!({"author": "grace"});
    for verb in ["approve", "reject"] {
        for none in [None, Some("*"), Some(""), Some("\"a\", \"b\""), Some("\"' OR 1=1\"")] {
            assert_eq!(door.decide_with(&made, verb, none, &grace).await.problem().1, "etag-required", "{none:?}");
        }
        let other = door.decide_with(&made, verb, Some("\"0199-ab\""), &grace).await;
        assert_eq!((other.problem().0, other.problem().1.as_str()), (412, "etag-mismatch"));
        for bad in [json!({"why": "x"}), json!({"reason": 7}), json!({"reason": "x".repeat(501)}), json!([])] {
            assert!(matches!(door.decide_with(&made, verb, Some(&etag), &bad).await.problem().0, 400 | 422), "{bad}");
        }
    }
    assert!(door.bed.living.real_writes().is_empty());
    let applied = door.decide_with(&made, "approve", Some(&format!("W/{etag}")), &grace).await;
    assert_eq!((applied.status.as_u16(), applied.json()["status"].clone()), (200, json!("applied")));
    conforms("Remediation", &applied.json());
    assert_eq!(applied.json()["approver"], "anonymous (grace)");
    for verb in ["approve", "reject"] {
        let late = door.decide(&made, verb).await;
        assert_eq!((late.problem().0, late.problem().1.as_str()), (409, "remediation-changed"), "{verb}");
    }
    let verified = door.tended(&made).await;
    assert_eq!(text(&verified, "status"), "verified");
    for _ in 0..2 {
        let undone = door.decide_with(&verified, "undo", None, &grace).await;
        assert_eq!((undone.status.as_u16(), undone.json()["status"].clone()), (200, json!("undone")), "{}", undone.text());
    }
}

/// The answer of a problem in short.
fn told(answer: &crate::support::Answer) -> (u16, String) {
    let (status, code, _) = answer.problem();
    conforms("Problem", &answer.json());
    (status, code)
}

#[tokio::test]
async fn each_refusal_has_its_code() {
    let is = |status: u16, code: &str| (status, code.to_owned());
    let door = Door::new().await;
    let restart = json!({"command": RESTART});
    assert_eq!(told(&door.propose(&restart).await), is(409, "remediation-refused"), "it does not exist");
    door.bed.api();
    door.bed.living.deployment("other", "api").replicas(3).create();
    let elsewhere = json!({"command": "kubectl rollout restart deployment/api", "namespace": "other"});
    assert_eq!(told(&door.propose(&elsewhere).await), is(403, "policy-forbids"));
    door.bed.living.fail_next("patch", "*", Fault::Status(403));
    assert_eq!(told(&door.propose(&restart).await), is(409, "cluster-refused"));
    let unknown = json!({"id": "019c75a1-5b40-7d2e-8a53-6b1f0c9d2e47", "etag": "0199-ab"});
    for verb in ["approve", "reject", "undo"] {
        assert_eq!(told(&door.decide(&unknown, verb).await), is(404, "remediation-not-found"), "{verb}");
    }
    for path in ["/remediations/nothing%20here", "/remediations/%00", "/remediations/..%2F..%2Fetc"] {
        assert_eq!(told(&door.app.get(path).await), is(404, "remediation-not-found"), "{path}");
    }
    let foreign = json!({"command": RESTART, "incident_id": "019c75a1-5b40-7d2e-8a53-6b1f0c9d2e47"});
    assert_eq!(door.propose(&foreign).await.problem(), (422, "invalid-request".to_owned(), vec!["#/incident_id".to_owned()]));

    let made = door.proposed(RESTART).await;
    let none = door.without_a_cluster().await;
    assert_eq!(told(&none.post("/remediations", &json!({"command": SCALE})).await), is(503, "no-cluster"));
    let early = door.decide_with(&made, "undo", None, &json!({})).await;
    assert_eq!(told(&early), is(409, "remediation-changed"));
    door.bed.store.execute("UPDATE remediations SET expires_at = 1").await.expect("time passes");
    assert_eq!(told(&door.decide(&made, "approve").await), is(410, "remediation-expired"));

    let made = door.proposed(RESTART).await;
    door.bed.living.edit(super::bed::API, |object| object["metadata"]["labels"]["team"] = "b".into());
    assert_eq!(told(&door.decide(&made, "approve").await), is(409, "remediation-changed"));

    let (first, second) = (door.proposed(RESTART).await, door.proposed(SCALE).await);
    door.bed.living.freeze();
    assert_eq!(door.decide(&first, "approve").await.status, 200);
    let busy = door.decide(&second, "approve").await;
    assert_eq!((told(&busy), busy.header("retry-after")), (is(409, "remediation-busy"), "5"));
    let read = door.app.get(&format!("/remediations/{}", text(&second, "id"))).await.json();
    assert_eq!(text(&read, "status"), "proposed", "what is refused as busy is not done later");
    assert_eq!(told(&door.propose(&json!({"command": SCALE})).await), is(409, "remediation-busy"));
    door.process.records.close().await;
    assert_eq!(told(&door.app.get("/remediations").await), is(503, "no-store"));
    assert_eq!(told(&door.propose(&restart).await), is(503, "no-store"));
}

#[tokio::test]
async fn a_mode_goes_as_far_as_it_says() {
    let mode = |remediation_mode| RemediateSettings { remediation_mode, ..RemediateSettings::default() };
    let off = Door::with(mode(Mode::Off)).await;
    off.bed.api();
    assert_eq!(told(&off.propose(&json!({"command": RESTART})).await), (409, "remediation-off".to_owned()));
    let propose = Door::with(mode(Mode::Propose)).await;
    propose.bed.api();
    let made = propose.proposed(RESTART).await;
    assert_eq!(told(&propose.decide(&made, "approve").await), (409, "remediation-off".to_owned()));
    // What another process applied is not undone by one that only proposes.
    let (id, etag) = (text(&made, "id"), text(&made, "etag"));
    let remediations = propose.bed.store.store.remediations();
    remediations.approve(id, etag, "grace", &Told::default(), propose.bed.now()).await.expect("the store answers");
    assert_eq!(told(&propose.decide_with(&made, "undo", None, &json!({})).await), (409, "remediation-off".to_owned()));
    // Its proposals end as well.
    propose.bed.later(3600);
    assert_eq!(text(&propose.tended(&made).await, "status"), "expired");
    assert!(propose.bed.living.real_writes().is_empty());
}

#[tokio::test]
async fn four_eyes_are_not_two_names_of_one() {
    let settings = RemediateSettings { remediation_mode: Mode::Approve, require_four_eyes: true, ..RemediateSettings::default() };
    let door = Door::with(settings).await;
    door.bed.api();
    let made = door.proposed(RESTART).await;
    let etag = format!("\"{}\"", text(&made, "etag"));
    for who in [json!({"author": "ada"}), json!({})] {
        assert_eq!(told(&door.decide_with(&made, "approve", Some(&etag), &who).await), (403, "four-eyes".to_owned()), "{who}");
    }
    assert_eq!(door.decide(&made, "approve").await.status, 200);
}

#[tokio::test]
async fn who_stops_everything_need_not_say_why() {
    let door = Door::new().await;
    let bare = |path: &str| Request::post(path).body(Body::empty()).expect("a valid request");
    assert_eq!(door.app.send(bare("/remediations/pause")).await.json()["paused"], "somebody paused it (anonymous)");
    assert_eq!(door.app.send(bare("/remediations/resume")).await.json()["paused"], Value::Null);
    // The page of another site, which a browser lets send requests without a body.
    let mut foreign = bare("/remediations/resume");
    foreign.headers_mut().insert("origin", HeaderValue::from_static("https://evil.example"));
    assert_eq!(door.app.send(foreign).await.problem().0, 415);
}

#[tokio::test]
async fn pause_and_resume_hold_for_all() {
    let door = Door::new().await;
    door.bed.api();
    let made = door.proposed(RESTART).await;
    let paused = door.app.post("/remediations/pause", &json!({"reason": "a release is under way", "author": "ada"})).await.json();
    conforms("Standing", &paused);
    assert_eq!(paused["paused"], "a release is under way (anonymous (ada))");
    let held = door.decide(&made, "approve").await;
    assert_eq!(told(&held), (409, "remediation-paused".to_owned()));
    assert!(held.text().contains("a release is under way"));
    assert_eq!(door.app.get("/remediations").await.json()["standing"], paused);
    let resumed = door.app.post("/remediations/resume", &json!({})).await.json();
    conforms("Standing", &resumed);
    assert_eq!(resumed["paused"], Value::Null);
    assert_eq!(door.decide(&made, "approve").await.status, 200);
    for verb in ["pause", "resume"] {
        for bad in [json!({"why": 1}), json!({"reason": ""}), json!({"author": "x".repeat(129)})] {
            assert_eq!(door.app.post(&format!("/remediations/{verb}"), &bad).await.problem().0, 422, "{bad}");
        }
    }
}

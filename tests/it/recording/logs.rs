//! The logs of pods, cut as asked, and why there is none.

use faultline::cluster::recording::{Recording, Run};
use serde_json::{Value, json};

use super::log;

const STAMPED: &str =
    "2026-11-21T06:16:16.508358037Z one\n2026-11-21T06:16:17.000000000Z two\n2026-11-21T06:16:18.000000001Z three\n";
const OWN_TIMES: &str = "2026-11-21T06:16:16Z one\n2026-11-21T06:16:17.123Z two\n";

fn pod(name: &str, containers: &[&str], statuses: Value) -> Value {
    let containers: Vec<Value> = containers.iter().map(|name| json!({ "name": name })).collect();
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "namespace": "shop", "name": name },
        "spec": { "nodeName": "node-a", "containers": containers }, "status": { "containerStatuses": statuses },
    })
}

fn recording() -> Recording {
    let running = json!({ "name": "app", "state": { "running": {} }, "lastState": {} });
    let waiting = |reason: &str| json!([{ "name": "app", "state": { "waiting": { "reason": reason } }, "lastState": {} }]);
    let mut unscheduled = pod("unscheduled", &["app"], json!([]));
    unscheduled["spec"]["nodeName"] = Value::Null;
    let mut several = pod("several", &["app", "proxy"], json!([running]));
    several["spec"]["initContainers"] = json!([{ "name": "migrate" }]);
    let mut recording = Recording::from_objects([
        pod("one", &["app"], json!([running])),
        several,
        unscheduled,
        pod("creating", &["app"], waiting("ContainerCreating")),
        pod("pulling", &["app"], waiting("ImagePullBackOff")),
        pod("broken-pull", &["app"], waiting("ErrImagePull")),
        pod("ended", &["app"], json!([{ "name": "app", "state": { "terminated": { "exitCode": 128 } } }])),
        pod("unknown", &["app"], json!([])),
        pod("unrecorded", &["app"], json!([running])),
    ]);
    recording.add_log("shop", "one", "app", Run::Current, STAMPED);
    recording.add_log("shop", "one", "app", Run::Previous, "before\n");
    recording.add_log("shop", "several", "app", Run::Current, OWN_TIMES);
    recording
}

#[track_caller]
fn of(pod: &str, query: &str) -> (u16, String) {
    log(&recording(), &format!("/api/v1/namespaces/shop/pods/{pod}/log?{query}"))
}

#[test]
fn logs_are_cut_as_asked() {
    assert_eq!(of("one", ""), (200, "one\ntwo\nthree\n".to_owned()));
    assert_eq!(of("one", "timestamps=true"), (200, STAMPED.to_owned()));
    assert_eq!(of("one", "tailLines=2"), (200, "two\nthree\n".to_owned()));
    assert_eq!(of("one", "tailLines=0").1, "");
    assert_eq!(of("one", "tailLines=9").1, "one\ntwo\nthree\n");
    assert_eq!(of("one", "tailLines=2&limitBytes=5").1, "two\nt");
    assert_eq!(of("one", "limitBytes=10&timestamps=true").1, "2026-11-21");
    assert_eq!(of("one", "previous=true").1, "before\n");
    assert_eq!(of("one", "tailLines=some").0, 400);
    assert_eq!(of("gone", ""), (404, "pods \"gone\" not found".to_owned()));
}

#[test]
fn times_that_the_program_wrote_stay() {
    assert_eq!(of("several", "container=app").1, OWN_TIMES);
}

#[test]
fn a_container_must_be_named_where_there_are_several() {
    let which =
        "a container name must be specified for pod several, choose one of: [app proxy] or one of the init containers: [migrate]";
    assert_eq!(of("several", ""), (400, which.to_owned()));
    assert_eq!(of("several", "container=other"), (400, "container other is not valid for pod several".to_owned()));
}

#[test]
fn why_there_is_no_log_is_said_as_a_kubelet_says_it() {
    for (pod, query, status, message) in [
        ("unscheduled", "", 200, ""),
        ("creating", "", 400, "container \"app\" in pod \"creating\" is waiting to start: ContainerCreating"),
        ("creating", "previous=true", 400, "previous terminated container \"app\" in pod \"creating\" not found"),
        ("pulling", "", 400, "container \"app\" in pod \"pulling\" is waiting to start: trying and failing to pull image"),
        ("broken-pull", "", 400, "container \"app\" in pod \"broken-pull\" is waiting to start: image can't be pulled"),
        ("ended", "", 400, "container \"app\" in pod \"ended\" is terminated"),
        ("unknown", "", 400, "container \"app\" in pod \"unknown\" is not available"),
        ("unrecorded", "", 404, "the log of container \"app\" in pod \"unrecorded\" was not recorded"),
    ] {
        assert_eq!(of(pod, query), (status, message.to_owned()));
    }
}

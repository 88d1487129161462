//! The scheduler and the kubelets: pods come to nodes, run or do not, and go.

use serde_json::{Value, json};

use super::set_condition;
use crate::support::living::{
    resource::of_kind,
    value::{controller, count, is_going, is_true, items, map, name, namespace, number, text, uid},
    world::{Trouble, World},
};

/// How often a crashing container was started again, more than any job forgives.
const RESTARTS: i64 = 7;

pub fn run(world: &mut World) {
    for pod in world.all("Pod") {
        if is_going(&pod) {
            world.delete(of_kind("Pod"), &pod, 0);
        } else if text(&pod, "/spec/nodeName").is_empty() {
            schedule(world, &pod);
        } else if !matches!(text(&pod, "/status/phase"), "Succeeded" | "Failed") {
            keep_running(world, &pod);
        }
    }
}

fn schedule(world: &mut World, pod: &Value) {
    let nodes = world.all("Node");
    let pods = world.all("Pod");
    let load = |node: &Value| count(&pods.iter().filter(|other| text(other, "/spec/nodeName") == name(node)).collect::<Vec<_>>());
    let fits = |node: &&Value| !is_true(node, "/spec/unschedulable") && is_selected(pod, node);
    let time = world.time();
    if let Some(node) = nodes.iter().filter(fits).min_by_key(|node| load(node)) {
        let node_name = name(node).to_owned();
        world.change("Pod", pod, |pod| {
            pod["spec"]["nodeName"] = node_name.clone().into();
            set_condition(pod, &time, "PodScheduled", "True", "", "");
        });
        let message = format!("Successfully assigned {}/{} to {node_name}", namespace(pod), name(pod));
        return world.event(pod, "Normal", "Scheduled", &message, "default-scheduler");
    }
    let cordoned = count(&nodes.iter().filter(|node| is_true(node, "/spec/unschedulable")).collect::<Vec<_>>());
    let others = count(&nodes) - cordoned;
    let mut reasons = Vec::new();
    if others > 0 {
        reasons.push(format!("{others} node(s) didn't match Pod's node affinity/selector"));
    }
    if cordoned > 0 {
        reasons.push(format!("{cordoned} node(s) were unschedulable"));
    }
    let message = format!("0/{} nodes are available: {}.", nodes.len(), reasons.join(", "));
    let is_new = world.change("Pod", pod, |pod| {
        set_condition(pod, &time, "PodScheduled", "False", "Unschedulable", &message);
    });
    if is_new {
        world.event(pod, "Warning", "FailedScheduling", &message, "default-scheduler");
    }
}

/// Whether the node has the labels that the pod wants.
pub fn is_selected(pod: &Value, node: &Value) -> bool {
    let wanted = pod["spec"]["nodeSelector"].as_object().into_iter().flatten();
    wanted.into_iter().all(|(key, value)| node["metadata"]["labels"][key] == *value)
}

fn keep_running(world: &mut World, pod: &Value) {
    let template = json!({
        "metadata": {"labels": pod["metadata"]["labels"], "annotations": pod["metadata"]["annotations"]}, "spec": pod["spec"],
    });
    let trouble = world.sick.get(uid(pod)).copied().or_else(|| (world.judge.clone())(&template));
    let is_started = !items(pod, "/status/containerStatuses").is_empty();
    let shown = if is_started { Some(shown(pod)) } else { None };
    let ends = text(pod, "/spec/restartPolicy") != "Always";
    if ends && is_started && trouble.is_none() {
        return end(world, pod, None);
    }
    if text(pod, "/spec/restartPolicy") == "Never" && is_started && trouble.is_some() {
        return end(world, pod, trouble);
    }
    // A pod that ends begins well.
    let trouble = if ends && !is_started { None } else { trouble };
    if shown != Some(trouble) {
        let time = world.time();
        let ip = format!("10.0.{}.{}", uid(pod).len(), uid(pod).bytes().fold(7_u8, u8::wrapping_add));
        world.change("Pod", pod, |pod| show(pod, trouble, &time, &ip));
        tell(world, pod, trouble);
    }
}

/// The trouble that the status of a pod shows.
fn shown(pod: &Value) -> Option<Trouble> {
    let status = &items(pod, "/status/containerStatuses")[0];
    match (text(status, "/state/waiting/reason"), text(status, "/lastState/terminated/reason")) {
        ("ImagePullBackOff", _) => Some(Trouble::ImageIsMissing),
        ("CrashLoopBackOff", "OOMKilled") => Some(Trouble::OutOfMemory),
        ("CrashLoopBackOff", _) => Some(Trouble::Crashes),
        _ if is_true(status, "/ready") => None,
        _ => Some(Trouble::NeverReady),
    }
}

fn show(pod: &mut Value, trouble: Option<Trouble>, time: &str, ip: &str) {
    let ready = if trouble.is_none() { "True" } else { "False" };
    let names: Vec<String> = items(pod, "/spec/containers").iter().map(|container| text(container, "/name").to_owned()).collect();
    let statuses: Vec<Value> =
        items(pod, "/spec/containers").iter().map(|container| status_of(container, trouble, time)).collect();
    let phase = if trouble == Some(Trouble::ImageIsMissing) { "Pending" } else { "Running" };
    super::super::value::default(&mut pod["status"], "startTime", time);
    pod["status"]["phase"] = phase.into();
    pod["status"]["podIP"] = ip.into();
    pod["status"]["hostIP"] = "10.1.0.1".into();
    pod["status"]["containerStatuses"] = statuses.into();
    let (reason, message) = match trouble {
        None => ("", String::new()),
        Some(_) => ("ContainersNotReady", format!("containers with unready status: [{}]", names.join(" "))),
    };
    set_condition(pod, time, "Initialized", "True", "", "");
    set_condition(pod, time, "ContainersReady", ready, reason, &message);
    set_condition(pod, time, "Ready", ready, reason, &message);
}

fn status_of(container: &Value, trouble: Option<Trouble>, time: &str) -> Value {
    let (name, image) = (&container["name"], &container["image"]);
    let mut status = json!({
        "name": name, "image": image, "imageID": "", "ready": trouble.is_none(), "started": true, "restartCount": 0,
        "lastState": {}, "state": {"running": {"startedAt": time}},
    });
    let ended = |exit_code: i64, reason: &str| json!({"terminated": {"exitCode": exit_code, "reason": reason, "startedAt": time, "finishedAt": time}});
    let waits = |reason: &str, message: String| json!({"waiting": {"reason": reason, "message": message}});
    match trouble {
        None | Some(Trouble::NeverReady) => {}
        Some(Trouble::Crashes | Trouble::OutOfMemory) => {
            let message = format!("back-off 5m0s restarting failed container={}", text(container, "/name"));
            status["state"] = waits("CrashLoopBackOff", message);
            status["lastState"] = if trouble == Some(Trouble::OutOfMemory) { ended(137, "OOMKilled") } else { ended(1, "Error") };
            status["restartCount"] = RESTARTS.into();
            status["started"] = false.into();
        }
        Some(Trouble::ImageIsMissing) => {
            let message = format!("Back-off pulling image {image}: ErrImagePull: failed to pull and unpack image: not found");
            status["state"] = waits("ImagePullBackOff", message);
            status["started"] = false.into();
        }
    }
    status
}

fn tell(world: &mut World, pod: &Value, trouble: Option<Trouble>) {
    let container = text(pod, "/spec/containers/0/name").to_owned();
    let (reason, message) = match trouble {
        None => {
            let message = format!("Started container {container}");
            return world.event(pod, "Normal", "Started", &message, "kubelet");
        }
        Some(Trouble::Crashes | Trouble::OutOfMemory) => {
            let (pod_name, namespace) = (name(pod), namespace(pod));
            ("BackOff", format!("Back-off restarting failed container {container} in pod {pod_name}_{namespace}({})", uid(pod)))
        }
        Some(Trouble::ImageIsMissing) => {
            ("Failed", format!("Error: ImagePullBackOff: image {}: not found", pod["spec"]["containers"][0]["image"]))
        }
        Some(Trouble::NeverReady) => ("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503".to_owned()),
    };
    world.event(pod, "Warning", reason, &message, "kubelet");
}

/// A pod of a job is over.
fn end(world: &mut World, pod: &Value, trouble: Option<Trouble>) {
    if controller(pod).is_none() && trouble.is_none() {
        // Nobody waits for it, so it may as well run on.
        return;
    }
    let time = world.time();
    world.change("Pod", pod, |pod| {
        let (phase, exit_code, reason) = match trouble {
            None => ("Succeeded", 0, "Completed"),
            Some(Trouble::OutOfMemory) => ("Failed", 137, "OOMKilled"),
            Some(_) => ("Failed", 1, "Error"),
        };
        pod["status"]["phase"] = phase.into();
        for status in pod["status"]["containerStatuses"].as_array_mut().into_iter().flatten() {
            let state = json!({"exitCode": exit_code, "reason": reason, "startedAt": time, "finishedAt": time});
            map(status, "state").clear();
            status["state"]["terminated"] = state;
            status["ready"] = false.into();
        }
        let why = if phase == "Succeeded" { "PodCompleted" } else { "PodFailed" };
        set_condition(pod, &time, "ContainersReady", "False", why, "");
        set_condition(pod, &time, "Ready", "False", why, "");
    });
}

/// How often the containers of a pod were started again.
pub fn restarts(pod: &Value) -> i64 {
    items(pod, "/status/containerStatuses").iter().filter_map(|status| number(status, "/restartCount")).sum()
}

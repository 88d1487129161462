//! The `log` of a pod: what was recorded, or the words in which an API server says why there is none.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{
    index::Resource,
    logs::{Log, Logs, Part, Run, Stamps},
    request::Asked,
    status,
};

pub fn pod_log(pods: &Resource, logs: &Logs, (namespace, name): (&str, &str), asked: &Asked) -> Response<Bytes> {
    let Some(pod) = pods.get(namespace, name) else { return status::no_object(pods, name) };
    let part = match (asked.count("tailLines"), asked.count("limitBytes")) {
        (Ok(tail_lines), Ok(limit_bytes)) => {
            let stamps = if asked.flag("timestamps") { Stamps::Keep } else { Stamps::Strip };
            Part { tail_lines, limit_bytes, stamps }
        }
        (Err(what), _) | (_, Err(what)) => return status::bad_request(&what),
    };
    let pod = pod.value();
    let container = match container(&pod, name, asked.parameter("container")) {
        Ok(container) => container,
        Err(what) => return status::bad_request(&what),
    };
    let run = if asked.flag("previous") { Run::Previous } else { Run::Current };
    if let Some(log) = recorded(logs, &pod, (namespace, name, &container), run) {
        return status::text(log.part(part));
    }
    let is_scheduled = pod["spec"]["nodeName"].as_str().is_some_and(|node| !node.is_empty());
    if !is_scheduled {
        return status::text(Bytes::new());
    }
    if let Some(what) = why_none(status_of(&pod, &container), name, &container, run) {
        return status::bad_request(&what);
    }
    let which = if run == Run::Previous { "previous log" } else { "log" };
    let message = format!("the {which} of container {container:?} in pod {name:?} was not recorded");
    status::failure(StatusCode::NOT_FOUND, "NotFound", &message, &json!({ "name": name, "kind": "pods" }))
}

/// The names of a pod's containers, those that start first and those added for debugging included.
pub fn containers(pod: &Value) -> impl Iterator<Item = &str> {
    ["containers", "initContainers", "ephemeralContainers"].into_iter().flat_map(|field| names(pod, field))
}

/// The status of a container, whatever sort of container it is.
pub fn status_of<'a>(pod: &'a Value, container: &str) -> Option<&'a Value> {
    let fields = ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"];
    let statuses = fields.into_iter().filter_map(|field| pod["status"][field].as_array()).flatten();
    statuses.into_iter().find(|status| status["name"] == container)
}

fn names<'a>(pod: &'a Value, field: &str) -> impl Iterator<Item = &'a str> {
    pod["spec"][field].as_array().into_iter().flatten().filter_map(|container| container["name"].as_str())
}

fn container(pod: &Value, name: &str, asked: &str) -> Result<String, String> {
    if !asked.is_empty() {
        let is_known = containers(pod).any(|container| container == asked);
        return if is_known { Ok(asked.to_owned()) } else { Err(format!("container {asked} is not valid for pod {name}")) };
    }
    let all: Vec<&str> = names(pod, "containers").collect();
    match all.as_slice() {
        [one] => Ok((*one).to_owned()),
        [] => Err(format!("a container name must be specified for pod {name}")),
        several => {
            let init: Vec<&str> = names(pod, "initContainers").collect();
            let init =
                if init.is_empty() { String::new() } else { format!(" or one of the init containers: [{}]", init.join(" ")) };
            Err(format!("a container name must be specified for pod {name}, choose one of: [{}]{init}", several.join(" ")))
        }
    }
}

fn recorded<'a>(logs: &'a Logs, pod: &Value, (namespace, name, container): (&str, &str, &str), run: Run) -> Option<&'a Log> {
    if let Some(log) = logs.get(namespace, name, container, run) {
        return Some(log);
    }
    // While a container waits for its next start, its last run is both what it has logged and what it logged before.
    let status = status_of(pod, container)?;
    let is_the_same_run = status["state"]["waiting"].is_object() && status["lastState"]["terminated"].is_object();
    let other = if run == Run::Current { Run::Previous } else { Run::Current };
    if is_the_same_run { logs.get(namespace, name, container, other) } else { None }
}

/// A kubelet's words for a container without a log; `None` where it would have had one.
fn why_none(status: Option<&Value>, pod: &str, container: &str, run: Run) -> Option<String> {
    let Some(status) = status else { return Some(format!("container {container:?} in pod {pod:?} is not available")) };
    let has_run = |state: &Value| state["terminated"]["containerID"].as_str().is_some_and(|id| !id.is_empty());
    let state = &status["state"];
    if run == Run::Previous {
        let message = || format!("previous terminated container {container:?} in pod {pod:?} not found");
        return (!has_run(&status["lastState"])).then(message);
    }
    if state["running"].is_object() || has_run(state) || has_run(&status["lastState"]) {
        return None;
    }
    if state["terminated"].is_object() {
        return Some(format!("container {container:?} in pod {pod:?} is terminated"));
    }
    Some(match state["waiting"]["reason"].as_str() {
        Some("ErrImagePull") => format!("container {container:?} in pod {pod:?} is waiting to start: image can't be pulled"),
        Some("ImagePullBackOff") => {
            format!("container {container:?} in pod {pod:?} is waiting to start: trying and failing to pull image")
        }
        Some(reason) => format!("container {container:?} in pod {pod:?} is waiting to start: {reason}"),
        None => format!("container {container:?} in pod {pod:?} is waiting to start - no logs yet"),
    })
}

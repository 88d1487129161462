//! What can be asked without changing anything: objects, lists, logs, rights, the version.

use serde_json::{Value, json};

use super::{
    events,
    failure::Failure,
    reply::{Asked, Reply},
    resource::{RESOURCES, Resource, Route, of_kind},
    select::{Fields, Labels},
    value::{items, name, namespace, remove, text},
    world::{Denied, World},
};

/// `/version` of the release that this server behaves like.
pub fn version() -> Reply {
    Reply::object(
        200,
        json!({
            "major": "1", "minor": "36", "gitVersion": "v1.36.2", "gitCommit": "0000000000000000000000000000000000000000",
            "gitTreeState": "clean", "buildDate": "2026-06-10T00:00:00Z", "goVersion": "go1.26.1", "compiler": "gc",
            "platform": "linux/amd64",
        }),
    )
}

/// `/apis`.
pub fn groups() -> Reply {
    let mut groups: Vec<Value> = Vec::new();
    for resource in RESOURCES.iter().filter(|resource| !resource.group.is_empty()) {
        if groups.iter().all(|group| group["name"] != resource.group) {
            let version = json!({ "groupVersion": resource.api_version(), "version": resource.version });
            groups.push(json!({ "name": resource.group, "versions": [version], "preferredVersion": version }));
        }
    }
    Reply::object(200, json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups }))
}

pub fn get(world: &World, route: Route<'_>, wanted: &str) -> Result<Reply, Failure> {
    let resource = route.resource;
    let stored = world.get(events::stored_as(resource), route.namespace, wanted);
    let object = stored.cloned().ok_or_else(|| Failure::no_object(resource, wanted))?;
    Ok(Reply::object(200, events::served_as(resource, object)))
}

pub fn list(world: &World, asked: &Asked, route: Route<'_>) -> Result<Reply, Failure> {
    if matches!(asked.parameter("watch"), "true" | "1") {
        return Err(Failure::not_built("watch"));
    }
    let resource = route.resource;
    let labels = Labels::parse(asked.parameter("labelSelector"))?;
    let fields = Fields::parse(resource, asked.parameter("fieldSelector"))?;
    let limit: usize = match asked.parameter("limit") {
        "" | "0" => usize::MAX,
        limit => {
            limit.parse().map_err(|_| Failure::bad_request(format!("strconv.ParseInt: parsing {limit:?}: invalid syntax")))?
        }
    };
    let after = start_after(asked.parameter("continue"))?;
    let of_namespace = |object: &&Value| route.namespace.is_empty() || namespace(object) == route.namespace;
    let all = world.of_resource(events::stored_as(resource)).filter(of_namespace);
    let all = all.map(|object| events::served_as(resource, object.clone()));
    let place = |object: &Value| (namespace(object).to_owned(), name(object).to_owned());
    let mut left = all.filter(|object| labels.matches(object) && fields.matches(object)).skip_while(|object| {
        let Some(after) = &after else { return false };
        place(object) <= *after
    });
    let mut page: Vec<Value> = left.by_ref().take(limit).collect();
    let mut metadata = json!({ "resourceVersion": world.version() });
    let remaining = left.count();
    if let Some(last) = page.last().filter(|_| remaining > 0) {
        let (namespace, name) = place(last);
        metadata["continue"] = format!("{namespace}/{name}").into();
        // A server that selects does not know how many are left.
        if asked.parameter("labelSelector").is_empty() && asked.parameter("fieldSelector").is_empty() {
            metadata["remainingItemCount"] = remaining.into();
        }
    }
    if !asked.wants_metadata_only() {
        for item in &mut page {
            remove(item, "apiVersion");
            remove(item, "kind");
        }
    }
    let list = json!({
        "kind": format!("{}List", resource.kind), "apiVersion": resource.api_version(), "metadata": metadata, "items": page,
    });
    Ok(Reply::object(200, list))
}

/// The object that a page ended with. `None` = there was no page before.
fn start_after(token: &str) -> Result<Option<(String, String)>, Failure> {
    if token.is_empty() {
        return Ok(None);
    }
    let (namespace, name) = token.split_once('/').ok_or_else(|| Failure::bad_request("continue key is not valid"))?;
    Ok(Some((namespace.to_owned(), name.to_owned())))
}

/// `pods/NAME/log`.
pub fn log(world: &World, asked: &Asked, route: Route<'_>, pod_name: &str) -> Result<Reply, Failure> {
    let pod = world.get(of_kind("Pod"), route.namespace, pod_name).ok_or_else(|| Failure::no_object(route.resource, pod_name))?;
    let names: Vec<&str> = items(pod, "/spec/containers").iter().map(|container| text(container, "/name")).collect();
    let container = match (asked.parameter("container"), names.as_slice()) {
        ("", [only]) => *only,
        ("", _) => {
            let names = names.join(" ");
            return Err(Failure::bad_request(format!(
                "a container name must be specified for pod {pod_name}, choose one of: [{names}]"
            )));
        }
        (container, _) if names.contains(&container) => container,
        (container, _) => return Err(Failure::bad_request(format!("container {container} is not valid for pod {pod_name}"))),
    };
    let status = items(pod, "/status/containerStatuses").iter().find(|status| status["name"] == container);
    let status = status.unwrap_or(&Value::Null);
    let is_previous = asked.parameter("previous") == "true";
    let has_run = !status["lastState"]["terminated"].is_null();
    if is_previous && !has_run {
        let what = format!("previous terminated container {container:?} in pod {pod_name:?} not found");
        return Err(Failure::bad_request(what));
    }
    let waits_for = text(status, "/state/waiting/reason");
    if status.is_null() || (!has_run && !waits_for.is_empty()) {
        let why = if waits_for.contains("Image") { "trying and failing to pull image" } else { "ContainerCreating" };
        return Err(Failure::bad_request(format!("container {container:?} in pod {pod_name:?} is waiting to start: {why}")));
    }
    let key = |previous| (route.namespace.to_owned(), pod_name.to_owned(), container.to_owned(), previous);
    let written = world.logs.get(&key(is_previous)).or_else(|| world.logs.get(&key(false))).cloned().unwrap_or_default();
    let lines: Vec<&str> = written.lines().collect();
    let tail = asked.parameter("tailLines").parse().unwrap_or(lines.len()).min(lines.len());
    let mut shown = lines[lines.len() - tail..].join("\n");
    if !shown.is_empty() {
        shown.push('\n');
    }
    if let Ok(limit) = asked.parameter("limitBytes").parse::<usize>()
        && limit < shown.len()
    {
        shown = String::from_utf8_lossy(&shown.as_bytes()[..limit]).into_owned();
    }
    Ok(Reply::text(shown))
}

/// `SelfSubjectAccessReview`: allowed unless a test denied it.
pub fn review(world: &World, asked: &Asked) -> Result<Reply, Failure> {
    let mut review = asked.json()?;
    let of = |field: &str| text(&review, &format!("/spec/resourceAttributes/{field}")).to_owned();
    let (verb, namespace, mut resource) = (of("verb"), of("namespace"), of("resource"));
    if !of("subresource").is_empty() {
        resource = format!("{resource}/{}", of("subresource"));
    }
    let is_allowed = !is_denied(&world.denied, &verb, &resource, &namespace);
    review["apiVersion"] = "authorization.k8s.io/v1".into();
    review["kind"] = "SelfSubjectAccessReview".into();
    review["status"] = if is_allowed { json!({ "allowed": true }) } else { json!({ "allowed": false, "reason": "" }) };
    Ok(Reply::object(201, review))
}

fn is_denied(denied: &[Denied], verb: &str, resource: &str, namespace: &str) -> bool {
    let fits = |rule: &str, found: &str| rule.is_empty() || rule == found;
    denied.iter().any(|rule| fits(&rule.verb, verb) && fits(&rule.resource, resource) && fits(&rule.namespace, namespace))
}

/// Refuses what a test denied, as a server with RBAC does.
pub fn authorize(world: &World, verb: &str, route: Route<'_>) -> Result<(), Failure> {
    let Resource { plural, group, .. } = *route.resource;
    let resource = if route.sub.is_empty() { plural.to_owned() } else { format!("{plural}/{}", route.sub) };
    if !is_denied(&world.denied, verb, &resource, route.namespace) {
        return Ok(());
    }
    let place = if route.namespace.is_empty() {
        "at the cluster scope".to_owned()
    } else {
        format!("in the namespace {:?}", route.namespace)
    };
    let why = format!(
        "User \"system:serviceaccount:faultline:faultline\" cannot {verb} resource {resource:?} in API group {group:?} {place}"
    );
    Err(Failure::forbidden(route.resource, route.name.unwrap_or_default(), &why))
}

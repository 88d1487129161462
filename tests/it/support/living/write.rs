//! Creating, patching and deleting objects.

use serde_json::{Value, json};

use super::{
    control, defaults, events,
    failure::{Failure, Wrong},
    patch,
    reply::{Asked, Reply},
    resource::{Resource, Route, of_kind},
    schema::{self, Typed},
    select::Labels,
    validate,
    value::{items, keep_items, map, name, namespace, number, remove, text, uid},
    world::{World, raise_generation},
};

/// `POST` to a collection.
pub fn create(world: &mut World, asked: &Asked, route: Route<'_>) -> Result<Reply, Failure> {
    let dry = asked.dry_run("CreateOptions")?;
    let resource = route.resource;
    let mut object = asked.json()?;
    let kind = text(&object, "/kind");
    if !kind.is_empty() && (kind != resource.kind || text(&object, "/apiVersion") != resource.api_version()) {
        let (api_version, expected) = (text(&object, "/apiVersion"), resource.api_version());
        return Err(Failure::bad_request(format!(
            "the API version in the data ({api_version}, {kind}) does not match the expected API version ({expected}, {})",
            resource.kind
        )));
    }
    in_its_namespace(resource, &mut object, route.namespace)?;
    if resource.is_namespaced && world.get(of_kind("Namespace"), "", route.namespace).is_none() {
        return Err(Failure::no_object(of_kind("Namespace"), route.namespace));
    }
    let read = schema::typed(resource, &object).map_err(|why| {
        Failure::bad_request(format!(
            "{} in version {:?} cannot be handled as a {}: {why}",
            resource.kind, resource.version, resource.kind
        ))
    })?;
    let warnings =
        known_fields(asked, &read).map_err(|unknown| Failure::bad_request(format!("strict decoding error: {unknown}")))?;
    let served = resource;
    let resource = events::stored_as(served);
    let mut object = events::to_store(served, read.object);
    for field in ["resourceVersion", "uid", "creationTimestamp", "deletionTimestamp", "generation", "managedFields"] {
        remove(&mut object["metadata"], field);
    }
    if !matches!(resource.kind, "Event" | "Node") {
        remove(&mut object, "status");
    }
    if name(&object).is_empty() && !text(&object, "/metadata/generateName").is_empty() {
        let prefix = text(&object, "/metadata/generateName").to_owned();
        object["metadata"]["name"] = world.new_name(&prefix).into();
    }
    if resource.is("Event") {
        let wrong = validate::event(served, &object);
        if !wrong.is_empty() {
            return Err(Failure::invalid(served, name(&object), &wrong));
        }
    }
    let object = make(world, resource, object)?;
    let object = if dry { object } else { world.store(resource, object) };
    Ok(Reply::object(201, events::served_as(served, object)).warning(warnings))
}

/// A new object as it would be stored: with defaults, and found to be valid.
pub fn make(world: &mut World, resource: &'static Resource, mut object: Value) -> Result<Value, Failure> {
    defaults::fill_in(resource, &mut object);
    let mut object = world.born(resource, object);
    if resource.kind == "Job" && object["spec"]["manualSelector"] != true {
        generate_selector(&mut object);
    }
    if resource.kind == "Pod" {
        object["status"] = json!({ "phase": "Pending", "qosClass": quality(&object) });
    }
    let wrong = validate::created(resource, &object);
    if !wrong.is_empty() {
        return Err(Failure::invalid(resource, name(&object), &wrong));
    }
    if world.get(resource, namespace(&object), name(&object)).is_some() {
        return Err(Failure::exists(resource, name(&object)));
    }
    if resource.kind == "Pod" {
        control::quota::admit(world, &object)?;
    }
    Ok(object)
}

/// How much a pod is promised: all that it may take, some of it, or nothing.
fn quality(pod: &Value) -> &'static str {
    let resources: Vec<&Value> = items(pod, "/spec/containers").iter().map(|container| &container["resources"]).collect();
    let is_all = |resources: &&Value| {
        ["cpu", "memory"]
            .iter()
            .all(|one| resources["limits"][one].is_string() && resources["limits"][one] == resources["requests"][one])
    };
    if resources.iter().all(is_all) {
        "Guaranteed"
    } else if resources.iter().any(|one| one["limits"].is_object() || one["requests"].is_object()) {
        "Burstable"
    } else {
        "BestEffort"
    }
}

fn generate_selector(job: &mut Value) {
    let (uid, name) = (uid(job).to_owned(), name(job).to_owned());
    let spec = &mut job["spec"];
    let labels = map(map_of(&mut spec["template"], "metadata"), "labels");
    for (key, value) in [
        ("batch.kubernetes.io/controller-uid", &uid),
        ("batch.kubernetes.io/job-name", &name),
        ("controller-uid", &uid),
        ("job-name", &name),
    ] {
        labels.entry(key).or_insert_with(|| value.clone().into());
    }
    let selector = map(map_of(spec, "selector"), "matchLabels");
    selector.entry("batch.kubernetes.io/controller-uid").or_insert_with(|| uid.into());
}

fn map_of<'a>(object: &'a mut Value, field: &str) -> &'a mut Value {
    map(object, field);
    &mut object[field]
}

fn in_its_namespace(resource: &Resource, object: &mut Value, expected: &str) -> Result<(), Failure> {
    if !object.is_object() {
        return Err(Failure::bad_request("the body of the request is not an object"));
    }
    let found = namespace(object);
    if !found.is_empty() && (found != expected || !resource.is_namespaced) {
        let why = "the namespace of the provided object does not match the namespace sent on the request";
        return Err(Failure::bad_request(why));
    }
    if resource.is_namespaced {
        map(object, "metadata").insert("namespace".to_owned(), expected.into());
    }
    Ok(())
}

/// Warnings about fields that the kind does not have, or an error where the client wants one.
fn known_fields(asked: &Asked, read: &Typed) -> Result<Vec<String>, String> {
    let unknown: Vec<String> = read.unknown.iter().map(|field| format!("unknown field \"{field}\"")).collect();
    match asked.parameter("fieldValidation") {
        "Strict" if !unknown.is_empty() => Err(unknown.join(", ")),
        "Ignore" => Ok(Vec::new()),
        _ => Ok(unknown),
    }
}

/// `PATCH` of an object.
pub fn patch(world: &mut World, asked: &Asked, route: Route<'_>, name: &str) -> Result<Reply, Failure> {
    let dry = asked.dry_run("PatchOptions")?;
    let resource = route.resource;
    let old = world.get(resource, route.namespace, name).cloned().ok_or_else(|| Failure::no_object(resource, name))?;
    let patched = patch::apply(&asked.content_type, &old, &asked.body)?;
    let read = schema::typed(resource, &patched).map_err(|why| Failure::unreadable_patch(&patched, &why))?;
    let warnings = known_fields(asked, &read)
        .map_err(|unknown| Failure::unreadable_patch(&patched, &format!("strict decoding error: {unknown}")))?;
    let object = update(world, resource, &old, read.object, dry)?;
    Ok(Reply::object(200, object).warning(warnings))
}

/// Puts a new state in the place of the old one, if it may be.
pub fn update(world: &mut World, resource: &'static Resource, old: &Value, mut new: Value, dry: bool) -> Result<Value, Failure> {
    let expected = name(old);
    if name(&new) != expected {
        let found = name(&new);
        return Err(Failure::bad_request(format!(
            "the name of the object ({found}) does not match the name on the URL ({expected})"
        )));
    }
    if namespace(&new) != namespace(old) {
        let why = "the namespace of the provided object does not match the namespace sent on the request";
        return Err(Failure::bad_request(why));
    }
    defaults::fill_in(resource, &mut new);
    let version = text(&new, "/metadata/resourceVersion");
    if !matches!(version, "" | "0") && version != text(old, "/metadata/resourceVersion") {
        return Err(Failure::modified(resource, expected));
    }
    for field in ["resourceVersion", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"] {
        keep(&mut new["metadata"], &old["metadata"], field);
    }
    if uid(&new).is_empty() {
        keep(&mut new["metadata"], &old["metadata"], "uid");
    }
    // The status has a sub-resource of its own.
    if resource.kind != "Event" {
        keep(&mut new, old, "status");
    }
    let wrong = validate::changed(resource, old, &new);
    if !wrong.is_empty() {
        return Err(Failure::invalid(resource, expected, &wrong));
    }
    if *old == new {
        return Ok(old.clone());
    }
    raise_generation(resource, old, &mut new);
    Ok(if dry { new } else { world.store(resource, new) })
}

fn keep(new: &mut Value, old: &Value, field: &str) {
    match old.get(field) {
        Some(value) => new[field] = value.clone(),
        None => drop(remove(new, field)),
    }
}

/// `DELETE` of an object.
pub fn delete(world: &mut World, asked: &Asked, route: Route<'_>, name: &str) -> Result<Reply, Failure> {
    let options = if asked.body.is_empty() { json!({}) } else { asked.json()? };
    let dry = asked.dry_run("DeleteOptions")? || is_dry(&options)?;
    let resource = route.resource;
    let old = world.get(resource, route.namespace, name).cloned().ok_or_else(|| Failure::no_object(resource, name))?;
    let mut warnings = Vec::new();
    let policy = match (asked.parameter("propagationPolicy"), text(&options, "/propagationPolicy")) {
        ("", "") if resource.kind == "Job" && options["orphanDependents"].is_null() => {
            warnings.push(
                "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set \
                 propagationPolicy=Orphan to suppress this warning"
                    .to_owned(),
            );
            "Orphan"
        }
        ("", "") => "Background",
        ("", policy) | (policy, _) => policy,
    };
    if !matches!(policy, "Background" | "Foreground" | "Orphan") {
        let supported = "\"Foreground\", \"Background\", \"Orphan\", \"nil\"";
        return Err(Failure::invalid_options(
            "DeleteOptions",
            &[Wrong::unsupported("propagationPolicy", &json!(policy), supported)],
        ));
    }
    let gone = remove_object(world, resource, &old, &options, policy, dry)?;
    // A real server answers with the pod, and with a mere status for what went at once.
    let reply = if resource.kind == "Pod" || super::value::is_going(&gone) {
        Reply::object(200, gone)
    } else {
        let mut details = json!({ "name": name, "kind": resource.plural, "uid": uid(&old) });
        if !resource.group.is_empty() {
            details["group"] = resource.group.into();
        }
        let status = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details });
        Reply::object(200, status)
    };
    Ok(reply.warning(warnings))
}

fn is_dry(options: &Value) -> Result<bool, Failure> {
    match options["dryRun"].as_array().map(Vec::as_slice) {
        None | Some([]) => Ok(false),
        Some(all) if all.iter().all(|one| one == "All") => Ok(true),
        Some(all) => Err(Failure::invalid_options("DeleteOptions", &[Wrong::unsupported("dryRun", &json!(all), "\"All\"")])),
    }
}

/// Deletes as the options say; `policy` says what becomes of the objects that it owns.
pub fn remove_object(
    world: &mut World,
    resource: &'static Resource,
    old: &Value,
    options: &Value,
    policy: &str,
    dry: bool,
) -> Result<Value, Failure> {
    let expected = &options["preconditions"];
    let version = text(old, "/metadata/resourceVersion");
    for (field, what, found, became) in
        [("uid", "UID", uid(old), "deleted and then recreated"), ("resourceVersion", "ResourceVersion", version, "modified")]
    {
        if let Some(expected) = expected[field].as_str().filter(|expected| *expected != found) {
            let why = format!(
                "the {what} in the precondition ({expected}) does not match the {what} in record ({found}). The object might have \
                 been {became}"
            );
            return Err(Failure::precondition(resource, resource.kind, name(old), &why));
        }
    }
    let grace = grace_seconds(resource, old, options);
    if dry {
        let mut gone = old.clone();
        if grace > 0 && !super::value::is_going(old) {
            gone["metadata"]["deletionTimestamp"] = world.time().into();
            gone["metadata"]["deletionGracePeriodSeconds"] = grace.into();
        }
        return Ok(gone);
    }
    match policy {
        "Foreground" => control::collector::hold_for_dependents(world, resource, old),
        "Orphan" => orphan(world, old),
        _ => {}
    }
    world.delete(resource, old, grace).ok_or_else(|| Failure::no_object(resource, name(old)))
}

/// How long the kubelet has to end a pod. Nothing else has grace, and neither has a pod that runs nowhere.
fn grace_seconds(resource: &Resource, old: &Value, options: &Value) -> i64 {
    let is_over = matches!(text(old, "/status/phase"), "Succeeded" | "Failed");
    if resource.kind != "Pod" || is_over || text(old, "/spec/nodeName").is_empty() {
        return 0;
    }
    let default = number(old, "/spec/terminationGracePeriodSeconds").unwrap_or(30);
    number(options, "/gracePeriodSeconds").unwrap_or(default).max(0)
}

fn orphan(world: &mut World, owner: &Value) {
    let owned: Vec<(&'static Resource, Value)> = world
        .everything()
        .filter(|(_, object)| items(object, "/metadata/ownerReferences").iter().any(|one| text(one, "/uid") == uid(owner)))
        .map(|(key, object)| (key.resource, object.clone()))
        .collect();
    for (resource, object) in owned {
        world.change(resource.kind, &object, |object| {
            keep_items(object, "/metadata/ownerReferences", |one| text(one, "/uid") != uid(owner));
        });
    }
}

/// The budgets that a pod falls under.
pub fn budgets_of(world: &World, pod: &Value) -> Vec<Value> {
    let budgets = world.of_resource(of_kind("PodDisruptionBudget")).filter(|budget| namespace(budget) == namespace(pod));
    let selects = |budget: &&Value| Labels::of(&budget["spec"]["selector"]).is_some_and(|labels| labels.matches(pod));
    budgets.filter(selects).cloned().collect()
}

//! Evictions and scales.

use serde_json::{Value, json};

use super::{
    failure::{Failure, Wrong},
    patch,
    reply::{Asked, Reply},
    resource::{Resource, Route, of_kind},
    schema,
    value::{name, number, text, uid},
    world::World,
    write::{budgets_of, remove_object, update},
};

/// `POST pods/NAME/eviction`.
pub fn evict(world: &mut World, asked: &Asked, route: Route<'_>, pod_name: &str) -> Result<Reply, Failure> {
    let mut dry = asked.dry_run("CreateOptions")?;
    let mut body = asked.json()?;
    super::value::default(&mut body, "apiVersion", "policy/v1");
    super::value::default(&mut body, "kind", "Eviction");
    let (api_version, kind) = (text(&body, "/apiVersion"), text(&body, "/kind"));
    if api_version != "policy/v1" || kind != "Eviction" {
        return Err(Failure::bad_request(format!(
            "no kind {kind:?} is registered for version {api_version:?}, an Eviction of policy/v1 is expected"
        )));
    }
    let read = schema::eviction(&body)
        .map_err(|why| Failure::bad_request(format!("Eviction in version \"v1\" cannot be handled as a Eviction: {why}")))?;
    let body = read.object;
    if name(&body) != pod_name {
        return Err(Failure::bad_request("name in URL does not match name in Eviction object"));
    }
    let found = text(&body, "/metadata/namespace");
    if !found.is_empty() && found != route.namespace {
        let why = "the namespace of the provided object does not match the namespace sent on the request";
        return Err(Failure::bad_request(why));
    }
    let options = body["deleteOptions"].clone();
    match options["dryRun"].as_array().map(Vec::as_slice) {
        None | Some([]) => {}
        Some(all) if all.iter().all(|one| one == "All") => dry = true,
        Some(all) => {
            return Err(Failure::invalid_options("DeleteOptions", &[Wrong::unsupported("dryRun", &json!(all), "\"All\"")]));
        }
    }
    let pods = of_kind("Pod");
    let pod = world.get(pods, route.namespace, pod_name).cloned().ok_or_else(|| Failure::no_object(pods, pod_name))?;
    // What disturbs nobody any more is deleted without asking a budget.
    let is_over = matches!(text(&pod, "/status/phase"), "Succeeded" | "Failed" | "Pending") || super::value::is_going(&pod);
    if !is_over {
        match budgets_of(world, &pod).as_slice() {
            [] => {}
            [budget] => spend(world, budget, &pod, dry)?,
            _ => {
                // The words are those of a failure, the status code of the response is that of any creation.
                let message = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
                let status = json!({
                    "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "code": 500,
                });
                return Ok(Reply::object(201, status));
            }
        }
    }
    remove_object(world, pods, &pod, &options, "Background", dry)?;
    Ok(Reply::object(201, json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201 })))
}

/// Takes one disruption from the budget, or says that there is none left.
fn spend(world: &mut World, budget: &Value, pod: &Value, dry: bool) -> Result<(), Failure> {
    let status = |field: &str| number(budget, &format!("/status/{field}")).unwrap_or_default();
    let (healthy, desired) = (status("currentHealthy"), status("desiredHealthy"));
    let is_always = text(budget, "/spec/unhealthyPodEvictionPolicy") == "AlwaysAllow";
    if !super::value::is_ready(pod) && (is_always || healthy >= desired && desired > 0) {
        return Ok(());
    }
    let budget_name = name(budget);
    if status("observedGeneration") < number(budget, "/metadata/generation").unwrap_or_default() {
        let what = format!("The disruption budget {budget_name} is still being processed by the server.");
        return Err(Failure::disruption(&what, 10));
    }
    if status("disruptionsAllowed") <= 0 {
        let what = format!("The disruption budget {budget_name} needs {desired} healthy pods and has {healthy} currently");
        return Err(Failure::disruption(&what, 0));
    }
    if !dry {
        let (time, pod_name) = (world.time(), name(pod).to_owned());
        world.change("PodDisruptionBudget", budget, |budget| {
            budget["status"]["disruptionsAllowed"] = (status("disruptionsAllowed") - 1).into();
            super::value::map(&mut budget["status"], "disruptedPods").insert(pod_name, time.into());
        });
    }
    Ok(())
}

/// `GET` and `PATCH` of `deployments/NAME/scale` and its like.
pub fn scale(world: &mut World, asked: &Asked, route: Route<'_>, wanted: &str) -> Result<Reply, Failure> {
    let resource = route.resource;
    let object = world.get(resource, route.namespace, wanted).cloned().ok_or_else(|| Failure::no_object(resource, wanted))?;
    if asked.method == "GET" {
        return Ok(Reply::object(200, scale_of(&object)));
    }
    let dry = asked.dry_run("PatchOptions")?;
    let patched = patch::apply(&asked.content_type, &scale_of(&object), &asked.body)?;
    let read = schema::scale(&patched).map_err(|why| Failure::unreadable_patch(&patched, &why))?;
    if !read.unknown.is_empty() && asked.parameter("fieldValidation") == "Strict" {
        return Err(Failure::unreadable_patch(&patched, &format!("strict decoding error: unknown field {:?}", read.unknown[0])));
    }
    let scale = read.object;
    let replicas = number(&scale, "/spec/replicas").unwrap_or_default();
    if name(&scale) != wanted {
        let found = name(&scale);
        return Err(Failure::bad_request(format!(
            "the name of the object ({found}) does not match the name on the URL ({wanted})"
        )));
    }
    if uid(&scale) != uid(&object) {
        let why = format!("Precondition failed: UID in precondition: {}, UID in object meta: {}", uid(&scale), uid(&object));
        return Err(Failure::precondition(resource, &format!("{}/scale", resource.plural), wanted, &why));
    }
    if replicas < 0 {
        static SCALE: Resource =
            Resource { group: "autoscaling", version: "v1", plural: "scales", kind: "Scale", is_namespaced: true };
        let wrong = Wrong::invalid("spec.replicas", &json!(replicas), "must be greater than or equal to 0");
        return Err(Failure::invalid(&SCALE, wanted, &[wrong]));
    }
    let mut new = object.clone();
    new["spec"]["replicas"] = replicas.into();
    new["metadata"]["resourceVersion"] = scale["metadata"]["resourceVersion"].clone();
    let stored = update(world, resource, &object, new, dry)?;
    Ok(Reply::object(200, scale_of(&stored)))
}

fn scale_of(object: &Value) -> Value {
    let labels = object["spec"]["selector"]["matchLabels"].as_object().into_iter().flatten();
    let selector: Vec<String> = labels.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    let metadata = &object["metadata"];
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"], "creationTimestamp": metadata["creationTimestamp"],
        },
        "spec": {"replicas": object["spec"]["replicas"]},
        "status": {"replicas": number(object, "/status/replicas").unwrap_or_default(), "selector": selector.join(",")},
    })
}

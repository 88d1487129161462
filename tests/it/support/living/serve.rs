//! From a request to the part that answers it.

use serde_json::{Value, json};

use super::{
    Pace, Seen, control, events,
    failure::Failure,
    read,
    reply::{Asked, Reply},
    resource::Route,
    subresource,
    world::World,
    write,
};

/// The request as the log keeps it.
pub fn seen(asked: &Asked) -> Seen {
    let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let is_dry = |options: &Value| options["dryRun"].as_array().is_some_and(|all| all.iter().any(|one| one == "All"));
    let dry_run = asked.parameter("dryRun") == "All" || is_dry(&body) || is_dry(&body["deleteOptions"]);
    Seen {
        method: asked.method.clone(),
        verb: verb(asked),
        path: asked.path.clone(),
        query: asked.query.clone(),
        body,
        dry_run,
        status: None,
    }
}

fn verb(asked: &Asked) -> &'static str {
    let is_named = Route::parse(&asked.path).is_none_or(|route| route.name.is_some());
    match asked.method.as_str() {
        "GET" | "HEAD" if is_named => "get",
        "GET" | "HEAD" => "list",
        "POST" => "create",
        "PATCH" => "patch",
        "PUT" => "update",
        "DELETE" if is_named => "delete",
        "DELETE" => "deletecollection",
        _ => "",
    }
}

/// What the server answers; a write is followed by what the controllers do.
pub fn answer(world: &mut World, asked: &Asked) -> Reply {
    let before = world.version();
    let reply = dispatch(world, asked).unwrap_or_else(|failure| Reply::failure(&failure));
    if world.pace == Pace::Immediate && world.version() != before {
        control::settle(world);
    }
    if asked.wants_metadata_only() { reply.metadata_only() } else { reply }
}

fn dispatch(world: &mut World, asked: &Asked) -> Result<Reply, Failure> {
    match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", "/version") => return Ok(read::version()),
        ("GET", "/livez" | "/readyz" | "/healthz") => return Ok(Reply::text("ok".to_owned())),
        ("GET", "/api") => {
            return Ok(Reply::object(
                200,
                json!({ "kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [] }),
            ));
        }
        ("GET", "/apis") => return Ok(read::groups()),
        ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews") => return read::review(world, asked),
        _ => {}
    }
    let route = Route::parse(&asked.path).ok_or_else(Failure::no_path)?;
    read::authorize(world, verb(asked), route)?;
    let can_scale = matches!(route.resource.kind, "Deployment" | "StatefulSet" | "ReplicaSet");
    match (asked.method.as_str(), route.name, route.sub) {
        ("GET", None, "") => read::list(world, asked, route),
        ("GET", Some(name), "") => read::get(world, route, name),
        ("POST", None, "") => write::create(world, asked, route),
        ("PATCH" | "DELETE", Some(_), "") if events::stored_as(route.resource) != route.resource => {
            Err(Failure::not_built("changing events of the newer group"))
        }
        ("DELETE", Some(_), "") if route.resource.is("Namespace") => Err(Failure::not_built("deleting namespaces")),
        ("PATCH", Some(name), "") => write::patch(world, asked, route, name),
        ("DELETE", Some(name), "") => write::delete(world, asked, route, name),
        ("GET", Some(name), "log") if route.resource.is("Pod") => read::log(world, asked, route, name),
        ("POST", Some(name), "eviction") if route.resource.is("Pod") => subresource::evict(world, asked, route, name),
        ("GET" | "PATCH", Some(name), "scale") if can_scale => subresource::scale(world, asked, route, name),
        ("PUT", Some(_), _) => Err(Failure::not_built("PUT")),
        ("DELETE", None, _) => Err(Failure::not_built("deleting collections")),
        (_, Some(_), "status") => Err(Failure::not_built("the status sub-resource")),
        (_, Some(_), sub) if !sub.is_empty() => Err(Failure::no_path()),
        _ => Err(Failure::not_allowed()),
    }
}

/// Somebody else changes the object of the path, in nothing that matters.
pub fn touch(world: &mut World, asked: &Asked) {
    let Some((route, name)) = Route::parse(&asked.path).and_then(|route| Some((route, route.name?))) else { return };
    let resource = events::stored_as(route.resource);
    if let Some(object) = world.get(resource, route.namespace, name).cloned() {
        world.store(resource, object);
    }
}

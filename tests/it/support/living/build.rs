//! What a test puts into the cluster, and changes in it besides the client.

use serde_json::{Value, json};

use super::{
    Living, Pace, control,
    resource::{Resource, Route, of_kind},
    snapshot::Snapshot,
    value::{items, map, name, namespace, text},
    world::World,
    write,
};
use crate::support::kubernetes::lock;

/// An object that is not in the cluster yet.
#[must_use = "it comes into the cluster by `create`"]
pub struct Build {
    living: Living,
    resource: &'static Resource,
    object: Value,
}

impl Living {
    pub fn namespace(&self, namespace: &str) {
        let mut world = lock(&self.shared.world);
        ensure_namespace(&mut world, namespace);
    }

    /// One replica of one container, `app`.
    pub fn deployment(&self, namespace: &str, name: &str) -> Build {
        self.workload("Deployment", namespace, name)
    }

    pub fn statefulset(&self, namespace: &str, name: &str) -> Build {
        self.workload("StatefulSet", namespace, name).with(|set| set["spec"]["serviceName"] = name.into())
    }

    pub fn daemonset(&self, namespace: &str, name: &str) -> Build {
        self.workload("DaemonSet", namespace, name)
    }

    /// One completion of one container, `app`, whose pods are not started again.
    pub fn job(&self, namespace: &str, name: &str) -> Build {
        let spec = json!({ "template": template(name, "Never") });
        self.build("Job", namespace, name, json!({ "spec": spec }))
    }

    pub fn cronjob(&self, namespace: &str, name: &str) -> Build {
        let spec = json!({
            "schedule": "15 3 * * *", "jobTemplate": {"spec": {"template": template(name, "Never")}},
        });
        self.build("CronJob", namespace, name, json!({ "spec": spec }))
    }

    /// A pod that nobody owns.
    pub fn bare_pod(&self, namespace: &str, name: &str) -> Build {
        self.build("Pod", namespace, name, template(name, "Always"))
    }

    pub fn node(&self, name: &str) -> Build {
        let node = json!({
            "metadata": {"labels": {"kubernetes.io/hostname": name}},
            "spec": {},
            "status": {
                "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"},
                "capacity": {"cpu": "4", "memory": "8Gi", "pods": "110"},
                "conditions": [{
                    "type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status",
                    "lastHeartbeatTime": null, "lastTransitionTime": null,
                }],
            },
        });
        self.build("Node", "", name, node)
    }

    /// A budget of the pods of a workload of this name: `{"minAvailable": 2}`.
    pub fn pdb(&self, namespace: &str, name: &str, of: &str, mut spec: Value) -> Build {
        spec["selector"] = json!({ "matchLabels": {"app": of} });
        self.build("PodDisruptionBudget", namespace, name, json!({ "spec": spec }))
    }

    /// An autoscaler of a deployment.
    pub fn hpa(&self, namespace: &str, name: &str, deployment: &str, least: u32, most: u32) -> Build {
        let target = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "name": deployment });
        let spec = json!({ "scaleTargetRef": target, "minReplicas": least, "maxReplicas": most });
        self.build("HorizontalPodAutoscaler", namespace, name, json!({ "spec": spec }))
    }

    /// A quota with these bounds: `{"pods": "10", "limits.memory": "4Gi"}`.
    pub fn quota(&self, namespace: &str, name: &str, hard: Value) -> Build {
        self.build("ResourceQuota", namespace, name, json!({ "spec": {"hard": hard} }))
    }

    /// Any other object, say a service.
    pub fn object(&self, kind: &str, namespace: &str, name: &str, object: Value) -> Build {
        self.build(kind, namespace, name, object)
    }

    /// An evicted pod that was left lying about, of whatever controls the first pod of this workload.
    #[track_caller]
    pub fn failed_pod(&self, namespace_name: &str, workload: &str) -> Snapshot {
        let mut world = lock(&self.shared.world);
        let is_its = |pod: &&Value| namespace(pod) == namespace_name && pod["metadata"]["labels"]["app"] == workload;
        let mut pod = world.all("Pod").iter().find(is_its).cloned().expect("the workload has a pod");
        let owner = items(&pod, "/metadata/ownerReferences")[0].clone();
        pod["metadata"] = json!({
            "namespace": namespace_name, "name": world.new_name(&format!("{}-", text(&owner, "/name"))),
            "labels": pod["metadata"]["labels"], "ownerReferences": [owner],
        });
        pod["status"] = json!({
            "phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory. ", "startTime": world.time(),
        });
        let pod = world.insert(of_kind("Pod"), pod);
        control::settle(&mut world);
        Snapshot(pod)
    }

    fn workload(&self, kind: &str, namespace: &str, name: &str) -> Build {
        let spec = json!({ "selector": {"matchLabels": {"app": name}}, "template": template(name, "Always") });
        self.build(kind, namespace, name, json!({ "metadata": {"labels": {"app": name}}, "spec": spec }))
    }

    fn build(&self, kind: &str, namespace: &str, name: &str, mut object: Value) -> Build {
        let resource = of_kind(kind);
        map(&mut object, "metadata").insert("name".to_owned(), name.into());
        if resource.is_namespaced {
            map(&mut object, "metadata").insert("namespace".to_owned(), namespace.into());
        }
        Build { living: self.clone(), resource, object }
    }

    /// The object at this path of the API now. `None` = there is none.
    pub fn find(&self, path: &str) -> Option<Snapshot> {
        let route = Route::parse(path)?;
        lock(&self.shared.world).get(route.resource, route.namespace, route.name?).cloned().map(Snapshot)
    }

    /// The object at this path of the API now, which is there.
    #[track_caller]
    pub fn snapshot(&self, path: &str) -> Snapshot {
        self.find(path).unwrap_or_else(|| panic!("there is no {path}"))
    }

    /// All objects of a kind in a namespace, in the order of their names.
    pub fn all(&self, kind: &str, of: &str) -> Vec<Snapshot> {
        let all = lock(&self.shared.world).all(kind);
        all.into_iter().filter(|object| of.is_empty() || namespace(object) == of).map(Snapshot).collect()
    }

    /// Somebody else changes the object at this path, as a client of the server.
    #[track_caller]
    pub fn edit(&self, path: &str, change: impl FnOnce(&mut Value)) {
        let old = self.snapshot(path).0;
        let mut new = old.clone();
        change(&mut new);
        let resource = Route::parse(path).expect("the path of an object").resource;
        let mut world = lock(&self.shared.world);
        write::update(&mut world, resource, &old, new, false).unwrap_or_else(|failure| panic!("{}", failure.message));
        if world.pace == Pace::Immediate {
            control::settle(&mut world);
        }
    }

    /// What reports on the object at this path says something else about it.
    #[track_caller]
    pub fn edit_status(&self, path: &str, change: impl FnOnce(&mut Value)) {
        let mut object = self.snapshot(path).0;
        change(&mut object);
        let resource = Route::parse(path).expect("the path of an object").resource;
        let mut world = lock(&self.shared.world);
        world.store(resource, object);
        if world.pace == Pace::Immediate {
            control::settle(&mut world);
        }
    }

    /// Somebody else changes the template of a deployment, stateful set or daemon set.
    #[track_caller]
    pub fn new_revision(&self, namespace: &str, workload: &str, change: impl FnOnce(&mut Value)) {
        let paths = ["deployments", "statefulsets", "daemonsets"];
        let paths = paths.map(|plural| format!("/apis/apps/v1/namespaces/{namespace}/{plural}/{workload}"));
        let path = paths.iter().find(|path| self.find(path).is_some()).expect("a workload of this name");
        self.edit(path, |object| change(&mut object["spec"]["template"]));
    }
}

impl Build {
    pub fn with(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.object);
        self
    }

    pub fn replicas(self, replicas: u32) -> Self {
        self.with(|object| object["spec"]["replicas"] = replicas.into())
    }

    /// Of the first container.
    pub fn image(self, image: &str) -> Self {
        self.with(|object| pod_spec(object)["containers"][0]["image"] = image.into())
    }

    pub fn memory_limit(self, container: &str, limit: &str) -> Self {
        self.with(|object| {
            let containers = pod_spec(object)["containers"].as_array_mut();
            for one in containers.into_iter().flatten().filter(|one| one["name"] == container) {
                map(map_of(one, "resources"), "limits").insert("memory".to_owned(), limit.into());
            }
        })
    }

    /// Of the object itself, and not of its pods.
    pub fn label(self, key: &str, value: &str) -> Self {
        self.with(|object| {
            map(&mut object["metadata"], "labels").insert(key.to_owned(), value.into());
        })
    }

    pub fn annotation(self, key: &str, value: &str) -> Self {
        self.with(|object| {
            map(&mut object["metadata"], "annotations").insert(key.to_owned(), value.into());
        })
    }

    /// Puts it in, and lets the controllers do what they then do, at whatever pace.
    #[track_caller]
    pub fn create(self) -> Snapshot {
        let mut world = lock(&self.living.shared.world);
        if self.resource.is_namespaced {
            ensure_namespace(&mut world, namespace(&self.object));
        }
        let object = write::make(&mut world, self.resource, self.object).unwrap_or_else(|failure| panic!("{}", failure.message));
        let object = world.store(self.resource, object);
        control::settle(&mut world);
        Snapshot(world.get(self.resource, namespace(&object), name(&object)).cloned().unwrap_or(object))
    }
}

fn ensure_namespace(world: &mut World, wanted: &str) {
    let resource = of_kind("Namespace");
    if world.get(resource, "", wanted).is_none() {
        let object = json!({ "metadata": {"name": wanted} });
        let object = write::make(world, resource, object).unwrap_or_else(|failure| panic!("{}", failure.message));
        world.store(resource, object);
    }
}

fn template(app: &str, restart_policy: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": app}},
        "spec": {
            "restartPolicy": restart_policy,
            "containers": [{"name": "app", "image": format!("registry.example/{app}:1.0")}],
        },
    })
}

/// The spec of the pods of an object.
fn pod_spec(object: &mut Value) -> &mut Value {
    let pointer = match text(object, "/kind") {
        _ if !object["spec"]["template"].is_null() => "/spec/template/spec",
        _ if !object["spec"]["jobTemplate"].is_null() => "/spec/jobTemplate/spec/template/spec",
        _ => "/spec",
    };
    object.pointer_mut(pointer).expect("a workload or a pod")
}

fn map_of<'a>(object: &'a mut Value, field: &str) -> &'a mut Value {
    map(object, field);
    &mut object[field]
}

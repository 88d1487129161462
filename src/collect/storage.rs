//! Claims, the volumes behind them, and the classes that should make them.

use futures_util::future::join_all;
use jiff::Timestamp;
use k8s_openapi::api::{
    core::v1::{PersistentVolume, PersistentVolumeClaim, Pod},
    storage::v1::StorageClass,
};

use super::{time::ago, workload::reference};
use crate::{
    cluster::{Found, Reader, Select},
    domain::{
        evidence::Source,
        fact::{Fact, Weight},
        object::{Kind, ObjectRef},
    },
};

/// Claims of one pod that are looked at.
const MOST_CLAIMS: usize = 4;
pub const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";

/// Names of the claims that a pod mounts.
pub fn claims(pod: &Pod) -> Vec<String> {
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    let pod_name = pod.metadata.name.clone().unwrap_or_default();
    volumes
        .filter_map(|volume| match (&volume.persistent_volume_claim, &volume.ephemeral) {
            (Some(claim), _) => Some(claim.claim_name.clone()),
            (None, Some(_)) => Some(format!("{pod_name}-{}", volume.name)),
            (None, None) => None,
        })
        .take(MOST_CLAIMS)
        .collect()
}

/// Facts of the claims of one pod.
pub async fn of_pod(reader: &Reader, pod: &Pod, now: Timestamp) -> Vec<Fact> {
    let namespace = pod.metadata.namespace.clone().unwrap_or_default();
    let is_unscheduled = super::pod::node_name(pod).is_none();
    let claims = claims(pod);
    let looks = claims.iter().map(|name| claim(reader, &namespace, name, now, is_unscheduled));
    join_all(looks).await.into_iter().flatten().collect()
}

/// Facts of one claim. `is_awaited` = a pod waits for it, so that "waits for its first consumer" is no excuse by itself.
pub async fn claim(reader: &Reader, namespace: &str, name: &str, now: Timestamp, is_awaited: bool) -> Vec<Fact> {
    let object = ObjectRef::new(Kind::PersistentVolumeClaim, Some(namespace), name);
    match reader.get::<PersistentVolumeClaim>(Some(namespace), name).await {
        Found::Seen(claim) => facts(reader, &claim, now, is_awaited).await,
        Found::Absent => {
            let text = format!("pvc {name} not found in namespace {namespace}");
            let fact = Fact::new(Source::Storage, &object, Weight::Trouble, text).with("claim", name);
            vec![fact.note(format!("There is no PersistentVolumeClaim {name} in namespace {namespace}."))]
        }
        Found::Unknown => Vec::new(),
    }
}

async fn facts(reader: &Reader, claim: &PersistentVolumeClaim, now: Timestamp, is_awaited: bool) -> Vec<Fact> {
    let object = reference(Kind::PersistentVolumeClaim, &claim.metadata);
    let name = object.name.clone();
    let spec = claim.spec.clone().unwrap_or_default();
    let status = claim.status.clone().unwrap_or_default();
    let phase = status.phase.as_deref().unwrap_or("Pending");
    let size =
        spec.resources.as_ref().and_then(|resources| resources.requests.as_ref()?.get("storage").map(|size| size.0.clone()));
    let class_name = spec.storage_class_name.clone().filter(|class| !class.is_empty());
    let mut all = Vec::new();
    let make = |weight: Weight, text: String| {
        let mut fact = Fact::new(Source::Storage, &object, weight, text).with("claim", &name);
        for (key, value) in [("storage_class", &class_name), ("size", &size), ("volume", &spec.volume_name)] {
            fact = value.as_ref().map_or(fact.clone(), |value| fact.clone().with(key, value));
        }
        fact
    };
    if let Some(deleted) = claim.metadata.deletion_timestamp.as_ref() {
        let finalizers = claim.metadata.finalizers.clone().unwrap_or_default().join(",");
        let since = ago(deleted.0, now);
        let fact =
            make(Weight::Trouble, format!("pvc {name} terminating for {since} finalizers=[{finalizers}]")).at(Some(deleted.0));
        let first = claim.metadata.finalizers.iter().flatten().next().cloned().unwrap_or_default();
        let fact = fact.with("finalizer", &first);
        let users = users(reader, claim).await;
        all.push(if users.is_empty() { fact } else { fact.note(format!("The claim {name} is still mounted by {users}.")) });
    }
    match phase {
        "Bound" => all.extend(bound(reader, &spec, make(Weight::Context, format!("pvc {name} bound"))).await),
        "Lost" => all.push(make(
            Weight::Trouble,
            format!("pvc {name} phase Lost: its volume {} is gone", spec.volume_name.as_deref().unwrap_or("?")),
        )),
        _ => {
            let created = claim.metadata.creation_timestamp.as_ref().map(|time| time.0);
            let since = created.map(|created| format!(" for {}", ago(created, now))).unwrap_or_default();
            let (why, note, is_trouble) = pending(reader, class_name.as_deref(), is_awaited).await;
            let weight = if is_trouble { Weight::Trouble } else { Weight::Context };
            let mut fact = make(weight, format!("pvc {name} phase Pending{since}: {why}")).at(created);
            fact.note = note;
            all.push(fact);
        }
    }
    all
}

/// The pods that still mount a claim.
async fn users(reader: &Reader, claim: &PersistentVolumeClaim) -> String {
    let namespace = claim.metadata.namespace.as_deref();
    let pods = reader.list::<Pod>(namespace, Select { limit: 60, ..Select::default() }).await;
    let mounts = |pod: &&Pod| claims(pod).iter().any(|name| Some(name) == claim.metadata.name.as_ref());
    let users: Vec<String> = pods.items.iter().filter(mounts).map(|pod| super::pod::reference(pod).short()).take(3).collect();
    users.join(", ")
}

/// Why a claim is pending, as far as its class tells: the words, a sentence, and whether it is wrong.
async fn pending(reader: &Reader, class_name: Option<&str>, is_awaited: bool) -> (String, Option<String>, bool) {
    let Some(class_name) = class_name else {
        let classes = reader.list::<StorageClass>(None, Select { limit: 50, ..Select::default() }).await;
        let has_default = classes.items.iter().any(|class| {
            class.metadata.annotations.as_ref().is_some_and(|all| all.get(DEFAULT_CLASS).is_some_and(|value| value == "true"))
        });
        if classes.is_complete && !has_default {
            let note = "The claim names no StorageClass, and the cluster has no default one.".to_owned();
            return ("it names no storageclass and there is no default one".to_owned(), Some(note), true);
        }
        return ("waits for a volume".to_owned(), None, true);
    };
    match reader.get::<StorageClass>(None, class_name).await {
        Found::Seen(class) if class.volume_binding_mode.as_deref() == Some("WaitForFirstConsumer") => {
            ("waits for the first pod that uses it (WaitForFirstConsumer), which is normal".to_owned(), None, false)
        }
        Found::Seen(class) => {
            let note = format!("StorageClass {class_name} exists (provisioner {}).", class.provisioner);
            (format!("storageclass {class_name} has made no volume"), Some(note), true)
        }
        Found::Absent => {
            let note = format!("The claim asks for StorageClass {class_name}, which does not exist in this cluster.");
            (format!("storageclass \"{class_name}\" not found"), Some(note), true)
        }
        Found::Unknown => (format!("waits for a volume of storageclass {class_name}"), None, is_awaited),
    }
}

/// A bound claim, with what its volume demands of a node.
async fn bound(reader: &Reader, spec: &k8s_openapi::api::core::v1::PersistentVolumeClaimSpec, fact: Fact) -> Vec<Fact> {
    let Some(volume) = spec.volume_name.as_deref().filter(|name| !name.is_empty()) else { return vec![fact] };
    let Some(volume) = reader.get::<PersistentVolume>(None, volume).await.seen() else { return vec![fact] };
    let name = volume.metadata.name.clone().unwrap_or_default();
    let terms = volume.spec.as_ref().and_then(|spec| spec.node_affinity.as_ref()?.required.as_ref());
    let places: Vec<String> = terms
        .iter()
        .flat_map(|terms| &terms.node_selector_terms)
        .flat_map(|term| term.match_expressions.iter().flatten())
        .map(|one| format!("{} {} {}", one.key, one.operator, one.values.clone().unwrap_or_default().join(",")))
        .take(3)
        .collect();
    if places.is_empty() {
        return vec![fact];
    }
    let places = places.join("; ");
    vec![Fact { text: format!("{} to pv {name}, which can only be used where {places}", fact.text), ..fact }]
}

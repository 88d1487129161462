//! From names to objects: which of the cluster's objects a request means.

use futures_util::future::join_all;
use k8s_openapi::{
    Resource,
    api::{
        apps::v1::{DaemonSet, Deployment, StatefulSet},
        autoscaling::v2::HorizontalPodAutoscaler,
        batch::v1::{CronJob, Job},
        core::v1::{Node, PersistentVolumeClaim, Pod, Service},
        networking::v1::Ingress,
    },
};

use super::{Look, asked::Asked};
use crate::{
    cluster::{Found, Select, wire},
    domain::object::{Kind, ObjectRef},
};

/// What to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    Object(ObjectRef),
    /// It was named, and is gone; what it belonged to, where its name tells.
    GonePod(ObjectRef, Option<ObjectRef>),
    Selector {
        namespace: Option<String>,
        selector: String,
    },
    /// Everything in it.
    Namespace(String),
}

/// Kinds that a bare name may mean, workloads first.
const NAMEABLE: [Kind; 10] = [
    Kind::Deployment,
    Kind::StatefulSet,
    Kind::DaemonSet,
    Kind::Job,
    Kind::CronJob,
    Kind::Pod,
    Kind::Service,
    Kind::Ingress,
    Kind::HorizontalPodAutoscaler,
    Kind::PersistentVolumeClaim,
];
/// The same where every namespace has to be asked.
const NAMEABLE_ANYWHERE: [Kind; 5] = [Kind::Deployment, Kind::StatefulSet, Kind::DaemonSet, Kind::Service, Kind::Pod];
/// Objects looked at where a name means several.
const MOST_CANDIDATES: usize = 3;
/// Bare words that are asked for one by one.
const MOST_WORDS: usize = 2;

/// What the request means; empty = it names nothing that there is.
pub async fn resolve(look: &Look<'_>, asked: &Asked) -> Vec<Subject> {
    if let Some(kind) = &asked.unknown_kind {
        look.reader
            .note_why("target", format!("objects of kind {kind} are not looked at; its name was looked for among other kinds"));
    }
    if let Some(selector) = &asked.selector {
        return vec![Subject::Selector { namespace: asked.namespace.clone(), selector: selector.clone() }];
    }
    for (kind, name) in &asked.objects {
        let found = named(look, asked.namespace.as_deref(), *kind, name).await;
        if !found.is_empty() {
            return found;
        }
    }
    if let Some((kind, name)) = asked.objects.first() {
        let place = asked.namespace.as_ref().map(|namespace| format!(" in namespace {namespace}")).unwrap_or_default();
        look.reader.note_why("target", format!("{} {name} does not exist{place}", kind.as_str()));
        let other = by_word(look, asked.namespace.as_deref(), std::slice::from_ref(name)).await;
        if !other.is_empty() {
            return other;
        }
    }
    for (kind, name) in &asked.said {
        let found = named(look, asked.namespace.as_deref(), *kind, name).await;
        if !found.is_empty() {
            return found;
        }
    }
    // Without a namespace every one is asked, which only a word that looks like a name is worth.
    let words = if asked.namespace.is_some() { &asked.words[..] } else { &asked.words[..asked.likely_words] };
    let found = by_word(look, asked.namespace.as_deref(), words).await;
    if !found.is_empty() {
        return found;
    }
    asked.whole.iter().map(|namespace| Subject::Namespace(namespace.clone())).collect()
}

/// The object of a kind and name, in one namespace or wherever it is.
async fn named(look: &Look<'_>, namespace: Option<&str>, kind: Kind, name: &str) -> Vec<Subject> {
    if kind.is_cluster_wide() {
        let exists = kind == Kind::Node && matches!(look.reader.get::<Node>(None, name).await, Found::Seen(_));
        return if exists { vec![Subject::Object(ObjectRef::new(kind, None, name))] } else { Vec::new() };
    }
    match namespace {
        Some(namespace) => {
            let object = ObjectRef::new(kind, Some(namespace), name);
            match exists(look, &object).await {
                Found::Seen(()) => vec![Subject::Object(object)],
                Found::Absent if kind == Kind::Pod => gone(look, object).await,
                Found::Absent | Found::Unknown => Vec::new(),
            }
        }
        None => unambiguous(look, name, anywhere(look, kind, name).await),
    }
}

/// A pod that is not there: by its name, what it belonged to.
async fn gone(look: &Look<'_>, pod: ObjectRef) -> Vec<Subject> {
    let namespace = pod.namespace.as_deref();
    let mut guesses = Vec::new();
    if let Some((rest, last)) = pod.name.rsplit_once('-') {
        if let Some((base, _)) = rest.rsplit_once('-') {
            guesses.push(ObjectRef::new(Kind::Deployment, namespace, base));
        }
        if last.bytes().all(|byte| byte.is_ascii_digit()) {
            guesses.insert(0, ObjectRef::new(Kind::StatefulSet, namespace, rest));
        } else {
            guesses.push(ObjectRef::new(Kind::DaemonSet, namespace, rest));
            guesses.push(ObjectRef::new(Kind::Job, namespace, rest));
        }
    }
    // People call a workload a pod, too.
    guesses.push(ObjectRef::new(Kind::Deployment, namespace, &pod.name));
    guesses.push(ObjectRef::new(Kind::StatefulSet, namespace, &pod.name));
    let found = join_all(guesses.iter().map(|guess| exists(look, guess))).await;
    let owner = guesses.iter().zip(found).find(|(_, found)| matches!(found, Found::Seen(()))).map(|(guess, _)| guess.clone());
    match owner {
        Some(owner) if owner.name == pod.name => vec![Subject::Object(owner)],
        Some(owner) => {
            look.reader.note_why("pod", format!("{} no longer exists; {owner}, which it belonged to, was looked at", pod.name));
            vec![Subject::GonePod(pod, Some(owner))]
        }
        None => {
            look.reader.note_why("pod", format!("{pod} does not exist; only its events, if any, were looked at"));
            vec![Subject::GonePod(pod, None)]
        }
    }
}

/// Objects that the first of `words` to mean any means.
async fn by_word(look: &Look<'_>, namespace: Option<&str>, words: &[String]) -> Vec<Subject> {
    for word in words.iter().take(MOST_WORDS) {
        let Some(namespace) = namespace else {
            let found = join_all(NAMEABLE_ANYWHERE.iter().map(|kind| anywhere(look, *kind, word))).await;
            let found: Vec<ObjectRef> = found.into_iter().flatten().collect();
            if !found.is_empty() {
                return unambiguous(look, word, found);
            }
            continue;
        };
        let objects: Vec<ObjectRef> = NAMEABLE.iter().map(|kind| ObjectRef::new(*kind, Some(namespace), word)).collect();
        let found = join_all(objects.iter().map(|object| exists(look, object))).await;
        let found: Vec<Subject> = objects
            .iter()
            .zip(found)
            .filter(|(_, found)| matches!(found, Found::Seen(())))
            .map(|(object, _)| Subject::Object(object.clone()))
            .collect();
        if !found.is_empty() {
            return found;
        }
        if word.contains('-') {
            let pod = gone_quietly(look, namespace, word).await;
            if !pod.is_empty() {
                return pod;
            }
        }
    }
    Vec::new()
}

/// A word that looks like a generated pod name, if the workload that it would belong to exists.
async fn gone_quietly(look: &Look<'_>, namespace: &str, word: &str) -> Vec<Subject> {
    let Some((rest, _)) = word.rsplit_once('-') else { return Vec::new() };
    let base = rest.rsplit_once('-').map_or(rest, |(base, _)| base);
    let guesses =
        [ObjectRef::new(Kind::Deployment, Some(namespace), base), ObjectRef::new(Kind::StatefulSet, Some(namespace), rest)];
    for guess in guesses {
        if matches!(exists(look, &guess).await, Found::Seen(())) {
            return vec![Subject::GonePod(ObjectRef::new(Kind::Pod, Some(namespace), word), Some(guess))];
        }
    }
    Vec::new()
}

/// Several objects of one name: all of one namespace are one thing; of more namespaces the candidates are told.
fn unambiguous(look: &Look<'_>, name: &str, mut found: Vec<ObjectRef>) -> Vec<Subject> {
    let mut namespaces: Vec<&str> = found.iter().filter_map(|object| object.namespace.as_deref()).collect();
    namespaces.sort_unstable();
    namespaces.dedup();
    if namespaces.len() > 1 {
        let shown: Vec<String> = found.iter().take(8).map(ToString::to_string).collect();
        let more = if found.len() > MOST_CANDIDATES {
            "; the first of them were looked at, name the namespace to choose"
        } else {
            "; name the namespace to choose"
        };
        look.reader.note_why("target", format!("{name} is ambiguous: {}{more}", shown.join(", ")));
        found.truncate(MOST_CANDIDATES);
    }
    found.into_iter().map(Subject::Object).collect()
}

/// Whether an object exists, read whole: whoever asks looks at it next.
async fn exists(look: &Look<'_>, object: &ObjectRef) -> Found<()> {
    async fn read<K: wire::Readable>(look: &Look<'_>, object: &ObjectRef) -> Found<()> {
        match look.reader.get::<K>(object.namespace.as_deref(), &object.name).await {
            Found::Seen(_) => Found::Seen(()),
            Found::Absent => Found::Absent,
            Found::Unknown => Found::Unknown,
        }
    }
    match object.kind {
        Kind::Pod => read::<Pod>(look, object).await,
        Kind::Deployment => read::<Deployment>(look, object).await,
        Kind::StatefulSet => read::<StatefulSet>(look, object).await,
        Kind::DaemonSet => read::<DaemonSet>(look, object).await,
        Kind::Job => read::<Job>(look, object).await,
        Kind::CronJob => read::<CronJob>(look, object).await,
        Kind::Service => read::<Service>(look, object).await,
        Kind::Ingress => read::<Ingress>(look, object).await,
        Kind::PersistentVolumeClaim => read::<PersistentVolumeClaim>(look, object).await,
        Kind::HorizontalPodAutoscaler => read::<HorizontalPodAutoscaler>(look, object).await,
        Kind::ReplicaSet => read::<k8s_openapi::api::apps::v1::ReplicaSet>(look, object).await,
        _ => Found::Absent,
    }
}

/// Objects of a kind and name in all namespaces.
async fn anywhere(look: &Look<'_>, kind: Kind, name: &str) -> Vec<ObjectRef> {
    async fn list<
        K: wire::Readable + Resource + k8s_openapi::Metadata<Ty = k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta>,
    >(
        look: &Look<'_>,
        name: &str,
    ) -> Vec<String> {
        let fields = format!("metadata.name={name}");
        let listed = look.reader.list::<K>(None, Select { fields: &fields, limit: 20, ..Select::default() }).await;
        listed.items.iter().filter_map(|item| item.metadata().namespace.clone()).collect()
    }
    let namespaces = match kind {
        Kind::Pod => list::<Pod>(look, name).await,
        Kind::Deployment => list::<Deployment>(look, name).await,
        Kind::StatefulSet => list::<StatefulSet>(look, name).await,
        Kind::DaemonSet => list::<DaemonSet>(look, name).await,
        Kind::Job => list::<Job>(look, name).await,
        Kind::CronJob => list::<CronJob>(look, name).await,
        Kind::Service => list::<Service>(look, name).await,
        Kind::Ingress => list::<Ingress>(look, name).await,
        Kind::PersistentVolumeClaim => list::<PersistentVolumeClaim>(look, name).await,
        Kind::HorizontalPodAutoscaler => list::<HorizontalPodAutoscaler>(look, name).await,
        _ => Vec::new(),
    };
    namespaces.iter().map(|namespace| ObjectRef::new(kind, Some(namespace), name)).collect()
}

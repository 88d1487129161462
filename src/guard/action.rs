//! Commands that say exactly one change that Faultline can make itself. What is not such a command is refused, with the reason: no
//! text is ever run, so whatever the parse leaves out would be lost in silence.
//!
//! ```text
//! text -> command (words) -> line (words and flags) -> one of the forms -> possible -> Action
//! ```

mod written;

pub use written::written;

use super::{
    command, kubectl,
    line::{Flag, Line},
};
use crate::domain::{
    action::{Action, Change},
    object::{Kind, ObjectRef},
    quantity::Quantity,
};

/// Why something is no action.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct NotAnAction {
    /// One clause: `names several objects`.
    pub why: String,
}

/// The action that `command` says, in one of these forms and with no other flag than these:
///
/// ```text
/// kubectl rollout restart|pause|resume KIND/NAME -n NS          KIND NAME does as well
/// kubectl rollout undo KIND/NAME [--to-revision=N] -n NS
/// kubectl scale KIND/NAME --replicas=N -n NS
/// kubectl set resources KIND/NAME -c CONTAINER --limits=memory=QUANTITY -n NS
/// kubectl delete pod NAME -n NS
/// kubectl delete pods --field-selector=status.phase=Failed -n NS
/// kubectl cordon|uncordon NODE
/// ```
///
/// `default_namespace` stands where `-n` is not given; `None` = then the command is refused.
pub fn action(command: &str, default_namespace: Option<&str>) -> Result<Action, NotAnAction> {
    let words = command::words(command).map_err(refused)?;
    if words.iter().any(|word| word.contains(['<', '>'])) {
        return Err(refused("holds a placeholder, which has to be filled in first"));
    }
    let Some((program, arguments)) = words.split_first() else { return Err(refused("empty")) };
    if !kubectl::NAMES.contains(&program.as_str()) {
        return Err(refused("is not plain kubectl"));
    }
    let line = Line::parse(arguments, &kubectl::GRAMMAR);
    if line.rest.is_some() {
        return Err(refused("holds `--`"));
    }
    let action = of_line(&line, default_namespace)?;
    possible(&action)?;
    Ok(action)
}

/// Whether `action` is one that could be carried out: its kind of object fits, its names are names, its numbers are in range.
pub fn possible(action: &Action) -> Result<(), NotAnAction> {
    let ObjectRef { kind, namespace, name } = &action.target;
    let what = action.change.kind();
    if !kinds_of(&action.change).contains(kind) {
        return Err(refused(&format!("{what} cannot be done to a {}", kind.as_str())));
    }
    match namespace {
        Some(_) if kind.is_cluster_wide() => return Err(refused(&format!("a {} is in no namespace", kind.as_str()))),
        None if !kind.is_cluster_wide() => return Err(refused("names no namespace")),
        Some(namespace) if !is_label(namespace) => return Err(refused("its namespace is no name that Kubernetes takes")),
        Some(_) | None => {}
    }
    let is_name = if *kind == Kind::Namespace { is_label(name) } else { is_subdomain(name) };
    if !is_name {
        return Err(refused("its target has no name that Kubernetes takes"));
    }
    match &action.change {
        Change::Scale { replicas } if i32::try_from(*replicas).is_err() => Err(refused("asks for more replicas than can be")),
        Change::RolloutUndo { to_revision: Some(revision) } if *revision == 0 || i64::try_from(*revision).is_err() => {
            Err(refused("goes to a revision that cannot be"))
        }
        Change::RaiseMemoryLimit { container, .. } if !is_label(container) => {
            Err(refused("its container has no name that Kubernetes takes"))
        }
        Change::RaiseMemoryLimit { limit, .. } if memory(limit).is_none() => {
            Err(refused("its limit is no amount of memory, such as 512Mi"))
        }
        Change::EvictPod
        | Change::DeletePod
        | Change::DeleteFailedPods
        | Change::RolloutRestart
        | Change::RolloutUndo { .. }
        | Change::Scale { .. }
        | Change::Pause
        | Change::Resume
        | Change::Cordon
        | Change::Uncordon
        | Change::RerunJob
        | Change::RaiseMemoryLimit { .. } => Ok(()),
    }
}

/// A whole or decimal number of bytes, with a suffix for as many or none. `None` = anything else.
pub fn memory(text: &str) -> Option<Quantity> {
    const SUFFIXES: [&str; 11] = ["Ki", "Mi", "Gi", "Ti", "Pi", "k", "M", "G", "T", "P", ""];
    let number = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let is_plain = number.len() <= MAX_MEMORY_DIGITS
        && number.starts_with(|character: char| character.is_ascii_digit())
        && number.ends_with(|character: char| character.is_ascii_digit())
        && SUFFIXES.contains(&&text[number.len()..]);
    if is_plain { Quantity::parse(text).filter(|quantity| quantity.units() > 0) } else { None }
}

/// More is no memory that a machine has, in whatever unit.
const MAX_MEMORY_DIGITS: usize = 15;

fn refused(why: &str) -> NotAnAction {
    NotAnAction { why: why.to_owned() }
}

/// The kinds of objects that a change can be made to.
fn kinds_of(change: &Change) -> &'static [Kind] {
    match change {
        Change::EvictPod | Change::DeletePod => &[Kind::Pod],
        Change::DeleteFailedPods => &[Kind::Namespace],
        Change::RolloutRestart | Change::RolloutUndo { .. } | Change::RaiseMemoryLimit { .. } => {
            &[Kind::Deployment, Kind::StatefulSet, Kind::DaemonSet]
        }
        Change::Scale { .. } => &[Kind::Deployment, Kind::StatefulSet, Kind::ReplicaSet],
        Change::Pause | Change::Resume => &[Kind::Deployment],
        Change::Cordon | Change::Uncordon => &[Kind::Node],
        Change::RerunJob => &[Kind::Job],
    }
}

const NAMESPACE: [&str; 2] = ["-n", "--namespace"];
const CONTAINER: [&str; 2] = ["-c", "--containers"];
/// The only fields that pods are deleted by.
const FAILED: [&str; 2] = ["status.phase=Failed", "status.phase==Failed"];

fn of_line(line: &Line, default_namespace: Option<&str>) -> Result<Action, NotAnAction> {
    let namespace = || line.value(&NAMESPACE).or(default_namespace);
    let with = |object: &[&str], change: Change| {
        let target = one_object(object, namespace())?;
        Ok(Action { target, change })
    };
    match line.words.as_slice() {
        ["rollout", verb @ ("restart" | "pause" | "resume"), object @ ..] => {
            only(line, &[&NAMESPACE])?;
            with(
                object,
                match *verb {
                    "restart" => Change::RolloutRestart,
                    "pause" => Change::Pause,
                    _ => Change::Resume,
                },
            )
        }
        ["rollout", "undo", object @ ..] => {
            only(line, &[&NAMESPACE, &["--to-revision"]])?;
            let to_revision = line.value(&["--to-revision"]).map(number).transpose()?;
            with(object, Change::RolloutUndo { to_revision })
        }
        ["scale", object @ ..] => {
            only(line, &[&NAMESPACE, &["--replicas"]])?;
            let replicas = line.value(&["--replicas"]).ok_or_else(|| refused("does not say how many replicas"))?;
            with(object, Change::Scale { replicas: number(replicas)? })
        }
        ["set", "resources", object @ ..] => {
            only(line, &[&NAMESPACE, &CONTAINER, &["--limits"]])?;
            let container = line.value(&CONTAINER).ok_or_else(|| refused("names no container"))?.to_owned();
            let limit = line.value(&["--limits"]).and_then(|limits| limits.strip_prefix("memory="));
            let limit = limit.ok_or_else(|| refused("sets something else than one limit of memory"))?.to_owned();
            with(object, Change::RaiseMemoryLimit { container, limit })
        }
        ["delete", kind] if !kind.contains('/') => {
            only(line, &[&NAMESPACE, &["--field-selector"]])?;
            let is_failed_pods = Kind::of(kind) == Some(Kind::Pod)
                && line.value(&["--field-selector"]).is_some_and(|fields| FAILED.contains(&fields));
            if !is_failed_pods {
                return Err(refused("deletes more than one named pod or the failed pods of a namespace"));
            }
            let namespace = namespace().ok_or_else(|| refused("names no namespace"))?;
            Ok(Action { target: ObjectRef::new(Kind::Namespace, None, namespace), change: Change::DeleteFailedPods })
        }
        ["delete", object @ ..] => {
            only(line, &[&NAMESPACE])?;
            with(object, Change::DeletePod)
        }
        [verb @ ("cordon" | "uncordon"), node] => {
            only(line, &[])?;
            let name = match node.split_once('/') {
                None => node,
                Some((kind, name)) if Kind::of(kind) == Some(Kind::Node) => name,
                Some(_) => return Err(refused("names something else than a node")),
            };
            let change = if *verb == "cordon" { Change::Cordon } else { Change::Uncordon };
            Ok(Action { target: ObjectRef::new(Kind::Node, None, name), change })
        }
        ["cordon" | "uncordon", ..] => Err(refused("names no node, or several")),
        ["create", "job", ..] => {
            Err(refused("starts a new job; a failed job is run again by `rerun-job job/NAMESPACE/NAME`, which names it"))
        }
        _ => Err(refused("is not one of the commands that Faultline can carry out itself")),
    }
}

/// `KIND/NAME` or `KIND NAME`, of a kind that is in a namespace.
fn one_object(words: &[&str], namespace: Option<&str>) -> Result<ObjectRef, NotAnAction> {
    let (kind, name) = match words {
        [object] => object.split_once('/').ok_or_else(|| refused("names no object"))?,
        [kind, name] if !kind.contains('/') && !name.contains('/') => (*kind, *name),
        [] => return Err(refused("names no object")),
        _ => return Err(refused("names several objects")),
    };
    let kind = Kind::of(kind).ok_or_else(|| refused("names a kind that no action is done to"))?;
    Ok(ObjectRef { kind, namespace: namespace.filter(|_| !kind.is_cluster_wide()).map(str::to_owned), name: name.to_owned() })
}

/// Every flag is one of `allowed` (each a flag with its names), given once and with a value.
fn only(line: &Line, allowed: &[&[&str]]) -> Result<(), NotAnAction> {
    for flag in &line.flags {
        let Some(names) = allowed.iter().find(|names| names.contains(&flag.name.as_str())) else {
            return Err(refused(why_not(flag)));
        };
        if flag.value.is_none() {
            return Err(refused("has a flag without its value"));
        }
        if line.flags.iter().filter(|other| names.contains(&other.name.as_str())).count() > 1 {
            return Err(refused("has a flag twice"));
        }
    }
    Ok(())
}

fn why_not(flag: &Flag) -> &'static str {
    match flag.name.as_str() {
        "-A" | "--all-namespaces" | "--all" | "-l" | "--selector" | "--field-selector" => "chooses objects instead of naming one",
        "--context" | "--cluster" | "--user" | "--kubeconfig" | "-s" | "--server" | "--token" | "--as" | "--as-group"
        | "--as-uid" => "goes to another cluster, or as somebody else",
        "--force" | "--grace-period" | "--now" => "takes away the time to end in order",
        "--dry-run" => "is a dry run, which changes nothing",
        "-f" | "--filename" | "-k" | "--kustomize" => "names a file instead of an object",
        "--requests" => "sets requests, too",
        "--current-replicas" | "--resource-version" => "depends on a state that an action does not carry",
        _ => "has a flag that an action does not carry",
    }
}

/// Digits alone: `kubectl` reads `010` and `0x8` as eight.
fn number<T: std::str::FromStr>(text: &str) -> Result<T, NotAnAction> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_plain).ok_or_else(|| refused("has a number that is not plain"))
}

/// A label of RFC 1123: `shop`, `team-a`.
fn is_label(text: &str) -> bool {
    text.len() <= 63 && is_part(text)
}

/// What stands between the dots of a name; Kubernetes bounds the length of the whole alone.
fn is_part(text: &str) -> bool {
    let is_edge = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    is_edge(text.as_bytes().first())
        && is_edge(text.as_bytes().last())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// A subdomain of RFC 1123: `api`, `node-a.example.com`.
fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_part)
}

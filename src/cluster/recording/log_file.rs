//! The logs that are files of their own: whose they are is told by their path.

use serde_json::Value;

use super::{
    logs::Run,
    pod_log::{containers, status_of},
};

/// A file that is the log of a container by its place.
#[derive(Debug, PartialEq, Eq)]
pub struct LogFile {
    pub namespace: String,
    pub pod: String,
    /// What could be meant by the file's name, likeliest first.
    meanings: Vec<(String, Run)>,
}

impl LogFile {
    /// Reads a path below the folder: `..logs/NS/POD/CONTAINER[.previous|-previous].log`, or, as a must-gather has it,
    /// `..NS/pods/POD/CONTAINER/CONTAINER/logs/[current|previous].log`.
    pub fn at(path: &[String]) -> Option<Self> {
        let (file, folders) = path.split_last()?;
        let stem = file.strip_suffix(".log").or_else(|| file.strip_suffix(".txt")).unwrap_or(file);
        match folders {
            [.., namespace, pods, pod, container, again, logs] if pods == "pods" && logs == "logs" && container == again => {
                let run = match stem {
                    "current" => Run::Current,
                    "previous" => Run::Previous,
                    _ => return None,
                };
                Some(Self { namespace: namespace.clone(), pod: pod.clone(), meanings: vec![(container.clone(), run)] })
            }
            [.., logs, namespace, pod] if logs == "logs" => {
                let mut meanings = vec![(stem.to_owned(), Run::Current)];
                if let Some(container) = stem.strip_suffix(".previous").or_else(|| stem.strip_suffix("-previous")) {
                    meanings.push((container.to_owned(), Run::Previous));
                }
                Some(Self { namespace: namespace.clone(), pod: pod.clone(), meanings })
            }
            _ => None,
        }
    }

    /// The container and run that is meant, given the pod. `None` where the pod has no such container, as with files that hold
    /// why a log could not be had.
    pub fn meaning(self, pod: Option<&Value>) -> Option<(String, Run)> {
        let Some(pod) = pod else { return self.meanings.into_iter().next_back() };
        self.meanings.into_iter().find(|(container, _)| containers(pod).any(|known| known == container))
    }
}

/// Whether an empty file means that there was no such run: a must-gather writes one for containers that never restarted.
pub fn never_ran(pod: Option<&Value>, container: &str, run: Run) -> bool {
    let status = pod.and_then(|pod| status_of(pod, container));
    run == Run::Previous && status.is_some_and(|status| !status["lastState"]["terminated"].is_object())
}

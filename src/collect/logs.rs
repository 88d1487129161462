//! Which logs are worth their bytes.

use futures_util::future::join_all;
use k8s_openapi::api::core::v1::Pod;

use super::pod::{self, Role};
use crate::{
    cluster::{LogQuery, Reader},
    domain::fact::{LogTail, Run},
};

/// The end of a life: the last words are near.
const LAST_LINES: usize = 240;
const LAST_BYTES: usize = 128 << 10;
/// The log of a container that runs: one telling line among thousands of ordinary ones.
const RUNNING_LINES: usize = 6000;
const RUNNING_BYTES: usize = 1 << 20;
/// Containers of one pod whose logs are read.
const MOST_CONTAINERS: usize = 3;

struct Wanted<'a> {
    container: &'a str,
    run: Run,
    lines: usize,
    bytes: usize,
    is_last_words: bool,
}

/// Logs of the containers that ended badly, are killed, or run without becoming ready.
pub async fn of_unwell(reader: &Reader, pod: &Pod) -> Vec<LogTail> {
    let members = pod::containers(pod);
    let wanted =
        members.iter().filter(|member| !member.is_well(pod) || member.ended_badly()).take(MOST_CONTAINERS).flat_map(|member| {
            let mut runs = Vec::new();
            let is_running = member.is_running();
            let words = |run: Run, is_last_words: bool| Wanted {
                container: &member.spec.name,
                run,
                lines: LAST_LINES,
                bytes: LAST_BYTES,
                is_last_words,
            };
            if member.restarts() > 0 {
                runs.push(words(Run::Previous, true));
            } else if member.end().is_some() {
                runs.push(words(Run::Current, true));
            }
            if is_running {
                runs.push(words(Run::Current, false));
            }
            runs
        });
    let tails = join_all(wanted.map(|wanted| read(reader, pod, wanted))).await;
    let mut found: Vec<LogTail> = tails.into_iter().flatten().collect();
    // Between two runs the last log is served as the current one, too.
    let missing =
        members.iter().filter(|member| member.restarts() > 0 && !found.iter().any(|tail| tail.container == member.spec.name));
    let more = join_all(missing.take(MOST_CONTAINERS).map(|member| {
        let wanted =
            Wanted { container: &member.spec.name, run: Run::Current, lines: LAST_LINES, bytes: LAST_BYTES, is_last_words: true };
        read(reader, pod, wanted)
    }));
    found.extend(more.await.into_iter().flatten());
    found
}

/// Logs of containers that run and look well, for a complaint that no status explains.
pub async fn of_running(reader: &Reader, pod: &Pod) -> Vec<LogTail> {
    let members = pod::containers(pod);
    let wanted =
        members.iter().filter(|member| member.role == Role::Main && member.is_running()).take(MOST_CONTAINERS).map(|member| {
            let wanted = Wanted {
                container: &member.spec.name,
                run: Run::Current,
                lines: RUNNING_LINES,
                bytes: RUNNING_BYTES,
                is_last_words: false,
            };
            read(reader, pod, wanted)
        });
    join_all(wanted).await.into_iter().flatten().collect()
}

async fn read(reader: &Reader, pod: &Pod, wanted: Wanted<'_>) -> Option<LogTail> {
    let object = pod::reference(pod);
    let namespace = object.namespace.clone()?;
    let query = LogQuery { container: wanted.container, run: wanted.run, lines: wanted.lines, bytes: wanted.bytes };
    let text = reader.log(&namespace, &object.name, query).await?;
    Some(LogTail { object, container: wanted.container.to_owned(), run: wanted.run, text, is_last_words: wanted.is_last_words })
}

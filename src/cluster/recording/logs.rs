//! What containers have written, and the part of it that a request asks for.

use std::collections::HashMap;

use bytes::Bytes;
use memchr::{memchr, memchr_iter, memrchr};

/// Of which run of a container a log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Run {
    Current,
    /// The one before the last restart.
    Previous,
}

/// The part of a log that is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// The last lines only.
    pub tail_lines: Option<usize>,
    /// No more than this, from the start of what the other limits leave.
    pub limit_bytes: Option<usize>,
    pub stamps: Stamps,
}

/// What happens to the time that a kubelet writes before each line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamps {
    Keep,
    Strip,
}

#[derive(Debug, Default)]
pub struct Logs {
    /// By namespace, pod, container and run.
    logs: HashMap<(String, String, String, Run), Log>,
}

#[derive(Debug)]
pub struct Log {
    text: Bytes,
    is_stamped: bool,
}

/// How many lines are looked at to see whether a kubelet stamped them.
const LINES_LOOKED_AT: usize = 50;

impl Logs {
    pub fn add(&mut self, namespace: &str, pod: &str, container: &str, run: Run, text: Bytes) {
        let is_stamped = is_stamped(&text);
        self.logs.insert((namespace.to_owned(), pod.to_owned(), container.to_owned(), run), Log { text, is_stamped });
    }

    pub fn get(&self, namespace: &str, pod: &str, container: &str, run: Run) -> Option<&Log> {
        self.logs.get(&(namespace.to_owned(), pod.to_owned(), container.to_owned(), run))
    }
}

impl Log {
    pub fn part(&self, part: Part) -> Bytes {
        let start = part.tail_lines.map_or(0, |lines| start_of_last_lines(&self.text, lines));
        let end = part.limit_bytes.unwrap_or(usize::MAX);
        if part.stamps == Stamps::Strip && self.is_stamped {
            return stripped(&self.text[start..], end);
        }
        self.text.slice(start..start.saturating_add(end).min(self.text.len()))
    }
}

/// Whether what stands for a log is only the reason why there is none.
pub fn is_refusal(text: &str) -> bool {
    let text = text.trim();
    // Printed by `kubectl cluster-info dump`, and by a kubelet whose container is gone.
    let refusals = ["Request log error: ", "Create log request error: ", "unable to retrieve container logs for "];
    refusals.iter().any(|refusal| text.starts_with(refusal)) && text.lines().count() == 1
}

fn start_of_last_lines(text: &[u8], lines: usize) -> usize {
    if lines == 0 {
        return text.len();
    }
    let mut end = text.strip_suffix(b"\n").unwrap_or(text).len();
    for _ in 1..lines {
        match memrchr(b'\n', &text[..end]) {
            Some(at) => end = at,
            None => return 0,
        }
    }
    memrchr(b'\n', &text[..end]).map_or(0, |at| at + 1)
}

fn stripped(text: &[u8], limit: usize) -> Bytes {
    let mut kept = Vec::with_capacity(text.len().min(limit));
    let mut start = 0;
    let ends = memchr_iter(b'\n', text).map(|at| at + 1).chain([text.len()]);
    for end in ends {
        let line = &text[start..end];
        kept.extend_from_slice(&line[stamp_length(line)..]);
        start = end;
        if kept.len() >= limit {
            kept.truncate(limit);
            break;
        }
    }
    kept.into()
}

fn is_stamped(text: &[u8]) -> bool {
    let mut lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).take(LINES_LOOKED_AT).peekable();
    lines.peek().is_some() && lines.all(|line| stamp_length(line) > 0)
}

/// The bytes of `2026-11-21T06:16:16.508358037Z ` at the start of a line. Nothing but a kubelet writes nine digits always;
/// a time that the program itself wrote must stay.
fn stamp_length(line: &[u8]) -> usize {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00.000000000";
    let Some((stamp, rest)) = line.split_at_checked(SHAPE.len()) else { return 0 };
    let is_shaped =
        stamp.iter().zip(SHAPE).all(|(byte, shape)| if *shape == b'0' { byte.is_ascii_digit() } else { byte == shape });
    if !is_shaped {
        return 0;
    }
    let zone = match rest {
        [b'Z', ..] => 1,
        [b'+' | b'-', h, i, b':', m, n, ..] if [h, i, m, n].iter().all(|digit| digit.is_ascii_digit()) => 6,
        _ => return 0,
    };
    match memchr(b' ', &rest[zone..]) {
        Some(0) => stamp.len() + zone + 1,
        // An empty line is stamped, too, and some writers trim the space behind it.
        _ if rest[zone..].iter().all(u8::is_ascii_whitespace) => stamp.len() + zone,
        _ => 0,
    }
}

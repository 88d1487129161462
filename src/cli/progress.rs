//! Progress of work that takes a while, on the terminal's last line, or a line now and then where there is no terminal.

use std::{
    io::{self, IsTerminal, Write},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    pipeline::progress::{Listener, Progress},
    retrieve::build::Step,
};

/// Tells a person at a terminal what a diagnosis is waiting for; nobody else.
pub fn listener() -> Listener {
    if !io::stderr().is_terminal() {
        return Listener::default();
    }
    Listener::new(|progress| {
        let line = match progress {
            Progress::Finding(finding) => format!("found {}", finding.category),
            Progress::Asking(models) => format!("asking {models} ..."),
            Progress::Evidence(_) | Progress::Runbook(_) | Progress::Asked(_) => return,
        };
        let shown: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let _ = writeln!(io::stderr(), "\x1b[2m{shown}\x1b[0m");
    })
}

/// Lines that replace one another where a terminal shows them.
pub struct Bar {
    is_terminal: bool,
    last: Mutex<Option<Instant>>,
    started: Instant,
}

const WIDTH: usize = 30;
const REDRAW: Duration = Duration::from_millis(80);
const LINE_EVERY: Duration = Duration::from_secs(5);

impl Bar {
    pub fn new() -> Self {
        Self { is_terminal: io::stderr().is_terminal(), last: Mutex::new(None), started: Instant::now() }
    }

    /// Shows how far something is; not every call, since a terminal is slower than the work.
    pub fn show(&self, what: &str, done: usize, of: usize) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let pause = if self.is_terminal { REDRAW } else { LINE_EVERY };
        let since = last.unwrap_or(self.started);
        let is_due = since.elapsed() >= pause || (done >= of && last.is_some());
        if !is_due {
            return;
        }
        *last = Some(Instant::now());
        let (done, of) = (done.min(of), of.max(1));
        let full = WIDTH * done / of;
        let left = self.started.elapsed().as_secs_f64() / done.max(1) as f64 * (of - done) as f64;
        let bar = format!("{}{}", "#".repeat(full), ".".repeat(WIDTH - full));
        let (head, tail) = if self.is_terminal { ("\r", "\x1b[K") } else { ("", "\n") };
        let _ = write!(io::stderr(), "{head}{what} [{bar}] {done}/{of}, {left:.0}s left{tail}");
        let _ = io::stderr().flush();
    }

    /// The same for bytes, without a guess of how long it takes.
    pub fn show_bytes(&self, what: &str, done: u64, of: u64) {
        const MEBIBYTE: u64 = 1 << 20;
        let in_mebibytes =
            |bytes: u64| usize::try_from(if of > MEBIBYTE { bytes / MEBIBYTE } else { bytes }).unwrap_or(usize::MAX);
        self.show(what, in_mebibytes(done), in_mebibytes(of));
    }

    pub fn step(&self, step: Step) {
        match step {
            Step::Embedding { done, of } => self.show("embedding", done, of),
            Step::Indexing { done, of } => self.show("indexing", done, of),
        }
    }

    /// Clears what is left of it.
    pub fn end(&self) {
        let was_shown = self.last.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        if self.is_terminal && was_shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

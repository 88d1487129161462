//! `/log-level`: how much the log tells, changed while the process runs, and back by itself after a while.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Json,
    extract::{Request, State},
};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tracing::warn;

use super::{
    Shared, body,
    caller::Caller,
    diagnose::now,
    fields::Fields,
    problem::{Code, FieldError, Problem},
};

const LEVEL_CHARACTERS: usize = 200;
const USUAL_MINUTES: u64 = 15;
const MOST_MINUTES: u64 = 24 * 60;

/// What sets the level of this process's log; a clone is the same one.
#[derive(Clone)]
pub struct LogControl(Arc<Inner>);

type Set = dyn Fn(&str) -> Result<(), String> + Send + Sync;

struct Inner {
    /// As the settings say.
    usual: String,
    set: Box<Set>,
    changes: Mutex<Changes>,
}

#[derive(Default)]
struct Changes {
    /// How many there were.
    number: u64,
    /// `None` = the level is the usual one.
    now: Option<Change>,
}

#[derive(Clone)]
struct Change {
    level: String,
    until: Timestamp,
    by: String,
}

/// How much the log tells, as the wire has it.
#[derive(Debug, Serialize)]
pub struct Level {
    level: String,
    usual: String,
    /// `None` = it stays so.
    until: Option<String>,
    /// `None` = the settings.
    by: Option<String>,
}

impl LogControl {
    /// `set` changes the level, or says in a clause what is wrong with it.
    pub fn new(usual: impl Into<String>, set: impl Fn(&str) -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner { usual: usual.into(), set: Box::new(set), changes: Mutex::default() }))
    }

    fn level(&self) -> Level {
        let changes = self.0.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let usual = self.0.usual.clone();
        match changes.now.clone() {
            Some(Change { level, until, by }) => Level { level, usual, until: Some(format!("{until:.3}")), by: Some(by) },
            None => Level { level: usual.clone(), usual, until: None, by: None },
        }
    }

    /// Sets the level for a while.
    fn change(&self, level: &str, by: String, minutes: u64, now: Timestamp) -> Result<(), String> {
        let mut changes = self.0.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let before = changes.now.as_ref().map_or(&self.0.usual, |change| &change.level).clone();
        (self.0.set)(level)?;
        // It may be too quiet now to tell so.
        (self.0.set)(&before)?;
        warn!(by, level, minutes, "the log is at {level} for {minutes} minutes: {by} wants it so");
        (self.0.set)(level)?;
        let minutes_signed = i64::try_from(minutes).unwrap_or(i64::MAX);
        let until = now.checked_add(SignedDuration::from_mins(minutes_signed)).unwrap_or(Timestamp::MAX);
        changes.number += 1;
        changes.now = (level != self.0.usual).then(|| Change { level: level.to_owned(), until, by });
        if changes.now.is_some() {
            let (control, number) = (self.clone(), changes.number);
            let over = tokio::time::sleep(Duration::from_secs(minutes * 60));
            tokio::spawn(async move {
                over.await;
                control.back(number);
            });
        }
        Ok(())
    }

    /// Back to the usual level, unless somebody changed it since.
    fn back(&self, number: u64) {
        let mut changes = self.0.changes.lock().unwrap_or_else(PoisonError::into_inner);
        if changes.number != number || changes.now.is_none() {
            return;
        }
        changes.now = None;
        match (self.0.set)(&self.0.usual) {
            Ok(()) => warn!(level = self.0.usual, "the log is at {} again: the time is over", self.0.usual),
            Err(why) => warn!("the log could not be set back: {why}"),
        }
    }
}

/// Of a process whose log nobody can change.
impl Default for LogControl {
    fn default() -> Self {
        Self::new("", |_| Err("cannot be changed in this process".to_owned()))
    }
}

impl fmt::Debug for LogControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogControl({})", self.level().level)
    }
}

pub async fn read(State(shared): State<Arc<Shared>>) -> Json<Level> {
    Json(shared.log.level())
}

pub async fn change(State(shared): State<Arc<Shared>>, request: Request) -> Result<Json<Level>, Problem> {
    let (parts, body) = request.into_parts();
    let document = body::read(&parts.headers, body, shared.body_deadline).await?;
    let mut fields = Fields::open(document.json)?;
    let level = fields.text("level");
    let minutes = fields.integer("for_minutes", 1..=MOST_MINUTES).unwrap_or(USUAL_MINUTES);
    fields.close()?;
    let wrong = |why: String| {
        let error = FieldError { detail: why.clone(), pointer: "#/level".to_owned() };
        Problem::new(Code::InvalidRequest, format!("level {why}")).with_errors(vec![error])
    };
    let level = level.filter(|level| is_level(level)).ok_or_else(|| wrong(format!("must be {}", LEVELS.join(", ") + FORM)))?;
    let by = Caller::from_extensions(&parts.extensions).name;
    shared.log.change(&level.to_ascii_lowercase(), by, minutes, now()).map_err(wrong)?;
    Ok(Json(shared.log.level()))
}

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
const FORM: &str = "; or by part, such as info,faultline::http=debug";

/// A level, or levels of parts of the program, by commas; as the document of the API says it, which is less than a filter can be.
fn is_level(text: &str) -> bool {
    let is_part = |part: &str| {
        let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        part.split("::").all(is_word) && !part.starts_with(|first: char| first.is_ascii_digit())
    };
    let is_directive = |directive: &str| {
        let (part, level) = directive.split_once('=').map_or((None, directive), |(part, level)| (Some(part), level));
        LEVELS.iter().any(|known| known.eq_ignore_ascii_case(level)) && part.is_none_or(is_part)
    };
    text.len() <= LEVEL_CHARACTERS && text.split(',').all(is_directive)
}

//! Where replies come from: remembered ones first, then a recording or the providers. Equal questions at one time are asked once.
//! Whoever gets the turn to ask may know the reply from elsewhere.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use quick_cache::{
    DefaultHashBuilder, UnitWeighter,
    sync::{Cache, DefaultLifecycle, PlaceholderGuard},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::{
    client::{Ask, Providers, Usage},
    prompt::Prompt,
    reply,
};

/// Name of the schema, as providers want one.
const SCHEMA_NAME: &str = "diagnosis";
/// Replies remembered.
const REMEMBERED: usize = 512;

/// A reply that was well-formed, and what it cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    pub provider: String,
    pub model: String,
    /// JSON as the model wrote it.
    pub text: String,
    pub input_tokens: u64,
    pub output_tokens: u64,
}

/// A reply and whether it was remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Had {
    pub said: Said,
    pub cached: bool,
}

/// What came of looking for a reply in memory.
pub enum Got<'a> {
    Remembered(Had),
    Turn(Box<Turn<'a>>),
}

/// The turn to have a reply for all who ask the same at one time. Dropped without one, whoever waits has it.
pub struct Turn<'a> {
    replies: &'a Replies,
    prompt: &'a Prompt,
    until: Instant,
    /// `None` = nothing is remembered.
    place: Option<Place<'a>>,
}

/// Where a reply will be remembered.
struct Place<'a> {
    key: Key,
    guard: Guard<'a>,
}

type Key = [u8; 32];
type Remembered = (Said, Instant);
type Guard<'a> = PlaceholderGuard<'a, Key, Remembered, UnitWeighter, DefaultHashBuilder, DefaultLifecycle<Key, Remembered>>;

impl Turn<'_> {
    /// The name of the question, the same in every process. `None` = nothing is remembered.
    pub fn name(&self) -> Option<String> {
        self.place.as_ref().map(|place| hex::encode(place.key))
    }

    /// When there has to be a reply.
    pub fn until(&self) -> Instant {
        self.until
    }

    /// Remembers what is known from elsewhere, and came so long ago.
    pub fn remember(self, said: Said, age: Duration) -> Had {
        if let (Some(place), Some(at)) = (self.place, Instant::now().checked_sub(age)) {
            let _ = place.guard.insert((said.clone(), at));
        }
        Had { said, cached: true }
    }

    pub async fn ask(self) -> Result<Had, Silence> {
        let said = self.replies.ask(self.prompt, self.until).await?;
        if let Some(place) = self.place {
            let _ = place.guard.insert((said.clone(), Instant::now()));
        }
        Ok(Had { said, cached: false })
    }
}

/// Why there is no reply, with what was spent on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    pub why: String,
    pub provider: Option<&'static str>,
    pub usage: (u64, u64),
}

/// Models behind what is remembered of them.
pub struct Replies {
    source: Source,
    /// Provider, model, prompt version and the redacted case, hashed, to the reply and when it came.
    remembered: Cache<Key, Remembered>,
    /// Zero = nothing is remembered.
    keep: Duration,
    timeout: Duration,
    max_input_tokens: usize,
    /// What tells two configurations of models apart.
    models: String,
}

enum Source {
    Live(Providers),
    /// Replies of a folder, and nothing else.
    Recorded(PathBuf),
    /// Live, each kept in a folder.
    Recording(Providers, PathBuf),
}

/// Bounds of what is asked.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How long a reply is remembered.
    pub keep: Duration,
    /// How long one question may take in all.
    pub timeout: Duration,
    pub max_input_tokens: usize,
}

impl Replies {
    pub fn live(providers: Providers, bounds: Bounds) -> Self {
        let models = named(&providers);
        Self::of(Source::Live(providers), models, bounds)
    }

    /// Replays the files of `folder` and asks nobody.
    pub fn recorded(folder: &Path, bounds: Bounds) -> Self {
        Self::of(Source::Recorded(folder.to_owned()), String::new(), bounds)
    }

    /// Asks `providers` and keeps each reply in `folder`, for [`Replies::recorded`].
    pub fn recording(providers: Providers, folder: &Path, bounds: Bounds) -> Self {
        let models = named(&providers);
        Self::of(Source::Recording(providers, folder.to_owned()), models, bounds)
    }

    fn of(source: Source, models: String, bounds: Bounds) -> Self {
        let Bounds { keep, timeout, max_input_tokens } = bounds;
        Self { source, remembered: Cache::new(REMEMBERED), keep, timeout, max_input_tokens, models }
    }

    pub fn max_input_tokens(&self) -> usize {
        self.max_input_tokens
    }

    /// `provider model`, in the order in which they are asked. Empty for a recording.
    pub fn models(&self) -> &str {
        &self.models
    }

    /// How long a reply is remembered. Zero = not at all.
    pub fn keep(&self) -> Duration {
        self.keep
    }

    /// The reply to `prompt` that is remembered, or the turn to have one, within the deadline. `version` is the prompts'.
    pub async fn get<'a>(&'a self, prompt: &'a Prompt, version: &str, deadline: Option<Instant>) -> Result<Got<'a>, Silence> {
        let until = Instant::now() + self.timeout;
        let until = deadline.map_or(until, |deadline| deadline.min(until));
        if self.keep.is_zero() {
            return Ok(Got::Turn(Box::new(Turn { replies: self, prompt, until, place: None })));
        }
        let key = self.key(prompt, version);
        let is_over = |at: &Instant| at.elapsed() >= self.keep;
        self.remembered.remove_if(&key, |(_, at)| is_over(at));
        let waiting = tokio::time::timeout_at(until, self.remembered.get_value_or_guard_async(&key));
        let late = |_| Silence { why: "no reply in time".to_owned(), provider: None, usage: (0, 0) };
        let guard = match waiting.await.map_err(late)? {
            Ok((said, _)) => return Ok(Got::Remembered(Had { said, cached: true })),
            Err(guard) => guard,
        };
        Ok(Got::Turn(Box::new(Turn { replies: self, prompt, until, place: Some(Place { key, guard }) })))
    }

    fn key(&self, prompt: &Prompt, version: &str) -> Key {
        let mut hash = Sha256::new();
        for part in [self.models.as_str(), version, &prompt.system, &prompt.user] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }

    async fn ask(&self, prompt: &Prompt, until: Instant) -> Result<Said, Silence> {
        match &self.source {
            Source::Live(providers) => asked(providers, prompt, until).await,
            Source::Recorded(folder) => recorded(&file_of(folder, prompt)),
            Source::Recording(providers, folder) => {
                let said = asked(providers, prompt, until).await?;
                kept(&file_of(folder, prompt), &said).map_err(|error| Silence {
                    why: format!("the reply could not be recorded: {error}"),
                    provider: None,
                    usage: (said.input_tokens, said.output_tokens),
                })?;
                Ok(said)
            }
        }
    }
}

fn named(providers: &Providers) -> String {
    providers.models().map(|(provider, model)| format!("{provider} {model}")).collect::<Vec<_>>().join(", ")
}

async fn asked(providers: &Providers, prompt: &Prompt, until: Instant) -> Result<Said, Silence> {
    let schema = reply::schema();
    let ask = Ask { system: &prompt.system, user: &prompt.user, schema: &schema, schema_name: SCHEMA_NAME };
    let check = |text: &str| reply::read(text).map(|_| text.to_owned());
    match providers.ask(&ask, &check, until).await {
        Ok(reply) => Ok(Said {
            provider: reply.provider.to_owned(),
            model: reply.model,
            text: reply.value,
            input_tokens: reply.usage.input_tokens,
            output_tokens: reply.usage.output_tokens,
        }),
        Err(failed) => {
            let Usage { input_tokens, output_tokens } = failed.usage;
            Err(Silence {
                why: failed.reason(),
                provider: failed.failures.last().map(|(provider, _)| *provider),
                usage: (input_tokens, output_tokens),
            })
        }
    }
}

/// A recorded reply does not depend on which model gave it, so its name is the case's alone.
fn file_of(folder: &Path, prompt: &Prompt) -> PathBuf {
    let digest = Sha256::new().chain_update(&prompt.system).chain_update([0]).chain_update(&prompt.user).finalize();
    folder.join(format!("{digest:.16x}.json"))
}

fn recorded(file: &Path) -> Result<Said, Silence> {
    let none = |why: String| Silence { why, provider: None, usage: (0, 0) };
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(none(format!("no reply is recorded as {name}"))),
        Err(error) => return Err(none(format!("the recorded reply {name} cannot be read: {error}"))),
    };
    let said: Said = serde_json::from_str(&text).map_err(|error| none(format!("the recorded reply {name} is none: {error}")))?;
    reply::read(&said.text).map_err(|error| none(format!("the recorded reply {name} is none: {error}")))?;
    Ok(said)
}

fn kept(file: &Path, said: &Said) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, serde_json::to_string_pretty(said)?)
}

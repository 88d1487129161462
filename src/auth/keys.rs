//! Keys of callers: a file with a name, a role and a hash each, which is read again when it changes.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use ring::rand::{SecureRandom, SystemRandom};
use serde::Deserialize;
use tokio::time::interval;
use tracing::{error, info, warn};

use super::Digest;
use crate::domain::caller::{Principal, Role};

/// How keys of ours begin, so that people and redaction know one.
pub const PREFIX: &str = "flk_";

const MOST_BYTES: u64 = 1 << 20;
const MOST_KEYS: usize = 10_000;
const LONGEST_NAME: usize = 64;
/// How often the file is read.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// One line of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    role: Role,
    /// Of the key, in hexadecimal.
    sha256: String,
}

struct Key {
    digest: Digest,
    principal: Principal,
}

/// The keys that hold now.
pub struct KeyFile {
    file: PathBuf,
    keys: RwLock<Arc<[Key]>>,
    /// What was read last, good or bad. `Err` = it could not be read.
    last: Mutex<Result<String, String>>,
}

/// What reading the file again did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reread {
    Unchanged,
    /// These many keys hold from now on.
    Changed(usize),
    /// The keys of before hold on, and why.
    Bad(String),
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyFile({})", self.file.display())
    }
}

impl KeyFile {
    /// Reads the file, which has to be good.
    pub fn open(file: &Path) -> Result<Self, String> {
        let bad = |why: String| format!("API_KEYS_FILE={}: {why}", file.display());
        let text = read(file).map_err(bad)?;
        let keys = parse(&text).map_err(bad)?;
        if keys.is_empty() {
            warn!(file = %file.display(), "API_KEYS_FILE holds no key: nobody can call with one");
        }
        Ok(Self { file: file.to_owned(), keys: RwLock::new(keys.into()), last: Mutex::new(Ok(text)) })
    }

    /// The holder of the key with this hash. Every key is looked at, whichever it is.
    pub(super) fn find(&self, digest: &Digest) -> Option<Principal> {
        let keys = Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner));
        let found = keys.iter().fold(None, |found, key| if key.digest == *digest { Some(key) } else { found });
        found.map(|key| key.principal.clone())
    }

    /// The holder of `key`.
    pub fn holder(&self, key: &str) -> Option<Principal> {
        self.find(&Digest::of(key.as_bytes()))
    }

    /// Reads the file again. A bad one changes nothing, so that a slip of the pen locks nobody out.
    pub fn reread(&self) -> Reread {
        let now = read(&self.file);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if *last == now {
            return Reread::Unchanged;
        }
        let keys = now.as_deref().map_err(Clone::clone).and_then(parse);
        *last = now;
        match keys {
            Ok(keys) => {
                let many = keys.len();
                *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys.into();
                Reread::Changed(many)
            }
            Err(why) => Reread::Bad(why),
        }
    }

    /// Reads the file again and again until the process ends.
    pub async fn keep_fresh(self: Arc<Self>) {
        let mut ticks = interval(LOOK_EVERY);
        loop {
            ticks.tick().await;
            let keys = Arc::clone(&self);
            let Ok(reread) = tokio::task::spawn_blocking(move || keys.reread()).await else { continue };
            let file = self.file.display();
            match reread {
                Reread::Unchanged => {}
                Reread::Changed(keys) => info!(%file, keys, "API_KEYS_FILE changed: {keys} keys hold now"),
                Reread::Bad(why) => error!(%file, why, "API_KEYS_FILE is bad, the keys of before hold on: {why}"),
            }
        }
    }
}

fn read(file: &Path) -> Result<String, String> {
    let size = std::fs::metadata(file).map_err(|error| cannot_read(&error))?.len();
    if size > MOST_BYTES {
        return Err(format!("{size} bytes are more than {MOST_BYTES}"));
    }
    std::fs::read_to_string(file).map_err(|error| cannot_read(&error))
}

fn cannot_read(error: &io::Error) -> String {
    format!("it cannot be read: {error}")
}

/// The keys of a text. What is wrong is told by the place of the entry, never by what stands there: it might be a key.
fn parse(text: &str) -> Result<Vec<Key>, String> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let entries: Vec<serde_json::Value> =
        serde_saphyr::from_str(text).map_err(|_| "it is not a list of {name, role, sha256} in YAML or JSON".to_owned())?;
    if entries.len() > MOST_KEYS {
        return Err(format!("{} keys are more than {MOST_KEYS}", entries.len()));
    }
    let mut keys: Vec<Key> = Vec::with_capacity(entries.len());
    for (at, entry) in entries.into_iter().enumerate() {
        let wrong = |why: &str| format!("entry {}: {why}", at + 1);
        let entry: Entry = serde_json::from_value(entry)
            .map_err(|_| wrong("it is not {name, role, sha256} with a role of viewer, developer or admin"))?;
        let is_name = (1..=LONGEST_NAME).contains(&entry.name.len())
            && entry.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-@:/".contains(&byte));
        if !is_name || entry.name == "anonymous" {
            return Err(wrong("its name is not 1 to 64 letters, digits, or of . _ - @ : /"));
        }
        let Some(digest) = Digest::from_hex(&entry.sha256) else {
            return Err(wrong("its sha256 is not 64 hexadecimal digits; the key itself does not belong here"));
        };
        if keys.iter().any(|key| key.digest == digest) {
            return Err(wrong("its sha256 stands there twice"));
        }
        keys.push(Key { digest, principal: Principal { name: entry.name, role: entry.role } });
    }
    Ok(keys)
}

/// A key that was just made.
pub struct NewKey {
    /// Shown once.
    pub key: String,
    /// The line to add to the file.
    pub entry: String,
}

impl NewKey {
    /// 256 random bits for `name`, or what is wrong with the name.
    pub fn make(name: &str, role: Role) -> Result<Self, String> {
        let mut bytes = [0; 32];
        SystemRandom::new().fill(&mut bytes).map_err(|_| "the system gives no random numbers".to_owned())?;
        let key = PREFIX.to_owned() + &hex::encode(bytes);
        let entry = format!("- {{name: \"{name}\", role: {role}, sha256: {:x}}}", Digest::of(key.as_bytes()));
        parse(&entry).map_err(|_| "the name is not 1 to 64 letters, digits, or of . _ - @ : /".to_owned())?;
        Ok(Self { key, entry })
    }
}

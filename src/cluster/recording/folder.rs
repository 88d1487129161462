//! One walk through a folder. What a file is, its content and its name tell; the layouts differ in little else.

use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{
    Recording, RecordingError,
    document::{Piece, read_json, read_yaml},
    dump::looks_like_dump,
    json,
    kinds::{self, Known},
    log_file::{LogFile, never_ran},
    logs::{Run, is_refusal},
};

const MIB: u64 = 1024 * 1024;

/// A larger file is not read: the lists of a cluster of 10,000 pods are a quarter of this.
const MAX_FILE_BYTES: u64 = 256 * MIB;

/// Of a larger log the end is kept; a kubelet keeps 10 MiB by default.
const MAX_LOG_BYTES: u64 = 16 * MIB;

/// All that is read of a folder, since it is kept in memory.
const MAX_TOTAL_BYTES: u64 = 2048 * MIB;

const MAX_FILES: usize = 200_000;

/// Folders deeper than this are not looked into.
const MAX_DEPTH: usize = 16;

/// Loads what a folder holds, and says how many files it looked at.
pub fn load(folder: &Path, recording: &mut Recording) -> Result<usize, RecordingError> {
    let unreadable = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => RecordingError::NoFolder { folder: folder.to_owned() },
        _ => RecordingError::Unreadable { folder: folder.to_owned(), source },
    };
    let mut walk = Walk { recording, logs: Vec::new(), files: 0, bytes_left: MAX_TOTAL_BYTES };
    if fs::metadata(folder).map_err(unreadable)?.is_file() {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        walk.file(folder, &[name]);
    } else {
        // The folder itself must be readable; those within it are reported.
        fs::read_dir(folder).map_err(unreadable)?;
        walk.folder(folder, &mut Vec::new());
    }
    walk.logs();
    Ok(walk.files)
}

struct Walk<'a> {
    recording: &'a mut Recording,
    /// Read last, when it is known which containers there are.
    logs: Vec<(PathBuf, String, LogFile)>,
    files: usize,
    bytes_left: u64,
}

impl Walk<'_> {
    /// `place` is the path below the folder that is loaded.
    fn folder(&mut self, folder: &Path, place: &mut Vec<String>) {
        if place.len() > MAX_DEPTH {
            return self.problem(place, "not looked into: too deep");
        }
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => return self.problem(place, &format!("could not read the folder: {error}")),
        };
        let mut entries: Vec<_> = entries.filter_map(Result::ok).collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            // Links are not followed: what they lead to within the folder is found there, and the rest is not ours.
            let Ok(sort) = entry.file_type() else { continue };
            place.push(entry.file_name().to_string_lossy().into_owned());
            if sort.is_dir() {
                self.folder(&entry.path(), place);
            } else if sort.is_file() && self.files < MAX_FILES {
                self.file(&entry.path(), place);
            }
            place.pop();
        }
    }

    fn file(&mut self, path: &Path, place: &[String]) {
        self.files += 1;
        if self.files == MAX_FILES {
            self.problem(place, &format!("the last file looked at: there are more than {MAX_FILES}"));
        }
        if let Some(log) = LogFile::at(place) {
            return self.logs.push((path.to_owned(), place.join("/"), log));
        }
        let name = place.last().map_or("", String::as_str);
        let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
        if stem == "secrets" {
            return;
        }
        match extension {
            "json" => self.documents(path, place, Format::Json),
            "yaml" | "yml" => self.documents(path, place, Format::Yaml),
            "" | "txt" | "log" | "out" | "dump" if is_dump(path) => self.documents(path, place, Format::Json),
            _ => {}
        }
    }

    fn documents(&mut self, path: &Path, place: &[String], format: Format) {
        let text = match self.read(path) {
            Ok(text) => text,
            Err(what) => return self.problem(place, &what),
        };
        let named = named(place);
        let recording = &mut *self.recording;
        let take = |piece: Piece| match piece {
            Piece::Document(document) => match version(&document) {
                Some(version) => recording.version = Some(version),
                None => _ = recording.index.add(&document, named),
            },
            Piece::Log { namespace, pod, container, text } => {
                if !is_refusal(text) {
                    recording.add_log(namespace, pod, container, Run::Current, text.to_owned());
                }
            }
        };
        let read = match format {
            Format::Json => read_json(&text, take),
            Format::Yaml => read_yaml(&text, take),
        };
        if let Err(what) = read {
            self.problem(place, &what);
        }
    }

    fn logs(&mut self) {
        for (path, place, log) in std::mem::take(&mut self.logs) {
            let pod = self.recording.index.pod(&log.namespace, &log.pod);
            let (namespace, name) = (log.namespace.clone(), log.pod.clone());
            let Some((container, run)) = log.meaning(pod.as_ref()) else { continue };
            match self.read_end(&path) {
                Ok((text, _)) if is_refusal(&text) || (text.is_empty() && never_ran(pod.as_ref(), &container, run)) => {}
                Ok((text, whole)) => {
                    if whole == Whole::EndOnly {
                        self.recording.problems.push(format!("{place}: only the last {} MiB were read", MAX_LOG_BYTES / MIB));
                    }
                    self.recording.add_log(&namespace, &name, &container, run, text);
                }
                Err(what) => self.recording.problems.push(format!("{place}: {what}")),
            }
        }
    }

    fn read(&mut self, path: &Path) -> Result<String, String> {
        let unreadable = |error: std::io::Error| format!("could not be read: {error}");
        let mut file = File::open(path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        if length > MAX_FILE_BYTES {
            return Err(format!("not read: larger than {} MiB", MAX_FILE_BYTES / MIB));
        }
        self.take(length)?;
        let mut bytes = Vec::new();
        (&mut file).take(MAX_FILE_BYTES).read_to_end(&mut bytes).map_err(unreadable)?;
        Ok(into_text(bytes))
    }

    /// The end of a file from a whole line on.
    fn read_end(&mut self, path: &Path) -> Result<(String, Whole), String> {
        let unreadable = |error: std::io::Error| format!("could not be read: {error}");
        let mut file = File::open(path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        self.take(length.min(MAX_LOG_BYTES))?;
        let start = length.saturating_sub(MAX_LOG_BYTES);
        file.seek(SeekFrom::Start(start)).map_err(unreadable)?;
        let mut bytes = Vec::new();
        file.take(MAX_LOG_BYTES).read_to_end(&mut bytes).map_err(unreadable)?;
        if start == 0 {
            return Ok((into_text(bytes), Whole::Whole));
        }
        let first_line = memchr::memchr(b'\n', &bytes).map_or(0, |at| at + 1);
        bytes.drain(..first_line);
        Ok((into_text(bytes), Whole::EndOnly))
    }

    fn take(&mut self, bytes: u64) -> Result<(), String> {
        match self.bytes_left.checked_sub(bytes) {
            Some(left) => {
                self.bytes_left = left;
                Ok(())
            }
            None => Err(format!("not read: the folder holds more than {} MiB", MAX_TOTAL_BYTES / MIB)),
        }
    }

    fn problem(&mut self, place: &[String], what: &str) {
        self.recording.problems.push(format!("{}: {what}", place.join("/")));
    }
}

#[derive(Clone, Copy)]
enum Format {
    Json,
    Yaml,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Whole {
    Whole,
    EndOnly,
}

/// The kind of bare arrays: as their folder is named (`pods/NAMESPACE.json`), or their file (`nodes.json`).
fn named(place: &[String]) -> Option<&'static Known> {
    let (file, folders) = place.split_last()?;
    let stem = file.rsplit_once('.').map_or(file.as_str(), |(stem, _)| stem);
    folders.last().and_then(|folder| kinds::named(folder)).or_else(|| kinds::named(stem))
}

/// What `/version` said, or `kubectl version -o json`, or a support bundle's `cluster_version.json`.
fn version(document: &str) -> Option<Value> {
    let fields = json::fields(document)?;
    [fields.get("serverVersion"), fields.get("info")]
        .into_iter()
        .map(|part| part.map_or("", |part| part.get()))
        .chain([document])
        .filter(|text| json::fields(text).is_some_and(|fields| fields.contains_key("gitVersion")))
        .find_map(|text| text.parse().ok())
}

fn is_dump(path: &Path) -> bool {
    let mut first = Vec::new();
    let read = File::open(path).and_then(|file| file.take(4096).read_to_end(&mut first));
    read.is_ok() && looks_like_dump(&first)
}

fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

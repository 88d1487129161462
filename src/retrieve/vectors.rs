//! Vectors on disk, by the hash of their text: what was embedded once is not embedded again.
//!
//! ```text
//! header   magic, dimension, hash of the model
//! record   hash of the text (32 bytes), the vector, a checksum      repeated
//! ```
//!
//! A file is written beside the old one and put in its place in one step. A damaged record is left out, and its text
//! is embedded again; nothing else is lost.

use super::embed::{ModelIdentity, Vector};
use super::hash::FastMap;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The hash of a text.
pub type Key = [u8; 32];

/// Vectors by the hash of their text. Cheap to copy: the vectors are shared.
pub type Vectors = FastMap<Key, Arc<[f32]>>;

const MAGIC: &[u8; 8] = b"FLVEC01\n";
const HEADER_BYTES: usize = MAGIC.len() + 4 + 32;
const CHECKSUM_BYTES: usize = 8;
/// A larger file is not one of ours.
const MAX_FILE_BYTES: u64 = 4 << 30;

pub fn key_of(text: &str) -> Key {
    Sha256::digest(text.as_bytes()).into()
}

/// Where the vectors of one model and one set of folders are kept.
#[derive(Debug, Clone)]
pub struct VectorFile {
    path: PathBuf,
    model: Key,
    dimension: usize,
}

/// What was found on disk.
#[derive(Debug, Default)]
pub struct Loaded {
    pub vectors: Vectors,
    /// What was wrong with the file, for people. `None` = nothing, or there is no file yet.
    pub damage: Option<String>,
}

impl VectorFile {
    /// `place` tells one set of folders from another, so that they do not throw out each other's vectors.
    pub fn new(cache: &Path, model: &ModelIdentity, place: &str) -> VectorFile {
        let place = hex::encode(&key_of(place)[..8]);
        let path = cache.join("vectors").join(model.key()).join(format!("{place}.vec"));
        VectorFile { path, model: key_of(&format!("{}\n{}", model.id, model.sha256)), dimension: model.dimension }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads what is sound. Never fails: what cannot be read is computed again.
    pub fn load(&self) -> Loaded {
        let content = match self.read() {
            Ok(content) => content,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Loaded::default(),
            Err(error) => return Loaded { damage: Some(format!("could not be read: {error}")), ..Loaded::default() },
        };
        let Some((header, records)) = content.split_at_checked(HEADER_BYTES) else {
            return Loaded { damage: Some("is cut short".to_owned()), ..Loaded::default() };
        };
        if header != self.header() {
            return Loaded { damage: Some("is of another model or form".to_owned()), ..Loaded::default() };
        }
        let mut vectors = Vectors::default();
        let mut damaged = 0_usize;
        for record in records.chunks(self.record_bytes()) {
            match self.read_record(record) {
                Some((key, vector)) => _ = vectors.insert(key, vector),
                None => damaged += 1,
            }
        }
        let damage = (damaged > 0).then(|| format!("has {damaged} damaged of {} vectors", damaged + vectors.len()));
        Loaded { vectors, damage }
    }

    /// Writes all vectors in the place of what was there.
    pub fn save(&self, vectors: &Vectors) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let temporary = self.path.with_extension(format!("{}.tmp", std::process::id()));
        let written = File::create(&temporary).and_then(|file| {
            let mut out = BufWriter::with_capacity(1 << 20, file);
            self.write(vectors, &mut out)?;
            let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.sync_all()
        });
        let placed = written.and_then(|()| fs::rename(&temporary, &self.path));
        if placed.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        placed
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        if fs::metadata(&self.path)?.len() > MAX_FILE_BYTES {
            return Err(io::Error::other("it is too large"));
        }
        fs::read(&self.path)
    }

    fn write(&self, vectors: &Vectors, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&self.header())?;
        let mut keys: Vec<&Key> = vectors.keys().collect();
        keys.sort_unstable();
        let mut record = Vec::with_capacity(self.record_bytes());
        for key in keys {
            record.clear();
            record.extend_from_slice(key);
            record.extend(vectors[key].iter().flat_map(|x| x.to_le_bytes()));
            let sum = checksum(&record);
            record.extend_from_slice(&sum);
            out.write_all(&record)?;
        }
        out.flush()
    }

    fn header(&self) -> Vec<u8> {
        let dimension = u32::try_from(self.dimension).unwrap_or(u32::MAX);
        [MAGIC.as_slice(), &dimension.to_le_bytes(), &self.model].concat()
    }

    fn record_bytes(&self) -> usize {
        32 + 4 * self.dimension + CHECKSUM_BYTES
    }

    fn read_record(&self, record: &[u8]) -> Option<(Key, Arc<[f32]>)> {
        if record.len() != self.record_bytes() {
            return None;
        }
        let (body, sum) = record.split_at(record.len() - CHECKSUM_BYTES);
        if checksum(body) != sum {
            return None;
        }
        let (key, numbers) = body.split_at(32);
        let vector: Vector =
            numbers.chunks_exact(4).map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])).collect();
        Some((key.try_into().ok()?, vector.into()))
    }
}

/// FNV-1a; finds bits that fell over, and is no seal.
fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let hash =
        bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    hash.to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::{VectorFile, Vectors, key_of};
    use crate::retrieve::embed::ModelIdentity;
    use std::io;

    fn model(sha256: &str) -> ModelIdentity {
        ModelIdentity { id: "m".to_owned(), dimension: 3, sha256: sha256.to_owned() }
    }

    fn some() -> Vectors {
        let vector = |x: f32| vec![x, 0.0, 1.0].into();
        [("one", 0.5), ("two", 0.25)].map(|(text, x)| (key_of(text), vector(x))).into_iter().collect()
    }

    fn folder(name: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("faultline-vectors-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        folder
    }

    #[test]
    fn what_is_saved_is_loaded_and_only_for_its_model_and_place() {
        let cache = folder("round-trip");
        let file = VectorFile::new(&cache, &model("a"), "runbooks");
        assert!(file.load().vectors.is_empty() && file.load().damage.is_none());
        file.save(&some()).expect("a folder to write in");
        let loaded = file.load();
        assert_eq!((loaded.vectors, loaded.damage), (some(), None));
        for other in [VectorFile::new(&cache, &model("b"), "runbooks"), VectorFile::new(&cache, &model("a"), "others")] {
            assert!(other.load().vectors.is_empty());
        }
        // A file of another model that stands in this one's place is not believed.
        let other = VectorFile::new(&cache, &model("b"), "runbooks");
        std::fs::create_dir_all(other.path().parent().expect("a folder")).expect("a folder to write in");
        std::fs::copy(file.path(), other.path()).expect("a copy");
        assert!(other.load().vectors.is_empty() && other.load().damage.is_some());
    }

    #[test]
    fn damage_costs_the_damaged_alone_and_is_said() {
        let cache = folder("damage");
        let file = VectorFile::new(&cache, &model("a"), "runbooks");
        file.save(&some()).expect("a folder to write in");
        let sound = std::fs::read(file.path()).expect("the file");
        let mut flipped = sound.clone();
        let middle_of_first = super::HEADER_BYTES + 33;
        flipped[middle_of_first] ^= 1;
        for (content, left) in [(flipped, 1), (sound[..sound.len() - 5].to_vec(), 1), (b"nonsense".to_vec(), 0), (Vec::new(), 0)]
        {
            std::fs::write(file.path(), &content).expect("the file");
            let loaded = file.load();
            assert_eq!(loaded.vectors.len(), left);
            assert!(loaded.damage.is_some(), "{} bytes", content.len());
            assert!(loaded.vectors.iter().all(|(key, vector)| some()[key] == *vector));
        }
    }

    #[test]
    fn a_full_disk_is_an_error_and_leaves_the_old_file() {
        struct Full;
        impl io::Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let cache = folder("full");
        let file = VectorFile::new(&cache, &model("a"), "runbooks");
        assert_eq!(file.write(&some(), &mut Full).map_err(|error| error.kind()), Err(io::ErrorKind::StorageFull));
        file.save(&some()).expect("a folder to write in");
        // A folder in the place of the temporary file: it cannot be written.
        std::fs::create_dir_all(file.path().with_extension(format!("{}.tmp", std::process::id()))).expect("a folder");
        assert!(file.save(&Vectors::default()).is_err());
        assert_eq!(file.load().vectors, some());
    }
}

//! One process serves with a store in a file: what replicas agree on holds within one database, and a file on a shared disk is none.

use std::{
    fs::{File, TryLockError},
    path::PathBuf,
};

use super::StartError;
use crate::incidents::Place;

/// Holds the file beside the store until the process ends, however it ends. `None` = the store is no file, or no file can be made there.
pub fn alone(place: &Place) -> Result<Option<File>, StartError> {
    let Place::File { file, .. } = place else { return Ok(None) };
    let mut beside = file.clone().into_os_string();
    beside.push(".serving");
    let Ok(lock) = File::options().create(true).append(true).open(PathBuf::from(beside)) else { return Ok(None) };
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => Err(StartError::Store {
            why: format!(
                "another process serves with {} already: give this one a DATA_DIR of its own, or all of them one Postgres (DATABASE_URL)",
                place.describe()
            ),
        }),
        // A file system without locks: nobody can be asked.
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

//! Folders of what ends with its owner: removed with it, or by the next owner when it was killed.

use std::{
    fs,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use crate::{
    error::{At, Result},
    leftovers,
    lock::Lock,
};

/// A folder of one owner, held by the lock beside it; dropping it removes it.
#[derive(Debug)]
pub(crate) struct OwnFolder {
    path: PathBuf,
    _lock: Lock,
}

impl OwnFolder {
    /// A new folder in `parent`, after those of killed owners were removed from there.
    pub(crate) fn make(parent: &Path) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let _all = Lock::wait(&parent.with_extension("lock"))?;
        clean(parent)?;
        let path = parent.join(format!("{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
        let lock = Lock::wait(&lock_file(&path))?;
        fs::create_dir_all(&path).at(&path)?;
        Ok(Self { path, _lock: lock })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for OwnFolder {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

fn clean(parent: &Path) -> Result<()> {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let file = entry.path();
        if file.extension().is_some_and(|extension| extension == "lock")
            && let Some(_lock) = Lock::take(&file)?
        {
            let folder = file.with_extension("");
            leftovers::kill_users_of(&folder);
            remove(&folder);
        }
    }
    Ok(())
}

fn remove(folder: &Path) {
    let _ = fs::remove_dir_all(folder);
    let _ = fs::remove_file(lock_file(folder));
}

fn lock_file(folder: &Path) -> PathBuf {
    folder.with_extension("lock")
}

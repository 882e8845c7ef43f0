//! File locks: the kernel frees them when their process ends, however it ends.

use std::{fs::File, path::Path};

use nix::fcntl::{Flock, FlockArg};

use crate::{
    error::{At, Result},
    files::{create_folder, own_as_folder},
};

/// A held lock; dropping it frees it.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: Flock<File>,
}

impl Lock {
    /// Waits until the lock is free, and takes it.
    pub(crate) fn wait(path: &Path) -> Result<Self> {
        match Flock::lock(open(path)?, FlockArg::LockExclusive) {
            Ok(file) => Ok(Self { _file: file }),
            Err((_, errno)) => Err(errno.into()).at(path),
        }
    }

    /// Takes the lock if nobody has it.
    pub(crate) fn take(path: &Path) -> Result<Option<Self>> {
        match Flock::lock(open(path)?, FlockArg::LockExclusiveNonblock) {
            Ok(file) => Ok(Some(Self { _file: file })),
            Err((_, nix::errno::Errno::EWOULDBLOCK)) => Ok(None),
            Err((_, errno)) => Err(errno.into()).at(path),
        }
    }
}

fn open(path: &Path) -> Result<File> {
    if let Some(folder) = path.parent() {
        create_folder(folder)?;
    }
    let new = !path.exists();
    let file = File::options().read(true).write(true).create(true).truncate(false).open(path).at(path)?;
    if new {
        own_as_folder(path)?;
    }
    Ok(file)
}

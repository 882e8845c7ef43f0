//! Writing files: with secrets in them, and as root in a user's folder.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::{MetadataExt, OpenOptionsExt, chown},
    path::Path,
};

use crate::error::{At, Result};

/// Writes a file with a secret in it.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<()> {
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path).at(path)?;
    file.write_all(text.as_bytes()).at(path)
}

/// Writes a file, and the folders that lead to it.
pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).at(folder)?;
    }
    fs::write(path, text).at(path)
}

/// Makes a folder and those that lead to it, each with the owner of the one it is in.
///
/// Under `sudo` the cache is the user's: what root put there as its own, the user could not replace later.
pub(crate) fn create_folder(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        create_folder(parent)?;
    }
    match fs::create_dir(path) {
        Err(error) if !path.is_dir() => Err(error).at(path),
        _ => own_as_folder(path),
    }
}

/// Gives a new file or folder the owner of the folder it is in, if we are root.
pub(crate) fn own_as_folder(path: &Path) -> Result<()> {
    let Some(parent) = path.parent().filter(|_| nix::unistd::geteuid().is_root()) else { return Ok(()) };
    let owner = fs::metadata(parent).at(parent)?;
    chown(path, Some(owner.uid()), Some(owner.gid())).at(path)
}

/// Gives a file to the user who called us through `sudo`, if one did.
pub(crate) fn give_to_caller(path: &Path) -> Result<()> {
    let id = |variable| std::env::var(variable).ok().and_then(|id| id.parse().ok());
    match (id("SUDO_UID"), id("SUDO_GID")) {
        (Some(user), Some(group)) if nix::unistd::geteuid().is_root() => {
            chown(path, Some(user), Some(group)).at(path)
        }
        _ => Ok(()),
    }
}

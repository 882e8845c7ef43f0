//! `install`: puts the launcher where the user's container finds it, whatever its image, with links to it by
//! the names of shells, and makes the developer's home in the volume, which Kubernetes would make for root only.

use std::{
    fs, io,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use neuralinverse_api::agent::paths;

/// Shells that the launcher stands in for.
const SHELLS: [&str; 4] = ["bash", "zsh", "fish", "sh"];

/// Where a shell's link leads.
const LAUNCHER: &str = "../launcher";

/// Copy the launcher into a folder, and make the home
#[derive(clap::Args)]
pub struct Options {
    /// Folder that the user's container mounts
    folder: PathBuf,

    /// The launcher of this image
    #[arg(long, default_value = "/usr/local/lib/neuralinverse/launcher")]
    launcher: PathBuf,

    /// The volume that the home is made in
    #[arg(long, default_value = paths::VOLUME)]
    volume: PathBuf,
}

/// Why the launcher was not installed.
#[derive(Debug, thiserror::Error)]
#[error("cannot install {} in {}: {source}", launcher.display(), folder.display())]
pub struct Error {
    launcher: PathBuf,
    folder: PathBuf,
    source: io::Error,
}

/// Installs it whole or not at all: the sidecar may be killed and started again, also beside programs that use it.
pub fn install(options: &Options) -> Result<(), Error> {
    let Options { folder, launcher, volume } = options;
    let partial = folder.join(".launcher");
    let target = folder.join("launcher");
    let copy = || {
        // A partial copy of a killed predecessor may be read-only.
        remove(&partial)?;
        fs::copy(launcher, &partial)?;
        fs::set_permissions(&partial, fs::Permissions::from_mode(0o555))?;
        fs::rename(&partial, &target)?;
        let links = folder.join("bin");
        fs::create_dir_all(&links)?;
        for link in SHELLS.map(|shell| links.join(shell)) {
            if fs::read_link(&link).ok().as_deref() != Some(Path::new(LAUNCHER)) {
                remove(&link)?;
                symlink(LAUNCHER, &link)?;
            }
        }
        fs::create_dir_all(volume.join(paths::HOME_FOLDER))
    };
    copy().map_err(|source| Error { launcher: launcher.clone(), folder: folder.clone(), source })
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_launcher_is_replaced_whole_and_can_be_run() {
        let folder = tempfile::tempdir().unwrap();
        let launcher = folder.path().join("source");
        let volume = folder.path().join("volume");
        let options =
            Options { folder: folder.path().to_owned(), launcher: launcher.clone(), volume: volume.clone() };
        for content in ["first", "second"] {
            fs::write(&launcher, content).unwrap();
            install(&options).unwrap();
            let target = folder.path().join("launcher");
            assert_eq!(fs::read_to_string(&target).unwrap(), content);
            assert_eq!(target.metadata().unwrap().permissions().mode() & 0o777, 0o555);
            for shell in SHELLS {
                let link = folder.path().join("bin").join(shell);
                assert_eq!(fs::read_to_string(link).unwrap(), content, "{shell}");
            }
        }
        assert!(!folder.path().join(".launcher").exists());
        assert!(volume.join("home").is_dir());
    }
}

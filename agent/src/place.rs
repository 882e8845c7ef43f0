//! Where a repository belongs, and what is there already. Nothing of the user's is ever touched.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use http::Uri;
use nix::fcntl::OFlag;

/// In a clone's `.git`: the URL that it was declared with, since its remotes are the user's to change.
pub const MARKER: &str = "neuralinverse-repository";

/// Start of the name of a folder that is being cloned into.
const PARTIAL: &str = ".neuralinverse-clone-";

/// Why a repository cannot be cloned, whatever the server says.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a URL for Git over HTTP.
    #[error("the repository's URL must be https:// or http://")]
    Url,
    /// Git would write the credentials into the clone.
    #[error("the repository's URL contains credentials; put them into a Secret instead")]
    Credentials,
    /// The last part of the URL cannot name a folder.
    #[error(
        "the repository's URL must end in a name of letters, digits and `.`, `_`, `-`, not beginning with `.` or `-`"
    )]
    Name,
    /// Something else has the folder.
    #[error("~/{0} is in the way: it is no clone of the repository; move it away")]
    InTheWay(String),
}

/// Name of the folder that a repository is cloned into: the URL's last part.
pub fn name(url: &str) -> Result<String, Error> {
    let uri: Uri = url.parse().map_err(|_| Error::Url)?;
    let (Some("https" | "http"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(Error::Url);
    };
    if authority.as_str().contains('@') {
        return Err(Error::Credentials);
    }
    let path = uri.path().trim_end_matches('/');
    let name = path.rsplit('/').next().unwrap_or_default();
    let name = name.strip_suffix(".git").unwrap_or(name);
    // A hidden folder could be one that programs take settings from.
    let usable = !name.is_empty()
        && !name.starts_with(['.', '-'])
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-+~".contains(c));
    if usable { Ok(name.to_owned()) } else { Err(Error::Name) }
}

/// What is at the place of a repository.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing that a clone would replace.
    Nothing,
    /// A repository: cloned by us from this URL, or made by the user.
    Repository,
    /// Something else.
    Other,
}

/// Looks at the place of the repository with that URL.
pub fn look(target: &Path, url: &str) -> io::Result<Found> {
    let mut entries = match fs::read_dir(target) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(Found::Other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // A link that leads nowhere is there all the same.
            let dangling = fs::symlink_metadata(target).is_ok();
            return Ok(if dangling { Found::Other } else { Found::Nothing });
        }
        Err(error) => return Err(error),
    };
    if entries.next().is_none() {
        return Ok(Found::Nothing);
    }
    let git = target.join(".git");
    if fs::symlink_metadata(&git).is_err() {
        return Ok(Found::Other);
    }
    let ours = read_marker(&git.join(MARKER)).is_none_or(|marker| marker.trim_end() == url);
    Ok(if ours { Found::Repository } else { Found::Other })
}

/// The folder is the user's: what is there may be a link to our secrets, or a pipe that never ends.
fn read_marker(path: &Path) -> Option<String> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path).ok()?;
    let mut text = String::new();
    file.take(4096).read_to_string(&mut text).ok()?;
    Some(text)
}

/// The folder that the clone of this epoch grows in: in the volume of its target, so that a rename finishes it.
pub fn partial(volume: &Path, epoch: i64) -> PathBuf {
    volume.join(format!("{PARTIAL}{epoch}"))
}

/// Removes what killed clones left.
pub fn sweep(volume: &Path) -> io::Result<()> {
    for entry in fs::read_dir(volume)? {
        let entry = entry?;
        if !entry.file_name().as_encoded_bytes().starts_with(PARTIAL.as_bytes()) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    const URL: &str = "https://git.example/team/hello.git";

    #[test]
    fn a_repository_is_named_by_the_end_of_its_url() {
        for (url, expected) in [
            (URL, Ok("hello")),
            ("http://localhost:3000/hello", Ok("hello")),
            ("https://git.example/team/hello.world.git/", Ok("hello.world")),
            ("https://git.example", Err(Error::Name)),
            ("https://git.example/.git", Err(Error::Name)),
            ("https://git.example/..", Err(Error::Name)),
            ("https://git.example/team/.ssh", Err(Error::Name)),
            ("https://git.example/--upload-pack", Err(Error::Name)),
            ("https://git.example/a%2Fb", Err(Error::Name)),
            ("https://user:hunter2@git.example/hello", Err(Error::Credentials)),
            ("ssh://git@git.example/hello", Err(Error::Url)),
            ("ext::sh -c id", Err(Error::Url)),
            ("/srv/hello.git", Err(Error::Url)),
        ] {
            assert_eq!(name(url), expected.map(str::to_owned), "{url}");
        }
    }

    fn found(make: impl Fn(&Path)) -> Found {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("hello");
        make(&target);
        look(&target, URL).unwrap()
    }

    fn marked(target: &Path, url: &str) {
        fs::create_dir_all(target.join(".git")).unwrap();
        fs::write(target.join(".git").join(MARKER), format!("{url}\n")).unwrap();
    }

    #[test]
    fn a_free_place_is_told_from_a_taken_one() {
        assert_eq!(found(|_| {}), Found::Nothing);
        assert_eq!(found(|target| fs::create_dir(target).unwrap()), Found::Nothing);
        assert_eq!(found(|target| fs::create_dir_all(target.join("notes")).unwrap()), Found::Other);
        assert_eq!(found(|target| fs::write(target, "").unwrap()), Found::Other);
        assert_eq!(found(|target| symlink("/nowhere", target).unwrap()), Found::Other);
    }

    #[test]
    fn a_repository_is_ours_unless_it_was_declared_with_another_url() {
        assert_eq!(found(|target| marked(target, URL)), Found::Repository);
        assert_eq!(found(|target| fs::create_dir_all(target.join(".git")).unwrap()), Found::Repository);
        assert_eq!(found(|target| marked(target, "https://git.example/other/hello")), Found::Other);
    }

    #[test]
    fn leftovers_are_swept_and_links_not_followed() {
        let home = tempfile::tempdir().unwrap();
        let (kept, link) = (home.path().join("kept"), home.path().join(".neuralinverse-clone-9"));
        fs::create_dir_all(kept.join("file")).unwrap();
        fs::create_dir_all(partial(home.path(), 3).join("objects")).unwrap();
        symlink(&kept, &link).unwrap();
        sweep(home.path()).unwrap();
        let left: Vec<_> =
            fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["kept"]);
        assert!(kept.join("file").exists());
    }
}

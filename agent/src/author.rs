//! Who the developer is to Git: name and address for commits, for those who have not said so themselves.

use std::{
    fs::File,
    io::{self, Write},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    rc::Rc,
};

use neuralinverse_api::{GitAuthor, agent::Assignment};
use nix::{
    errno::Errno,
    fcntl::{AtFlags, OFlag, open, openat},
    sys::stat::{Mode, fstatat, mkdirat},
};
use tokio::{sync::watch, task::spawn_blocking};
use tracing::{info, warn};

/// Writes the author of each assignment where Git looks for it, until there are no more.
pub async fn keep(home: PathBuf, mut assignments: watch::Receiver<Option<Rc<Assignment>>>) {
    loop {
        let author = assignments.borrow_and_update().as_ref().and_then(|now| now.git_author.clone());
        if let Some(author) = author {
            let home = home.clone();
            // The volume may be slow, and all else has this thread.
            let done = spawn_blocking(move || introduce(&home, &author)).await;
            match done.unwrap_or_else(|stopped| Err(io::Error::other(stopped))) {
                Ok(()) => info!("Git knows the author"),
                Err(error) if is_users(&error) => {}
                Err(error) => warn!(%error, "Git does not learn who the author is"),
            }
        }
        if assignments.changed().await.is_err() {
            return;
        }
    }
}

/// Something of the user's is where ours would be: a file, or a link to who knows where.
fn is_users(error: &io::Error) -> bool {
    let taken = [Errno::EEXIST, Errno::ELOOP, Errno::ENOTDIR].map(|errno| errno as i32);
    error.raw_os_error().is_some_and(|errno| taken.contains(&errno))
}

/// Only where there is nothing yet, and through no link: the home is the user's, and we see more than the user does.
fn introduce(home: &Path, author: &GitAuthor) -> io::Result<()> {
    let home = open(home, FOLDER, Mode::empty())?;
    match fstatat(&home, ".gitconfig", AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(_) => return Err(Errno::EEXIST.into()),
        Err(Errno::ENOENT) => {}
        Err(error) => return Err(error.into()),
    }
    let folder = enter(&enter(&home, ".config")?, "git")?;
    let new = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let file = openat(&folder, "config", new, Mode::from_bits_truncate(0o644))?;
    File::from(file).write_all(settings(author).as_bytes())
}

const FOLDER: OFlag = OFlag::O_DIRECTORY.union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// The folder of that name, made if it is not there.
fn enter(folder: &OwnedFd, name: &str) -> io::Result<OwnedFd> {
    match mkdirat(folder, name, Mode::from_bits_truncate(0o755)) {
        Ok(()) | Err(Errno::EEXIST) => Ok(openat(folder, name, FOLDER, Mode::empty())?),
        Err(error) => Err(error.into()),
    }
}

fn settings(author: &GitAuthor) -> String {
    let GitAuthor { name, email } = author;
    format!("[user]\n\tname = {}\n\temail = {}\n", quoted(name), quoted(email))
}

/// A value that Git reads as it is, and that ends where it ends.
fn quoted(value: &str) -> String {
    let mut quoted = String::from('"');
    for c in value.chars().filter(|c| !c.is_control()) {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    fn ada() -> GitAuthor {
        GitAuthor { name: "Ada".to_owned(), email: "ada@example.com".to_owned() }
    }

    /// What becomes of a home, and what is in the file then.
    fn introduced(prepare: impl Fn(&Path)) -> (bool, Option<String>) {
        let home = tempfile::tempdir().unwrap();
        prepare(home.path());
        let done = introduce(home.path(), &ada());
        assert!(done.as_ref().err().is_none_or(is_users), "{done:?}");
        (done.is_ok(), fs::read_to_string(home.path().join(".config/git/config")).ok())
    }

    #[test]
    fn nothing_of_the_user_s_is_touched() {
        let ours = Some(settings(&ada()));
        assert_eq!(introduced(|_| {}), (true, ours.clone()));
        assert_eq!(introduced(|home| fs::create_dir(home.join(".config")).unwrap()), (true, ours));
        assert_eq!(introduced(|home| fs::write(home.join(".gitconfig"), "mine").unwrap()), (false, None));
        assert_eq!(introduced(|home| symlink("/nowhere", home.join(".gitconfig")).unwrap()), (false, None));
        let mine = introduced(|home| {
            fs::create_dir_all(home.join(".config/git")).unwrap();
            fs::write(home.join(".config/git/config"), "mine").unwrap();
        });
        assert_eq!(mine, (false, Some("mine".to_owned())));
    }

    #[test]
    fn links_are_not_followed() {
        let elsewhere = tempfile::tempdir().unwrap();
        let (done, _) = introduced(|home| symlink(elsewhere.path(), home.join(".config")).unwrap());
        assert!(!done);
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    }

    #[test]
    fn names_cannot_end_their_line() {
        for (value, expected) in [
            ("Ada Lovelace", r#""Ada Lovelace""#),
            (r#"Ada "the \ first" # Lovelace;"#, r#""Ada \"the \\ first\" # Lovelace;""#),
            ("Ada\n[core]\n\thooksPath = /tmp", r#""Ada[core]hooksPath = /tmp""#),
        ] {
            assert_eq!(quoted(value), expected);
        }
    }
}

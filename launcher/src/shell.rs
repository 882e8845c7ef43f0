//! `launcher shell`: becomes a shell, or a command, with the workspace's environment in its folder.

use std::{
    env,
    ffi::{OsStr, OsString},
    io::{self, BufReader},
    os::unix::{net::UnixStream, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
};

use neuralinverse_launcher::{Answer, Request, Terminal, read, write};

/// Why nothing was opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot run {}: {source}", program.display())]
pub struct Error {
    pub program: PathBuf,
    pub source: io::Error,
}

impl Error {
    /// What a shell would exit with.
    pub fn code(&self) -> u8 {
        if self.source.kind() == io::ErrorKind::NotFound { 127 } else { 126 }
    }
}

/// Replaces this process; what comes back is why that failed.
pub fn open(socket: &Path, command: &[OsString]) -> Error {
    let terminal = terminal(socket);
    let env = env_of(terminal.as_ref());
    let shell = env.iter().find(|(name, _)| *name == "SHELL").map(|(_, value)| OsString::from(value));
    let (program, arguments) = match command {
        [program, arguments @ ..] => (PathBuf::from(program), arguments),
        [] => (shell_of(shell.or_else(|| env::var_os("SHELL"))), [].as_slice()),
    };
    let mut process = Command::new(&program);
    process.args(arguments).envs(env);
    enter(terminal.as_ref());
    Error { source: process.exec(), program }
}

/// What to open with, if it can be had.
pub fn terminal(socket: &Path) -> Option<Terminal> {
    ask(socket).unwrap_or_else(|error| {
        eprintln!("launcher: the workspace's environment is not known ({error}); opening without it");
        None
    })
}

fn ask(socket: &Path) -> io::Result<Option<Terminal>> {
    let stream = UnixStream::connect(socket)?;
    write(&stream, &Request::Terminal)?;
    match read(&mut BufReader::new(&stream))? {
        Some(Answer::Terminal(None)) => Err(io::Error::other("nobody has been given this workspace yet")),
        Some(Answer::Terminal(terminal)) => Ok(terminal),
        Some(Answer::Taken | Answer::Ide(_) | Answer::Terminals(_) | Answer::Refused(_)) | None => {
            Err(io::ErrorKind::InvalidData.into())
        }
    }
}

/// What can be handed to a process: a value of a Secret may be any bytes, and one of them must not close the door.
pub fn env_of(terminal: Option<&Terminal>) -> Vec<(&str, &str)> {
    let usable =
        |name: &str, value: &str| !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0');
    let all = terminal.into_iter().flat_map(|terminal| &terminal.env);
    all.filter(|(name, value)| {
        let usable = usable(name, value);
        if !usable {
            eprintln!("launcher: {name:?} cannot be an environment variable; left out");
        }
        usable
    })
    .map(|(name, value)| (name.as_str(), value.as_str()))
    .collect()
}

/// Not a login shell: Debian's `/etc/profile` resets PATH, and with it what the image and the template put there.
fn shell_of(wanted: Option<OsString>) -> PathBuf {
    let known = [OsStr::new("/bin/bash"), OsStr::new("/usr/bin/bash"), OsStr::new("/bin/sh")];
    let candidates = wanted.iter().map(OsString::as_os_str).chain(known).map(PathBuf::from);
    candidates.into_iter().find(|path| path.is_file()).unwrap_or_else(|| "/bin/sh".into())
}

/// Into the project's folder, or the nearest place while it is not there. The last one can always be entered.
fn enter(terminal: Option<&Terminal>) {
    let project = terminal.map(|terminal| terminal.folder.clone());
    let home = env::var_os("HOME").map(PathBuf::from);
    let mut places = project.into_iter().chain(home).chain([PathBuf::from("/")]);
    places.find(|place| env::set_current_dir(place).is_ok());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_no_process_can_have_are_left_out() {
        let env = [("A", "1"), ("B", "\0"), ("C=", "3"), ("", "4")];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let terminal = Terminal { env, folder: "/".into() };
        assert_eq!(env_of(Some(&terminal)), [("A", "1")]);
    }

    #[test]
    fn a_shell_that_the_image_lacks_is_replaced() {
        assert_eq!(shell_of(Some("/bin/sh".into())), PathBuf::from("/bin/sh"));
        assert_ne!(shell_of(Some("/no/such/fish".into())), PathBuf::from("/no/such/fish"));
    }
}

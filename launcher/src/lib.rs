//! What the sidecar and terminals say to `launcher run`: one JSON line a request, one an answer.
//!
//! The launcher runs in images that we have never seen, so it is static and carries next to nothing;
//! `neuralinverse-api` would bring a Kubernetes client along. Hence its protocol lives here, as the
//! library that the sidecar shares.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, Read, Write},
    path::PathBuf,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Folder that the user's container and the sidecar share.
pub const FOLDER: &str = "/run/neuralinverse";

/// Name of the launcher's socket in it.
pub const SOCKET: &str = "launcher.sock";

/// Name of the IDE's socket in it. The IDE has no other address.
pub const IDE_SOCKET: &str = "ide.sock";

/// Name of the file in it that the sidecar makes when the pod can be given to somebody.
pub const READY: &str = "ready";

/// Longest line that either side reads. An environment must fit into an `exec`, which takes about half.
pub const LINE_LIMIT: u64 = 4 << 20;

/// What terminals and tasks of a workspace open with. Values of Secrets are in it: it has no `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terminal {
    /// Environment, on top of the container's.
    pub env: BTreeMap<String, String>,
    /// Folder of the project. It may not be there yet.
    pub folder: PathBuf,
}

/// How the IDE is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ide {
    /// The template wants none.
    None,
    /// It is on its way, or on its way back.
    Starting,
    /// It has answered: the next answer comes without delay.
    Ready,
}

/// A request to the launcher.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Request {
    /// From the sidecar: terminals open with this from now on.
    Assign(Terminal),
    /// From a new terminal: what to open with.
    Terminal,
    /// From the sidecar: how the IDE is, as soon as that is something else than this.
    Ide(Option<Ide>),
    /// From the sidecar: for how long nobody has used a terminal.
    Terminals,
}

/// The launcher's answer.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    /// The assignment is in force.
    Taken,
    /// What to open with, if anybody has been given the workspace.
    Terminal(Option<Terminal>),
    /// How the IDE is. The same again when nothing has changed for long.
    Ide(Ide),
    /// For how many seconds nobody has used a terminal, none while a command runs in one; nothing without a terminal.
    Terminals(Option<u64>),
    /// The request was not understood.
    Refused(String),
}

/// A message as its line.
pub fn encode<T: Serialize>(message: &T) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(line)
}

/// A line as its message. The error says where it is wrong, and quotes nothing.
pub fn decode<T: DeserializeOwned>(line: &[u8]) -> io::Result<T> {
    serde_json::from_slice(line).map_err(|error| {
        let place = format!("column {} of the line is not what was expected", error.column());
        io::Error::new(io::ErrorKind::InvalidData, place)
    })
}

/// Writes one message.
pub fn write<T: Serialize>(mut writer: impl Write, message: &T) -> io::Result<()> {
    writer.write_all(&encode(message)?)
}

/// Reads one message; `None` when the other side has gone.
pub fn read<T: DeserializeOwned>(reader: &mut impl BufRead) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    reader.take(LINE_LIMIT).read_until(b'\n', &mut line)?;
    match line.last() {
        None => Ok(None),
        Some(b'\n') => decode(&line).map(Some),
        Some(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "the line is cut off or too long")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(bytes: &[u8]) -> io::Result<Option<Request>> {
        read(&mut io::BufReader::new(bytes))
    }

    #[test]
    fn messages_arrive_as_they_were_sent() {
        let terminal = Terminal {
            env: BTreeMap::from([("GREETING".to_owned(), "two\nlines".to_owned())]),
            folder: "/home/developer/hello".into(),
        };
        let line = encode(&Request::Assign(terminal.clone())).unwrap();
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        assert!(matches!(received(&line), Ok(Some(Request::Assign(got))) if got == terminal));
    }

    #[test]
    fn the_end_of_the_connection_is_no_error() {
        assert!(matches!(received(b""), Ok(None)));
    }

    #[test]
    fn endless_and_broken_lines_are_errors() {
        assert!(received(&vec![b'a'; LINE_LIMIT as usize + 1]).is_err());
        assert!(received(b"{\"assign\":").is_err());
    }

    #[test]
    fn errors_do_not_quote_secrets() {
        let error = received(b"{\"assign\":{\"env\":\"hunter2\"}}\n").err().unwrap();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

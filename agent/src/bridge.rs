//! The bridge to the launcher: hands it what terminals open with, again whenever it has restarted.

use std::{
    io,
    path::{Path, PathBuf},
    rc::Rc,
    time::Duration,
};

use neuralinverse_api::agent::Assignment;
use neuralinverse_launcher::{Answer, LINE_LIMIT, Request, Terminal, decode, encode};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
    sync::watch,
    time::{sleep, timeout},
};
use tracing::{info, warn};

use crate::place;

/// How long the launcher may take to answer.
const ANSWER: Duration = Duration::from_secs(5);

/// Launches wait for the launcher, and a try costs next to nothing.
const RETRY: Duration = Duration::from_millis(25);

/// What is known of the launcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Launcher {
    /// It does not listen.
    Absent,
    /// It listens, and has no assignment.
    Listens,
    /// Terminals open with the assignment of that epoch.
    Holds(i64),
}

/// Keeps the launcher supplied until there are no more assignments.
pub async fn keep(
    socket: &Path,
    home: &Path,
    mut assignments: watch::Receiver<Option<Rc<Assignment>>>,
    launcher: watch::Sender<Launcher>,
) {
    let mut complained = false;
    loop {
        if let Ok(stream) = UnixStream::connect(socket).await {
            launcher.send_replace(Launcher::Listens);
            let ended = supply(stream, home, &mut assignments, &launcher).await;
            launcher.send_replace(Launcher::Absent);
            match ended {
                Ok(End::Assignments) => return,
                Ok(End::Launcher) => {
                    info!("the launcher has gone; it gets its assignment again when it is back")
                }
                Err(error) if !complained => {
                    complained = true;
                    warn!(%error, "the launcher does not take its assignment; it is tried again");
                }
                Err(_) => {}
            }
        }
        sleep(RETRY).await;
    }
}

enum End {
    Assignments,
    Launcher,
}

/// Over one connection, until it ends. The user may have put anything in place of the launcher.
async fn supply(
    stream: UnixStream,
    home: &Path,
    assignments: &mut watch::Receiver<Option<Rc<Assignment>>>,
    launcher: &watch::Sender<Launcher>,
) -> io::Result<End> {
    let mut stream = BufReader::new(stream);
    assignments.mark_changed();
    loop {
        tokio::select! {
            changed = assignments.changed() => if changed.is_err() {
                return Ok(End::Assignments);
            },
            unasked = stream.fill_buf() => return match unasked?.len() {
                0 => Ok(End::Launcher),
                _ => Err(io::Error::other("it speaks without being asked")),
            },
        }
        let assignment = assignments.borrow_and_update().clone();
        if let Some(assignment) = assignment {
            let request = Request::Assign(terminal(&assignment, home));
            match timeout(ANSWER, ask(&mut stream, &request)).await?? {
                Answer::Taken => {}
                Answer::Terminal(_) | Answer::Ide(_) | Answer::Terminals(_) | Answer::Refused(_) => {
                    return Err(io::Error::other("it refuses the assignment"));
                }
            }
            launcher.send_replace(Launcher::Holds(assignment.epoch));
        }
    }
}

/// One question, and its answer.
pub async fn ask(stream: &mut BufReader<UnixStream>, request: &Request) -> io::Result<Answer> {
    stream.get_mut().write_all(&encode(request)?).await?;
    let mut line = Vec::new();
    stream.take(LINE_LIMIT).read_until(b'\n', &mut line).await?;
    decode(&line)
}

fn terminal(assignment: &Assignment, home: &Path) -> Terminal {
    let name = assignment.repository.as_ref().and_then(|repository| place::name(&repository.url).ok());
    let folder: PathBuf = name.map_or_else(|| home.to_owned(), |name| home.join(name));
    Terminal { env: assignment.env.clone(), folder }
}

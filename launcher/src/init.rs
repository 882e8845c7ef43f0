//! `launcher run`: the duties of a container's first process.
//!
//! Signals are blocked and waited for, so there are no handlers and nothing that a handler must not do.

use std::{
    fs, io,
    path::Path,
    process,
    sync::{
        Arc,
        mpsc::{Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use neuralinverse_launcher::SOCKET;
use nix::{
    errno::Errno,
    sys::{
        signal::{SigSet, Signal, kill},
        wait::{WaitPidFlag, waitpid},
    },
    unistd::Pid,
};

use crate::{ide::Ide, server};

/// What Kubernetes shows as the reason of a container's end.
const LAST_WORDS: &str = "/dev/termination-log";

/// How long processes may take to end.
const PATIENCE: Duration = Duration::from_secs(3);

/// Why there is no launcher.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The image is not one for this template.
    #[error(
        "this image has no `{0}` in its PATH: use an image that has it, or set `ide: None` in the template"
    )]
    NoIde(String),
    /// The folder of the socket is not mounted, or not ours.
    #[error("cannot listen at the socket: {0}")]
    Listen(#[from] io::Error),
    /// The system refused to block or wait for signals.
    #[error("cannot wait for signals: {0}")]
    Signals(#[from] Errno),
}

/// Serves and reaps until somebody ends the container, then ends what still runs.
pub fn run(folder: &Path, ide: Option<&str>) -> Result<(), Error> {
    let ide = Arc::new(match ide {
        None => Ide::none(),
        Some(name) => Ide::find(name, folder).ok_or_else(|| {
            let error = Error::NoIde(name.to_owned());
            say_last(&error);
            error
        })?,
    });
    let signals = SigSet::from_iter([Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT]);
    // Before the first thread starts, since threads inherit what is blocked.
    signals.thread_block()?;
    let listener = server::listen(&folder.join(SOCKET))?;
    let (reaped, ended) = channel();
    let served = Arc::clone(&ide);
    thread::spawn(move || server::serve(&listener, &served));
    let supervised = Arc::clone(&ide);
    thread::spawn(move || supervised.supervise(&ended));
    loop {
        // Also before the first signal: what the image's entry left may have ended already.
        reap(&reaped);
        if signals.wait()? != Signal::SIGCHLD {
            break;
        }
    }
    ide.end();
    end_others(&reaped);
    Ok(())
}

/// Where `kubectl describe` finds it. The file is there in a container only.
fn say_last(error: &Error) {
    let file = fs::File::options().write(true).open(LAST_WORDS);
    let _ = file.and_then(|mut file| io::Write::write_all(&mut file, error.to_string().as_bytes()));
}

/// Takes leave of every process that has ended, and tells who it was.
fn reap(reaped: &Sender<Pid>) {
    while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
        let Some(pid) = status.pid() else { return };
        // Nobody listens where there is no IDE.
        let _ = reaped.send(pid);
    }
}

/// Ends the container's other processes in good order; what is left dies with the first process.
fn end_others(reaped: &Sender<Pid>) {
    // `-1` is everything in the container only for its first process; elsewhere it would be the whole machine.
    if process::id() != 1 {
        return;
    }
    let everything = Pid::from_raw(-1);
    // Interactive shells ignore SIGTERM, and save their history at SIGHUP.
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGCONT] {
        let _ = kill(everything, signal);
    }
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline && kill(everything, None).is_ok() {
        reap(reaped);
        thread::sleep(Duration::from_millis(20));
    }
}

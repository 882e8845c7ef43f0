//! `launcher run`: the duties of a container's first process.
//!
//! Signals are blocked and waited for, so there are no handlers and nothing that a handler must not do.

use std::{
    io,
    path::Path,
    process, thread,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    sys::{
        signal::{SigSet, Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

use crate::server;

/// How long processes may take to end.
const PATIENCE: Duration = Duration::from_secs(3);

/// Why there is no launcher.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder of the socket is not mounted, or not ours.
    #[error("cannot listen at the socket: {0}")]
    Listen(#[from] io::Error),
    /// The system refused to block or wait for signals.
    #[error("cannot wait for signals: {0}")]
    Signals(#[from] Errno),
}

/// Serves and reaps until somebody ends the container, then ends what still runs.
pub fn run(socket: &Path) -> Result<(), Error> {
    let signals = SigSet::from_iter([Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT]);
    // Before the first thread starts, since threads inherit what is blocked.
    signals.thread_block()?;
    let listener = server::listen(socket)?;
    thread::spawn(move || server::serve(&listener));
    loop {
        // Also before the first signal: what the image's entry left may have ended already.
        reap();
        if signals.wait()? != Signal::SIGCHLD {
            break;
        }
    }
    end_others();
    Ok(())
}

/// Takes leave of every process that has ended.
fn reap() {
    while !matches!(waitpid(None, Some(WaitPidFlag::WNOHANG)), Ok(WaitStatus::StillAlive) | Err(_)) {}
}

/// Ends the container's other processes in good order; what is left dies with the first process.
fn end_others() {
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
        reap();
        thread::sleep(Duration::from_millis(20));
    }
}

//! The IDE: started before anybody is given the pod, warmed, and started again whenever it ends.

mod code_server;
mod knock;

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
    sync::{Condvar, Mutex, MutexGuard, PoisonError, mpsc::Receiver},
    thread,
    time::{Duration, Instant},
};

use neuralinverse_launcher::Ide as How;
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

use code_server::CodeServer;
pub use code_server::NAME as CODE_SERVER;

/// Between two looks whether it answers: a cold start waits for it.
const LOOK: Duration = Duration::from_millis(25);

/// Before it is started again, the first time. Its user may have killed it and waits.
const AGAIN: Duration = Duration::from_millis(100);

/// The longest of these times.
const MOST: Duration = Duration::from_secs(30);

/// What has run for so long has not failed at its start.
const GOOD: Duration = Duration::from_secs(60);

/// How long the sidecar waits for news before it is told the same again, so that whoever has gone is noticed.
const SILENCE: Duration = Duration::from_secs(300);

/// The IDE of this pod, if its template wants one.
pub struct Ide {
    server: Option<CodeServer>,
    now: Mutex<Now>,
    changed: Condvar,
}

struct Now {
    how: How,
    process: Option<Pid>,
    ending: bool,
}

impl Ide {
    /// A pod without.
    pub fn none() -> Self {
        Self::of(None, How::None)
    }

    /// The one of that name, if the image has it.
    pub fn find(name: &str, folder: &Path) -> Option<Self> {
        let path = std::env::var_os("PATH")?;
        let program = which(OsStr::new(name), &path)?;
        Some(Self::of(Some(CodeServer::new(program, folder)), How::Starting))
    }

    fn of(server: Option<CodeServer>, how: How) -> Self {
        let now = Mutex::new(Now { how, process: None, ending: false });
        Self { server, now, changed: Condvar::new() }
    }

    /// Waits until it is something else than what the sidecar knows.
    pub fn other_than(&self, known: Option<How>) -> How {
        let same = |now: &mut Now| known == Some(now.how);
        let waited = self.changed.wait_timeout_while(self.now(), SILENCE, same);
        waited.unwrap_or_else(PoisonError::into_inner).0.how
    }

    /// It opens with this folder, unless its user has opened another.
    pub fn open_with(&self, folder: &Path) {
        if let Some(Err(error)) = self.server.as_ref().map(|server| server.open_with(folder)) {
            eprintln!("launcher: the IDE does not learn which folder to open: {error}");
        }
    }

    /// Keeps it running; `ended` names every process that has been reaped.
    pub fn supervise(&self, ended: &Receiver<Pid>) {
        let Some(server) = &self.server else { return };
        server.prepare();
        let mut delay = AGAIN;
        loop {
            // Those of others, from before it had a number.
            while ended.try_recv().is_ok() {}
            let started = Instant::now();
            match self.start(server) {
                Ok(Some(process)) => {
                    self.accompany(server, process, ended);
                    if !self.now().ending {
                        eprintln!("launcher: the IDE has ended; it is started again");
                    }
                }
                Ok(None) => return,
                Err(error) => eprintln!("launcher: the IDE cannot be started: {error}"),
            }
            self.set(How::Starting);
            delay = if started.elapsed() < GOOD { delay } else { AGAIN };
            thread::sleep(delay);
            delay = (delay * 2).min(MOST);
        }
    }

    /// Nobody starts it again, and what it started ends.
    pub fn end(&self) {
        let mut now = self.now();
        now.ending = true;
        if let Some(process) = now.process.take() {
            let _ = killpg(process, Signal::SIGTERM);
        }
    }

    /// `None` when the container ends.
    fn start(&self, server: &CodeServer) -> io::Result<Option<Pid>> {
        let mut now = self.now();
        if now.ending {
            return Ok(None);
        }
        match fs::remove_file(server.socket()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let child = Command::from(server).spawn()?;
        let process = Pid::from_raw(child.id().cast_signed());
        now.process = Some(process);
        Ok(Some(process))
    }

    /// From its start to its end.
    fn accompany(&self, server: &CodeServer, process: Pid, ended: &Receiver<Pid>) {
        if self.warm(server, process, ended) {
            self.set(How::Ready);
            while ended.recv().is_ok_and(|one| one != process) {}
        }
        self.now().process = None;
        // Of its helpers none stays, or the next one would find its place taken.
        let _ = killpg(process, Signal::SIGTERM);
    }

    /// Until it answers; `false` when it has ended before.
    fn warm(&self, server: &CodeServer, process: Pid, ended: &Receiver<Pid>) -> bool {
        let started = Instant::now();
        loop {
            match ended.recv_timeout(LOOK) {
                Ok(one) if one == process => return false,
                Ok(_) => {}
                Err(_) if knock::answers(server.socket()) => break,
                Err(_) => {}
            }
        }
        eprintln!("launcher: the IDE answers after {} ms", started.elapsed().as_millis());
        true
    }

    fn set(&self, how: How) {
        self.now().how = how;
        self.changed.notify_all();
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The program of that name in such a PATH.
fn which(name: &OsStr, path: &OsStr) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let can_run = |program: &PathBuf| {
        fs::metadata(program).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    };
    std::env::split_paths(path).map(|place| place.join(name)).find(can_run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_in_path_only_if_they_can_be_run() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("sh"), "").unwrap();
        let path = std::env::join_paths([folder.path(), Path::new("/bin")]).unwrap();
        assert_eq!(which(OsStr::new("sh"), &path), Some("/bin/sh".into()));
        assert_eq!(which(OsStr::new("sh"), folder.path().as_os_str()), None);
    }

    #[test]
    fn whoever_knows_nothing_is_answered_at_once() {
        assert_eq!(Ide::none().other_than(None), How::None);
    }
}

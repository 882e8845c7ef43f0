//! The socket: keeps what the sidecar assigns, in memory only, tells it to terminals, and the sidecar how
//! the IDE is.

use std::{
    fs,
    io::{self, BufReader},
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
    },
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use neuralinverse_launcher::{Answer, Request, Terminal, read, write};
use nix::{
    sys::socket::{getsockopt, sockopt::PeerCredentials},
    unistd::geteuid,
};

use crate::{ide::Ide, terminals};

struct Shared {
    terminal: Mutex<Option<Terminal>>,
    ide: Arc<Ide>,
}

/// Listens at `socket`, in place of a launcher that was here before.
pub fn listen(socket: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(socket)?;
    fs::set_permissions(socket, fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}

/// Answers for ever.
pub fn serve(listener: &UnixListener, ide: &Arc<Ide>) {
    let shared = Arc::new(Shared { terminal: Mutex::default(), ide: Arc::clone(ide) });
    for stream in listener.incoming() {
        let Ok(stream) = stream else {
            // No file descriptors left: some will come back.
            thread::sleep(Duration::from_millis(100));
            continue;
        };
        if !is_ours(&stream) {
            eprintln!("launcher: refused a connection of another user");
            continue;
        }
        let shared = Arc::clone(&shared);
        // A connection whose thread cannot start is closed; the other side tries again.
        let _ = thread::Builder::new().stack_size(256 << 10).spawn(move || {
            if let Err(error) = talk(&stream, &shared) {
                eprintln!("launcher: a connection failed: {error}");
            }
        });
    }
}

/// The environment is told to nobody but the user that the container runs as.
fn is_ours(stream: &UnixStream) -> bool {
    getsockopt(stream, PeerCredentials).is_ok_and(|peer| peer.uid() == geteuid().as_raw())
}

fn talk(stream: &UnixStream, shared: &Shared) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let answer = match read(&mut reader) {
            Ok(None) => return Ok(()),
            Ok(Some(request)) => answer(request, shared),
            Err(error) => {
                write(stream, &Answer::Refused(error.to_string()))?;
                return Err(error);
            }
        };
        write(stream, &answer)?;
    }
}

fn answer(request: Request, shared: &Shared) -> Answer {
    let terminal = || shared.terminal.lock().unwrap_or_else(PoisonError::into_inner);
    match request {
        Request::Assign(new) => {
            shared.ide.open_with(&new.folder);
            *terminal() = Some(new);
            Answer::Taken
        }
        Request::Terminal => Answer::Terminal(terminal().clone()),
        Request::Ide(known) => Answer::Ide(shared.ide.other_than(known)),
        Request::Terminals => Answer::Terminals(terminals::unused_for().map(|unused| unused.as_secs())),
    }
}

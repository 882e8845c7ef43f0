//! How the IDE is: the launcher says so as soon as it changes, on a connection of its own.

use std::{io, path::Path, time::Duration};

use neuralinverse_launcher::{Answer, Ide, Request};
use tokio::{io::BufReader, net::UnixStream, sync::watch, time::sleep};

use crate::bridge::ask;

/// As for the bridge.
const RETRY: Duration = Duration::from_millis(25);

/// What is known of the IDE; nothing without a launcher.
pub type Known = Option<Ide>;

/// Whether somebody can be given the pod.
pub fn is_usable(ide: Known) -> bool {
    matches!(ide, Some(Ide::None | Ide::Ready))
}

/// Listens to the launcher, to each one that comes.
pub async fn keep(socket: &Path, ide: watch::Sender<Known>) {
    loop {
        if let Ok(stream) = UnixStream::connect(socket).await {
            // What ended it, the bridge says too.
            let _ = listen(stream, &ide).await;
            ide.send_replace(None);
        }
        sleep(RETRY).await;
    }
}

async fn listen(stream: UnixStream, ide: &watch::Sender<Known>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let known = *ide.borrow();
        let Answer::Ide(now) = ask(&mut stream, &Request::Ide(known)).await? else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        ide.send_if_modified(|ide| ide.replace(now) != Some(now));
    }
}

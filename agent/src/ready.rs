//! Readiness: a file that the startup probe of the user's container looks for.
//!
//! It says that the launcher listens, that the IDE answers where there is one, and that a poll waits at the
//! controller, so that an assignment reaches terminals and editor without delay. A poll waits when its connection is up, the request went out, and
//! the controller has not refused it in the time that a refusal takes.

use std::{fs, io, path::Path};

use tokio::sync::watch;
use tracing::{error, info};

use crate::{
    bridge::Launcher,
    editor::{self, Known},
};

/// Withdraws what an earlier `run` in this pod said.
pub fn withdraw(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes the file as soon as all are there.
pub async fn tell(
    file: &Path,
    mut launcher: watch::Receiver<Launcher>,
    mut ide: watch::Receiver<Known>,
    mut polling: watch::Receiver<bool>,
) {
    let listens = launcher.wait_for(|launcher| *launcher != Launcher::Absent).await.is_ok();
    let edits = ide.wait_for(|ide| editor::is_usable(*ide)).await.is_ok();
    let polls = polling.wait_for(|polling| *polling).await.is_ok();
    if !listens || !edits || !polls {
        return;
    }
    match fs::write(file, "") {
        Ok(()) => info!("ready for an assignment"),
        Err(error) => error!(file = %file.display(), %error, "cannot write; the pod will not become ready"),
    }
}

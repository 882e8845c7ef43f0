//! `launcher ready`: the startup probe of the user's container.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use neuralinverse_launcher::READY;

/// Within the probe's timeout of a second. A probe that waits is sooner than one that comes again.
const PATIENCE: Duration = Duration::from_millis(700);

/// The pod cannot be given to anybody.
#[derive(Debug, thiserror::Error)]
#[error("the sidecar does not poll the controller yet, or the IDE does not answer yet; their logs say why")]
pub struct NotReady;

/// Waits a moment for the sidecar's word.
pub fn wait(folder: &Path) -> Result<(), NotReady> {
    let deadline = Instant::now() + PATIENCE;
    while !folder.join(READY).exists() {
        if Instant::now() >= deadline {
            return Err(NotReady);
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

//! `StopProvider`: the user pressed Ctrl-C. Calls under way are asked to end; the CLI waits for them.

use super::App;
use crate::wire::messages as wire;

/// The answer's one field, an error text nobody reads, stays empty.
pub(crate) fn stop(app: &App) -> wire::Empty {
    tracing::info!("asked to stop");
    app.stop();
    wire::Empty {}
}

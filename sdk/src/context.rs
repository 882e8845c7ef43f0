//! What a handler knows about the call it serves: whether to stop, and where warnings go.

use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

use crate::{Diagnostic, Diagnostics};

/// One call of the CLI. Cheap to clone; a clone belongs to the same call.
#[derive(Clone, Debug, Default)]
pub struct Context {
    stop: CancellationToken,
    warnings: Arc<Mutex<Diagnostics>>,
}

impl Context {
    /// A context that `stop` ends; tests of a resource use [`Context::default`].
    pub fn new(stop: CancellationToken) -> Self {
        Self { stop, warnings: Arc::default() }
    }

    /// Whether the user asked to stop (Ctrl-C). The CLI waits for the call to return: give back what was done
    /// so far with an error.
    pub fn is_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Ends when the user asks to stop. For `tokio::select!` beside a wait.
    pub fn stopped(&self) -> WaitForCancellationFuture<'_> {
        self.stop.cancelled()
    }

    /// Sends a warning (or any message) beside the result of this call, whether it succeeds or fails.
    pub fn warn(&self, diagnostic: Diagnostic) {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).push(diagnostic);
    }

    /// What [`Context::warn`] collected, removing it.
    pub fn take_warnings(&self) -> Diagnostics {
        std::mem::take(&mut *self.warnings.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

//! A panic in the author's code becomes an error the user can report.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures::FutureExt;

use crate::{Diagnostic, Diagnostics};

/// The value of `future`, or a diagnostic if it panics. What it shares with other calls is behind locks that
/// recover.
pub(super) async fn guard<T>(future: impl Future<Output = T>) -> Result<T, Diagnostics> {
    AssertUnwindSafe(future).catch_unwind().await.map_err(|panic| {
        Diagnostic::bug(format!("The provider stopped at an unexpected point: {}", text(panic.as_ref())))
            .into()
    })
}

fn text(panic: &(dyn Any + Send)) -> &str {
    let literal = panic.downcast_ref::<&str>().copied();
    literal.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

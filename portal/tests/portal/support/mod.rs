//! What the cases stand on.

use std::{future::Future, time::Duration};

use anyhow::{Context, Result};

pub mod issuer;
pub mod kubernetes;
pub mod pki;
pub mod sidecar;
pub mod stage;
pub mod visitor;
pub mod websocket;

/// How long anything may take. Generous: a test is about whether, not when.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Tries until there is a value.
pub async fn until<T, F: Future<Output = Result<Option<T>>>>(
    what: &str,
    mut attempt: impl FnMut() -> F,
) -> Result<T> {
    let tries = async {
        loop {
            if let Some(value) = attempt().await? {
                return Ok(value);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(DEADLINE, tries).await.with_context(|| format!("waited for {what}"))?
}

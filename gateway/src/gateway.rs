//! What all rooms share.

use std::sync::Arc;

use neuralinverse_identity::Verifier;
use tokio_util::sync::CancellationToken;

use crate::{git::Git, pods::Pods};

/// The gateway of one region.
pub struct Gateway {
    /// Knows the cluster's tokens.
    pub verifier: Verifier,
    /// The pods that exist, and whose they are.
    pub pods: Arc<Pods>,
    /// The Git host.
    pub git: Git,
    /// The gateway goes down.
    pub shutdown: CancellationToken,
}

impl Gateway {
    /// Whether requests can be answered.
    pub fn ready(&self) -> bool {
        self.pods.read() && !self.shutdown.is_cancelled()
    }
}

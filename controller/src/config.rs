//! What a controller is told at its start.

use std::net::SocketAddr;

/// What the controller needs to know.
#[derive(Clone)]
pub struct Config {
    /// How to reach the API server.
    pub kubernetes: kube::Config,
    /// Name of this replica.
    pub replica: String,
    /// Namespace of the controller.
    pub namespace: String,
    /// Name of the Lease. Of the replicas that share it, one reconciles.
    pub lease: String,
    /// Address that sidecars reach.
    pub listen: SocketAddr,
    /// Address of the health endpoints.
    pub health: SocketAddr,
    /// URL at which sidecars reach us.
    pub public_url: String,
    /// URL at which we reach the managed Gitea, if not by its Service.
    pub gitea_url: Option<String>,
}

//! A real Kubernetes on one machine without a container engine, for tests and the demo.
//!
//! - [`ControlPlane`]: etcd and an API server on loopback, for tests against a real API. Needs no root.
//! - [`Cluster`]: the same with nodes that run pods, each in a network namespace of its own. Needs root.
//! - [`gitea`]: a Git server with users, repositories and OpenID Connect on loopback. Needs no root.
//! - [`images`]: image archives without a container engine.
//! - [`tools`]: the programs themselves, built from pinned Go modules and cached.
//!
//! Whatever is started here ends with its owner: processes get the kernel's parent-death signal, and what a killed
//! owner leaves on disk, in the network and in the mount table is known by a free file lock and removed by the next start.

pub mod cli;
mod cluster;
mod command;
mod control_plane;
mod digest;
mod error;
mod files;
pub mod gitea;
pub mod images;
mod karpenter;
mod kubeconfig;
mod kubectl;
mod kwok;
mod leftovers;
mod lock;
mod own_folder;
pub mod packages;
pub mod paths;
mod pki;
mod ports;
mod process;
mod relay;
mod servers;
pub mod tools;

pub use cluster::{Cluster, ClusterOptions, NodeOptions, ROLE_LABEL};
pub use control_plane::{ControlPlane, ControlPlaneOptions};
pub use error::{Error, Result};
pub use kubectl::Kubectl;

/// Runs blocking work beside the async caller. A caller that goes away drops the result, which stops what was started.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::Thread)?
}

//! A whole Kubernetes on one machine: a control plane, and nodes that run pods.
//!
//! Each node lives in a network namespace of its own with its own containerd, kubelet and kube-proxy; the first one also
//! carries the control plane, CoreDNS and the local-path provisioner. Several clusters live side by side.

mod addons;
mod cgroup;
mod network;
mod node;
mod options;
mod plan;
mod publish;
mod record;
mod running;
mod runtime;
mod up;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

pub use options::{ClusterOptions, NodeOptions, ROLE_LABEL};
pub(crate) use publish::{publish, relay};
pub(crate) use running::Running;
pub(crate) use up::{Outcome, down, kubeconfig, status, up};

use crate::{blocking, error::Result, kubectl::Kubectl};

/// A running cluster. Unless it was started to [`persist`](ClusterOptions::persist), it stops when its last handle is
/// dropped, and a killed owner's cluster is removed by the next start.
#[derive(Debug, Clone)]
pub struct Cluster {
    running: Arc<Mutex<Running>>,
    kubectl: Kubectl,
    kubeconfig: PathBuf,
}

impl Cluster {
    /// Starts a cluster, and waits until its nodes are ready: about 15 s on two cores, plus minutes when the programs
    /// are not built yet. Needs root.
    pub async fn start(options: ClusterOptions) -> Result<Self> {
        blocking(move || up::start(&options).map(Self::new)).await
    }

    /// A handle on the detached cluster `name`.
    pub async fn open(name: &str) -> Result<Self> {
        let name = name.to_owned();
        blocking(move || Running::open(&name).map(Self::new)).await
    }

    /// The administrator's kubeconfig file.
    pub fn kubeconfig_path(&self) -> &Path {
        &self.kubeconfig
    }

    /// `kubectl` as administrator.
    pub fn kubectl(&self) -> &Kubectl {
        &self.kubectl
    }

    /// Adds a node, and waits until it is ready.
    pub async fn add_node(&self, node: NodeOptions) -> Result<()> {
        self.blocking(move |running| running.add_node(node)).await
    }

    /// Kills all that runs on a node and cuts it off, as when a machine is lost. Its disk stays.
    pub async fn stop_node(&self, name: &str) -> Result<()> {
        let name = name.to_owned();
        self.blocking(move |running| running.stop_node(&name)).await
    }

    /// Starts a stopped node again, and waits until it is ready.
    pub async fn start_node(&self, name: &str) -> Result<()> {
        let name = name.to_owned();
        self.blocking(move |running| running.start_node(&name)).await
    }

    /// Brings an image archive (OCI or Docker) to all nodes; those that have its very content are left alone.
    pub async fn load_image(&self, archive: impl Into<PathBuf>) -> Result<()> {
        let archive = archive.into();
        self.blocking(move |running| running.load_image(&archive)).await
    }

    /// The last log lines of a program: `kube-apiserver`, `kube-scheduler`, … or `<node>/kubelet`, `<node>/containerd`.
    pub fn logs(&self, program: &str) -> String {
        self.lock().logs(program)
    }

    /// The address of a node.
    pub fn node_address(&self, node: &str) -> Result<std::net::Ipv4Addr> {
        self.lock().node_address(node)
    }

    /// The host's address as the API server sees it: where it finds webhooks that run on the host.
    pub fn host_address(&self) -> std::net::Ipv4Addr {
        self.lock().host_address()
    }

    /// Stops the cluster and removes all it has on the machine.
    pub async fn stop(self) -> Result<()> {
        self.blocking(Running::remove).await
    }

    fn new(running: Running) -> Self {
        let (kubectl, kubeconfig) = (running.kubectl().clone(), running.kubeconfig());
        Self { running: Arc::new(Mutex::new(running)), kubectl, kubeconfig }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Running) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let running = Arc::clone(&self.running);
        blocking(move || work(&mut running.lock().unwrap_or_else(PoisonError::into_inner))).await
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

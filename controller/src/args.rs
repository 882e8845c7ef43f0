//! How the controller is called.

use std::{net::SocketAddr, path::PathBuf};

use clap::Parser;
use kube::config::{KubeConfigOptions, Kubeconfig};
use neuralinverse_api::{agent, install};

use crate::{config::Config, names::LEASE, run::Error};

/// Controller of Neural Inverse Cloud: makes the cluster what regions, pools and workspaces ask for.
#[derive(Clone, Debug, Parser)]
#[command(version)]
pub struct Args {
    /// Name of this replica.
    #[arg(long, env = "POD_NAME")]
    pod_name: String,

    /// Namespace of the controller.
    #[arg(long, env = "POD_NAMESPACE")]
    pod_namespace: String,

    /// Address that sidecars reach, over TLS.
    #[arg(long, default_value = "0.0.0.0:8443")]
    listen: SocketAddr,

    /// Address of `/livez` and `/readyz`.
    #[arg(long, default_value = "0.0.0.0:8080")]
    health: SocketAddr,

    /// URL at which sidecars reach `--listen`. Without it, that of the controller's Service.
    #[arg(long)]
    public_url: Option<String>,

    /// URL at which we reach the managed Gitea, for a controller that runs outside the cluster.
    #[arg(long)]
    gitea_url: Option<String>,

    /// Kubeconfig file, for a controller that runs outside the cluster.
    #[arg(long)]
    kubeconfig: Option<PathBuf>,
}

impl Args {
    /// What `run` needs.
    pub async fn resolve(self) -> Result<Config, Error> {
        let Self { pod_name, pod_namespace, listen, health, public_url, gitea_url, kubeconfig } = self;
        let kubernetes = match kubeconfig {
            Some(file) => {
                let file = Kubeconfig::read_from(file)?;
                kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?
            }
            None => kube::Config::infer().await?,
        };
        let own = || format!("https://{}.{pod_namespace}.svc:{}", install::CONTROLLER, agent::PORT);
        Ok(Config {
            public_url: public_url.unwrap_or_else(own),
            gitea_url,
            kubernetes,
            replica: pod_name,
            lease: LEASE.to_owned(),
            namespace: pod_namespace,
            listen,
            health,
        })
    }
}

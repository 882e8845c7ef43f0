//! The command line. What a pod sets comes by environment; secrets come by file.

use std::{net::SocketAddr, path::PathBuf};

use clap::Parser;

/// What workspaces reach of the region's services, as their owners.
#[derive(Debug, Parser)]
#[command(name = "neuralinverse-gateway", version)]
pub struct Args {
    /// Address that workspaces reach, over TLS.
    #[arg(long, env = "GATEWAY_LISTEN", default_value = "0.0.0.0:8443")]
    pub listen: SocketAddr,

    /// Address of /livez and /readyz.
    #[arg(long, env = "GATEWAY_HEALTH", default_value = "0.0.0.0:8080")]
    pub health: SocketAddr,

    /// Folder with `tls.crt` and `tls.key`. What changes in it is taken up.
    #[arg(long, env = "GATEWAY_TLS_DIR")]
    pub tls_dir: PathBuf,

    /// URL at which the gateway reaches Gitea.
    #[arg(long, env = "GITEA_URL")]
    pub gitea_url: String,

    /// Folder with the credentials of an administrator of Gitea: `username` and `password`, or only `token`, an
    /// access token with the scopes `write:admin`, `write:user` and `write:repository`. What changes in it is taken up.
    #[arg(long, env = "GITEA_CREDENTIALS")]
    pub gitea_credentials: PathBuf,

    /// File with the certificate authorities that Gitea's certificate may come from, as PEM. Without it, the public ones.
    #[arg(long, env = "GITEA_CA")]
    pub gitea_ca: Option<PathBuf>,

    /// URL of Gitea as people know it. Where Gitea signs people in, it is the issuer that owners are made of.
    #[arg(long, env = "GIT_URL")]
    pub git_url: String,

    /// Name of this replica; the access tokens that it makes are named after it.
    #[arg(long, env = "POD_NAME")]
    pub replica: String,

    /// Namespaces of workspaces.
    #[arg(long = "namespace", env = "WORKSPACE_NAMESPACES", value_delimiter = ',', required = true)]
    pub namespaces: Vec<String>,

    /// Kubeconfig file. Without it, the pod's service account or `KUBECONFIG`.
    #[arg(long)]
    pub kubeconfig: Option<PathBuf>,
}

//! The command line. What a pod sets comes by environment; secrets come by file.

use std::{net::SocketAddr, path::PathBuf};

use clap::Parser;

/// Dashboard of workspaces and the proxy that opens them.
#[derive(Debug, Parser)]
#[command(name = "neuralinverse-portal", version)]
pub struct Args {
    /// Address that browsers reach, behind whatever ends TLS.
    #[arg(long, env = "PORTAL_LISTEN", default_value = "[::]:8080")]
    pub listen: SocketAddr,

    /// Address of /livez and /readyz.
    #[arg(long, env = "PORTAL_HEALTH", default_value = "[::]:8081")]
    pub health: SocketAddr,

    /// URL of the portal as browsers see it: https, or http on localhost.
    #[arg(long, env = "PORTAL_PUBLIC_URL")]
    pub public_url: String,

    /// Domain under which each workspace has its own host, with a port where it is not the scheme's. Another
    /// registrable domain than the portal's: workspaces run strangers' code.
    #[arg(long, env = "PORTAL_WORKSPACE_DOMAIN")]
    pub workspace_domain: String,

    /// URL of the Gitea of the same cluster, such as http://gitea.svc:3000. With it, the host `git.<portal's
    /// host>` is Gitea's, and if that is the issuer too, the portal asks it there.
    #[arg(long, env = "PORTAL_GIT_UPSTREAM")]
    pub git_upstream: Option<String>,

    /// URL of the OpenID Connect issuer, exactly as it names itself.
    #[arg(long, env = "PORTAL_ISSUER")]
    pub issuer: String,

    /// Id of the portal at the issuer. Its redirect URI is `<public URL>/sign-in/callback`.
    #[arg(long, env = "PORTAL_CLIENT_ID")]
    pub client_id: String,

    /// File with the portal's secret at the issuer. Without it, the portal is a public client.
    #[arg(long, env = "PORTAL_CLIENT_SECRET_FILE")]
    pub client_secret_file: Option<PathBuf>,

    /// Scopes besides `openid`. With a Gitea elsewhere add `read:user`, as the portal does for its own: without
    /// a scope of its kind, the token that Gitea makes (and the portal drops) may do everything.
    #[arg(long, env = "PORTAL_SCOPES", value_delimiter = ' ', default_value = "profile email")]
    pub scopes: Vec<String>,

    /// File with a key in each line, as `openssl rand -base64 32` makes them: the first seals cookies, all open them.
    #[arg(long, env = "PORTAL_SESSION_KEY_FILE")]
    pub session_key_file: PathBuf,

    /// Folder with `ca.crt`, `tls.crt` and `tls.key`: by these the portal and the sidecars of pods know each other.
    #[arg(long, env = "PORTAL_TLS_DIR")]
    pub tls_dir: PathBuf,

    /// The portal's own namespace.
    #[arg(long, env = "POD_NAMESPACE", default_value = "neuralinverse-system")]
    pub namespace: String,

    /// Kubeconfig file. Without it, the pod's service account or `KUBECONFIG`.
    #[arg(long)]
    pub kubeconfig: Option<PathBuf>,
}

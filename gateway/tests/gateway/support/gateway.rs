//! The gateway's program.

use std::{
    fs,
    future::ready,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
};

use anyhow::{Context, Result, ensure};
use kube::config::Kubeconfig;
use neuralinverse_local::ControlPlane;
use tokio::net::TcpListener;

use super::{kubernetes::ACCOUNT, pki, until};

/// A running gateway. It ends with the case, however that ends.
pub struct Gateway {
    /// Where workspaces reach it, without a slash at the end.
    pub url: String,
    /// What callers trust.
    pub authority: PathBuf,
    /// Its probes.
    pub health: String,
    folder: tempfile::TempDir,
    program: Child,
}

/// How it is run.
pub struct Options<'a> {
    /// Name of the replica.
    pub replica: &'a str,
    /// Namespaces of workspaces.
    pub namespaces: &'a [&'a str],
    /// Where Gitea is.
    pub gitea_url: &'a str,
    /// Its administrator.
    pub admin: (&'a str, &'a str),
    /// What people know it by.
    pub git_url: &'a str,
}

impl Gateway {
    /// Starts one, with the rights of its service account.
    pub async fn start(control_plane: &ControlPlane, options: &Options<'_>) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = |name: &str| folder.path().join(name);
        pki::write(folder.path())?;
        fs::create_dir(path("gitea"))?;
        fs::write(path("gitea/username"), options.admin.0)?;
        fs::write(path("gitea/password"), options.admin.1)?;
        fs::write(path("kubeconfig"), kubeconfig(control_plane)?)?;
        let (port, health) = (free_port().await?, free_port().await?);
        let program = Command::new(env!("CARGO_BIN_EXE_neuralinverse-gateway"))
            .args(["--listen", &format!("127.0.0.1:{port}"), "--health", &format!("127.0.0.1:{health}")])
            .args(["--gitea-url", options.gitea_url, "--git-url", options.git_url])
            .args(["--replica", options.replica])
            .args(["--tls-dir".as_ref(), folder.path()])
            .args(["--gitea-credentials".as_ref(), path("gitea").as_path()])
            .args(["--kubeconfig".as_ref(), path("kubeconfig").as_path()])
            .env("WORKSPACE_NAMESPACES", options.namespaces.join(","))
            .env("RUST_LOG", "info,neuralinverse_gateway=trace,hyper=debug,hyper_util=debug")
            .stdout(Stdio::from(fs::File::create(path("log"))?))
            .spawn()?;
        Ok(Self {
            url: format!("https://localhost:{port}"),
            authority: path("ca.crt"),
            health: format!("http://127.0.0.1:{health}"),
            folder,
            program,
        })
    }

    /// Waits until it is ready.
    pub async fn ready(&mut self) -> Result<()> {
        let probe = format!("{}/readyz", self.health);
        until("the gateway to be ready", || {
            let ended = self.program.try_wait();
            let (probe, log) = (&probe, self.log());
            async move {
                if let Some(status) = ended? {
                    anyhow::bail!("the gateway ended with {status}:\n{}", log?);
                }
                Ok(reqwest::get(probe).await.ok().filter(|answer| answer.status().is_success()).map(drop))
            }
        })
        .await
    }

    /// Its probe's status, once it answers.
    pub async fn readiness(&self) -> Result<u16> {
        let probe = format!("{}/readyz", self.health);
        until("an answer of the probe", async || {
            Ok(reqwest::get(&probe).await.ok().map(|answer| answer.status().as_u16()))
        })
        .await
    }

    /// What it has logged.
    pub fn log(&self) -> Result<String> {
        Ok(fs::read_to_string(self.folder.path().join("log"))?)
    }

    /// Asks it to go.
    pub async fn stop(mut self) -> Result<ExitStatus> {
        let asked = Command::new("kill").args(["-TERM", &self.program.id().to_string()]).status()?;
        ensure!(asked.success());
        until("the gateway to go", || ready(self.program.try_wait().map_err(Into::into))).await
    }

    /// Address of the server.
    pub fn address(&self) -> Result<String> {
        let port = self.url.rsplit(':').next().context("a port")?;
        Ok(format!("127.0.0.1:{port}"))
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

fn kubeconfig(control_plane: &ControlPlane) -> Result<Vec<u8>> {
    let mut kubeconfig = Kubeconfig::from_yaml(&control_plane.kubeconfig()?)?;
    for user in kubeconfig.auth_infos.iter_mut().filter_map(|it| it.auth_info.as_mut()) {
        user.impersonate = Some(ACCOUNT.to_owned());
    }
    Ok(serde_json::to_vec(&kubeconfig)?)
}

async fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port())
}

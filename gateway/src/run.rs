//! From the command line to a gateway that serves, until it is asked to go.

use std::{path::Path, pin::pin, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use neuralinverse_api::agent::gateway::AUDIENCE;
use neuralinverse_identity::Verifier;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::{
    app,
    args::Args,
    gateway::Gateway,
    git::{Git, GitOptions},
    health,
    pods::Pods,
    server,
    tls::Certificate,
};

/// How long requests under way may take when the gateway is asked to go; a little less than its pod is given.
const DRAIN: Duration = Duration::from_secs(50);

impl Args {
    /// Serves until SIGTERM or SIGINT.
    pub async fn run(self) -> Result<()> {
        // Two TLS libraries in one program leave none as default.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let Self { listen, health, tls_dir, namespaces, kubeconfig, .. } = &self;
        let listener = TcpListener::bind(listen).await.with_context(|| format!("listening on {listen}"))?;
        let probes = TcpListener::bind(health).await.with_context(|| format!("listening on {health}"))?;
        let certificate = Certificate::from_folder(tls_dir)?;
        let tls = certificate.server()?;
        let git = Git::new(self.git())?;
        let client = client(kubeconfig.as_deref()).await?;

        let mut tasks = JoinSet::new();
        let gateway = Arc::new(Gateway {
            verifier: Verifier::discover(client.clone(), AUDIENCE).await?,
            pods: Pods::follow(&client, namespaces, &mut tasks),
            git,
            shutdown: CancellationToken::new(),
        });
        let probe = health::app(gateway.clone());
        tasks.spawn(async move { drop(axum::serve(probes, probe).await) });
        tasks.spawn(async move { certificate.follow().await });
        info!(%listen, namespaces = namespaces.join(","), "gateway");

        let shutdown = gateway.shutdown.clone();
        let mut server = pin!(server::serve(listener, tls, app(gateway.clone()), shutdown.clone()));
        tokio::select! {
            () = &mut server => bail!("the server has ended"),
            _ = tasks.join_next() => bail!("a watch or the health server has ended"),
            asked = asked_to_go() => asked?,
        }
        shutdown.cancel();
        // Who still clones something after that has to ask again.
        let _ = tokio::time::timeout(DRAIN, server).await;
        Ok(())
    }

    fn git(&self) -> GitOptions {
        GitOptions {
            gitea_url: self.gitea_url.clone(),
            credentials: self.gitea_credentials.clone(),
            authorities: self.gitea_ca.clone(),
            git_url: self.git_url.clone(),
            replica: self.replica.clone(),
        }
    }
}

async fn client(kubeconfig: Option<&Path>) -> Result<Client> {
    let config = match kubeconfig {
        Some(path) => {
            let kubeconfig = Kubeconfig::read_from(path)?;
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?
        }
        None => Config::infer().await?,
    };
    Ok(Client::try_from(config)?)
}

async fn asked_to_go() -> Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

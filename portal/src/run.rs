//! From the command line to a portal that serves, until it is asked to go.

use std::{io, net::SocketAddr, path::Path, pin::pin, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use axum::serve::ListenerExt;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    task::JoinSet,
};
use tracing::info;

use crate::{
    app,
    args::Args,
    git::GitHost,
    health,
    issuer::{Issuer, IssuerOptions},
    pages::sign_in::CALLBACK,
    portal::{Parts, Portal},
    seal::Seal,
    sidecar::Sidecars,
    site::Site,
};

/// How long requests under way may take when the portal is asked to go.
const DRAIN: Duration = Duration::from_secs(20);

impl Args {
    /// Serves until SIGTERM or SIGINT.
    pub async fn run(self) -> Result<()> {
        let Self { listen, health, kubeconfig, .. } = &self;
        let (browsers, probes) = (TcpListener::bind(listen).await?, TcpListener::bind(health).await?);
        let mut tasks = JoinSet::new();
        let portal = Portal::start(self.parts(client(kubeconfig.as_deref()).await?)?, &mut tasks);
        info!(%listen, url = portal.site.origin(), "portal");

        let probe = health::app(portal.clone());
        tasks.spawn(async move { drop(axum::serve(probes, probe).await) });
        let mut server = pin!(serve(browsers, portal.clone()));
        tokio::select! {
            ended = &mut server => return Ok(ended?),
            _ = tasks.join_next() => bail!("a watch or the health server has ended"),
            asked = asked_to_go() => asked?,
        }
        portal.shutdown.cancel();
        // Who still downloads something after that has to ask again.
        let _ = tokio::time::timeout(DRAIN, server).await;
        Ok(())
    }

    fn parts(&self, client: Client) -> Result<Parts> {
        let mut site = Site::new(&self.public_url, &self.workspace_domain)?;
        let git = self.git_upstream.as_deref().map(GitHost::new).transpose()?;
        if git.is_some() {
            site = site.with_git_host();
        }
        let secret = self.client_secret_file.as_deref().map(|path| {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("client secret file `{}`", path.display()))?;
            anyhow::Ok(text.trim().to_owned())
        });
        let redirect = format!("{}{CALLBACK}", site.origin());
        let mut options = IssuerOptions {
            url: self.issuer.clone(),
            client_id: self.client_id.clone(),
            client_secret: secret.transpose()?,
            scopes: self.scopes.clone(),
            redirect,
            upstream: None,
        };
        if let Some(git) = &git
            && site.git_origin().as_deref() == Some(self.issuer.trim_end_matches('/'))
        {
            options = options.of_gitea(git.url());
        }
        Ok(Parts {
            seal: Seal::from_file(&self.session_key_file)?,
            sidecars: Sidecars::from_folder(&self.tls_dir)?,
            namespace: self.namespace.clone(),
            issuer: Issuer::new(options)?,
            site,
            git,
            client,
        })
    }
}

/// Serves browsers until the portal goes down.
pub async fn serve(listener: TcpListener, portal: Arc<Portal>) -> io::Result<()> {
    // An event and a key that was pressed are small, and go out at once.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let stop = portal.shutdown.clone().cancelled_owned();
    let app = app(portal).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app).with_graceful_shutdown(stop).await
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

//! `run`: joins the loops, and ends them in good order.

use std::{net::SocketAddr, path::PathBuf, pin::pin, sync::Arc, time::Duration};

use anyhow::Context;
use http::Uri;
use neuralinverse_api::agent::paths;
use neuralinverse_launcher::{IDE_SOCKET, READY, SOCKET};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinSet,
    time::timeout,
};
use tracing::info;

use crate::{
    activity::{self, Pulse},
    author,
    bridge::{self, Launcher},
    client::Client,
    door::{self, certificate},
    editor,
    gateway::{self, Detour, Gateway},
    identity::Identity,
    poll, ready,
    report::{self, Facts, Told},
    repository,
    server::Server,
};

/// How long the last report may take after the pod was told to end.
const DRAIN: Duration = Duration::from_secs(2);

/// Make the pod the workspace of whoever gets it
#[derive(clap::Args)]
pub struct Options {
    /// The controller, as https://HOST:PORT
    #[arg(long, env = "CONTROLLER_URL")]
    controller_url: Uri,

    /// Name of the pod, for the log
    #[arg(long, env = "POD_NAME")]
    pod_name: String,

    /// Folder with the pod's token and the controller's authority
    #[arg(long, default_value = paths::IDENTITY)]
    identity: PathBuf,

    /// Folder where the launcher of the user's container is met
    #[arg(long, default_value = paths::RUN)]
    folder: PathBuf,

    /// The volume; the developer's home is a folder of it
    #[arg(long, default_value = paths::VOLUME)]
    volume: PathBuf,

    /// The developer's home, as the user's container knows it
    #[arg(long, default_value = paths::HOME)]
    home: PathBuf,

    /// Address on which the portal reaches the IDE
    #[arg(long, default_value = "0.0.0.0:8444")]
    door: SocketAddr,

    /// The region's gateway, as https://HOST:PORT
    #[arg(long, env = "GATEWAY_URL")]
    gateway_url: Option<Uri>,

    /// The region's Git host, whose repositories the gateway has
    #[arg(long, env = "GIT_URL", requires = "gateway_url")]
    git_url: Option<String>,

    /// Addresses on which the pod's programs reach the gateway; our own Git takes the first
    #[arg(long, value_delimiter = ',', default_value = "127.0.0.1:8445,[::1]:8445")]
    forward: Vec<SocketAddr>,

    /// Seconds between the first two tries of a clone; later ones come less often
    #[arg(long, default_value_t = 5.0)]
    clone_retry: f64,
}

/// Runs until SIGTERM.
pub fn run(options: &Options) -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_ansi(false).with_target(false).with_writer(std::io::stderr).init();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(serve(options));
    // Not waiting for name lookups and disk flushes that still run.
    runtime.shutdown_background();
    result
}

async fn serve(options: &Options) -> anyhow::Result<()> {
    let Options { controller_url, pod_name, identity, folder, volume, home, door, .. } = options;
    let first_retry = Duration::try_from_secs_f64(options.clone_retry).context("--clone-retry")?;
    let identity = Arc::new(Identity::new(identity));
    let server = Server::new(controller_url).context("--controller-url")?;
    let client = Client::new(server, Arc::clone(&identity));
    let mut terminate = signal(SignalKind::terminate())?;
    let ready_file = folder.join(READY);
    ready::withdraw(&ready_file).with_context(|| ready_file.display().to_string())?;
    info!(pod = pod_name, controller = %controller_url, "started");

    let (assigned, assignments) = watch::channel(None);
    let (supply, launcher) = watch::channel(Launcher::Absent);
    let (hear, ide) = watch::channel(None);
    let (wait, polling) = watch::channel(false);
    let (advance, progress) = watch::channel(None);
    let (prove, acceptors) = watch::channel(None);
    let (rest, idle) = watch::channel(None);
    let pulse = Pulse::default();
    let (tell, told) = watch::channel(String::new());
    let told = Told(told);
    let facts = Facts {
        assignments: assignments.clone(),
        launcher: launcher.clone(),
        ide: ide.clone(),
        progress,
        idle,
    };
    let mut reports = pin!(report::keep(&client, facts, tell));
    let (socket, ide_socket) = (folder.join(SOCKET), folder.join(IDE_SOCKET));
    let clones = repository::Settings { volume, first_retry, detour: options.detour() };
    let ask = async {
        // One after the other: the poll takes over the connection.
        let first = certificate::ask(&client).await;
        tokio::join!(
            certificate::keep(&client, first, prove),
            poll::poll(&client, assigned, told.clone(), wait),
        )
    };
    let mut ways = JoinSet::new();
    if let Some(url) = &options.gateway_url {
        let gateway = Arc::new(Gateway::new(url, identity).context("--gateway-url")?);
        for address in &options.forward {
            ways.spawn(gateway::keep(*address, Arc::clone(&gateway)));
        }
    }
    {
        let mut work = pin!(async {
            tokio::join!(
                ask,
                door::keep(*door, &ide_socket, assignments.clone(), acceptors, &pulse),
                bridge::keep(&socket, home, assignments.clone(), supply),
                editor::keep(&socket, hear),
                activity::keep(assignments.clone(), &pulse, || activity::terminals(&socket), rest),
                author::keep(volume.join(paths::HOME_FOLDER), assignments.clone()),
                repository::keep(&clones, assignments.clone(), advance, told.clone()),
                ready::tell(&ready_file, launcher, ide, polling),
            )
        });
        tokio::select! {
            _ = &mut work => {}
            () = &mut reports => return Ok(()),
            _ = terminate.recv() => info!("told to end"),
        }
        // The work ends here, and with it a clone; what it achieved may still have to be told.
    }
    let _ = timeout(DRAIN, reports).await;
    Ok(())
}

impl Options {
    fn detour(&self) -> Option<Detour> {
        Some(Detour::new(self.git_url.as_ref()?, *self.forward.first()?))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn launcher_and_ide_are_where_the_controller_s_pods_expect_it() {
        assert_eq!(Path::new(neuralinverse_launcher::FOLDER), Path::new(paths::RUN));
        assert_eq!(Path::new(paths::RUN).join(SOCKET), Path::new(paths::SOCKET));
        assert_eq!(Path::new(paths::RUN).join(READY), Path::new(paths::READY));
        assert_eq!(Path::new(paths::RUN).join(IDE_SOCKET), Path::new(paths::IDE_SOCKET));
    }
}

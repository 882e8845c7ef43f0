//! Puts the parts together: watches and the server for sidecars on every replica, reconcilers on the
//! one that leads.

use std::{net::SocketAddr, sync::Arc};

use axum::http::Uri;
use jiff::Timestamp;
use kube::Client;
use neuralinverse_api::{agent, install};
use neuralinverse_identity::{self as identity, Verifier};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    agents::{self, Agents, Waiting},
    caches::Caches,
    config::Config,
    context::{Context, Reserved, Urls},
    events::Events,
    health,
    leader::Candidate,
    metrics::Metrics,
    node_pool::NodePools,
    overwritten, reconciler,
    region::{Regions, part},
    template::Templates,
    tier::Tiers,
    tls::{self, Authority},
    volume::Volumes,
    warm_pool::{WarmPools, demand::Demand, room::Rooms},
    workspace::Workspaces,
};

/// Why the controller cannot run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kubeconfig file is of no use.
    #[error("reading the kubeconfig: {0}")]
    Kubeconfig(#[from] kube::config::KubeconfigError),
    /// There is neither a kubeconfig nor a pod's service account.
    #[error("finding the cluster: {0}")]
    Infer(#[from] kube::config::InferConfigError),
    /// No client for the API server.
    #[error("reaching the API server: {0}")]
    Client(#[from] kube::Error),
    /// No certificate.
    #[error(transparent)]
    Tls(#[from] tls::Error),
    /// No keys for the tokens of pods.
    #[error(transparent)]
    Token(#[from] identity::Error),
    /// An address is taken.
    #[error("listening on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// The URL names no host.
    #[error("`{0}` is no URL that sidecars could reach: write https://host:port")]
    PublicUrl(String),
}

/// Runs until `shutdown`.
pub async fn run(config: Config, shutdown: CancellationToken) -> Result<(), Error> {
    // Two TLS libraries in one program leave none as default.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let health = listen(config.health).await?;
    let agents_listener = listen(config.listen).await?;
    let (ready, is_ready) = watch::channel(false);
    let caches = Caches::default();
    let metrics = Arc::new(Metrics::new(caches.warm_pools.clone()));
    let mut tasks = JoinSet::new();
    let answers = health::app(is_ready, metrics.clone());
    tasks.spawn(async move {
        let _ = axum::serve(health, answers).await;
    });

    let client = Client::try_from(config.kubernetes.clone())?;
    let authority = Authority::ensure(&client, &config.namespace).await?;
    let serving = authority.serving(hosts(&config)?)?;
    let verifier = Verifier::discover(client.clone(), agent::AUDIENCE).await?;
    let context = Arc::new(Context {
        clock: Box::new(Timestamp::now),
        events: Events::new(client.clone(), &config.replica),
        caches,
        urls: Urls { controller: config.public_url.clone(), gateway: part::gateway::url(&config.namespace) },
        authority,
        metrics,
        demand: Demand::default(),
        reserved: Reserved::default(),
        client,
    });

    let waiting = Arc::new(Waiting::default());
    let (woken, known) = (waiting.clone(), context.clone());
    tasks.spawn(async move { woken.run(&known.caches).await });
    let _watches = context.caches.watch(&context.client, &config.namespace);
    tokio::select! {
        () = context.caches.completed() => {}
        () = shutdown.cancelled() => return Ok(()),
    }
    let app = agents::app(Arc::new(Agents { context: context.clone(), verifier, waiting }));
    tasks.spawn(agents::serve(agents_listener, serving, app));
    ready.send_replace(true);
    tracing::info!(replica = config.replica, "ready");
    lead(&config, &context, &shutdown).await;
    Ok(())
}

/// Leads whenever nobody else does, until `shutdown`.
async fn lead(config: &Config, context: &Arc<Context>, shutdown: &CancellationToken) {
    let mut candidate = Candidate::new(&context.client, config);
    loop {
        tokio::select! {
            () = candidate.lead() => {}
            () = shutdown.cancelled() => return,
        }
        tracing::info!(replica = config.replica, "leading");
        context.demand.forget();
        context.metrics.leads(true);
        let reconcilers = reconcile(config, context);
        tokio::select! {
            () = candidate.keep() => tracing::warn!("another replica leads now"),
            () = shutdown.cancelled() => {
                drop(reconcilers);
                candidate.release().await;
                return;
            }
        }
        context.metrics.leads(false);
    }
}

/// Starts all reconcilers. They end when the set is dropped; what is cut off is found and continued by
/// whoever leads next.
fn reconcile(config: &Config, context: &Arc<Context>) -> JoinSet<()> {
    fn start<R: reconciler::Reconciler>(tasks: &mut JoinSet<()>, context: &Arc<Context>, reconciler: R) {
        let context = context.clone();
        tasks.spawn(async move { reconciler::run(Arc::new(reconciler), &context.caches).await });
    }
    let mut tasks = JoinSet::new();
    let told = context.clone();
    tasks.spawn(async move { overwritten::tell(&told).await });
    start(&mut tasks, context, Regions::new(context.clone(), config));
    start(&mut tasks, context, NodePools(context.clone()));
    start(&mut tasks, context, Tiers(context.clone()));
    start(&mut tasks, context, Templates(context.clone()));
    start(&mut tasks, context, WarmPools::new(context.clone()));
    start(&mut tasks, context, Rooms::new(context.clone()));
    start(&mut tasks, context, Workspaces::new(context.clone()));
    start(&mut tasks, context, Volumes(context.clone()));
    tasks
}

/// The names that sidecars may know us by.
fn hosts(config: &Config) -> Result<Vec<String>, Error> {
    let public: Option<Uri> = config.public_url.parse().ok();
    let public = public.and_then(|url| url.host().map(str::to_owned));
    let public = public.ok_or_else(|| Error::PublicUrl(config.public_url.clone()))?;
    let service = format!("{}.{}.svc", install::CONTROLLER, config.namespace);
    let mut hosts = vec![service, public.trim_matches(['[', ']']).to_owned()];
    hosts.dedup();
    Ok(hosts)
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|source| Error::Listen { address, source })
}

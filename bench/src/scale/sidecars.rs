//! Sidecars: one for each pod that runs, with a token that is bound to the pod, over a connection of its own.
//! They do what the real ones do in the long run: poll, and report that the workspace is ready.

use std::{
    collections::HashMap,
    future::poll_fn,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use futures::StreamExt;
use http::{Method, Request, Response, StatusCode, header::RETRY_AFTER};
use hyper::{
    body::{Body, Incoming},
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::{
    Api, Client, ResourceExt,
    runtime::{WatchStreamExt, watcher},
};
use neuralinverse_api::{
    agent::{ASSIGNMENT_PATH, AUDIENCE, Assignment, CA_KEY, REPORT_PATH, Report, RepositoryState},
    install::WORKSPACE_ACCOUNT,
    labels,
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use serde_json::json;
use tokio::{net::TcpStream, sync::Semaphore, task::JoinSet, time::sleep};
use tokio_rustls::TlsConnector;

use crate::cluster::{NAMESPACES, eventually, token};

/// They end when dropped.
pub struct Sidecars {
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

struct Shared {
    client: Client,
    controller: SocketAddr,
    tls: TlsConnector,
    polling: AtomicUsize,
    /// Tokens that are asked for at once: kubelets ask for theirs one by one, too.
    asking: Semaphore,
}

impl Sidecars {
    /// One for each pod, from now on.
    pub async fn start(client: &Client, controller: SocketAddr) -> Result<Self> {
        let maps: Api<ConfigMap> = Api::namespaced(client.clone(), NAMESPACES[0]);
        let authority =
            eventually("the authority", || async { Ok(maps.get_opt("neuralinverse-ca").await?) }).await?;
        let authority = authority.data.unwrap_or_default().remove(CA_KEY).context("no authority")?;
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.as_bytes())?)?;
        let tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let shared = Arc::new(Shared {
            client: client.clone(),
            controller,
            tls: TlsConnector::from(Arc::new(tls)),
            polling: AtomicUsize::new(0),
            asking: Semaphore::new(4),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(follow(shared.clone()));
        Ok(Self { shared, _tasks: tasks })
    }

    /// How many poll.
    pub fn polling(&self) -> usize {
        self.shared.polling.load(Ordering::Relaxed)
    }
}

async fn follow(shared: Arc<Shared>) {
    let ours = format!("{}={}", labels::MANAGED_BY, labels::CONTROLLER);
    let running = watcher::Config::default().labels(&ours).fields("status.phase=Running");
    let pods = watcher(Api::<Pod>::all(shared.client.clone()), running).default_backoff();
    let mut pods = pin!(pods);
    let mut sidecars = JoinSet::new();
    let mut known = HashMap::new();
    while let Some(event) = pods.next().await {
        match event {
            Ok(watcher::Event::Apply(pod) | watcher::Event::InitApply(pod)) => {
                let uid = pod.uid().unwrap_or_default();
                let shared = shared.clone();
                known.entry(uid).or_insert_with(|| sidecars.spawn(run(shared, pod)));
            }
            Ok(watcher::Event::Delete(pod)) => {
                if let Some(task) = known.remove(&pod.uid().unwrap_or_default()) {
                    task.abort();
                }
            }
            Ok(_) => {}
            Err(error) => eprintln!("the watch of pods: {error}"),
        }
        while sidecars.try_join_next().is_some() {}
    }
}

async fn run(shared: Arc<Shared>, pod: Pod) {
    let mut known = String::new();
    let Ok(token) = bound(&shared, &pod).await.inspect_err(|error| eprintln!("a token: {error:#}")) else {
        return;
    };
    drop(pod);
    let _polls = Counted::new(&shared.polling);
    loop {
        // The connection breaks off when the controller is started anew.
        let rest = poll(&shared, &token, &mut known).await;
        sleep(rest.unwrap_or(Duration::from_millis(500))).await;
    }
}

async fn bound(shared: &Shared, pod: &Pod) -> Result<String> {
    let _place = shared.asking.acquire().await?;
    let namespace = pod.namespace().unwrap_or_default();
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{WORKSPACE_ACCOUNT}/token");
    let spec = json!({
        "audiences": [AUDIENCE], "expirationSeconds": 36000,
        "boundObjectRef": { "kind": "Pod", "apiVersion": "v1", "name": pod.name_any(), "uid": pod.uid() },
    });
    token(&shared.client, path, spec).await
}

/// Polls until it is told to stay away, and gives for how long.
async fn poll(shared: &Shared, token: &str, known: &mut String) -> Result<Duration> {
    let stream = TcpStream::connect(shared.controller).await?;
    stream.set_nodelay(true)?;
    let stream = shared.tls.connect(ServerName::from(shared.controller.ip()), stream).await?;
    let (mut sender, connection) = handshake::<_, String>(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let result = async {
        loop {
            let target = format!("{ASSIGNMENT_PATH}?known={known}");
            let answer = exchange(&mut sender, token, Method::GET, &target, String::new()).await?;
            match answer.status() {
                StatusCode::NO_CONTENT => {
                    if let Some(seconds) = answer.headers().get(RETRY_AFTER) {
                        return Ok(Duration::from_secs(seconds.to_str()?.parse()?));
                    }
                }
                StatusCode::OK => {
                    let assignment: Assignment = serde_json::from_slice(answer.body())?;
                    let repository = RepositoryState::NotDeclared;
                    let report =
                        Report { epoch: assignment.epoch, ready: true, repository, idle_seconds: None };
                    let report = serde_json::to_string(&report)?;
                    let taken = exchange(&mut sender, token, Method::POST, REPORT_PATH, report).await?;
                    ensure!(taken.status() == StatusCode::NO_CONTENT, "the report: {}", taken.status());
                    *known = assignment.revision;
                }
                other => bail!("{other}"),
            }
        }
    };
    let result = result.await;
    connection.abort();
    result
}

async fn exchange(
    sender: &mut SendRequest<String>,
    token: &str,
    method: Method,
    target: &str,
    body: String,
) -> Result<Response<Vec<u8>>> {
    let request = Request::builder()
        .method(method)
        .uri(target)
        .header("host", "controller")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .body(body)?;
    let (head, body) = sender.send_request(request).await?.into_parts();
    Ok(Response::from_parts(head, read(body).await?))
}

async fn read(mut body: Incoming) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        if let Ok(data) = frame?.into_data() {
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes)
}

/// Counts as long as it lives.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

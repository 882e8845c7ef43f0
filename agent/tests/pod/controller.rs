//! A controller that gives out what a test says, and remembers what it hears.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    extract::{Query, State},
    http::{
        HeaderMap, StatusCode,
        header::{AUTHORIZATION, CONNECTION, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
    routing::{get, post},
    serve::Listener,
};
use neuralinverse_api::agent::{
    ASSIGNMENT_PATH, Assignment, CERTIFICATE_PATH, Certificate, CertificateRequest, POLL_SECONDS,
    REPORT_PATH, Report, RepositoryToClone, door,
};
use rcgen::{ExtendedKeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm};
use serde::Deserialize;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{authority::Authority, harness::within};

/// UID of the pod that all tokens are of.
pub const POD_UID: &str = "pod";

/// The token that is good until a test says otherwise.
pub const TOKEN: &str = "first-token";

pub struct Controller {
    pub url: String,
    pub authority: Arc<Authority>,
    heard: Arc<Heard>,
    connections: Arc<AtomicUsize>,
}

struct Heard {
    token: Mutex<String>,
    assignment: watch::Sender<Option<Assignment>>,
    reports: watch::Sender<Vec<Report>>,
    waiting: watch::Sender<usize>,
    refused: watch::Sender<usize>,
    broken: Mutex<usize>,
    authority: Arc<Authority>,
    certified: AtomicUsize,
    valid_seconds: AtomicU64,
    /// 0 holds polls until there is news.
    stay_away_seconds: AtomicU64,
    sent_away: watch::Sender<Vec<Instant>>,
}

impl Controller {
    pub async fn start() -> Self {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", tcp.local_addr().unwrap().port());
        let authority = Arc::new(Authority::new());
        let acceptor = TlsAcceptor::from(Arc::new(authority.server()));
        let heard = Arc::new(Heard {
            token: Mutex::new(TOKEN.to_owned()),
            assignment: watch::Sender::new(None),
            reports: watch::Sender::new(Vec::new()),
            waiting: watch::Sender::new(0),
            refused: watch::Sender::new(0),
            broken: Mutex::new(0),
            authority: Arc::clone(&authority),
            certified: AtomicUsize::new(0),
            valid_seconds: AtomicU64::new(24 * 3600),
            stay_away_seconds: AtomicU64::new(0),
            sent_away: watch::Sender::new(Vec::new()),
        });
        let app = Router::new()
            .route(ASSIGNMENT_PATH, get(assignment))
            .route(REPORT_PATH, post(report))
            .route(CERTIFICATE_PATH, post(certificate))
            .with_state(Arc::clone(&heard));
        let connections = Arc::<AtomicUsize>::default();
        let listener = Tls { tcp, acceptor, accepted: Arc::clone(&connections) };
        tokio::spawn(axum::serve(listener, app).into_future());
        Self { url, authority, heard, connections }
    }

    /// From now on only this token is good.
    pub fn accept_only(&self, token: &str) {
        token.clone_into(&mut self.heard.token.lock().unwrap());
    }

    /// The next reports fail.
    pub fn break_reports(&self, count: usize) {
        *self.heard.broken.lock().unwrap() = count;
    }

    /// From now on a sidecar without news is told not to come again before.
    pub fn send_away_for(&self, seconds: u64) {
        self.heard.stay_away_seconds.store(seconds, Ordering::Relaxed);
    }

    /// Waits until it was told so many times, and gives when.
    pub async fn sent_away(&self, count: usize) -> Vec<Instant> {
        let mut sent_away = self.heard.sent_away.subscribe();
        within("it is sent away", sent_away.wait_for(|times| times.len() >= count)).await.unwrap().clone()
    }

    /// From now on certificates are said to be valid for so long.
    pub fn certify_for(&self, seconds: u64) {
        self.heard.valid_seconds.store(seconds, Ordering::Relaxed);
    }

    /// How many certificates have been made.
    pub fn certified(&self) -> usize {
        self.heard.certified.load(Ordering::Relaxed)
    }

    /// How many connections have been made.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    pub fn assign(&self, assignment: Assignment) {
        self.heard.assignment.send_replace(Some(assignment));
    }

    /// Waits until a poll waits.
    pub async fn polled(&self) {
        within("a poll", self.heard.waiting.subscribe().wait_for(|waiting| *waiting > 0)).await.unwrap();
    }

    /// Waits until a request was refused for its token.
    pub async fn refused(&self) {
        within("a refusal", self.heard.refused.subscribe().wait_for(|refused| *refused > 0)).await.unwrap();
    }

    /// Waits for such a report, and gives all until then.
    pub async fn reported(&self, what: &str, wanted: impl Fn(&Report) -> bool) -> Vec<Report> {
        let mut reports = self.heard.reports.subscribe();
        within(what, reports.wait_for(|reports| reports.iter().any(&wanted))).await.unwrap().clone()
    }

    /// Waits until the last report is such a one.
    pub async fn reported_last(&self, what: &str, wanted: impl Fn(&Report) -> bool) {
        let mut reports = self.heard.reports.subscribe();
        within(what, reports.wait_for(|reports| reports.last().is_some_and(&wanted))).await.unwrap();
    }
}

/// An assignment to a workspace named `hello`.
pub fn assignment_of(epoch: i64, env: &[(&str, &str)], repository: Option<RepositoryToClone>) -> Assignment {
    let env: BTreeMap<_, _> =
        env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let url = repository.as_ref().map_or("none", |repository| &repository.url);
    // Only has to differ when something else does.
    let hash = std::hash::BuildHasher::hash_one(&FIXED, (epoch, &env, url));
    Assignment {
        revision: format!("{hash:x}"),
        namespace: "team".to_owned(),
        workspace: "hello".to_owned(),
        workspace_uid: "0d1c".to_owned(),
        epoch,
        owner: "ann".to_owned(),
        repository,
        env,
        git_author: None,
        idle_after_seconds: None,
    }
}

static FIXED: std::hash::BuildHasherDefault<std::hash::DefaultHasher> = std::hash::BuildHasherDefault::new();

#[derive(Deserialize)]
struct Known {
    known: Option<String>,
}

async fn assignment(
    State(heard): State<Arc<Heard>>,
    headers: HeaderMap,
    Query(query): Query<Known>,
) -> Response {
    if let Some(refusal) = heard.refusal(&headers) {
        return refusal;
    }
    let mut assignments = heard.assignment.subscribe();
    let new = |assignment: &Option<Assignment>| {
        assignment.as_ref().is_some_and(|assignment| Some(&assignment.revision) != query.known.as_ref())
    };
    let seconds = heard.stay_away_seconds.load(Ordering::Relaxed);
    if seconds > 0 && !new(&assignments.borrow()) {
        heard.sent_away.send_modify(|times| times.push(Instant::now()));
        let close = [(RETRY_AFTER, seconds.to_string()), (CONNECTION, "close".to_owned())];
        return (StatusCode::NO_CONTENT, close).into_response();
    }
    heard.waiting.send_modify(|waiting| *waiting += 1);
    let answer = timeout(Duration::from_secs(POLL_SECONDS), assignments.wait_for(new)).await;
    heard.waiting.send_modify(|waiting| *waiting -= 1);
    match answer {
        Ok(Ok(assignment)) => Json(assignment.clone()).into_response(),
        _ => StatusCode::NO_CONTENT.into_response(),
    }
}

async fn report(State(heard): State<Arc<Heard>>, headers: HeaderMap, Json(report): Json<Report>) -> Response {
    if let Some(refusal) = heard.refusal(&headers) {
        return refusal;
    }
    let mut broken = heard.broken.lock().unwrap();
    if *broken > 0 {
        *broken -= 1;
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    heard.reports.send_modify(|reports| reports.push(report));
    StatusCode::NO_CONTENT.into_response()
}

async fn certificate(
    State(heard): State<Arc<Heard>>,
    headers: HeaderMap,
    Json(request): Json<CertificateRequest>,
) -> Response {
    if let Some(refusal) = heard.refusal(&headers) {
        return refusal;
    }
    let key = Point(request.public_key);
    let chain = heard.authority.sign(&door::name(POD_UID), ExtendedKeyUsagePurpose::ServerAuth, &key).pem();
    heard.certified.fetch_add(1, Ordering::Relaxed);
    let valid_seconds = heard.valid_seconds.load(Ordering::Relaxed);
    Json(Certificate { chain, valid_seconds }).into_response()
}

/// A public key as the sidecar sends it.
struct Point(Vec<u8>);

impl PublicKeyData for Point {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl Heard {
    fn refusal(&self, headers: &HeaderMap) -> Option<Response> {
        let good = format!("Bearer {}", self.token.lock().unwrap());
        if headers.get(AUTHORIZATION).is_some_and(|given| *given == *good) {
            return None;
        }
        self.refused.send_modify(|refused| *refused += 1);
        Some(StatusCode::UNAUTHORIZED.into_response())
    }
}

/// A listener that lets in whoever speaks TLS.
pub struct Tls {
    pub tcp: TcpListener,
    pub acceptor: TlsAcceptor,
    pub accepted: Arc<AtomicUsize>,
}

impl Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let Ok((stream, peer)) = self.tcp.accept().await else { continue };
            if let Ok(stream) = self.acceptor.accept(stream).await {
                self.accepted.fetch_add(1, Ordering::Relaxed);
                return (stream, peer);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}

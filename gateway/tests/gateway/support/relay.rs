//! A wire to Gitea that can be cut or held up, and on which everything that must not be logged is seen.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Result;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// The wire.
pub struct Relay {
    /// Where it begins.
    pub url: String,
    up: watch::Sender<bool>,
    flows: watch::Sender<bool>,
    seen: Arc<Mutex<Seen>>,
    _tasks: JoinSet<()>,
}

/// What went over it.
#[derive(Default)]
struct Seen {
    secrets: BTreeSet<String>,
    requests: Vec<String>,
}

impl Relay {
    /// A wire to `upstream`, an `http://host:port`.
    pub async fn start(upstream: &str) -> Result<Self> {
        let target = upstream.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let ((up, is_up), (flows, is_flowing)) = (watch::channel(true), watch::channel(true));
        let (seen, mut tasks) = (Arc::new(Mutex::new(Seen::default())), JoinSet::new());
        let noted = seen.clone();
        tasks.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (target, mut is_up, seen) = (target.clone(), is_up.clone(), noted.clone());
                let is_flowing = is_flowing.clone();
                tokio::spawn(async move {
                    tokio::select! {
                        _ = pass(client, &target, is_flowing, &seen) => {}
                        _ = is_up.wait_for(|up| !up) => {}
                    }
                });
            }
        });
        Ok(Self { url, up, flows, seen, _tasks: tasks })
    }

    /// Cuts the wire, or mends it.
    pub fn set_up(&self, up: bool) {
        self.up.send_replace(up);
    }

    /// Keeps what comes to the wire from Gitea, or lets it go there.
    pub fn set_flowing(&self, flows: bool) {
        self.flows.send_replace(flows);
    }

    /// Credentials that went over it.
    pub fn secrets(&self) -> BTreeSet<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).secrets.clone()
    }

    /// Whether a push to the repository has begun.
    pub fn has_push_to(&self, repository: &str) -> bool {
        self.requests(&format!("POST /{repository}.git/git-receive-pack ")) > 0
    }

    /// How many requests have begun whose first line begins like this.
    pub fn requests(&self, begins: &str) -> usize {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.requests.iter().filter(|line| line.starts_with(begins)).count()
    }
}

async fn pass(
    mut client: TcpStream,
    target: &str,
    mut is_flowing: watch::Receiver<bool>,
    seen: &Mutex<Seen>,
) -> Result<()> {
    let mut gitea = TcpStream::connect(target).await?;
    let (mut from_client, mut to_client) = client.split();
    let (mut from_gitea, mut to_gitea) = gitea.split();
    let there = async {
        let mut bytes = vec![0; 64 << 10];
        loop {
            let length = from_client.read(&mut bytes).await?;
            if length == 0 {
                return to_gitea.shutdown().await;
            }
            look(&bytes[..length], seen);
            let _ = is_flowing.wait_for(|flows| *flows).await;
            to_gitea.write_all(&bytes[..length]).await?;
        }
    };
    tokio::try_join!(there, async { copy(&mut from_gitea, &mut to_client).await.map(drop) })?;
    Ok(())
}

/// The head of a request comes in one piece.
fn look(bytes: &[u8], seen: &Mutex<Seen>) {
    let text = String::from_utf8_lossy(bytes);
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    let is_head = |line: &&str| line.starts_with("GET /") || line.starts_with("POST /");
    seen.requests.extend(text.lines().take(1).filter(is_head).map(str::to_owned));
    for line in text.lines().filter_map(|line| line.strip_prefix("authorization: Basic ")) {
        let decoded = STANDARD.decode(line).ok().and_then(|it| String::from_utf8(it).ok());
        if let Some((_, password)) = decoded.as_deref().and_then(|it| it.split_once(':')) {
            seen.secrets.extend([line.to_owned(), password.to_owned()]);
        }
    }
}

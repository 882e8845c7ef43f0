//! Git's own HTTP server, with a door that a test can hold half open.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, Response, StatusCode, Uri, header},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures::{StreamExt, stream};
use neuralinverse_api::agent::{Credentials, RepositoryToClone};
use tempfile::TempDir;
use tokio::{io::AsyncWriteExt, net::TcpListener, process::Command, sync::watch};

use crate::harness::within;

pub const USERNAME: &str = "ann";
pub const PASSWORD: &str = "hunter2-is-secret";

pub struct GitServer {
    pub address: String,
    root: TempDir,
    door: Arc<Door>,
}

struct Door {
    root: PathBuf,
    private: bool,
    /// Packs come whole only while it is open.
    open: watch::Sender<bool>,
    held: watch::Sender<usize>,
}

impl GitServer {
    pub async fn start(private: bool) -> Self {
        let root = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (open, held) = (watch::Sender::new(true), watch::Sender::new(0));
        let door = Arc::new(Door { root: root.path().to_owned(), private, open, held });
        let app = Router::new().fallback(backend).with_state(Arc::clone(&door));
        tokio::spawn(axum::serve(listener, app).into_future());
        Self { address, root, door }
    }

    /// Makes a repository with a file that says `content`, on its default branch and on `next`.
    pub async fn create(&self, name: &str, content: &str) {
        let bare = self.root.path().join(name);
        let work = tempfile::tempdir().unwrap();
        // Large and random enough that half of the pack is a real half.
        let noise: Vec<u8> =
            (0..200_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        std::fs::write(work.path().join("noise"), noise).unwrap();
        std::fs::write(work.path().join("README.md"), content).unwrap();
        for arguments in [
            &["init", "--quiet", "--initial-branch=main"][..],
            &["add", "."],
            &["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "commit", "--quiet", "-m", "First"],
            &["branch", "next"],
            &["clone", "--quiet", "--bare", ".", bare.to_str().unwrap()],
        ] {
            git(work.path(), arguments).await;
        }
    }

    /// What an assignment says of a repository here.
    pub fn repository(&self, name: &str) -> RepositoryToClone {
        let credentials = self
            .door
            .private
            .then(|| Credentials { username: USERNAME.to_owned(), password: PASSWORD.to_owned() });
        RepositoryToClone { url: format!("http://{}/{name}", self.address), branch: None, credentials }
    }

    /// Packs stop half way until the door opens again.
    pub fn hold(&self, hold: bool) {
        self.door.open.send_replace(!hold);
    }

    /// Waits until so many packs were stopped half way.
    pub async fn held(&self, count: usize) {
        within("half a pack", self.door.held.subscribe().wait_for(|held| *held >= count)).await.unwrap();
    }
}

pub async fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git").args(arguments).current_dir(folder).output().await.unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

async fn backend(
    State(door): State<Arc<Door>>,
    (method, uri, headers): (Method, Uri, HeaderMap),
    body: Bytes,
) -> Response<Body> {
    let authorization = format!("Basic {}", STANDARD.encode(format!("{USERNAME}:{PASSWORD}")));
    if door.private && headers.get(header::AUTHORIZATION).is_none_or(|given| *given != *authorization) {
        let refusal = Response::builder().status(StatusCode::UNAUTHORIZED);
        return refusal.header(header::WWW_AUTHENTICATE, "Basic realm=\"git\"").body(Body::empty()).unwrap();
    }
    let (head, content) = cgi(&door.root, &method, &uri, &headers, &body).await;
    let mut response = Response::builder();
    for line in head.lines() {
        let (name, value) = line.split_once(": ").unwrap();
        response = match name {
            "Status" => response.status(&value[..3]),
            _ => response.header(name, value),
        };
    }
    let is_pack = uri.path().ends_with("/git-upload-pack") && content.len() > 100_000;
    response.body(if is_pack { halves(door, content) } else { content.into() }).unwrap()
}

/// The second half comes when the door is open.
fn halves(door: Arc<Door>, mut content: Vec<u8>) -> Body {
    let rest = content.split_off(content.len() / 2);
    let second = async move {
        let mut open = door.open.subscribe();
        if !*open.borrow() {
            door.held.send_modify(|held| *held += 1);
        }
        open.wait_for(|open| *open).await.unwrap();
        rest
    };
    let first = stream::once(async { content });
    Body::from_stream(first.chain(stream::once(second)).map(Ok::<_, std::io::Error>))
}

/// Runs `git http-backend`, and parts its answer into head and content.
async fn cgi(root: &Path, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> (String, Vec<u8>) {
    let header = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let mut child = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", method.as_str())
        .env("PATH_INFO", uri.path())
        .env("QUERY_STRING", uri.query().unwrap_or_default())
        .env("CONTENT_TYPE", header("content-type"))
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("GIT_PROTOCOL", header("git-protocol"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(body).await.unwrap();
    let output = child.wait_with_output().await.unwrap().stdout;
    let end = output.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    (String::from_utf8(output[..end].to_vec()).unwrap(), output[end + 4..].to_vec())
}

//! Git's own HTTP server, with a door that a test can hold half open.

use std::{path::Path, sync::Arc};

use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::Response,
    middleware::{Next, from_fn_with_state},
};
use futures::{StreamExt, stream};
use neuralinverse_api::agent::{Credentials, RepositoryToClone};
use neuralinverse_git_server::{Served, app};
use tempfile::TempDir;
use tokio::{net::TcpListener, process::Command, sync::watch};

use crate::harness::within;

pub const USERNAME: &str = "ann";
pub const PASSWORD: &str = "hunter2-is-secret";

pub struct GitServer {
    pub address: String,
    root: TempDir,
    door: Arc<Door>,
}

/// Packs come whole only while it is open.
struct Door {
    open: watch::Sender<bool>,
    held: watch::Sender<usize>,
}

impl GitServer {
    pub async fn start() -> Self {
        let root = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let door = Arc::new(Door { open: watch::Sender::new(true), held: watch::Sender::new(0) });
        let credentials = Some((USERNAME.to_owned(), PASSWORD.to_owned()));
        let app = app(Served { root: root.path().to_owned(), credentials });
        let app = app.layer(from_fn_with_state(Arc::clone(&door), through));
        tokio::spawn(axum::serve(listener, app).into_future());
        Self { address, root, door }
    }

    /// Makes a repository here.
    pub async fn create(&self, name: &str, content: &str) {
        create(self.root.path(), name, content).await;
    }

    /// What an assignment says of a repository here; those below `private` need credentials.
    pub fn repository(&self, name: &str) -> RepositoryToClone {
        let credentials = name
            .starts_with("private/")
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

/// Makes a repository with a file that says `content`, on its default branch and on `next`.
pub async fn create(root: &Path, name: &str, content: &str) {
    let bare = root.join(name);
    let work = tempfile::tempdir_in(root).unwrap();
    // Gets its name when it is complete: a half of it can be cloned, too.
    let unnamed = work.path().join("bare.git");
    // Large and random enough that half of the pack is a real half.
    let noise: Vec<u8> = (0..200_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    std::fs::write(work.path().join("noise"), noise).unwrap();
    std::fs::write(work.path().join("README.md"), content).unwrap();
    for arguments in [
        &["init", "--quiet", "--initial-branch=main"][..],
        &["add", "."],
        &["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "commit", "--quiet", "-m", "First"],
        &["branch", "next"],
        &["clone", "--quiet", "--bare", ".", unnamed.to_str().unwrap()],
    ] {
        git(work.path(), arguments).await;
    }
    std::fs::create_dir_all(bare.parent().unwrap()).unwrap();
    std::fs::rename(unnamed, bare).unwrap();
}

pub async fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git").args(arguments).current_dir(folder).output().await.unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The second half of a pack comes when the door is open.
async fn through(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response<Body> {
    let is_pack = request.uri().path().ends_with("/git-upload-pack");
    let (head, body) = next.run(request).await.into_parts();
    let mut content = to_bytes(body, usize::MAX).await.unwrap();
    if !is_pack || content.len() < 100_000 {
        return Response::from_parts(head, content.into());
    }
    let rest = content.split_off(content.len() / 2);
    let second = async move {
        let mut open = door.open.subscribe();
        if !*open.borrow() {
            door.held.send_modify(|held| *held += 1);
        }
        open.wait_for(|open| *open).await.unwrap();
        rest
    };
    let halves = stream::once(async { content }).chain(stream::once(second));
    Response::from_parts(head, Body::from_stream(halves.map(Ok::<_, std::io::Error>)))
}

//! Serves the demo's repository, and whatever else lies beside it.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::Context;
use clap::Parser;
use neuralinverse_git_server::{Served, app, sample};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

/// A small Git server for the demo and the tests: /hello.git, and with a user also /private/hello.git
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Address to listen at
    #[arg(long, env = "GIT_LISTEN", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,

    /// Folder with the bare repositories
    #[arg(long, env = "GIT_ROOT", default_value = "/tmp/repositories")]
    root: PathBuf,

    /// User of /private/
    #[arg(long, env = "GIT_USERNAME", requires = "password")]
    username: Option<String>,

    /// Password of that user
    #[arg(long, env = "GIT_PASSWORD", hide_env_values = true, requires = "username")]
    password: Option<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let Args { listen, root, username, password } = Args::parse();
    let credentials = username.zip(password);
    sample::create(&root.join("hello.git")).await?;
    if credentials.is_some() {
        sample::create(&root.join("private/hello.git")).await?;
    }
    let mut terminate = signal(SignalKind::terminate())?;
    let listener = TcpListener::bind(listen).await.with_context(|| listen.to_string())?;
    eprintln!("git-server: serving {} at http://{listen}", root.display());
    tokio::select! {
        served = axum::serve(listener, app(Served { root, credentials })).into_future() => Ok(served?),
        _ = terminate.recv() => Ok(()),
    }
}

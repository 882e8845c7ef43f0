//! The repository of the demo: two commits, the same on every machine.

use std::{io, path::Path, process::Stdio};

use tokio::{io::AsyncWriteExt, process::Command};

/// The repository as `git fast-import` reads it.
const HELLO: &[u8] = include_bytes!("hello.fast-import");

/// Makes the repository at `path`, unless it is there.
pub async fn create(path: &Path) -> io::Result<()> {
    if path.join("refs/heads/main").exists() {
        return Ok(());
    }
    let mut init = Command::new("git");
    init.args(["init", "--quiet", "--bare", "--initial-branch=main"]).arg(path);
    finished(init.status().await?.success(), "init")?;
    let mut import = Command::new("git");
    import.arg("--git-dir").arg(path).args(["fast-import", "--quiet"]).stdin(Stdio::piped());
    let mut import = import.spawn()?;
    if let Some(mut stdin) = import.stdin.take() {
        stdin.write_all(HELLO).await?;
    }
    finished(import.wait().await?.success(), "fast-import")
}

fn finished(success: bool, what: &str) -> io::Result<()> {
    if success { Ok(()) } else { Err(io::Error::other(format!("git {what} failed"))) }
}

//! A developer's Git, with the environment of a workspace; the token goes along as a sidecar would add it.

use std::{path::PathBuf, process::Stdio};

use anyhow::{Result, ensure};
use tokio::process::Command;

use super::gateway::Gateway;

/// Somebody's terminal.
pub struct Git {
    /// Where clones lie.
    pub folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    /// Whether well.
    pub success: bool,
    /// What it printed.
    pub stdout: String,
    /// What it said.
    pub stderr: String,
}

impl Git {
    /// Everything at `git_url` goes through the gateway, with this token.
    pub fn new(gateway: &Gateway, git_url: &str, token: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let authority = gateway.authority.display().to_string();
        let config = [
            (format!("url.{}/git/.insteadOf", gateway.url), format!("{git_url}/")),
            ("http.extraHeader".to_owned(), format!("Authorization: Bearer {token}")),
            ("http.sslCAInfo".to_owned(), authority),
            ("user.name".to_owned(), "A developer".to_owned()),
            ("user.email".to_owned(), "developer@example.test".to_owned()),
        ];
        let mut environment = vec![
            ("GIT_CONFIG_COUNT".to_owned(), config.len().to_string()),
            ("GIT_CONFIG_NOSYSTEM".to_owned(), "1".to_owned()),
            ("GIT_TERMINAL_PROMPT".to_owned(), "0".to_owned()),
            ("HOME".to_owned(), folder.path().display().to_string()),
            ("LC_ALL".to_owned(), "C".to_owned()),
        ];
        for (index, (key, value)) in config.into_iter().enumerate() {
            environment.push((format!("GIT_CONFIG_KEY_{index}"), key));
            environment.push((format!("GIT_CONFIG_VALUE_{index}"), value));
        }
        Ok(Self { folder, environment })
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `git` in a clone, or in `.`.
    pub async fn try_run(&self, clone: &str, args: &[&str]) -> Result<Ended> {
        let output = Command::new("git")
            .arg("-C")
            .arg(self.path(clone))
            .args(args)
            // What the machine's Git is set to is not a workspace's.
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(self.environment.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Ended {
            success: output.status.success(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        })
    }

    /// Runs `git`; it has to succeed.
    pub async fn run(&self, clone: &str, args: &[&str]) -> Result<String> {
        let ended = self.try_run(clone, args).await?;
        ensure!(ended.success, "git {args:?}: {ended:?}");
        Ok(ended.stdout)
    }

    /// Commits a file, with these contents.
    pub async fn commit(&self, clone: &str, file: &str, contents: &[u8]) -> Result<()> {
        std::fs::write(self.path(clone).join(file), contents)?;
        self.run(clone, &["add", file]).await?;
        self.run(clone, &["commit", "--quiet", "--message", &format!("Adds {file}")]).await.map(drop)
    }
}

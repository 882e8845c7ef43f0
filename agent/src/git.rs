//! `git clone` as a child process that sees nothing but what this clone needs.

use std::{
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use neuralinverse_api::agent::{Credentials, RepositoryToClone};
use nix::{
    sys::{
        signal::{Signal, killpg},
        wait::waitpid,
    },
    unistd::Pid,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::Command,
};

use crate::gateway::Detour;

/// Git gives up when no byte has come for so long.
const SILENCE: Duration = Duration::from_secs(60);

/// The most of Git's errors that is kept.
const STDERR_LIMIT: usize = 8 << 10;

/// The most of it that is told.
const MESSAGE_LIMIT: usize = 300;

/// What a clone inherits: how to find programs, certificates and proxies.
const INHERITED: [&str; 9] = [
    "PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
];

/// Why there is no clone.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Git is not there, or cannot start.
    #[error("git cannot be run: {0}")]
    Run(#[from] std::io::Error),
    /// The server wants somebody else.
    #[error("{0}")]
    Refused(String),
    /// Git said why.
    #[error("{0}")]
    Git(String),
}

/// Clones into `target`, by the detour if there is one. Dropping the future kills Git with all its helpers.
pub async fn clone(
    repository: &RepositoryToClone,
    detour: Option<&Detour>,
    target: &Path,
) -> Result<(), Error> {
    let mut command = Command::new("git");
    command.args(["clone", "--quiet", "--no-recurse-submodules"]);
    if let Some(branch) = &repository.branch {
        command.arg(format!("--branch={branch}"));
    }
    command.arg("--").arg(&repository.url).arg(target).env_clear().envs(environment(repository, detour));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn()?;
    let group = child.id().and_then(|id| i32::try_from(id).ok()).map(|id| Group(Pid::from_raw(id)));
    let stderr = match child.stderr.take() {
        Some(stderr) => tail(stderr).await?,
        None => Vec::new(),
    };
    let status = child.wait().await?;
    drop(group);
    if status.success() {
        return Ok(());
    }
    let message = message(&stderr, status, repository);
    Err(if is_refusal(&stderr) { Error::Refused(message) } else { Error::Git(message) })
}

/// The process group of a clone: Git and its helpers. We are the pod's first process, so helpers that
/// lose their parent become ours, and stay as zombies unless they are waited for.
struct Group(Pid);

impl Drop for Group {
    fn drop(&mut self) {
        if killpg(self.0, Signal::SIGKILL).is_ok() {
            while waitpid(Pid::from_raw(-self.0.as_raw()), None).is_ok() {}
        }
    }
}

/// Settings and credentials go by environment: the command line and the clone's own settings stay free of them.
fn environment(repository: &RepositoryToClone, detour: Option<&Detour>) -> Vec<(String, String)> {
    let mut environment: Vec<(String, String)> =
        INHERITED.into_iter().filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?))).collect();
    let mut set = |name: &str, value: &str| environment.push((name.to_owned(), value.to_owned()));
    set("HOME", "/tmp");
    set("LC_ALL", "C");
    set("GIT_TERMINAL_PROMPT", "0");
    set("GIT_CONFIG_NOSYSTEM", "1");
    set("GIT_CONFIG_GLOBAL", "/dev/null");
    set("GIT_ALLOW_PROTOCOL", "http:https");
    let settings = settings(repository, detour);
    set("GIT_CONFIG_COUNT", &settings.len().to_string());
    for (index, (key, value)) in settings.iter().enumerate() {
        set(&format!("GIT_CONFIG_KEY_{index}"), key);
        set(&format!("GIT_CONFIG_VALUE_{index}"), value);
    }
    if let Some(credentials) = credentials(repository, detour) {
        // Who has a token needs no name, but HTTP has no password without one.
        let username = if credentials.username.is_empty() { "git" } else { &credentials.username };
        set("CLONE_USERNAME", username);
        set("CLONE_PASSWORD", &credentials.password);
    }
    environment
}

/// On the detour, who we are is the forwarder's to say.
fn credentials<'a>(repository: &'a RepositoryToClone, detour: Option<&Detour>) -> Option<&'a Credentials> {
    repository.credentials.as_ref().filter(|_| detour.is_none())
}

fn settings(repository: &RepositoryToClone, detour: Option<&Detour>) -> Vec<(String, String)> {
    let mut settings = vec![
        // The clone grows in the user's volume: what somebody writes into its settings must not run here.
        ("core.hooksPath".to_owned(), "/dev/null".to_owned()),
        ("core.fsmonitor".to_owned(), "false".to_owned()),
        ("credential.helper".to_owned(), String::new()),
        // No background processes that outlive the clone.
        ("gc.auto".to_owned(), "0".to_owned()),
        ("maintenance.auto".to_owned(), "false".to_owned()),
        // A server that prepares a pack sends a byte now and then; one that hangs sends none.
        ("http.lowSpeedLimit".to_owned(), "1".to_owned()),
        ("http.lowSpeedTime".to_owned(), SILENCE.as_secs().to_string()),
    ];
    if let Some(Detour { known, instead }) = detour {
        settings.push((format!("url.{instead}.insteadOf"), known.clone()));
        // It is in this pod.
        settings.push((format!("http.{instead}.proxy"), String::new()));
    }
    if credentials(repository, detour).is_some() {
        // Only for the URL's own origin: a redirect elsewhere gets nothing.
        let origin = repository.url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        let helper = r#"!f() { test "$1" = get && printf 'username=%s\npassword=%s\n' "$CLONE_USERNAME" "$CLONE_PASSWORD"; }; f"#;
        settings.push((format!("credential.{origin}.helper"), helper.to_owned()));
    }
    settings
}

/// Whether it was 401 or 403. In the plain locale these words are fixed.
fn is_refusal(stderr: &[u8]) -> bool {
    let text = String::from_utf8_lossy(stderr);
    let words = ["could not read Username", "Authentication failed", "returned error: 403"];
    words.iter().any(|words| text.contains(words))
}

/// Reads to the end, and keeps only the end.
async fn tail(mut from: impl AsyncRead + Unpin) -> std::io::Result<Vec<u8>> {
    let (mut kept, mut buffer) = (Vec::new(), [0; 1024]);
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return Ok(kept);
        }
        kept.extend_from_slice(&buffer[..read]);
        let excess = kept.len().saturating_sub(STDERR_LIMIT);
        kept.drain(..excess);
    }
}

/// Git's last two lines as one, without the credentials.
fn message(stderr: &[u8], status: ExitStatus, repository: &RepositoryToClone) -> String {
    let text = String::from_utf8_lossy(stderr);
    let mut lines: Vec<&str> =
        text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.drain(..lines.len().saturating_sub(2));
    if lines.is_empty() {
        return format!("git failed without a word ({status})");
    }
    let mut message = lines.join("; ");
    message.retain(|c| !c.is_control());
    if let Some(credentials) = &repository.credentials {
        for secret in [&credentials.password, &credentials.username] {
            if !secret.is_empty() {
                message = message.replace(secret.as_str(), "***");
            }
        }
    }
    message.chars().take(MESSAGE_LIMIT).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn private() -> RepositoryToClone {
        let credentials = Credentials { username: "ann".to_owned(), password: "hunter2".to_owned() };
        let url = "https://git.example:8443/team/hello.git".to_owned();
        RepositoryToClone { url, branch: None, credentials: Some(credentials) }
    }

    #[test]
    fn messages_are_git_s_last_lines_without_credentials() {
        for (stderr, expected) in [
            ("", "git failed without a word (exit status: 128)"),
            ("Cloning…\nfatal: no such\x1b repository\n\n", "Cloning…; fatal: no such repository"),
            (
                "a\nb\nremote: hunter2 is wrong for ann\rfatal: denied",
                "remote: *** is wrong for ***; fatal: denied",
            ),
        ] {
            assert_eq!(message(stderr.as_bytes(), ExitStatus::from_raw(128 << 8), &private()), expected);
        }
    }

    #[test]
    fn settings_hold_no_credentials_and_answer_only_the_url_s_origin() {
        let settings = settings(&private(), None);
        assert!(settings.iter().all(|(key, value)| !key.contains("hunter2") && !value.contains("hunter2")));
        assert!(settings.iter().any(|(key, _)| key == "credential.https://git.example:8443.helper"));
    }

    #[test]
    fn a_detour_takes_no_credentials_along() {
        let detour = Detour::new("https://git.example:8443", ([127, 0, 0, 1], 8445).into());
        let environment = environment(&private(), Some(&detour));
        assert!(environment.iter().all(|(_, value)| value != "hunter2" && !value.contains("CLONE_PASSWORD")));
        let has = |wanted: &str| environment.iter().any(|(_, value)| value == wanted);
        assert!(has("url.http://127.0.0.1:8445/git/.insteadOf") && has("https://git.example:8443/"));
    }
}

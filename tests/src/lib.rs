//! What the end-to-end tests stand on: the demo, brought up by its own script on a cluster of its own.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// How long anything may take that a test waits for. Generous: a test is about whether, not when.
pub const DEADLINE: Duration = Duration::from_secs(180);

/// A demo of its own, taken down at the end.
pub struct Demo {
    repository: PathBuf,
    state: PathBuf,
}

impl Demo {
    /// Runs `local/demo/up`.
    pub fn up() -> Result<Self> {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no parent")?.to_owned();
        let demo = Self { repository, state: neuralinverse_local::paths::cache().join("demo").join(NAME) };
        demo.script("up")?;
        Ok(demo)
    }

    /// Runs `local/demo/up` again, or `local/demo/down`; gives what it printed.
    pub fn script(&self, script: &str) -> Result<String> {
        let mut command = Command::new(self.repository.join("local/demo").join(script));
        command.env("DEMO", NAME).env("CLUSTER", "embedded").current_dir(&self.repository);
        checked(&mut command)
    }

    /// Runs a program as somebody would who followed the demo's closing words.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        checked(&mut self.command(arguments))
    }

    /// As [`run`](Self::run), without judging how it ended.
    pub fn output(&self, arguments: &[&str]) -> Result<Output> {
        self.command(arguments).output().with_context(|| arguments.join(" "))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("bash");
        command.args(["-c", r#". "$0" && exec "$@""#]).arg(self.state.join("env")).args(arguments);
        command.current_dir(self.repository.join("examples/quickstart"));
        command
    }

    /// `kubectl …` in the namespace of the workspaces.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        self.run(&[&["kubectl", "-n", "workspaces"], arguments].concat())
    }

    /// `kubectl get … -o json`.
    pub fn get(&self, arguments: &[&str]) -> Result<Value> {
        let text = self.kubectl(&[&["get", "-o", "json"], arguments].concat())?;
        serde_json::from_str(&text).context("kubectl's answer")
    }

    /// Applies an object.
    pub fn apply(&self, object: &Value) -> Result<()> {
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), object.to_string())?;
        let path = file.path().to_string_lossy();
        self.kubectl(&["apply", "--server-side", "--force-conflicts", "-f", &path]).map(drop)
    }

    /// A command in a workspace, with its environment and in its folder.
    pub fn shell(&self, workspace: &str, command: &[&str]) -> Result<String> {
        let pod = self.pod_of(workspace)?;
        let launcher = ["exec", &pod, "-c", "workspace", "--", "/opt/neuralinverse/launcher", "shell"];
        self.kubectl(&[&launcher, command].concat())
    }

    /// The pod that a workspace's status names.
    pub fn pod_of(&self, workspace: &str) -> Result<String> {
        let object = self.get(&["workspace", workspace])?;
        object["status"]["pod"].as_str().map(str::to_owned).with_context(|| format!("no pod: {object}"))
    }

    /// Waits until a workspace has this condition; gives the workspace.
    pub fn wait_for_condition(&self, workspace: &str, type_: &str, status: &str) -> Result<Value> {
        self.wait(&format!("{workspace} {type_}={status}"), || {
            let object = self.get(&["workspace", workspace])?;
            let generation = &object["metadata"]["generation"];
            let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let holds = conditions.iter().any(|it| {
                it["type"] == type_ && it["status"] == status && it["observedGeneration"] == *generation
            });
            if holds { Ok(object) } else { bail!("{}", object["status"]) }
        })
    }

    /// Tries until it succeeds; fails with the last error after [`DEADLINE`].
    pub fn wait<T>(&self, what: &str, mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
        let start = Instant::now();
        loop {
            match attempt() {
                Ok(value) => return Ok(value),
                Err(error) if start.elapsed() > DEADLINE => {
                    let pods = self.kubectl(&["get", "pods", "-o", "wide"]).unwrap_or_default();
                    let events =
                        self.kubectl(&["get", "events", "--sort-by=.lastTimestamp"]).unwrap_or_default();
                    return Err(error.context(format!("waited for {what}\n{pods}\n{events}")));
                }
                Err(_) => thread::sleep(Duration::from_millis(200)),
            }
        }
    }
}

/// Name of the demo and of its cluster.
const NAME: &str = "e2e";

fn checked(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{command:?}\n{out}\n{err}");
    Ok(out.into_owned())
}

//! The demo, brought up by its own script on a cluster of its own.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Output},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// How long anything may take that a test waits for. Generous: a test is about whether, not when.
pub const DEADLINE: Duration = Duration::from_secs(180);

/// A demo of its own; or the one that `E2E_DEMO` names, which is then neither brought up nor taken down.
pub struct Demo {
    repository: PathBuf,
    state: PathBuf,
    port: u16,
    borrowed: bool,
}

impl Demo {
    /// Runs `local/demo/up`, after what a run under this name left that was killed is removed. Names are of letters
    /// and digits, and each has a `port` of its own, so that tests, benches and the developer's demo do not meet.
    pub fn up(name: &str, port: u16) -> Result<Self> {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no parent")?.to_owned();
        let demos = neuralinverse_local::paths::cache().join("demo");
        if let Some(name) = std::env::var_os("E2E_DEMO") {
            return Ok(Self { repository, state: demos.join(name), port, borrowed: true });
        }
        let demo = Self { repository, state: demos.join(name), port, borrowed: false };
        demo.script("down")?;
        demo.script("up")?;
        Ok(demo)
    }

    /// Runs `local/demo/up` again; gives what it printed.
    pub fn up_again(&self) -> Result<String> {
        ensure!(!self.borrowed, "{} is somebody's: up is for them to run", self.state.display());
        self.script("up")
    }

    /// Runs `local/demo/down`.
    pub fn down(&self) -> Result<()> {
        if self.borrowed { Ok(()) } else { self.script("down").map(drop) }
    }

    /// Whether it is one that runs for somebody else.
    pub fn is_borrowed(&self) -> bool {
        self.borrowed
    }

    fn script(&self, script: &str) -> Result<String> {
        let mut command = Command::new(self.repository.join("local/demo").join(script));
        let name = self.state.file_name().context("a demo has a name")?;
        command.env("DEMO", name).env("PORT", self.port.to_string()).env("CLUSTER", "embedded");
        checked(command.current_dir(&self.repository))
    }

    /// A variable of the quickstart as this demo has it.
    fn variable(&self, name: &str) -> Result<String> {
        let text = std::fs::read_to_string(self.state.join("terraform.tfvars.json"))?;
        let variables: Value = serde_json::from_str(&text)?;
        variables[name].as_str().map(str::to_owned).with_context(|| format!("no {name} in {variables}"))
    }

    /// The images' `registry` and `tag`, as the quickstart has them.
    pub fn images(&self) -> Result<Value> {
        let text = std::fs::read_to_string(self.state.join("terraform.tfvars.json"))?;
        Ok(serde_json::from_str::<Value>(&text)?["images"].clone())
    }

    /// URL of the portal.
    pub fn url(&self) -> Result<String> {
        self.variable("url")
    }

    /// URL of the Git host.
    pub fn git_url(&self) -> Result<String> {
        Ok(self.url()?.replacen("://", "://git.", 1))
    }

    /// Domain of the workspaces, with its port.
    pub fn workspace_domain(&self) -> Result<String> {
        self.variable("workspace_domain")
    }

    /// The repository that the demo made.
    pub fn repository(&self) -> Result<String> {
        self.variable("repository")
    }

    /// Password of [`USER`].
    pub fn password(&self) -> Result<String> {
        let file = self.state.join("password");
        let password = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        Ok(password.trim().to_owned())
    }

    /// Asks the API of the Git host as one of its users.
    pub fn git_api(
        &self,
        login: &str,
        password: &str,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Result<Value> {
        let config = tempfile::NamedTempFile::new()?;
        std::fs::write(config.path(), format!("user = \"{login}:{password}\"\n"))?;
        let mut curl = Command::new("curl");
        curl.args(["-fsS", "-X", method, "-K"]).arg(config.path());
        curl.args(["-H", "content-type: application/json"]);
        if !body.is_null() {
            curl.args(["-d", &body.to_string()]);
        }
        let answer = checked(curl.arg(format!("{}/api/v1{path}", self.git_url()?)))?;
        Ok(if answer.is_empty() { Value::Null } else { serde_json::from_str(&answer)? })
    }

    /// Its cluster, for what only who owns the machines can do.
    pub async fn cluster(&self) -> Result<neuralinverse_local::Cluster> {
        let name = self.state.file_name().and_then(|name| name.to_str()).context("a demo has a name")?;
        Ok(neuralinverse_local::Cluster::open(name).await?)
    }

    /// Archives of the images that it runs, by the images' names.
    pub fn image_archives(&self) -> Result<BTreeMap<String, PathBuf>> {
        let lines = std::fs::read_to_string(self.state.join("images"))?;
        let archive = |line: &str| {
            let mut words = line.split_whitespace();
            Some((words.next()?.to_owned(), PathBuf::from(words.nth(1)?)))
        };
        Ok(lines.lines().filter_map(archive).collect())
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

/// Who signs in.
pub const USER: &str = "ada";

fn checked(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{command:?}\n{out}\n{err}");
    Ok(out.into_owned())
}

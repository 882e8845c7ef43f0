//! A pod without a cluster: its folders, its two programs, and patience.

use std::{
    fs,
    future::Future,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};

use neuralinverse_api::agent::{door, gateway};
use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};
use tempfile::TempDir;
use tokio::process::{Child, Command as AsyncCommand};

use crate::{
    controller::{Controller, TOKEN},
    gateway::GIT_URL,
};

/// Nothing takes so long, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits, and says what for when it does not come.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("no {what} within {PATIENCE:?}"))
}

/// Waits for what nobody announces.
pub async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "no {what} within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The launcher: a program of another crate, which Cargo does not build for this one's tests.
pub fn launcher() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let arguments = ["build", "--quiet", "--package=neuralinverse-launcher", "--message-format=json"];
        let output = Command::new(env!("CARGO")).args(arguments).stderr(Stdio::inherit()).output().unwrap();
        assert!(output.status.success());
        let messages = String::from_utf8(output.stdout).unwrap();
        let messages = messages.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from)).next_back().unwrap()
    })
}

pub struct Pod {
    /// Where the portal knocks.
    pub door: SocketAddr,
    /// Where the pod's programs reach the gateway.
    pub forward: SocketAddr,
    gateway: Option<String>,
    folder: TempDir,
    url: String,
    agent: Option<Child>,
    launcher: Option<Child>,
}

impl Pod {
    /// A pod whose programs both run.
    pub fn start(controller: &Controller) -> Self {
        let mut pod = Self::prepare(controller);
        pod.start_launcher();
        pod.start_agent();
        pod
    }

    /// A pod where nothing runs yet.
    pub fn prepare(controller: &Controller) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["volume/home", "identity", "run"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let door = address();
        let forward = SocketAddr::new(door.ip(), gateway::LOCAL_PORT);
        let url = controller.url.clone();
        let pod = Self { door, forward, gateway: None, folder, url, agent: None, launcher: None };
        pod.write_identity("token", TOKEN);
        pod.write_identity("ca.crt", &controller.authority.certificate);
        pod
    }

    pub fn start_launcher(&mut self) {
        let mut command = AsyncCommand::new(launcher());
        command.arg("--folder").arg(self.path("run")).arg("run").kill_on_drop(true);
        self.launcher = Some(command.spawn().unwrap());
    }

    /// In an image whose programs are in the pod's folder `image`.
    pub fn start_launcher_with_ide(&mut self) {
        let folder = self.path("opt");
        fs::create_dir_all(folder.join("bin")).unwrap();
        fs::copy(launcher(), folder.join("launcher")).unwrap();
        for shell in ["bash", "sh"] {
            std::os::unix::fs::symlink("../launcher", folder.join("bin").join(shell)).unwrap();
        }
        let mut command = AsyncCommand::new(folder.join("launcher"));
        command.arg("--folder").arg(self.path("run")).args(["run", "--ide", "code-server"]);
        command.env("PATH", format!("{}:/usr/bin:/bin", self.path("image").display()));
        command.env("HOME", self.path("volume/home")).env("SHELL", "/bin/bash").kill_on_drop(true);
        self.launcher = Some(command.spawn().unwrap());
    }

    /// The agent that starts next has this gateway.
    pub fn use_gateway(&mut self, url: &str) {
        self.gateway = Some(url.to_owned());
    }

    pub fn start_agent(&mut self) {
        let log = fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        let mut command = AsyncCommand::new(env!("CARGO_BIN_EXE_neuralinverse-agent"));
        command.args(["run", "--pod-name=pod", "--clone-retry=0.1", "--controller-url", &self.url]);
        command.args(["--door", &self.door.to_string(), "--forward", &self.forward.to_string()]);
        if let Some(url) = &self.gateway {
            command.args(["--gateway-url", url, "--git-url", GIT_URL]);
        }
        for (option, name) in [
            ("--identity", "identity"),
            ("--folder", "run"),
            ("--volume", "volume"),
            ("--home", "volume/home"),
        ] {
            command.arg(option).arg(self.path(name));
        }
        self.agent = Some(command.stderr(log).kill_on_drop(true).spawn().unwrap());
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces a file of the identity as the kubelet does.
    pub fn write_identity(&self, name: &str, content: &str) {
        let new = self.path("identity").join(".new");
        fs::write(&new, content).unwrap();
        fs::rename(new, self.path("identity").join(name)).unwrap();
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    /// What `launcher shell` with that command gives.
    pub async fn shell(&self, command: &[&str]) -> Output {
        let mut shell = AsyncCommand::new(launcher());
        shell.arg("--folder").arg(self.path("run")).arg("shell").args(command);
        shell.env_remove("GREETING").output().await.unwrap()
    }

    pub async fn is_ready(&self) -> bool {
        let mut ready = AsyncCommand::new(launcher());
        ready.arg("--folder").arg(self.path("run")).arg("ready").stderr(Stdio::null());
        ready.status().await.unwrap().success()
    }

    /// As a node that loses its power, or memory: the container with all its processes is gone.
    pub async fn kill_agent(&mut self) {
        let mut agent = self.agent.take().unwrap();
        let children = children(agent.id().unwrap());
        agent.kill().await.unwrap();
        for child in children {
            killpg(child, Signal::SIGKILL).unwrap();
            eventually("end of git", || killpg(child, None).is_err()).await;
        }
    }

    pub async fn kill_launcher(&mut self) {
        self.launcher.take().unwrap().kill().await.unwrap();
    }

    /// SIGTERM to the agent, and whether it ended well.
    pub async fn end_agent(&mut self) -> bool {
        let mut agent = self.agent.take().unwrap();
        kill(Pid::from_raw(agent.id().unwrap().cast_signed()), Signal::SIGTERM).unwrap();
        within("end of the agent", agent.wait()).await.unwrap().success()
    }

    /// What the agent keeps of the node's memory, in kB.
    pub fn agent_memory(&self) -> usize {
        let status = format!("/proc/{}/status", self.agent.as_ref().unwrap().id().unwrap());
        let status = fs::read_to_string(status).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Process groups that the agent has started.
    pub fn agent_children(&self) -> Vec<Pid> {
        children(self.agent.as_ref().unwrap().id().unwrap())
    }
}

/// What the launcher has started ends by itself only in a container.
impl Drop for Pod {
    fn drop(&mut self) {
        let started = fs::read_to_string(self.path("volume/home/started")).unwrap_or_default();
        if let Some(last) = started.lines().last().and_then(|line| line.parse().ok()) {
            let _ = killpg(Pid::from_raw(last), Signal::SIGKILL);
        }
    }
}

/// An address for one pod of this run alone, as each has in a cluster.
fn address() -> SocketAddr {
    static COUNT: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    SocketAddr::from(([127, high, low, COUNT.fetch_add(1, Ordering::Relaxed)], door::PORT))
}

fn children(of: u32) -> Vec<Pid> {
    let list = fs::read_to_string(format!("/proc/{of}/task/{of}/children")).unwrap();
    list.split_whitespace().map(|id| Pid::from_raw(id.parse().unwrap())).collect()
}

//! The controller as it is released, a process beside us.

use std::{
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep},
};

use crate::cluster::{Cluster, SYSTEM, eventually};

/// How often the kernel counts CPU time, a second.
const TICKS: u64 = 100;

/// A controller whose CPU time grows by less than this in [`QUIET`] has nothing to do.
const LITTLE: Duration = Duration::from_millis(100);

/// How long it must be so.
const QUIET: Duration = Duration::from_secs(1);

/// It ends when dropped.
pub struct Controller {
    process: Child,
    kubeconfig: PathBuf,
    listen: SocketAddr,
    health: SocketAddr,
}

impl Controller {
    /// Starts it and waits until it is ready.
    pub async fn start(cluster: &Cluster) -> Result<Self> {
        let kubeconfig = cluster.kubeconfig_of_controller().await?;
        let (listen, health) = (free_address()?, free_address()?);
        let process = spawn(&kubeconfig, listen, health)?;
        let controller = Self { process, kubeconfig, listen, health };
        controller.ready().await?;
        Ok(controller)
    }

    /// Where sidecars reach it.
    pub fn url(&self) -> SocketAddr {
        self.listen
    }

    /// Ends it, starts it anew, and gives the time until it has looked at everything and has nothing to do.
    pub async fn restart(&mut self) -> Result<Duration> {
        let pid = self.pid()?.to_string();
        Command::new("kill").arg(pid).status().await?;
        self.process.wait().await?;
        let start = Instant::now();
        self.process = spawn(&self.kubeconfig, self.listen, self.health)?;
        self.ready().await?;
        eprintln!("ready again after {:?}", start.elapsed());
        let (mut quiet, mut before) = (Instant::now(), self.cpu()?);
        while quiet.elapsed() < QUIET {
            sleep(Duration::from_millis(50)).await;
            let now = self.cpu()?;
            if now - before > LITTLE {
                (quiet, before) = (Instant::now(), now);
            }
        }
        Ok(start.elapsed() - QUIET)
    }

    /// Resident memory in MB.
    pub fn resident_mb(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()?))?;
        let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(rss.trim().trim_end_matches(" kB").parse::<u64>()? / 1024)
    }

    /// CPU time so far.
    pub fn cpu(&self) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid()?))?;
        // After the name in parentheses: user and system time are the 12th and 13th.
        let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks =
            |index: usize| fields.get(index).and_then(|it| it.parse::<u64>().ok()).context("no CPU time");
        Ok(Duration::from_millis((ticks(11)? + ticks(12)?) * 1000 / TICKS))
    }

    async fn ready(&self) -> Result<()> {
        let url = format!("http://{}/readyz", self.health);
        eventually("the controller", || async {
            Ok(reqwest::get(&url).await.is_ok_and(|answer| answer.status().is_success()).then_some(()))
        })
        .await
    }

    fn pid(&self) -> Result<u32> {
        self.process.id().context("the controller has ended")
    }
}

fn spawn(kubeconfig: &PathBuf, listen: SocketAddr, health: SocketAddr) -> Result<Child> {
    let program = std::env::current_exe()?.with_file_name("neuralinverse-controller");
    let log = std::fs::File::options().create(true).append(true).open(kubeconfig.with_extension("log"))?;
    // It ends with the bench, however that ends.
    Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "--"])
        .arg(&program)
        .args(["--pod-name", "bench", "--pod-namespace", SYSTEM])
        .args(["--listen", &listen.to_string(), "--health", &health.to_string()])
        .args(["--public-url", &format!("https://{listen}")])
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .stdout(Stdio::from(log.try_clone()?))
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("{}: make bench-scale builds it", program.display()))
}

fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

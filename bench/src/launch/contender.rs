//! Something that launches: us, or a peer.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, DynamicObject, ListParams},
};
use serde_json::Value;
use tokio::time::{Instant, sleep};

/// Launches of a burst, and pods of the warm pool.
pub const SIZE: usize = 40;

/// How long a pool may take to fill on two cores.
const PATIENCE: Duration = Duration::from_secs(600);

/// How long a pool has its size before it is launched from.
const QUIET: Duration = Duration::from_secs(5);

/// What a launch brings along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing but what each has: ours a volume, the peer's nothing.
    Empty,
    /// An environment, and a volume.
    EnvironmentAndVolume,
    /// A repository too: usable when it is cloned.
    Repository,
}

/// The environment, for those that bring one.
pub const ENVIRONMENT: [(&str, &str); 2] = [("GREETING", "hello"), ("EDITOR", "nano")];

/// What launches.
pub trait Contender: Sync {
    /// Where it launches.
    fn namespace(&self) -> &'static str;

    /// The kind that a user creates.
    fn api(&self) -> Api<DynamicObject>;

    /// An object of this name, as a user would write it.
    fn object(&self, name: &str) -> Value;

    /// Whether it can be used.
    fn usable(&self, object: &DynamicObject) -> bool;

    /// Sets the size of the warm pool.
    fn set_pool(&self, size: usize) -> impl Future<Output = Result<()>> + Send;

    /// How many pods of the pool are ready.
    fn ready(&self) -> impl Future<Output = Result<usize>> + Send;

    /// Resident memory of the controller, in MB.
    fn memory(&self) -> Result<u64>;

    /// Fills the pool, and waits until it is full and quiet.
    fn fill(&self) -> impl Future<Output = Result<()>> + Send {
        self.reach(SIZE)
    }

    /// Empties the pool, so that the next contender has the node to itself.
    fn drain(&self) -> impl Future<Output = Result<()>> + Send {
        self.reach(0)
    }

    /// Sets the size and waits until those pods are there and no others, and it has been so for a while: a status may be
    /// older than the last launches, pods that end take CPU up to 30 s after they were deleted, and so does what the
    /// kubelet still says of the last ones.
    fn reach(&self, size: usize) -> impl Future<Output = Result<()>> + Send {
        async move {
            self.set_pool(size).await?;
            let pods: Api<Pod> = Api::namespaced(self.api().into_client(), self.namespace());
            let (start, mut since) = (Instant::now(), None);
            loop {
                let there = pods.list_metadata(&ListParams::default()).await?.items;
                let ends = there.iter().filter(|pod| pod.metadata.deletion_timestamp.is_some()).count();
                let found = (self.ready().await?, there.len(), ends);
                if found != (size, size, 0) {
                    if start.elapsed() > PATIENCE {
                        let (ready, all, ends) = found;
                        bail!(
                            "after {PATIENCE:?} {ready} of {size} pods are ready, of {all} of which {ends} end"
                        );
                    }
                    since = None;
                } else if since.get_or_insert_with(Instant::now).elapsed() > QUIET {
                    return Ok(());
                }
                sleep(Duration::from_millis(500)).await;
            }
        }
    }

    /// Deletes all that was launched, and waits until it is gone.
    fn clear(&self) -> impl Future<Output = Result<()>> + Send {
        async move {
            let api = self.api();
            let ours = ListParams::default().labels("bench=launch");
            api.delete_collection(&DeleteParams::background(), &ours).await?;
            let start = Instant::now();
            while let Some(left) = api.list_metadata(&ours).await?.items.first() {
                if start.elapsed() > PATIENCE {
                    bail!("{} does not go", left.name_any());
                }
                sleep(Duration::from_millis(500)).await;
            }
            Ok(())
        }
    }
}

/// Resident memory of the process of this name, in MB: the pods of the embedded cluster are processes of
/// this machine.
pub fn resident_mb(program: &str) -> Result<u64> {
    let mut largest = None;
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let path = entry.path();
        let Ok(line) = std::fs::read_to_string(path.join("cmdline")) else { continue };
        let first = line.split('\0').next().unwrap_or_default();
        if first.rsplit('/').next() != Some(program) {
            continue;
        }
        let status = std::fs::read_to_string(path.join("status")).unwrap_or_default();
        let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes: Option<u64> = rss.and_then(|rss| rss.trim().trim_end_matches(" kB").parse().ok());
        largest = largest.max(kilobytes);
    }
    largest.map(|kilobytes| kilobytes / 1024).with_context(|| format!("no process `{program}`"))
}

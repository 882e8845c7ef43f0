//! The controller as a process of its own, killed at random moments while workspaces are launched. Whatever it was
//! doing, each workspace becomes ready in the end, and each pod and volume has exactly one owner.
//!
//! `KILLS` says how often, `KILLS_SEED` at which moments.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fs::File,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::{Api, Client, ResourceExt, api::ListParams};
use neuralinverse_api::{Workspace, labels};
use serde_json::json;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::{
    agent::Agent,
    leaders::{NAMESPACE, apply, pool},
    world::{Cluster, SYSTEM, declare, eventually, free_address, run_pod},
};

/// How often the controller is killed if nothing else is said.
const KILLS: u64 = 20;

/// How many free pods the pool keeps.
const POOL_SIZE: usize = 4;

/// How many workspaces are declared before a kill at most.
const AT_ONCE: u64 = 4;

/// How long after that it is killed at most: a launch takes about half of it.
const LONGEST: u64 = 400;

/// Numbers that follow from a seed (SplitMix64).
struct Random(u64);

impl Random {
    /// The next number below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// The controller's process.
struct Controller {
    kubeconfig: PathBuf,
    log: PathBuf,
    listen: SocketAddr,
    health: SocketAddr,
    child: Child,
}

impl Controller {
    fn start(folder: &Path) -> Result<Self> {
        let (kubeconfig, log) = (folder.join("controller.kubeconfig"), folder.join("controller.log"));
        let (listen, health) = (free_address()?, free_address()?);
        let child = spawn(&kubeconfig, &log, listen, health)?;
        Ok(Self { kubeconfig, log, listen, health, child })
    }

    fn url(&self) -> String {
        format!("https://{}", self.listen)
    }

    async fn ready(&mut self) -> Result<()> {
        let ready = format!("http://{}/readyz", self.health);
        eventually("the controller is ready", || async {
            Ok(reqwest::get(&ready).await.is_ok_and(|answer| answer.status().is_success()).then_some(()))
        })
        .await
        .with_context(|| self.tail())
    }

    /// Kills it and starts the next one at once, as a kubelet does: under the same name.
    fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        self.child = spawn(&self.kubeconfig, &self.log, self.listen, self.health)?;
        Ok(())
    }

    /// The end of what all of them logged.
    fn tail(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(kubeconfig: &Path, log: &Path, listen: SocketAddr, health: SocketAddr) -> Result<Child> {
    let log = File::options().create(true).append(true).open(log)?;
    // It ends with the test, however that ends.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--", env!("CARGO_BIN_EXE_neuralinverse-controller")]);
    command.args(["--pod-name", "killed", "--pod-namespace", SYSTEM]);
    command.args(["--listen", &listen.to_string(), "--health", &health.to_string()]);
    command.args(["--public-url", &format!("https://{listen}")]).arg("--kubeconfig").arg(kubeconfig);
    Ok(command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?)
}

/// Does for ever what kubelets do for pods, and the pods' sidecars.
async fn run_pods(client: Client, url: String) -> Result<()> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let (mut known, mut sidecars) = (HashSet::new(), JoinSet::new());
    loop {
        for pod in pods.list(&ListParams::default()).await?.items {
            // What fails is done at the next look, if the pod is still there.
            if !known.contains(&pod.uid())
                && run_pod(&client, &pod).await.is_ok()
                && let Ok(sidecar) = Agent::of(&client, &url, &pod).await
            {
                known.insert(pod.uid());
                sidecars.spawn(async move { sidecar.serve_all().await });
            }
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// All that there is in the namespace.
struct Seen {
    workspaces: Vec<Workspace>,
    pods: Vec<Pod>,
    volumes: Vec<PersistentVolumeClaim>,
}

impl Seen {
    async fn look(client: &Client) -> Result<Self> {
        let all = ListParams::default();
        Ok(Self {
            workspaces: Api::namespaced(client.clone(), NAMESPACE).list(&all).await?.items,
            pods: Api::namespaced(client.clone(), NAMESPACE).list(&all).await?.items,
            volumes: Api::namespaced(client.clone(), NAMESPACE).list(&all).await?.items,
        })
    }

    /// How many workspaces are not ready.
    fn launching(&self) -> usize {
        self.workspaces.iter().filter(|workspace| !is_ready(workspace)).count()
    }

    /// How many volumes their workspaces have passed by: they are kept for a while, and their time is counted.
    fn retained(&self) -> usize {
        self.volumes.iter().filter(|volume| is_retained(volume)).count()
    }

    /// Whether all is as it has to be in the end.
    fn check(&self, count: usize) -> Result<()> {
        ensure!(self.workspaces.len() == count, "{} workspaces of {count}", self.workspaces.len());
        // What belongs to whom, by UID of the workspace, with none for the pool's.
        let (mut pods, mut volumes) = (BTreeMap::new(), BTreeMap::new());
        for workspace in &self.workspaces {
            let (name, uid) = (workspace.name_any(), workspace.uid());
            ensure!(is_ready(workspace), "`{name}` is not ready: {:?}", workspace.status);
            let status = workspace.status.as_ref().context("a status")?;
            let pod = status.pod.clone().with_context(|| format!("`{name}` has no pod"))?;
            let volume = status.volume.clone().with_context(|| format!("`{name}` has no volume"))?;
            let twice = [pods.insert(pod, uid.clone()), volumes.insert(volume, uid)];
            ensure!(twice == [None, None], "`{name}` shares with {twice:?}");
        }
        let free: BTreeSet<_> =
            self.pods.iter().filter(|pod| is_warm(*pod)).map(ResourceExt::name_any).collect();
        ensure!(free.len() == POOL_SIZE, "the pool has {free:?}");
        for name in free {
            pods.insert(name.clone(), None);
            volumes.insert(name, None);
        }
        compare(&self.pods, &pods)?;
        let current: Vec<_> = self.volumes.iter().filter(|volume| !is_retained(volume)).cloned().collect();
        compare(&current, &volumes)?;
        for pod in &self.pods {
            let owners = pod.owner_references();
            let workspace = pod.labels().get(labels::WORKSPACE_UID);
            let right = owners.len() == 1 && workspace.is_none_or(|workspace| owners[0].uid == *workspace);
            ensure!(right, "`{}` is owned by {owners:?}", pod.name_any());
        }
        Ok(())
    }
}

/// Whether exactly these objects are there, and each says that it is its owner's.
fn compare<K: ResourceExt>(there: &[K], wanted: &BTreeMap<String, Option<String>>) -> Result<()> {
    let said = |object: &K| (object.name_any(), object.labels().get(labels::WORKSPACE_UID).cloned());
    let there: BTreeMap<_, _> = there.iter().map(said).collect();
    let wrong: Vec<_> = there.iter().filter(|(name, owner)| wanted.get(*name) != Some(owner)).collect();
    let missing: Vec<_> = wanted.keys().filter(|name| !there.contains_key(*name)).collect();
    ensure!(wrong.is_empty() && missing.is_empty(), "beside what is wanted: {wrong:?}, missing: {missing:?}");
    Ok(())
}

fn is_ready(workspace: &Workspace) -> bool {
    let conditions = workspace.status.iter().flat_map(|status| &status.conditions);
    conditions.into_iter().any(|it| it.type_ == "Ready" && it.status == "True")
}

fn is_warm<K: ResourceExt>(object: &K) -> bool {
    object.labels().contains_key(labels::WARM_POOL) && object.meta().deletion_timestamp.is_none()
}

fn is_retained(volume: &PersistentVolumeClaim) -> bool {
    volume.annotations().contains_key(labels::RETAINED_UNTIL)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_that_is_killed_at_random_launches_all_and_loses_nothing() -> Result<()> {
    let kills = from_environment("KILLS").unwrap_or(KILLS);
    let seed = from_environment("KILLS_SEED").unwrap_or_else(|| {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_nanos().into())
    });
    eprintln!("KILLS={kills} KILLS_SEED={seed}");
    let mut random = Random(seed);
    let cluster = Cluster::start().await?;
    let client = cluster.admin()?;
    declare(&client).await?;
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("controller.kubeconfig"), cluster.controller_kubeconfig().await?)?;
    let mut controller = Controller::start(folder.path())?;
    controller.ready().await?;
    pool(&client, "pool", POOL_SIZE).await?;
    let mut nodes = JoinSet::new();
    nodes.spawn(run_pods(client.clone(), controller.url()));

    let spec = json!({ "owner": "ada", "tier": "standard", "template": "rust" });
    let (mut count, mut launching, began) = (0, 0, Instant::now());
    for _ in 0..kills {
        // One in eight is killed while it starts.
        if random.below(8) > 0 {
            controller.ready().await?;
        }
        for _ in 0..=random.below(AT_ONCE) {
            apply(&client, "Workspace", "workspaces", &format!("w{count}"), &spec).await?;
            count += 1;
        }
        sleep(Duration::from_millis(random.below(LONGEST))).await;
        controller.kill()?;
        launching += Seen::look(&client).await?.launching();
    }
    let last = began.elapsed();
    let settled = eventually("all is launched and nothing is left over", || async {
        let seen = Seen::look(&client).await?;
        seen.check(count).map(|()| Some(seen))
    })
    .await;
    let seen = settled.with_context(|| format!("KILLS_SEED={seed}\n{}", controller.tail()))?;
    eprintln!(
        "{kills} kills in {last:.0?} with {launching} launches under way; {count} workspaces ready and nothing left \
         over after {:.0?}, {} volumes kept for their time",
        began.elapsed(),
        seen.retained()
    );
    ensure!(launching > 0, "no kill came during a launch");
    Ok(())
}

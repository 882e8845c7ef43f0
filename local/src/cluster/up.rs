//! From a name to a running cluster: new, kept, or repaired; and the removal of what killed owners left.

use std::path::PathBuf;

use super::{
    options::ClusterOptions,
    record::{self, Record},
    running::Running,
};
use crate::{
    error::{Error, Result},
    images, leftovers,
    lock::Lock,
    packages,
    process::Lifetime,
    tools::{self, Tool, Tools},
};

/// The programs of a cluster.
const PROGRAMS: &[Tool] = &[
    Tool::Etcd,
    Tool::KubeApiserver,
    Tool::Kubectl,
    Tool::KubeControllerManager,
    Tool::KubeScheduler,
    Tool::Kubelet,
    Tool::KubeProxy,
    Tool::Containerd,
    Tool::ContainerdShim,
    Tool::Ctr,
    Tool::Runc,
    Tool::CniBridge,
    Tool::CniHostLocal,
    Tool::CniPortmap,
    Tool::Coredns,
    Tool::LocalPathProvisioner,
];

/// What [`up`] had to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It runs already.
    Kept,
    /// It ran once; its programs were started again over its data.
    Repaired,
    /// It is new.
    Started,
}

/// How a cluster is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// All nodes are ready.
    Ready,
    /// It is not; in words why.
    Broken(String),
}

/// Starts a new cluster.
pub(super) fn start(options: &ClusterOptions) -> Result<Running> {
    let tools = prepare(options)?;
    let all = record::all_lock()?;
    clean_stale()?;
    let lock = take(&options.name)?;
    if Record::load(&options.name)?.is_some() {
        return Err(Error::Exists(options.name.clone()));
    }
    let record = Record::create(options)?;
    // Others may choose their addresses now: ours are written down.
    drop(all);
    start_new(record, tools, options.persist, Some(lock))
}

/// Makes sure that the detached cluster of these options runs, with a line on standard error for each thing amiss.
pub(crate) fn up(options: &ClusterOptions) -> Result<(Running, Outcome)> {
    let Some(record) = Record::load(&options.name)?.filter(|record| record.detached) else {
        return Ok((start(options)?, Outcome::Started));
    };
    let tools = prepare(options)?;
    let lock = Lock::wait(&record::lock_file(&options.name))?;
    let mut running = Running::new(record, tools, Lifetime::Detached, Some(lock))?;
    let same = running.record().nodes == options.nodes
        && running.record().api_server_args == options.api_server_args;
    if same {
        let Health::Broken(reason) = running.health() else { return Ok((running, Outcome::Kept)) };
        eprintln!("the cluster `{}` is broken ({reason}): starting it again over its data", options.name);
        match running.kill().and_then(|()| running.run(false)) {
            Ok(()) => return Ok((running, Outcome::Repaired)),
            Err(error) => eprintln!("that failed ({error}): making it anew"),
        }
    } else {
        eprintln!("the cluster `{}` was made with other options: making it anew", options.name);
    }
    running.remove()?;
    drop(running);
    Ok((start(options)?, Outcome::Started))
}

/// Removes the cluster `name`: a detached one, or what is left of a killed owner's. Says whether there was one.
pub(crate) fn down(name: &str) -> Result<bool> {
    let _all = record::all_lock()?;
    let Some(record) = Record::load(name)? else { return Ok(false) };
    let lock = take(name)?;
    Running::new(record, tools::ensure(PROGRAMS)?, Lifetime::Detached, Some(lock))?.remove()?;
    Ok(true)
}

/// The administrator's kubeconfig of the detached cluster `name`.
pub(crate) fn kubeconfig(name: &str) -> Result<PathBuf> {
    detached(name).map(|record| record.kubeconfig())
}

/// All clusters by name, and in words how they are.
pub(crate) fn status() -> Result<Vec<(String, String)>> {
    let one = |record: Record| {
        let name = record.name.clone();
        let health = if record.detached {
            match Running::open(&name)?.health() {
                Health::Ready => "ready".to_owned(),
                Health::Broken(reason) => format!("broken: {reason}"),
            }
        } else if Lock::take(&record::lock_file(&name))?.is_some() {
            "left by a killed owner; the next start of a cluster removes it".to_owned()
        } else {
            "ends with its owner".to_owned()
        };
        Ok((name, health))
    };
    record::all()?.into_iter().map(one).collect()
}

impl Running {
    /// The detached cluster `name`.
    pub(crate) fn open(name: &str) -> Result<Self> {
        Self::new(detached(name)?, tools::ensure(PROGRAMS)?, Lifetime::Detached, None)
    }

    /// How the cluster is.
    pub(crate) fn health(&self) -> Health {
        let ready = self.ready_nodes();
        let missing: Vec<_> =
            self.record().nodes.iter().map(|node| &node.name).filter(|name| !ready.contains(name)).collect();
        if ready.is_empty() {
            Health::Broken("its API server does not answer, or no node is ready".to_owned())
        } else if missing.is_empty() {
            Health::Ready
        } else {
            let names: Vec<_> = missing.into_iter().map(String::as_str).collect();
            Health::Broken(format!("not ready: {}", names.join(", ")))
        }
    }
}

/// All that may take minutes, before anything of the cluster exists.
fn prepare(options: &ClusterOptions) -> Result<Tools> {
    options.check()?;
    if !nix::unistd::geteuid().is_root() {
        return Err(Error::NotRoot("a cluster with nodes"));
    }
    packages::require(packages::CLUSTER)?;
    images::small::archives()?;
    tools::ensure(PROGRAMS)
}

fn start_new(record: Record, tools: Tools, persist: bool, lock: Option<Lock>) -> Result<Running> {
    let lifetime = if persist { Lifetime::Detached } else { Lifetime::Owner };
    let mut running = Running::new(record, tools, lifetime, lock)?;
    running.run(true)?;
    if persist {
        running.detach()?;
    }
    Ok(running)
}

fn detached(name: &str) -> Result<Record> {
    Record::load(name)?.filter(|record| record.detached).ok_or_else(|| Error::NoCluster(name.to_owned()))
}

fn take(name: &str) -> Result<Lock> {
    Lock::take(&record::lock_file(name))?.ok_or_else(|| Error::InUse(name.to_owned()))
}

/// Removes clusters whose owner was killed: not detached, and nobody holds their lock.
fn clean_stale() -> Result<()> {
    for record in record::all()?.into_iter().filter(|record| !record.detached) {
        if let Some(lock) = Lock::take(&record::lock_file(&record.name))? {
            eprintln!("removing the cluster `{}`, whose owner was killed", record.name);
            leftovers::kill_users_of(&record.folder());
            let tools = tools::ensure(PROGRAMS)?;
            Running::new(record, tools, Lifetime::Owner, Some(lock))?.remove()?;
        }
    }
    Ok(())
}

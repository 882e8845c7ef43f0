//! WarmPool: keeps free pods ready, replaces stale ones, and removes what nobody uses.

mod apply;
#[cfg(test)]
mod day;
mod decide;
pub mod demand;
mod pace;
mod rate;
pub mod room;
mod schedule;
mod size;
mod status;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{StreamExt, stream};
use jiff::Timestamp;
use kube::ResourceExt;
use neuralinverse_api::{WarmPool, WarmPoolStatus, labels};
use tokio::time::Instant;

use self::{
    decide::{Free, Nodes, Wanted, decide},
    status::Seen,
};
use crate::{
    change::{Change, PodIndex, VolumeIndex, WorkspaceIndex},
    context::Context,
    error::{Error, Result},
    key::Key,
    kubernetes::{PersistentVolumeClaim, Pod},
    queue::Next,
    reconciler::{Reconciler, resync},
    references::{Problem, References, resolve},
    workspace::{children::pod, decide::elapsed},
    write,
};

/// How many pods are created at once: launches use the same API server.
const CREATE_AT_ONCE: usize = 4;

/// How often the status is written at most.
const STATUS_EVERY: Duration = Duration::from_secs(1);

/// How old a volume without a pod must be: its pod is created right after it.
const ORPHAN_AFTER: Duration = Duration::from_secs(60);

/// How long after a refusal it is tried again: a quota that is raised wakes nobody.
const REFUSED_RETRY: Duration = Duration::from_secs(15);

/// How often a pool that is launched from is looked at although nothing happens: the rate fades.
const FADES: Duration = Duration::from_secs(60);

/// How soon a pool whose nodes are busy is looked at again: pods of others start on them as well.
const PACE: Duration = Duration::from_secs(1);

/// How soon a pool that makes room for a workspace is looked at again.
const CROWDED: Duration = Duration::from_secs(5);

/// How long pods take to become ready as long as none has, in seconds.
const WARM_UP: f64 = 60.0;

/// Reconciles warm pools.
pub struct WarmPools {
    context: Arc<Context>,
    written: Mutex<HashMap<Key, Instant>>,
}

impl Reconciler for WarmPools {
    const KIND: &'static str = "WarmPool";
    /// A burst of claims becomes one look, and those who wait for their launch come first: a new pod takes from the
    /// same node and API server what they need.
    const GATHER: Duration = Duration::from_secs(1);

    fn all(&self) -> Vec<Key> {
        let caches = &self.context.caches;
        let declared = caches.warm_pools.all().into_iter().map(|pool| Key::of(pool.as_ref()));
        let orphans = caches.volumes.all().into_iter().filter_map(|volume| pool_of(volume.as_ref()));
        let mut keys: Vec<_> = declared.chain(orphans).collect();
        keys.sort();
        keys.dedup();
        keys
    }

    fn wakes(&self, change: &Change) -> Vec<Key> {
        match change {
            Change::WarmPool(key) => vec![key.clone()],
            Change::Pod(pod, before) => [Some(pod), before.as_ref()]
                .into_iter()
                .flatten()
                .filter_map(|pod| pool_of(pod.as_ref()))
                .chain(self.left_behind(pod))
                .collect(),
            Change::Volume(volume) => pool_of(volume.as_ref()).into_iter().collect(),
            Change::Region | Change::NodePool(_) | Change::Tier(_) | Change::Template(_) => {
                self.context.caches.warm_pools.all().iter().map(|pool| Key::of(pool.as_ref())).collect()
            }
            Change::Workspace(_)
            | Change::WorkspaceStatus(_)
            | Change::KarpenterNodePool(_)
            | Change::Node(_)
            | Change::Part
            | Change::Status(..)
            | Change::Overwritten(..) => Vec::new(),
        }
    }

    async fn reconcile(&self, key: &Key) -> Result<Next> {
        let orphans_left = self.sweep(key).await?;
        let pool = self.context.caches.warm_pools.get(key);
        let Some(pool) = pool.filter(|pool| pool.metadata.deletion_timestamp.is_none()) else {
            self.forget(key);
            return Ok(orphans_left.map_or(Next::Never, Next::After));
        };
        let references = resolve(&self.context.caches, &key.namespace, &pool.spec.tier, &pool.spec.template);
        let now = self.context.now();
        let floor = schedule::floor(&pool.spec.schedule, now);
        let desired = self.desired(key, &pool, &floor, now);
        let Filled { refused, crowded, paced, look_again } = match &references {
            Ok(references) => self.fill(key, &pool, references, desired).await?,
            Err(_) => Filled::default(),
        };
        let counted = self.context.demand.counted(&pool, now);
        let pods = self.free(key, references.as_ref().ok());
        let seen = Seen {
            references: &references,
            pods: &pods,
            desired,
            counted,
            refused: refused.as_ref(),
            crowded,
        };
        let later = self.write(key, &pool, &status::status(&pool, &seen, now)).await?;
        let again = [
            later,
            look_again,
            orphans_left,
            refused.map(|_| REFUSED_RETRY),
            crowded.then_some(CROWDED),
            paced.then_some(PACE),
            (counted.per_second > 0.0).then_some(FADES),
            floor.until.map(|until| elapsed(now, until) + Duration::from_millis(1)),
        ];
        let resync = resync(key);
        Ok(match (again.into_iter().flatten().min(), resync) {
            (Some(again), Next::After(at_last)) => Next::After(again.min(at_last)),
            (again, resync) => again.map_or(resync, Next::After),
        })
    }
}

/// What came of filling a pool.
#[derive(Default)]
struct Filled {
    /// Why Kubernetes did not take a pod.
    refused: Option<Problem>,
    /// A workspace waits for the room that another pod would take.
    crowded: bool,
    /// More pods are to be made as soon as the nodes may start them.
    paced: bool,
    /// When the next pod will have had its time.
    look_again: Option<Duration>,
}

impl WarmPools {
    /// Reconciles with what `context` knows.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context, written: Mutex::default() }
    }

    /// The pool whose volume a pod that is gone has left: it was claimed, and ended before its volume was.
    fn left_behind(&self, pod: &Pod) -> Option<Key> {
        let (caches, name) = (&self.context.caches, Key::of(pod));
        if caches.pods.get(&name).is_some() {
            return None;
        }
        pool_of(caches.volumes.get(&name)?.as_ref())
    }

    fn pods(&self, key: &Key) -> Vec<Arc<Pod>> {
        self.context.caches.pods.by(&PodIndex::WarmPool(key.clone()))
    }

    fn free(&self, key: &Key, references: Option<&References>) -> Vec<Free> {
        let urls = &self.context.urls;
        let wanted = references.map(|references| Wanted {
            revision: pod::revision(references, urls),
            offer: pod::offer(references, urls),
        });
        self.pods(key).iter().map(|pod| Free::of(pod, wanted.as_ref())).collect()
    }

    fn desired(&self, key: &Key, pool: &WarmPool, floor: &schedule::Floor, now: Timestamp) -> usize {
        let before = pool.status.as_ref().and_then(|status| status.warm_up_seconds).map(f64::from);
        let warm_up = status::warm_up(&self.free(key, None)).map(|took| took.as_secs_f64());
        self.context.demand.desired(pool, floor, warm_up.or(before).unwrap_or(WARM_UP), now)
    }

    /// Makes and removes pods.
    async fn fill(
        &self,
        key: &Key,
        pool: &WarmPool,
        references: &References,
        desired: usize,
    ) -> Result<Filled> {
        let pods = self.pods(key);
        let free = self.free(key, Some(references));
        let (caches, now, node_pool) = (&self.context.caches, self.context.now(), &references.tier.node_pool);
        let crowded = room::wanted(caches, node_pool);
        let nodes = match crowded {
            true => Nodes::Crowded,
            false => Nodes::MayStart(pace::left(caches, node_pool, now)),
        };
        let decide::Plan { create, paced, before, delete, look_again } = decide(desired, nodes, &free, now);
        apply::delete(&self.context, key, &pods, &delete).await?;
        let made = stream::iter(0..create)
            .map(|salt| apply::create(&self.context, pool, references, before.as_ref(), salt));
        let made: Vec<_> = made.buffer_unordered(CREATE_AT_ONCE).collect().await;
        let refused: Result<Vec<_>, Error> = made.into_iter().collect();
        let refused = refused?.into_iter().flatten().next();
        Ok(Filled { refused, crowded, paced, look_again })
    }

    /// Writes the status, or says when it may be written.
    async fn write(&self, key: &Key, pool: &WarmPool, new: &WarmPoolStatus) -> Result<Option<Duration>> {
        let last = self.written.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied();
        let rest = last.map(|last| STATUS_EVERY.saturating_sub(last.elapsed()));
        if let Some(rest) = rest.filter(|rest| !rest.is_zero())
            && pool.status.as_ref() != Some(new)
        {
            return Ok(Some(rest));
        }
        let caches = &self.context.caches;
        if write::status(&self.context.client, &caches.warm_pools, pool, pool.status.as_ref(), new).await? {
            self.written.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), Instant::now());
        }
        Ok(None)
    }

    fn forget(&self, key: &Key) {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
        let pools = self.context.caches.warm_pools.all();
        let known: HashSet<_> = pools.iter().filter_map(|pool| pool.uid()).collect();
        self.context.demand.keep(&known);
    }

    /// Removes volumes that nobody uses. Says when to look again for those that are too young.
    async fn sweep(&self, key: &Key) -> Result<Option<Duration>> {
        let caches = &self.context.caches;
        let now = self.context.now();
        let orphan = |volume: &Arc<PersistentVolumeClaim>| {
            let owned = !volume.owner_references().is_empty() || volume.metadata.deletion_timestamp.is_some();
            // A warm volume has its pod's name; a workspace that took the pod names the volume.
            let name = Key::of(volume.as_ref());
            let wanted = caches.workspaces.by(&WorkspaceIndex::Volume(name.clone()));
            !owned && wanted.is_empty() && caches.pods.get(&name).is_none()
        };
        let orphans = caches.volumes.by(&VolumeIndex::WarmPool(key.clone())).into_iter().filter(orphan);
        let age = |volume: &Arc<PersistentVolumeClaim>| {
            volume.creation_timestamp().map_or(Duration::ZERO, |created| elapsed(created.0, now))
        };
        let (old, young): (Vec<_>, Vec<_>) = orphans.partition(|volume| age(volume) >= ORPHAN_AFTER);
        apply::sweep(&self.context, key, &old).await?;
        Ok(young.iter().map(|volume| ORPHAN_AFTER.saturating_sub(age(volume))).max())
    }
}

/// The pool that a pod or volume was made for.
fn pool_of<K: kube::Resource>(object: &K) -> Option<Key> {
    let pool = object.labels().get(labels::WARM_POOL)?;
    Some(Key::new(object.namespace().unwrap_or_default(), pool))
}

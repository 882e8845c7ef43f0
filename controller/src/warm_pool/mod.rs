//! WarmPool: keeps free pods ready, replaces stale ones, and removes what nobody uses.

mod apply;
mod decide;
mod status;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{StreamExt, stream};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::ResourceExt;
use neuralinverse_api::{WarmPool, labels};
use tokio::time::Instant;

use self::decide::{Free, decide};
use crate::{
    change::{Change, PodIndex, VolumeIndex, WorkspaceIndex},
    context::Context,
    error::{Error, Result},
    key::Key,
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

/// Reconciles warm pools.
pub struct WarmPools {
    context: Arc<Context>,
    written: Mutex<HashMap<Key, Instant>>,
}

impl Reconciler for WarmPools {
    const KIND: &'static str = "WarmPool";
    /// A burst of claims becomes one look, and those who wait for their launch come first.
    const GATHER: Duration = Duration::from_millis(500);

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
                .collect(),
            Change::Volume(volume) => pool_of(volume.as_ref()).into_iter().collect(),
            Change::Region | Change::NodePool(_) | Change::Tier(_) | Change::Template(_) => {
                self.context.caches.warm_pools.all().iter().map(|pool| Key::of(pool.as_ref())).collect()
            }
            Change::Workspace(_) | Change::WorkspaceStatus(_) | Change::Node | Change::Part => Vec::new(),
        }
    }

    async fn reconcile(&self, key: &Key) -> Result<Next> {
        let orphans_left = self.sweep(key).await?;
        let pool = self.context.caches.warm_pools.get(key);
        let Some(pool) = pool.filter(|pool| pool.metadata.deletion_timestamp.is_none()) else {
            self.written.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
            return Ok(orphans_left.map_or(Next::Never, Next::After));
        };
        let references = resolve(&self.context.caches, &key.namespace, &pool.spec.tier, &pool.spec.template);
        let refused = match &references {
            Ok(references) => self.fill(key, &pool, references).await?,
            Err(_) => None,
        };
        let later = self.status(key, &pool, &references, refused.as_ref()).await?;
        let again = refused.map(|_| Duration::from_secs(15));
        let soonest = [later, again, orphans_left].into_iter().flatten().min();
        Ok(soonest.map_or_else(|| resync(key), Next::After))
    }
}

impl WarmPools {
    /// Reconciles with what `context` knows.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context, written: Mutex::default() }
    }

    fn pods(&self, key: &Key) -> Vec<Arc<Pod>> {
        self.context.caches.pods.by(&PodIndex::WarmPool(key.clone()))
    }

    /// Makes and removes pods. Says why Kubernetes did not take one.
    async fn fill(&self, key: &Key, pool: &WarmPool, references: &References) -> Result<Option<Problem>> {
        let pods = self.pods(key);
        let revision = pod::revision(references, &self.context.urls);
        let free: Vec<_> = pods.iter().map(|pod| Free::of(pod, Some(&revision))).collect();
        let size = usize::try_from(pool.spec.size).unwrap_or_default();
        let decide::Plan { create, delete } = decide(size, &free, Timestamp::now());
        apply::delete(&self.context, key, &pods, &delete).await?;
        let made = stream::iter(0..create).map(|salt| apply::create(&self.context, pool, references, salt));
        let made: Vec<_> = made.buffer_unordered(CREATE_AT_ONCE).collect().await;
        let refused: Result<Vec<_>, Error> = made.into_iter().collect();
        Ok(refused?.into_iter().flatten().next())
    }

    /// Writes the status, or says when it may be written.
    async fn status(
        &self,
        key: &Key,
        pool: &WarmPool,
        references: &Result<References, Problem>,
        refused: Option<&Problem>,
    ) -> Result<Option<Duration>> {
        let revision =
            references.as_ref().ok().map(|references| pod::revision(references, &self.context.urls));
        let pods: Vec<_> = self.pods(key).iter().map(|pod| Free::of(pod, revision.as_deref())).collect();
        let new = status::status(pool, references, &pods, refused, Timestamp::now());
        let last = self.written.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied();
        if let Some(rest) = last.and_then(|last| STATUS_EVERY.checked_sub(last.elapsed()))
            && pool.status.as_ref() != Some(&new)
        {
            return Ok(Some(rest));
        }
        let caches = &self.context.caches;
        if write::status(&self.context.client, &caches.warm_pools, pool, pool.status.as_ref(), &new).await? {
            self.written.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), Instant::now());
        }
        Ok(None)
    }

    /// Removes volumes that nobody uses. Says when to look again for those that are too young.
    async fn sweep(&self, key: &Key) -> Result<Option<Duration>> {
        let caches = &self.context.caches;
        let now = Timestamp::now();
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

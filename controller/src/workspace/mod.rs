//! Workspace: gets a pod for it, keeps it, replaces it, stops it.
//!
//! `observe` looks, `decide` says what is next, `apply` does it, `settle` writes down what is true.
//! Each step can be repeated, so that being killed between two of them costs nothing.

mod apply;
pub mod children;
mod claim;
pub mod decide;
mod hours;
pub mod idle;
mod ledger;
pub mod node_loss;
pub mod observe;
mod owner_limit;
pub mod pod_state;
pub mod say;
pub mod settle;
pub mod status;
pub mod tier_change;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use kube::ResourceExt;
use neuralinverse_api::{LaunchSource, Run, Workspace, condition::Reason, labels};

use self::{
    apply::apply,
    decide::{Observed, Plan, Start, decide, elapsed, left},
    status::{News, Seen},
};
use crate::{
    change::{Change, PodIndex, VolumeIndex, WorkspaceIndex},
    context::Context,
    error::Result,
    key::Key,
    kubernetes::{PersistentVolumeClaim, Pod},
    queue::Next,
    reconciler::{Reconciler, resync},
    references::Problem,
};

/// How long after the wish a warm launch may stay without a status: mostly it is ready before, and one
/// write says it all.
const SILENCE: Duration = Duration::from_secs(2);

/// How long after a refusal it is tried again: a quota that is raised wakes nobody.
const REFUSED_RETRY: Duration = Duration::from_secs(15);

/// Creation times know only seconds, and clocks differ a little.
const CLOCKS: Duration = Duration::from_secs(5);

/// Reconciles workspaces.
pub struct Workspaces {
    context: Arc<Context>,
    /// Since when we lead. What is older may have been worked on by somebody else.
    leading_since: Timestamp,
    /// When the wish for a change was heard.
    wished: Mutex<HashMap<Key, Timestamp>>,
    /// UIDs of older workspaces whose pods were asked for since we lead.
    recalled: Mutex<HashMap<Key, String>>,
    /// Workspaces that were deleted while they ran: what they used is still to be written.
    deleted: Mutex<HashMap<Key, Vec<Arc<Workspace>>>>,
    /// How many times what runs was written, by the key of its workspace.
    written: Mutex<HashMap<Key, u64>>,
}

impl Workspaces {
    /// Leads from now on.
    pub fn new(context: Arc<Context>) -> Self {
        let (wished, recalled, deleted, written) = Default::default();
        Self { leading_since: context.now(), context, wished, recalled, deleted, written }
    }

    /// Asks for the pods of a workspace where our memory may not know one that somebody else got: if the status names
    /// one that we do not know, before the first is got for it since we lead, and always before one on a volume that
    /// another may use by now. Says whether it did.
    async fn recall(&self, workspace: &Workspace, pods: &[Arc<Pod>], start: Option<&Start>) -> Result<bool> {
        let named = workspace.status.as_ref().and_then(|status| status.pod.as_ref());
        let unknown = named.is_some() && !pods.iter().any(|pod| pod.metadata.name.as_ref() == named);
        let unsure = |start: &Start| start.volume.is_some() || !self.is_recalled(workspace);
        if !unknown && !start.is_some_and(unsure) {
            return Ok(false);
        }
        observe::recall(&self.context, workspace).await?;
        lock(&self.recalled).insert(Key::of(workspace), workspace.uid().unwrap_or_default());
        Ok(true)
    }

    /// Whether nobody but us has got pods for a workspace since its pods were last asked for.
    fn is_recalled(&self, workspace: &Workspace) -> bool {
        let created = workspace.creation_timestamp().map_or(Timestamp::UNIX_EPOCH, |time| time.0);
        let ours = elapsed(self.leading_since, created) > CLOCKS;
        ours || lock(&self.recalled).get(&Key::of(workspace)) == workspace.metadata.uid.as_ref()
    }

    /// When the start was wished for: when the wish was heard, or for one that nobody heard, creation.
    fn wish(&self, workspace: &Workspace, now: Timestamp) -> Timestamp {
        let heard = lock(&self.wished).get(&Key::of(workspace)).copied();
        let first = workspace.status.as_ref().is_none_or(|status| status.epoch == 0);
        let created = workspace.creation_timestamp().map(|time| time.0).filter(|_| first);
        match (heard, created) {
            (Some(heard), Some(created)) if elapsed(created, heard) > SILENCE => created,
            (Some(heard), _) => heard,
            (None, created) => created.unwrap_or(now),
        }
    }

    async fn settle(
        &self,
        workspace: &Workspace,
        observed: &Observed,
        refused: Option<Problem>,
        suspend: bool,
    ) -> Result<Option<Duration>> {
        let now = self.context.now();
        let pods = observe::pods(&self.context, workspace);
        let current = say::current(workspace, &pods);
        if let Some(rest) = current.as_deref().and_then(|pod| silence(workspace, pod, now)) {
            return Ok(Some(rest));
        }
        let retry = refused.as_ref().map(|_| REFUSED_RETRY);
        let seen = Seen {
            references: &observed.references,
            pod: current.as_deref(),
            going: !pods.is_empty(),
            volume: observed.volume.as_deref(),
            interrupted: interrupted(&pods),
            waits_for: observed.waits_for(),
            hourly_price: current.as_deref().and_then(|pod| observe::hourly_price(&self.context, pod)),
            refused,
            suspend,
            news: News::None,
        };
        settle::settle(&self.context, workspace, &seen).await?;
        Ok(retry)
    }

    fn forget(&self, key: &Key) -> Next {
        lock(&self.wished).remove(key);
        lock(&self.recalled).remove(key);
        lock(&self.written).remove(key);
        Next::Never
    }

    /// Workspaces of the same owner that wait until this one, or its pod, takes less.
    fn beside(&self, change: &Change) -> Vec<Key> {
        let owner = match change {
            Change::Workspace(workspace) | Change::WorkspaceStatus(workspace) => Some(&workspace.spec.owner),
            Change::Pod(pod, _) => pod.labels().get(labels::OWNER),
            _ => None,
        };
        let Some(owner) = owner else { return Vec::new() };
        let all = self.context.caches.workspaces.by(&WorkspaceIndex::Owner(owner.clone()));
        all.iter().filter(|it| over_limit(it)).map(|it| Key::of(it.as_ref())).collect()
    }

    /// Writes what workspaces of this key used that were deleted while they ran.
    async fn close(&self, key: &Key) -> Result<()> {
        let deleted = lock(&self.deleted).get(key).cloned().unwrap_or_default();
        for workspace in &deleted {
            if let Some(run) = running(workspace) {
                ledger::write(&self.context, workspace, run, self.context.now()).await?;
            }
            let mut all = lock(&self.deleted);
            if let Some(left) = all.get_mut(key) {
                left.retain(|it| it.uid() != workspace.uid());
            }
            all.retain(|_, left| !left.is_empty());
        }
        Ok(())
    }

    /// Writes what a workspace that runs on has used, once an hour. Who leads anew waits for the next time.
    async fn count(&self, key: &Key, workspace: &Workspace) -> Result<()> {
        let now = self.context.now();
        let Some(run) = running(workspace) else {
            lock(&self.written).remove(key);
            return Ok(());
        };
        let due = ledger::due(run, now);
        let written = *lock(&self.written).entry(key.clone()).or_insert(due);
        if due > written {
            ledger::write(&self.context, workspace, run, now).await?;
        }
        lock(&self.written).insert(key.clone(), due);
        Ok(())
    }
}

impl Reconciler for Workspaces {
    const KIND: &'static str = "Workspace";
    /// Of a burst, the first are done before the last begin.
    const PARALLEL: usize = 4;

    fn all(&self) -> Vec<Key> {
        self.context.caches.workspaces.all().iter().map(|workspace| Key::of(workspace.as_ref())).collect()
    }

    fn wakes(&self, change: &Change) -> Vec<Key> {
        let caches = &self.context.caches;
        let mut woken = self.beside(change);
        let keys = |workspaces: Vec<Arc<Workspace>>| -> Vec<Key> {
            workspaces.iter().map(|it| Key::of(it.as_ref())).collect()
        };
        // One of a warm pool does not say yet whose it is.
        let whose = |volume: &Arc<PersistentVolumeClaim>| -> Vec<Key> {
            let named = caches.workspaces.by(&WorkspaceIndex::Volume(Key::of(volume.as_ref())));
            owner(volume.as_ref()).into_iter().chain(keys(named)).collect()
        };
        woken.extend(match change {
            Change::Workspace(workspace) => {
                let key = Key::of(workspace.as_ref());
                let known = caches.workspaces.get(&key).and_then(|known| known.uid());
                if known != workspace.uid() && running(workspace).is_some() {
                    lock(&self.deleted).entry(key.clone()).or_default().push(workspace.clone());
                }
                lock(&self.wished).insert(key.clone(), self.context.now());
                vec![key]
            }
            Change::Pod(pod, _) => owner(pod.as_ref()).into_iter().collect(),
            Change::Volume(volume) => whose(volume),
            Change::Tier(key) => keys(caches.workspaces.by(&WorkspaceIndex::Tier(key.name.clone()))),
            Change::Template(key) => keys(caches.workspaces.by(&WorkspaceIndex::Template(key.name.clone()))),
            Change::Region | Change::NodePool(_) => self.all(),
            // A sidecar may have said that nobody uses it, or have spoken last for a pod that is gone; or somebody
            // wrote what is not so.
            Change::WorkspaceStatus(workspace) => vec![Key::of(workspace.as_ref())],
            Change::Node(node) => {
                let pods = caches.pods.by(&PodIndex::Node(node.name.clone()));
                // A pod that waits for its volume there has no node.
                let volumes = caches.volumes.by(&VolumeIndex::Node(node.name.clone()));
                let users = pods.iter().filter_map(|pod| owner(pod.as_ref()));
                users.chain(volumes.iter().flat_map(whose)).collect()
            }
            Change::WarmPool(_)
            | Change::KarpenterNodePool(_)
            | Change::Part
            | Change::Status(..)
            | Change::Overwritten(..) => Vec::new(),
        });
        woken
    }

    /// Who declares a workspace, or visits one, waits for it. Others only have something to settle.
    fn is_awaited(&self, change: &Change) -> bool {
        matches!(change, Change::Workspace(_))
    }

    async fn reconcile(&self, key: &Key) -> Result<Next> {
        self.close(key).await?;
        // Pods have the workspace as owner and go with it; its volume stays for a while.
        let workspace = self.context.caches.workspaces.get(key);
        let workspace = workspace.filter(|workspace| workspace.metadata.deletion_timestamp.is_none());
        let Some(workspace) = workspace else { return Ok(self.forget(key)) };
        self.count(key, &workspace).await?;
        let now = self.context.now();
        let mut observed = observe::observe(&self.context, &workspace).await?;
        let mut plan = decide(&workspace, &observed, now);
        if self.recall(&workspace, &observed.pods, plan.start.as_ref()).await? {
            observed = observe::observe(&self.context, &workspace).await?;
            plan = decide(&workspace, &observed, now);
        }
        let since = self.wish(&workspace, now);
        let refused = apply(&self.context, &workspace, &plan, &observed.references, since).await?;
        let waiting = refused.is_some() || waits(&plan, &observed);
        let soon = self.settle(&workspace, &observed, refused, plan.suspend).await?;
        if !waiting {
            lock(&self.wished).remove(key);
        }
        // It has been written down why; now the pod goes.
        let at_once = plan.suspend.then_some(Duration::ZERO);
        let soonest = [soon, plan.look_again, at_once].into_iter().flatten().min();
        Ok(soonest.map_or_else(|| resync(key), Next::After))
    }
}

/// Whether the wish is still unfulfilled, so that its time counts on.
fn waits(plan: &Plan, observed: &Observed) -> bool {
    plan.start.is_none() && observed.pods.iter().any(|pod| pod.metadata.deletion_timestamp.is_some())
}

/// Why a pod that is going was ended, unless we did it ourselves.
fn interrupted(pods: &[Arc<Pod>]) -> Option<(Reason, String)> {
    let going = pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_some());
    going.filter_map(|pod| pod_state::interruption(pod)).next()
}

/// What is being counted of a workspace.
fn running(workspace: &Workspace) -> Option<&Run> {
    workspace.status.as_ref()?.run.as_ref()
}

fn over_limit(workspace: &Workspace) -> bool {
    let conditions = workspace.status.iter().flat_map(|status| &status.conditions);
    conditions.into_iter().any(|it| it.reason == Reason::OwnerLimit.as_str())
}

/// How long a pod that was just taken from a warm pool may still stay out of the status.
fn silence(workspace: &Workspace, pod: &Pod, now: Timestamp) -> Option<Duration> {
    let (source, since) = pod_state::launch(pod)?;
    let written = workspace.status.as_ref().is_some_and(|status| status.epoch >= pod_state::epoch(pod));
    let rest = left(SILENCE, since, now);
    (source == LaunchSource::Warm && !written && !rest.is_zero()).then_some(rest)
}

/// The workspace that a pod or volume belongs to.
fn owner<K: kube::Resource>(object: &K) -> Option<Key> {
    let workspace = object.labels().get(labels::WORKSPACE)?;
    Some(Key::new(object.namespace().unwrap_or_default(), workspace))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

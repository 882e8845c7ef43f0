//! WorkspaceNodePool: nodes with the label and taint of the pool. Those that are there are marked, and unmarked
//! again; for others Karpenter is told what they must be like.
//!
//! Level-triggered: what we put on a node is marked on the node, so that it is taken off also when the
//! pool went away while nobody looked. A pool that is used does not go: it has a finalizer, and says for what it
//! waits.

mod decide;
pub mod karpenter;
mod status;
mod users;

use std::{sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::Node;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, Preconditions},
};
use neuralinverse_api::{KarpenterNodes, WorkspaceNodePool, condition::Reason, labels};
use serde_json::json;

pub use decide::facts;

use self::{karpenter::NodePool, status::Seen, users::Users};
use crate::{
    caches::Caches,
    change::{Change, PodIndex},
    contains::contains,
    context::Context,
    error::{During, Error, Result, not_found, refused, text},
    key::Key,
    queue::Next,
    reconciler::{Reconciler, resync},
    references::Problem,
    workspace::{children::is_managed, pod_state},
    write,
};

/// How soon it is looked whether Karpenter is there or takes what it refused: nobody tells us.
const LOOK_AGAIN: Duration = Duration::from_secs(20);

/// The nodes of a pool that take new pods.
pub fn open(caches: &Caches, pool: &str) -> impl Iterator<Item = Arc<Node>> {
    let nodes = caches.nodes.all().into_iter();
    nodes.filter(move |node| decide::pool(node) == Some(pool) && decide::schedulable(node))
}

/// Reconciles node pools.
pub struct NodePools(pub Arc<Context>);

impl Reconciler for NodePools {
    const KIND: &'static str = "WorkspaceNodePool";
    /// What is used follows a burst of launches with one write.
    const GATHER: Duration = Duration::from_secs(1);

    fn all(&self) -> Vec<Key> {
        let caches = &self.0.caches;
        let declared = caches.node_pools.all().into_iter().map(|pool| Key::of(pool.as_ref()));
        let marked = caches.nodes.all().into_iter().filter_map(|node| facts(&node).labelled_for);
        declared.chain(marked.map(Key::cluster)).collect()
    }

    fn wakes(&self, change: &Change) -> Vec<Key> {
        match change {
            // Another pool may come first for the same nodes now, or a tier have another pool.
            Change::Node(_) | Change::Tier(_) => self.all(),
            Change::NodePool(key) => self.all().into_iter().chain([key.clone()]).collect(),
            Change::KarpenterNodePool(key) => vec![key.clone()],
            Change::Pod(pod, _) => pod_state::node_pool(pod).map(Key::cluster).into_iter().collect(),
            _ => Vec::new(),
        }
    }

    async fn reconcile(&self, key: &Key) -> Result<Next> {
        let caches = &self.0.caches;
        let pool = caches.node_pools.get(key);
        let users = Users::of(caches, &key.name);
        let deleted = pool.as_ref().is_some_and(|pool| pool.metadata.deletion_timestamp.is_some());
        let leaves = deleted && users.is_empty();
        let mut pools = caches.node_pools.all();
        // As long as something uses it, its nodes stay.
        pools.retain(|it| !leaves || it.name_any() != key.name);
        self.mark(key, &pools).await?;
        let Some(pool) = pool else { return Ok(Next::Never) };
        if leaves {
            return self.release(key, &pool).await;
        }
        if !deleted {
            self.hold(&pool).await?;
        }
        let problem = match &pool.spec.karpenter {
            Some(nodes) => self.keep(key, &pool, nodes).await?,
            None => self.remove(key).await.map(|_| None)?,
        };
        let next = problem.as_ref().map_or_else(|| resync(key), |_| Next::After(LOOK_AGAIN));
        self.say(key, &pools, &users, problem).await?;
        Ok(next)
    }
}

impl NodePools {
    /// Puts label and taint on nodes, and takes them off.
    async fn mark(&self, key: &Key, pools: &[Arc<WorkspaceNodePool>]) -> Result<()> {
        for node in self.0.caches.nodes.all() {
            if let Some(patch) = decide::patch(&node, &key.name, pools) {
                let api: Api<Node> = Api::all(self.0.client.clone());
                let name = node.name_any();
                let patched = api
                    .patch(&name, &write::params(), &Patch::Merge(patch))
                    .await
                    .during("labelling a node")?;
                self.0.caches.nodes.apply(patched);
                tracing::info!(node = name, "node was labelled or unlabelled");
            }
        }
        Ok(())
    }

    /// Sees to it that the pool does not go before we let it.
    async fn hold(&self, pool: &WorkspaceNodePool) -> Result<()> {
        let mut finalizers = pool.finalizers().to_vec();
        if finalizers.iter().any(|it| it == labels::NODE_POOL_IN_USE) {
            return Ok(());
        }
        finalizers.push(labels::NODE_POOL_IN_USE.to_owned());
        self.set_finalizers(pool, &finalizers).await
    }

    /// Lets a pool go that nothing uses, once Karpenter has removed its nodes.
    async fn release(&self, key: &Key, pool: &WorkspaceNodePool) -> Result<Next> {
        if !self.remove(key).await? {
            self.say(key, &self.0.caches.node_pools.all(), &Users::default(), None).await?;
            return Ok(resync(key));
        }
        let mut finalizers = pool.finalizers().to_vec();
        finalizers.retain(|it| it != labels::NODE_POOL_IN_USE);
        if finalizers.len() < pool.finalizers().len() {
            self.set_finalizers(pool, &finalizers).await?;
        }
        Ok(Next::Never)
    }

    /// A list of finalizers can only be replaced as a whole, so only in the copy that we looked at.
    async fn set_finalizers(&self, pool: &WorkspaceNodePool, finalizers: &[String]) -> Result<()> {
        let api: Api<WorkspaceNodePool> = Api::all(self.0.client.clone());
        let patch = json!({ "metadata": {
            "resourceVersion": pool.resource_version(), "finalizers": finalizers,
        } });
        match api.patch(&pool.name_any(), &write::params(), &Patch::Merge(patch)).await {
            Err(error) if not_found(&error) => Ok(()),
            Err(error) => Err(error).during("writing the finalizers of a node pool"),
            // The last finalizer gone is the pool gone: the watch brings that.
            Ok(_) if finalizers.is_empty() && pool.metadata.deletion_timestamp.is_some() => Ok(()),
            Ok(written) => {
                self.0.caches.node_pools.apply(written);
                Ok(())
            }
        }
    }

    /// Makes Karpenter's NodePool what it must be. Says why there are no nodes of it, if there are none.
    async fn keep(
        &self,
        key: &Key,
        pool: &WorkspaceNodePool,
        nodes: &KarpenterNodes,
    ) -> Result<Option<Problem>> {
        let wanted = karpenter::wanted(pool, nodes);
        let known = self.0.caches.karpenter_node_pools.get(key);
        if let Some(there) = &known
            && contains(&serde_json::to_value(there.as_ref())?, &wanted)
        {
            return Ok(karpenter::problem(there));
        }
        let api: Api<NodePool> = Api::all(self.0.client.clone());
        if known.is_none() {
            // Only those that are ours are watched.
            match api.get(&key.name).await {
                Ok(there) if !is_managed(&there) => return Ok(Some(karpenter::taken(&key.name))),
                Err(error) if !not_found(&error) => {
                    return Err(error).during("looking for a NodePool of Karpenter");
                }
                _ => {}
            }
        }
        let params = PatchParams::apply(labels::CONTROLLER).force();
        match api.patch(&key.name, &params, &Patch::Apply(&wanted)).await {
            Ok(written) => {
                tracing::info!(node_pool = key.name, "applied Karpenter's NodePool");
                let written = self.0.caches.karpenter_node_pools.apply(written);
                Ok(karpenter::problem(&written))
            }
            Err(error) if not_found(&error) => Ok(Some(karpenter::not_found())),
            Err(error) if refused(&error) => {
                let message = format!("Karpenter's NodePool was refused: {}", text(&error));
                Ok(Some(Problem::new(Reason::Refused, message)))
            }
            Err(error) => Err(Error::Api { what: "applying Karpenter's NodePool", source: error }),
        }
    }

    /// Removes Karpenter's NodePool, if we made one: its nodes go first, each when its last workspace has stopped.
    /// Says whether it is gone.
    async fn remove(&self, key: &Key) -> Result<bool> {
        let Some(there) = self.0.caches.karpenter_node_pools.get(key) else { return Ok(true) };
        if there.metadata.deletion_timestamp.is_some() {
            return Ok(false);
        }
        let api: Api<NodePool> = Api::all(self.0.client.clone());
        let uid = Preconditions { uid: there.uid(), resource_version: None };
        match api.delete(&key.name, &DeleteParams::foreground().preconditions(uid)).await {
            Err(error) if not_found(&error) => return Ok(true),
            other => other.map(drop).during("deleting a NodePool of Karpenter")?,
        }
        tracing::info!(node_pool = key.name, "deleted Karpenter's NodePool");
        Ok(false)
    }

    /// Writes down what is true, of the pool as it is after our own writes.
    async fn say(
        &self,
        key: &Key,
        pools: &[Arc<WorkspaceNodePool>],
        users: &Users,
        problem: Option<Problem>,
    ) -> Result<()> {
        let caches = &self.0.caches;
        let Some(pool) = caches.node_pools.get(key) else { return Ok(()) };
        let mut nodes = caches.nodes.all();
        nodes.retain(|node| decide::pool(node) == Some(&key.name) && decide::belongs(node, &key.name, pools));
        let pods = caches.pods.by(&PodIndex::NodePool(key.name.clone()));
        let seen = Seen { nodes: &nodes, pods: &pods, users, problem };
        let status = status::status(&pool, &seen, self.0.now());
        write::status(&self.0.client, &caches.node_pools, &pool, pool.status.as_ref(), &status).await?;
        Ok(())
    }
}

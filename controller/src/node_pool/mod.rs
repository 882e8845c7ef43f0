//! WorkspaceNodePool: puts the label and taint on the nodes that it selects, and takes them off again.
//!
//! Level-triggered: what we put on a node is marked on the node, so that it is taken off also when the
//! pool went away while nobody looked.

mod decide;
mod status;

use std::sync::Arc;

use k8s_openapi::api::core::v1::Node;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use neuralinverse_api::labels;

pub use decide::facts;

use crate::{
    change::Change,
    context::Context,
    error::{During, Result},
    key::Key,
    queue::Next,
    reconciler::{Reconciler, resync},
    write,
};

/// Reconciles node pools.
pub struct NodePools(pub Arc<Context>);

impl Reconciler for NodePools {
    const KIND: &'static str = "WorkspaceNodePool";

    fn all(&self) -> Vec<Key> {
        let caches = &self.0.caches;
        let declared = caches.node_pools.all().into_iter().map(|pool| Key::of(pool.as_ref()));
        let marked = caches.nodes.all().into_iter().filter_map(|node| facts(&node).labelled_for);
        declared.chain(marked.map(Key::cluster)).collect()
    }

    fn wakes(&self, change: &Change) -> Vec<Key> {
        match change {
            // Another pool may come first for the same nodes now.
            Change::Node(_) | Change::NodePool(_) => self.all_and(change),
            _ => Vec::new(),
        }
    }

    async fn reconcile(&self, key: &Key) -> Result<Next> {
        let caches = &self.0.caches;
        let pools: Vec<_> = caches.node_pools.all();
        for node in caches.nodes.all() {
            if let Some(patch) = decide::patch(&node, &key.name, &pools) {
                self.patch(&node, patch).await?;
            }
        }
        let Some(pool) = caches.node_pools.get(key) else { return Ok(Next::Never) };
        let nodes = caches.nodes.all().into_iter().filter(|node| {
            facts(node).pool.as_deref() == Some(&key.name) && decide::belongs(node, &key.name, &pools)
        });
        let status = status::status(&pool, &nodes.collect::<Vec<_>>(), jiff::Timestamp::now());
        write::status(&self.0.client, &caches.node_pools, &pool, pool.status.as_ref(), &status).await?;
        Ok(resync(key))
    }
}

impl NodePools {
    fn all_and(&self, change: &Change) -> Vec<Key> {
        let mut keys = self.all();
        if let Change::NodePool(key) = change {
            keys.push(key.clone());
        }
        keys
    }

    async fn patch(&self, node: &Node, patch: serde_json::Value) -> Result<()> {
        let api: Api<Node> = Api::all(self.0.client.clone());
        let name = Key::of(node).name;
        let params = PatchParams { field_manager: Some(labels::CONTROLLER.to_owned()), ..Default::default() };
        let patched = api.patch(&name, &params, &Patch::Merge(patch)).await.during("labelling a node")?;
        self.0.caches.nodes.apply(patched);
        tracing::info!(node = name, "node was labelled or unlabelled");
        Ok(())
    }
}

//! All that we know of the cluster, and the watches that keep it up to date.

use std::{fmt::Debug, sync::Arc, time::Duration};

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    core::v1::Node,
};
use kube::{
    Api, Client,
    runtime::{WatchStreamExt, watcher},
};
use neuralinverse_api::{
    Region, WarmPool, Workspace, WorkspaceNodePool, WorkspaceTemplate, WorkspaceTier, labels,
};
use serde::de::DeserializeOwned;
use tokio::{sync::broadcast, task::JoinSet};

use crate::{
    cache::{Cache, Cached},
    change::Change,
    error::not_found,
    key::Key,
    kubernetes::{PersistentVolumeClaim, Pod},
    names::REGION,
    node_pool::karpenter,
};

/// Whoever is further behind than this looks at everything instead.
const BACKLOG: usize = 8192;

/// How many objects a list brings at once: a page is held in full before anything of it is passed over.
const PAGE: u32 = 100;

/// How soon it is looked again whether a kind is in the cluster by now.
const ABSENT: Duration = Duration::from_secs(30);

/// One cache a kind.
pub struct Caches {
    /// What changed, for reconcilers and waiting sidecars.
    pub changes: broadcast::Sender<Change>,
    /// Regions: there is one.
    pub regions: Arc<Cache<Region>>,
    /// Node pools.
    pub node_pools: Arc<Cache<WorkspaceNodePool>>,
    /// Karpenter's NodePools that we made: none where there is no Karpenter.
    pub karpenter_node_pools: Arc<Cache<karpenter::NodePool>>,
    /// Tiers.
    pub tiers: Arc<Cache<WorkspaceTier>>,
    /// Templates.
    pub templates: Arc<Cache<WorkspaceTemplate>>,
    /// Warm pools.
    pub warm_pools: Arc<Cache<WarmPool>>,
    /// Workspaces.
    pub workspaces: Arc<Cache<Workspace>>,
    /// All nodes.
    pub nodes: Arc<Cache<Node>>,
    /// Our pods.
    pub pods: Arc<Cache<Pod>>,
    /// Our volumes.
    pub volumes: Arc<Cache<PersistentVolumeClaim>>,
    /// Gateway and portal.
    pub deployments: Arc<Cache<Deployment>>,
    /// Gitea.
    pub stateful_sets: Arc<Cache<StatefulSet>>,
}

impl Default for Caches {
    fn default() -> Self {
        let changes = broadcast::Sender::new(BACKLOG);
        Self {
            regions: Arc::new(Cache::new(changes.clone())),
            node_pools: Arc::new(Cache::new(changes.clone())),
            karpenter_node_pools: Arc::new(Cache::new(changes.clone())),
            tiers: Arc::new(Cache::new(changes.clone())),
            templates: Arc::new(Cache::new(changes.clone())),
            warm_pools: Arc::new(Cache::new(changes.clone())),
            workspaces: Arc::new(Cache::new(changes.clone())),
            nodes: Arc::new(Cache::new(changes.clone())),
            pods: Arc::new(Cache::new(changes.clone())),
            volumes: Arc::new(Cache::new(changes.clone())),
            deployments: Arc::new(Cache::new(changes.clone())),
            stateful_sets: Arc::new(Cache::new(changes.clone())),
            changes,
        }
    }
}

impl Caches {
    /// Starts the watches, those of the region's programs in `namespace`. They end when the set is dropped.
    pub fn watch(&self, client: &Client, namespace: &str) -> JoinSet<()> {
        let all = watcher::Config::default().page_size(PAGE);
        let ours = all.clone().labels(&format!("{}={}", labels::MANAGED_BY, labels::CONTROLLER));
        let mut tasks = JoinSet::new();
        tasks.spawn(follow(Api::all(client.clone()), &all, &self.regions));
        tasks.spawn(follow(Api::all(client.clone()), &all, &self.node_pools));
        tasks.spawn(follow(Api::all(client.clone()), &ours, &self.karpenter_node_pools));
        tasks.spawn(follow(Api::all(client.clone()), &all, &self.tiers));
        tasks.spawn(follow(Api::all(client.clone()), &all, &self.templates));
        tasks.spawn(follow(Api::all(client.clone()), &all, &self.warm_pools));
        tasks.spawn(follow(Api::all(client.clone()), &all, &self.workspaces));
        tasks.spawn(follow(Api::all(client.clone()), &all, &self.nodes));
        tasks.spawn(follow(Api::all(client.clone()), &ours, &self.pods));
        tasks.spawn(follow(Api::all(client.clone()), &ours, &self.volumes));
        tasks.spawn(follow(Api::namespaced(client.clone(), namespace), &ours, &self.deployments));
        tasks.spawn(follow(Api::namespaced(client.clone(), namespace), &ours, &self.stateful_sets));
        tasks
    }

    /// The Region of this cluster.
    pub fn region(&self) -> Option<Arc<Region>> {
        self.regions.get(&Key::cluster(REGION))
    }

    /// Waits until all of them know what is in the cluster.
    pub async fn completed(&self) {
        self.regions.completed().await;
        self.node_pools.completed().await;
        self.karpenter_node_pools.completed().await;
        self.tiers.completed().await;
        self.templates.completed().await;
        self.warm_pools.completed().await;
        self.workspaces.completed().await;
        self.nodes.completed().await;
        self.pods.completed().await;
        self.volumes.completed().await;
        self.deployments.completed().await;
        self.stateful_sets.completed().await;
    }
}

/// Keeps one cache up to date for ever. Errors of the connection are retried with a growing delay.
fn follow<K>(
    api: Api<K>,
    config: &watcher::Config,
    cache: &Arc<Cache<K>>,
) -> impl Future<Output = ()> + use<K>
where
    K: Cached + Clone + Debug + DeserializeOwned,
{
    let events = watcher(api, config.clone()).default_backoff();
    let cache = cache.clone();
    let kind = K::kind(&K::DynamicType::default()).into_owned();
    async move {
        let mut events = events.into_stream().boxed();
        while let Some(event) = events.next().await {
            match event {
                Ok(watcher::Event::Init) => cache.begin(),
                Ok(watcher::Event::InitApply(object) | watcher::Event::Apply(object)) => {
                    cache.apply(object);
                }
                Ok(watcher::Event::InitDone) => cache.end(),
                Ok(watcher::Event::Delete(object)) => cache.remove(object),
                Err(error) if is_absent(&error) => {
                    cache.end();
                    tokio::time::sleep(ABSENT).await;
                }
                Err(error) => tracing::warn!(kind, %error, "watch was cut, trying again"),
            }
        }
    }
}

/// Whether the cluster does not have the kind, as it may not have Karpenter's: there are none of it.
fn is_absent(error: &watcher::Error) -> bool {
    matches!(error, watcher::Error::InitialListFailed(error) if not_found(error))
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn a_path_that_the_api_server_does_not_know_is_a_kind_that_is_not_there() {
        let failed = |code| {
            let status = Status::failure("page not found", "Failed to parse error data").with_code(code);
            watcher::Error::InitialListFailed(kube::Error::Api(status.boxed()))
        };
        assert!(is_absent(&failed(404)));
        assert!(!is_absent(&failed(403)));
    }
}

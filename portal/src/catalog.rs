//! What a new workspace can be made of: the region's tiers, templates and namespaces.

use std::sync::Arc;

use futures::StreamExt;
use kube::{
    Api, Client, ResourceExt,
    runtime::{
        WatchStreamExt,
        reflector::{self, Lookup, Store, store},
        watcher,
    },
};
use neuralinverse_api::{Ide, Region, WorkspaceTemplate, WorkspaceTier};
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;
use tracing::warn;

/// The region's offer, from memory.
pub struct Catalog {
    regions: Store<Region>,
    tiers: Store<WorkspaceTier>,
    templates: Store<WorkspaceTemplate>,
}

impl Catalog {
    /// Begins to follow the region in `tasks`.
    pub fn follow(client: &Client, tasks: &mut JoinSet<()>) -> Self {
        Self {
            regions: reflect(client, tasks),
            tiers: reflect(client, tasks),
            templates: reflect(client, tasks),
        }
    }

    /// Returns when all of it has been read.
    pub async fn wait(&self) {
        // An error means that the task is gone; then the portal ends anyway.
        let _ = tokio::join!(
            self.regions.wait_until_ready(),
            self.tiers.wait_until_ready(),
            self.templates.wait_until_ready()
        );
    }

    /// The region, if it has been declared.
    pub fn region(&self) -> Option<Arc<Region>> {
        self.regions.state().into_iter().next()
    }

    /// Tiers, the small ones first.
    pub fn tiers(&self) -> Vec<Arc<WorkspaceTier>> {
        let mut tiers = self.tiers.state();
        tiers.sort_by_key(|it| (it.spec.cpu.milli(), it.spec.memory.milli(), it.name_any()));
        tiers
    }

    /// Templates by name.
    pub fn templates(&self) -> Vec<Arc<WorkspaceTemplate>> {
        let mut templates = self.templates.state();
        templates.sort_by_key(|it| it.name_any());
        templates
    }

    /// Whether workspaces of this template have an editor. Of one that is gone, nobody knows better.
    pub fn has_editor(&self, template: &str) -> bool {
        let template = self.templates.get(&reflector::ObjectRef::new(template));
        template.is_none_or(|it| it.spec.ide != Ide::None)
    }

    /// One tier.
    pub fn tier(&self, name: &str) -> Option<Arc<WorkspaceTier>> {
        self.tiers.get(&reflector::ObjectRef::new(name))
    }
}

fn reflect<K>(client: &Client, tasks: &mut JoinSet<()>) -> Store<K>
where
    K: kube::Resource<DynamicType = (), Scope = kube::core::ClusterResourceScope>
        + Lookup<DynamicType = ()>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned
        + Send
        + Sync
        + 'static,
{
    let (reader, writer) = store();
    let api: Api<K> = Api::all(client.clone());
    tasks.spawn(async move {
        let events = watcher(api, watcher::Config::default()).default_backoff();
        let events = reflector::reflector(writer, events);
        events
            .for_each(|event| async {
                if let Err(error) = event {
                    warn!(%error, "watch");
                }
            })
            .await;
    });
    reader
}

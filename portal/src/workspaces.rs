//! All workspaces of the region in memory, found by their id and by their owner, and who hears of changes.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    mem,
    sync::{Arc, PoisonError, RwLock},
};

use kube::{
    Api, Client,
    runtime::watcher::{Config, Event},
};
use neuralinverse_api::{Owner, Workspace};
use tokio::sync::broadcast;

use crate::{id::WorkspaceId, watch::follow};

/// The workspaces.
pub struct Workspaces {
    index: RwLock<Index>,
    changed: broadcast::Sender<Arc<str>>,
}

#[derive(Default)]
struct Index {
    by_id: HashMap<WorkspaceId, Arc<Workspace>>,
    by_owner: HashMap<String, BTreeSet<WorkspaceId>>,
    /// What a list that is under way has shown so far.
    listed: HashSet<WorkspaceId>,
    ready: bool,
}

/// Tells when a workspace of one owner changes.
pub struct Changes {
    owner: String,
    receiver: broadcast::Receiver<Arc<str>>,
}

impl Default for Workspaces {
    fn default() -> Self {
        Self { index: RwLock::default(), changed: broadcast::Sender::new(1024) }
    }
}

impl Workspaces {
    /// Whether all of them have been read.
    pub fn ready(&self) -> bool {
        self.index.read().unwrap_or_else(PoisonError::into_inner).ready
    }

    /// Those of an owner, by name.
    pub fn of(&self, owner: &Owner) -> Vec<Arc<Workspace>> {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        let ids = index.by_owner.get(owner.as_str()).into_iter().flatten();
        let mut found: Vec<_> = ids.filter_map(|id| index.by_id.get(id).cloned()).collect();
        drop(index);
        found.sort_by(|a, b| {
            (&a.metadata.name, &a.metadata.namespace).cmp(&(&b.metadata.name, &b.metadata.namespace))
        });
        found
    }

    /// The one with this id, if it is the owner's. To anybody else it does not exist.
    pub fn get(&self, owner: &Owner, id: &WorkspaceId) -> Option<Arc<Workspace>> {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        index.by_id.get(id).filter(|it| it.spec.owner == owner.as_str()).cloned()
    }

    /// How many there are in a namespace.
    pub fn count(&self, namespace: &str) -> usize {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        index.by_id.values().filter(|it| it.metadata.namespace.as_deref() == Some(namespace)).count()
    }

    /// Tells of changes from now on.
    pub fn changes(&self, owner: &Owner) -> Changes {
        Changes { owner: owner.as_str().to_owned(), receiver: self.changed.subscribe() }
    }

    /// Takes a workspace that an answer of the API server held, before the watch brings it.
    pub fn see(&self, workspace: Workspace) {
        self.on(Event::Apply(workspace));
    }

    /// Follows the region; never returns.
    pub async fn run(&self, client: Client) {
        follow(Api::all(client), Config::default(), |event| self.on(event)).await;
    }

    fn on(&self, event: Event<Workspace>) {
        let owners = self.index.write().unwrap_or_else(PoisonError::into_inner).on(event);
        for owner in owners {
            // Nobody may be listening.
            let _ = self.changed.send(owner.into());
        }
    }
}

impl Index {
    /// Takes an event in; gives the owners whom it concerns.
    fn on(&mut self, event: Event<Workspace>) -> Vec<String> {
        match event {
            Event::Init => {
                self.listed.clear();
                Vec::new()
            }
            Event::InitApply(workspace) => {
                self.listed.extend(WorkspaceId::of(&workspace));
                self.insert(workspace).into_iter().collect()
            }
            Event::InitDone => {
                self.ready = true;
                let listed = mem::take(&mut self.listed);
                let gone: Vec<_> = self.by_id.keys().filter(|id| !listed.contains(*id)).cloned().collect();
                gone.iter().filter_map(|id| self.remove(id)).collect()
            }
            Event::Apply(workspace) => self.insert(workspace).into_iter().collect(),
            Event::Delete(workspace) => {
                WorkspaceId::of(&workspace).and_then(|id| self.remove(&id)).into_iter().collect()
            }
        }
    }

    fn insert(&mut self, mut workspace: Workspace) -> Option<String> {
        // The larger half of an object, and who needs it asks the API server.
        workspace.metadata.managed_fields = None;
        let id = WorkspaceId::of(&workspace)?;
        let owner = workspace.spec.owner.clone();
        self.by_owner.entry(owner.clone()).or_default().insert(id.clone());
        self.by_id.insert(id, Arc::new(workspace));
        Some(owner)
    }

    fn remove(&mut self, id: &WorkspaceId) -> Option<String> {
        let owner = self.by_id.remove(id)?.spec.owner.clone();
        if let Some(ids) = self.by_owner.get_mut(&owner) {
            ids.remove(id);
            if ids.is_empty() {
                self.by_owner.remove(&owner);
            }
        }
        Some(owner)
    }
}

impl Changes {
    /// Returns at the next change.
    pub async fn next(&mut self) {
        loop {
            match self.receiver.recv().await {
                Ok(owner) if *owner != *self.owner => {}
                // Who cannot keep up looks again as well.
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => return,
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn workspace(name: &str, uid: &str, owner: &Owner) -> Workspace {
        serde_json::from_value(json!({
            "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "Workspace",
            "metadata": { "name": name, "namespace": "workspaces", "uid": uid },
            "spec": { "owner": owner.as_str(), "tier": "t", "template": "t" },
        }))
        .unwrap()
    }

    #[test]
    fn everybody_finds_their_own_only() {
        let (ada, bob) = (Owner::of("i", "ada"), Owner::of("i", "bob"));
        let all = Workspaces::default();
        assert!(!all.ready());
        all.on(Event::Init);
        all.on(Event::InitApply(workspace("b", "1", &ada)));
        all.on(Event::InitApply(workspace("a", "2", &ada)));
        all.on(Event::InitApply(workspace("c", "3", &bob)));
        all.on(Event::InitDone);
        assert!(all.ready());

        let names =
            |owner| all.of(owner).iter().filter_map(|it| it.metadata.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&ada), ["a", "b"]);
        assert_eq!(names(&bob), ["c"]);
        assert!(all.get(&bob, &WorkspaceId::of_uid("3")).is_some());
        assert!(all.get(&ada, &WorkspaceId::of_uid("3")).is_none());
    }

    #[test]
    fn what_a_new_list_lacks_is_gone() {
        let ada = Owner::of("i", "ada");
        let all = Workspaces::default();
        all.see(workspace("a", "1", &ada));
        all.see(workspace("b", "2", &ada));
        all.on(Event::Init);
        all.on(Event::InitApply(workspace("b", "2", &ada)));
        all.on(Event::InitDone);
        assert_eq!(all.of(&ada).len(), 1);
        all.on(Event::Delete(workspace("b", "2", &ada)));
        assert!(all.of(&ada).is_empty());
        assert_eq!(all.count("workspaces"), 0);
    }
}

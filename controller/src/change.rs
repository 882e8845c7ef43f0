//! What is cached, what it is found by, and what others are told when it changes.

use std::sync::Arc;

use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    core::v1::{Node, ObjectReference},
};
use kube::{Resource, ResourceExt};
use neuralinverse_api::{
    Region, WarmPool, Workspace, WorkspaceNodePool, WorkspaceTemplate, WorkspaceTier, labels,
};

use crate::{
    cache::Cached,
    key::Key,
    kubernetes::{PersistentVolumeClaim, Pod, PodConditionType},
    node_pool::karpenter,
    workspace::{node_loss, pod_state, status},
};

/// Something is different now. Says what, not how: whoever hears it looks at the whole.
#[derive(Clone, Debug)]
pub enum Change {
    /// The Region.
    Region,
    /// What a node pool asks for.
    NodePool(Key),
    /// A NodePool of Karpenter's that we made.
    KarpenterNodePool(Key),
    /// What a tier asks for.
    Tier(Key),
    /// What a template asks for.
    Template(Key),
    /// What a warm pool asks for.
    WarmPool(Key),
    /// What a workspace asks for.
    Workspace(Arc<Workspace>),
    /// The status of a workspace.
    WorkspaceStatus(Arc<Workspace>),
    /// A node, by its name.
    Node(Key),
    /// A pod of ours. With the one that it was before, since a claim takes it out of its pool.
    Pod(Arc<Pod>, Option<Arc<Pod>>),
    /// A volume of ours.
    Volume(Arc<PersistentVolumeClaim>),
    /// A program of the region: Gitea, the gateway or the portal.
    Part,
    /// The status of anything else that is declared, of this kind. Only whoever writes it hears of it: it may be
    /// somebody else's word.
    Status(&'static str, Key),
    /// Somebody of this name wrote the status of this object, which is ours.
    Overwritten(Box<ObjectReference>, String),
}

/// What pods are found by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PodIndex {
    /// UID of the pod.
    Uid(String),
    /// UID of the workspace that it was given to.
    Workspace(String),
    /// The warm pool that it is free in.
    WarmPool(Key),
    /// Name of the node that it was placed on, as a workspace's pod.
    Node(String),
    /// The node pool on whose nodes it may run.
    NodePool(String),
    /// The node pool in which it waits for room, as a workspace's pod.
    Unschedulable(String),
    /// The node pool on one of whose nodes it is being started.
    Starting(String),
}

/// What volumes are found by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum VolumeIndex {
    /// UID of the workspace that owns it.
    Workspace(String),
    /// The warm pool that it was made for.
    WarmPool(Key),
    /// The node that it was made for.
    Node(String),
}

/// What workspaces are found by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum WorkspaceIndex {
    /// The tier's name.
    Tier(String),
    /// The template's name.
    Template(String),
    /// Its owner.
    Owner(String),
    /// Namespace and name of the volume in its status, and of the one that it lost.
    Volume(Key),
    /// Its launch is under way.
    Launching,
}

/// Kinds that are few enough to be walked over.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NoIndex {}

impl Cached for Pod {
    type Index = PodIndex;

    fn indices(&self) -> Vec<PodIndex> {
        let namespace = self.namespace().unwrap_or_default();
        let labels = self.labels();
        let uid = self.uid().map(PodIndex::Uid);
        let workspace = labels.get(labels::WORKSPACE_UID).cloned().map(PodIndex::Workspace);
        let pool = labels.get(labels::WARM_POOL).map(|pool| PodIndex::WarmPool(Key::new(namespace, pool)));
        let node_pool = pod_state::node_pool(self).map(|pool| PodIndex::NodePool(pool.to_owned()));
        let waits = pod_state::waits_for_room(self).map(|pool| PodIndex::Unschedulable(pool.to_owned()));
        let starts = pod_state::node_pool(self).filter(|_| pod_state::starts_on_a_node(self));
        let starts = starts.map(|pool| PodIndex::Starting(pool.to_owned()));
        let node = node_loss::node_of(self).filter(|_| workspace.is_some());
        let node = node.map(|node| PodIndex::Node(node.to_owned()));
        [uid, workspace, pool, node_pool, waits, starts, node].into_iter().flatten().collect()
    }

    fn change(self: &Arc<Self>, old: Option<&Arc<Self>>) -> Option<Change> {
        Some(Change::Pod(self.clone(), old.cloned()))
    }

    fn slim(&mut self) {
        let volumes = std::mem::take(&mut self.spec.volumes).into_iter();
        self.spec.volumes = volumes.filter(|volume| volume.persistent_volume_claim.is_some()).collect();
        let conditions = std::mem::take(&mut self.status.conditions).into_iter();
        self.status.conditions = conditions.filter(|it| it.type_ != PodConditionType::Other).collect();
    }
}

impl Cached for PersistentVolumeClaim {
    type Index = VolumeIndex;

    fn indices(&self) -> Vec<VolumeIndex> {
        let namespace = self.namespace().unwrap_or_default();
        let labels = self.labels();
        let workspace = labels.get(labels::WORKSPACE_UID).cloned().map(VolumeIndex::Workspace);
        let pool = labels.get(labels::WARM_POOL).map(|pool| VolumeIndex::WarmPool(Key::new(namespace, pool)));
        let node = node_loss::made_for(self).map(|node| VolumeIndex::Node(node.to_owned()));
        [workspace, pool, node].into_iter().flatten().collect()
    }

    fn change(self: &Arc<Self>, _: Option<&Arc<Self>>) -> Option<Change> {
        Some(Change::Volume(self.clone()))
    }
}

impl Cached for Workspace {
    type Index = WorkspaceIndex;

    fn indices(&self) -> Vec<WorkspaceIndex> {
        let tier = WorkspaceIndex::Tier(self.spec.tier.clone());
        let template = WorkspaceIndex::Template(self.spec.template.clone());
        let owner = WorkspaceIndex::Owner(self.spec.owner.clone());
        let namespace = self.namespace().unwrap_or_default();
        let volumes = self.status.iter().flat_map(|status| [&status.volume, &status.lost_volume]);
        let volumes = volumes.flatten().map(|volume| WorkspaceIndex::Volume(Key::new(&namespace, volume)));
        let launching = status::is_launching(self).then_some(WorkspaceIndex::Launching);
        [tier, template, owner].into_iter().chain(volumes).chain(launching).collect()
    }

    fn change(self: &Arc<Self>, old: Option<&Arc<Self>>) -> Option<Change> {
        // Wishes stand in annotations, since the spec belongs to who declares it.
        let wishes = |it: &Self| (it.wake().map(str::to_owned), it.stop().map(str::to_owned));
        let same_wishes = old.is_some_and(|old| wishes(old) == wishes(self));
        Some(match same_wishes && asks_the_same(self.as_ref(), old.map(Arc::as_ref)) {
            true => Change::WorkspaceStatus(self.clone()),
            false => Change::Workspace(self.clone()),
        })
    }

    fn slim(&mut self) {
        self.status.iter_mut().for_each(|status| status.conditions.shrink_to_fit());
    }
}

impl Cached for karpenter::NodePool {
    type Index = NoIndex;

    fn indices(&self) -> Vec<NoIndex> {
        Vec::new()
    }

    fn change(self: &Arc<Self>, old: Option<&Arc<Self>>) -> Option<Change> {
        // Karpenter counts in its status what we count ourselves.
        let same = |old: &Arc<Self>| {
            asks_the_same(self.as_ref(), Some(old.as_ref()))
                && self.metadata.labels == old.metadata.labels
                && self.status.conditions == old.status.conditions
        };
        let changed = old.is_none_or(|old| !same(old));
        changed.then(|| Change::KarpenterNodePool(Key::of(self.as_ref())))
    }
}

impl Cached for Node {
    type Index = NoIndex;

    fn indices(&self) -> Vec<NoIndex> {
        Vec::new()
    }

    fn change(self: &Arc<Self>, old: Option<&Arc<Self>>) -> Option<Change> {
        let same = |old: &&Arc<Self>| {
            crate::node_pool::facts(self.as_ref()) == crate::node_pool::facts(old.as_ref())
                && node_loss::facts(self) == node_loss::facts(old)
        };
        old.is_none_or(|old| !same(&old)).then(|| Change::Node(Key::of(self.as_ref())))
    }

    fn slim(&mut self) {
        if let Some(status) = &mut self.status {
            status.images = None;
        }
    }
}

/// Declares kinds of which others hear each change.
macro_rules! followed {
    ($($kind:ident => $change:expr;)*) => { $(
        impl Cached for $kind {
            type Index = NoIndex;

            fn indices(&self) -> Vec<NoIndex> {
                Vec::new()
            }

            fn change(self: &Arc<Self>, _: Option<&Arc<Self>>) -> Option<Change> {
                Some($change)
            }
        }
    )* };
}

followed! {
    Deployment => Change::Part;
    StatefulSet => Change::Part;
}

/// Declares kinds that others only hear of when their spec changes, not when their status is written.
macro_rules! declared {
    ($($kind:ident => $change:expr;)*) => { $(
        impl Cached for $kind {
            type Index = NoIndex;

            fn indices(&self) -> Vec<NoIndex> {
                Vec::new()
            }

            fn change(self: &Arc<Self>, old: Option<&Arc<Self>>) -> Option<Change> {
                let (change, key): (fn(Key) -> Change, _) = ($change, Key::of(self.as_ref()));
                match old.filter(|old| asks_the_same(self.as_ref(), Some(old.as_ref()))) {
                    None => Some(change(key)),
                    Some(old) if old.status == self.status => None,
                    Some(_) => Some(Change::Status(stringify!($kind), key)),
                }
            }
        }
    )* };
}

declared! {
    Region => |_| Change::Region;
    WorkspaceNodePool => Change::NodePool;
    WorkspaceTier => Change::Tier;
    WorkspaceTemplate => Change::Template;
    WarmPool => Change::WarmPool;
}

fn asks_the_same<K: Resource>(new: &K, old: Option<&K>) -> bool {
    old.is_some_and(|old| {
        old.meta().uid == new.meta().uid
            && old.meta().generation == new.meta().generation
            && old.meta().deletion_timestamp == new.meta().deletion_timestamp
            // One that somebody took off by hand is put back.
            && old.meta().finalizers == new.meta().finalizers
    })
}

//! What there is of a workspace.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, PersistentVolume};
use kube::{Api, ResourceExt, api::ListParams};
use neuralinverse_api::{Money, OwnerLimits, Wanted, Workspace, labels};

use super::{
    decide::Observed,
    node_loss::{self, NodeState},
    owner_limit::{self, Claimant},
    pod_state, say,
};
use crate::{
    change::{PodIndex, VolumeIndex, WorkspaceIndex},
    context::Context,
    error::{During, Result},
    key::Key,
    kubernetes::{PersistentVolumeClaim, Pod},
    references::{self, Problem, References},
};

/// What there is of `workspace`, from memory. Requests cost only a volume or node that ought to be there and is
/// not, and the disk of a volume whose node is lost.
pub async fn observe(context: &Context, workspace: &Workspace) -> Result<Observed> {
    let namespace = workspace.namespace().unwrap_or_default();
    let pods = pods(context, workspace);
    let volume = volume(context, workspace, &namespace, &pods).await?;
    let nodes = nodes(context, workspace, &pods, volume.as_deref()).await?;
    let stranded = match &volume {
        Some(volume) => stranded(context, volume, &pods, &nodes).await?,
        None => false,
    };
    Ok(Observed {
        references: references(context, workspace),
        volumes: volumes(context, workspace),
        pods,
        volume,
        nodes,
        stranded,
    })
}

/// What its pod would be made from, if it may have one.
pub fn references(context: &Context, workspace: &Workspace) -> Result<References, Problem> {
    let (namespace, spec) = (workspace.namespace().unwrap_or_default(), &workspace.spec);
    let references = references::resolve(&context.caches, &namespace, &spec.tier, &spec.template)?;
    let limits = references.region.limits_of(&spec.owner);
    if *limits != OwnerLimits::default() {
        let all = claimants(context, &spec.owner);
        owner_limit::check(limits, &spec.owner, &Key::of(workspace), &all)?;
    }
    Ok(references)
}

fn claimants(context: &Context, owner: &str) -> Vec<Claimant> {
    let workspaces = context.caches.workspaces.by(&WorkspaceIndex::Owner(owner.to_owned()));
    let claimant = |workspace: &Arc<Workspace>| {
        let tier = context.caches.tiers.get(&Key::cluster(&workspace.spec.tier));
        Claimant {
            key: Key::of(workspace.as_ref()),
            created: workspace.creation_timestamp().map_or(Timestamp::MAX, |time| time.0),
            wanted: workspace.wanted() == Wanted::Running,
            has_pod: !pods(context, workspace).is_empty(),
            cpu: tier.as_ref().map(|tier| tier.spec.cpu.clone()),
            memory: tier.as_ref().map(|tier| tier.spec.memory.clone()),
        }
    };
    workspaces.iter().filter(|it| it.metadata.deletion_timestamp.is_none()).map(claimant).collect()
}

/// How the nodes are that the workspace's pods were placed on and, when it is to run and no pod of it was placed, the
/// one that its volume was made for.
async fn nodes(
    context: &Context,
    workspace: &Workspace,
    pods: &[Arc<Pod>],
    volume: Option<&PersistentVolumeClaim>,
) -> Result<BTreeMap<String, NodeState>> {
    let Some(region) = context.caches.region() else { return Ok(BTreeMap::new()) };
    let timeout = Duration::from(&region.spec.node_loss_timeout);
    let placed =
        pods.iter().any(|pod| node_loss::node_of(pod).is_some() && pod.metadata.deletion_timestamp.is_none());
    let wanted = workspace.wanted() == Wanted::Running && !placed;
    let of_volume = volume.filter(|_| wanted).and_then(node_loss::made_for);
    let mut nodes = BTreeMap::new();
    for name in pods.iter().filter_map(|pod| node_loss::node_of(pod)).chain(of_volume) {
        let node = match context.caches.nodes.get(&Key::cluster(name)) {
            Some(node) => Some(node),
            None => live_node(context, name).await?,
        };
        nodes.insert(name.to_owned(), node_loss::state(node.as_deref(), timeout, context.now()));
    }
    Ok(nodes)
}

/// A pod may be placed on a node that our watch has not brought yet.
async fn live_node(context: &Context, name: &str) -> Result<Option<Arc<Node>>> {
    let node = Api::all(context.client.clone()).get_opt(name).await.during("looking for a node")?;
    Ok(node.map(|node| context.caches.nodes.apply(node)))
}

/// Whether the volume is on a lost node and cannot leave it.
async fn stranded(
    context: &Context,
    volume: &PersistentVolumeClaim,
    pods: &[Arc<Pod>],
    nodes: &BTreeMap<String, NodeState>,
) -> Result<bool> {
    let disk = volume.spec.volume_name.as_deref();
    let users = pods.iter().filter(|pod| pod_state::volume(pod) == volume.metadata.name.as_deref());
    let node = node_loss::made_for(volume).or(users.filter_map(|pod| node_loss::node_of(pod)).next());
    let lost = node.filter(|node| nodes.get(*node) == Some(&NodeState::Lost));
    let (Some(disk), Some(node)) = (disk, lost) else { return Ok(false) };
    let disks: Api<PersistentVolume> = Api::all(context.client.clone());
    let disk = disks.get_opt(disk).await.during("looking where a volume is")?;
    Ok(disk.is_some_and(|disk| node_loss::tied(&disk, node)))
}

/// All pods that carry the workspace's UID, as far as we know.
pub fn pods(context: &Context, workspace: &Workspace) -> Vec<Arc<Pod>> {
    context.caches.pods.by(&PodIndex::Workspace(workspace.uid().unwrap_or_default()))
}

/// The price of an hour of the tier that a pod has.
pub fn hourly_price(context: &Context, pod: &Pod) -> Option<Money> {
    let tier = context.caches.tiers.get(&Key::cluster(pod_state::tier(pod)?))?;
    tier.spec.hourly_price.clone()
}

/// All volumes that carry the workspace's UID, as far as we know.
fn volumes(context: &Context, workspace: &Workspace) -> Vec<Arc<PersistentVolumeClaim>> {
    context.caches.volumes.by(&VolumeIndex::Workspace(workspace.uid().unwrap_or_default()))
}

/// Asks the API server for the workspace's pods: somebody else may have got one that our watch has not
/// brought yet.
pub async fn recall(context: &Context, workspace: &Workspace) -> Result<()> {
    let api: Api<Pod> = Api::namespaced(context.client.clone(), &workspace.namespace().unwrap_or_default());
    let uid = workspace.uid().unwrap_or_default();
    let params = ListParams::default().labels(&format!("{}={uid}", labels::WORKSPACE_UID));
    let pods = api.list(&params).await.during("listing a workspace's pods")?;
    pods.items.into_iter().for_each(|pod| {
        context.caches.pods.apply(pod);
    });
    Ok(())
}

async fn volume(
    context: &Context,
    workspace: &Workspace,
    namespace: &str,
    pods: &[Arc<Pod>],
) -> Result<Option<Arc<PersistentVolumeClaim>>> {
    let current = say::current(workspace, pods);
    let of_pod = current.as_deref().and_then(pod_state::volume);
    let named = workspace.status.as_ref().and_then(|status| status.volume.as_deref());
    let volume = match of_pod.or(named) {
        Some(name) => match context.caches.volumes.get(&Key::new(namespace, name)) {
            Some(volume) => Some(volume),
            None => live(context, namespace, name).await?,
        },
        None => {
            let mut volumes = volumes(context, workspace);
            volumes.retain(|volume| !volume.annotations().contains_key(labels::RETAINED_UNTIL));
            volumes.sort_by_key(|volume| volume.creation_timestamp().map(|time| time.0));
            volumes.pop()
        }
    };
    Ok(volume.filter(|volume| volume.metadata.deletion_timestamp.is_none()))
}

async fn live(context: &Context, namespace: &str, name: &str) -> Result<Option<Arc<PersistentVolumeClaim>>> {
    let api: Api<PersistentVolumeClaim> = Api::namespaced(context.client.clone(), namespace);
    let volume = api.get_opt(name).await.during("looking for the workspace's volume")?;
    Ok(volume.map(|volume| context.caches.volumes.apply(volume)))
}

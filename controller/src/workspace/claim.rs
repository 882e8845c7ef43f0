//! Takes a warm pod for a workspace: one patch that only one can win.

use std::sync::Arc;

use jiff::Timestamp;
use kube::{Api, ResourceExt};
use neuralinverse_api::{LaunchSource, WarmPool, Workspace, labels};
use serde_json::json;

use super::{
    children::{
        owned_by,
        pod::{self, Launched},
    },
    pod_state,
};
use crate::{
    change::{Change, PodIndex},
    context::Context,
    error::{During, Error, Result},
    key::Key,
    kubernetes::Pod,
    references::References,
    write,
};

/// Takes the oldest ready pod of the pools that fit, else the oldest that starts on a node, which is ready sooner
/// than one that is made now; or none if there is none. Whoever was faster for one pod sends us to the next at once.
pub async fn claim(
    context: &Context,
    workspace: &Workspace,
    epoch: i64,
    since: Timestamp,
    references: &References,
) -> Result<Option<Arc<Pod>>> {
    let revision = pod::revision(references, &context.urls);
    let offer = pod::offer(references, &context.urls);
    for pod in candidates(context, workspace, &revision, &offer) {
        let Some(_reservation) = context.reserved.take(&pod.uid().unwrap_or_default()) else { continue };
        let ready = pod_state::is_ready(&pod);
        let source = if ready { LaunchSource::Warm } else { LaunchSource::Cold };
        match take(context, workspace, &Launched { epoch, source, since }, &pod).await {
            Ok(taken) => {
                let taken = context.caches.pods.apply(taken);
                // It may have been deleted between our look and our patch: it ends by itself.
                if taken.metadata.deletion_timestamp.is_none() {
                    let (pool, now) = (owner_uid(&pod).unwrap_or_default(), context.now());
                    match ready {
                        true => context.demand.hit(&pool, now),
                        false => context.demand.miss(&pool, now),
                    }
                    tracing::debug!(pod = taken.name_any(), "claimed");
                    return Ok(Some(taken));
                }
            }
            Err(Error::Api { source: kube::Error::Api(status), .. })
                if status.is_invalid() || status.is_not_found() =>
            {
                if let Some(ours) = lost(context, workspace, &pod).await? {
                    return Ok(Some(ours));
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// A workspace that could have taken a warm pod starts its own: the first of the pools that were meant for
/// it hears of it.
pub fn missed(context: &Context, workspace: &Workspace) {
    let pool = pools(context, workspace).min_by_key(|pool| pool.name_any());
    if let Some(pool) = pool {
        context.demand.miss(&pool.uid().unwrap_or_default(), context.now());
        // None of its pods has changed, so nothing else wakes it. Nobody listens if we do not lead any more.
        let _ = context.caches.changes.send(Change::WarmPool(Key::of(pool.as_ref())));
    }
}

/// The pools that are meant for a workspace.
fn pools<'a>(context: &Context, workspace: &'a Workspace) -> impl Iterator<Item = Arc<WarmPool>> + use<'a> {
    let fits = move |pool: &Arc<WarmPool>| {
        pool.namespace() == workspace.namespace()
            && pool.spec.tier == workspace.spec.tier
            && pool.spec.template == workspace.spec.template
    };
    context.caches.warm_pools.all().into_iter().filter(fits)
}

/// Free pods of the pools that fit, the oldest first, and those that only start after all that are ready. Those of
/// another release of ours come last: during an upgrade they are better than none.
fn candidates(context: &Context, workspace: &Workspace, revision: &str, offer: &str) -> Vec<Arc<Pod>> {
    let pods = pools(context, workspace).flat_map(|pool| {
        let pods = context.caches.pods.by(&PodIndex::WarmPool(Key::of(pool.as_ref())));
        pods.into_iter().filter(move |pod| pool.uid() == owner_uid(pod))
    });
    let is = |pod: &Pod, label: &str, wanted: &str| pod.labels().get(label).is_some_and(|it| it == wanted);
    let usable = |pod: &Arc<Pod>| {
        let fits = is(pod, labels::REVISION, revision) || is(pod, labels::OFFER, offer);
        fits && (pod_state::is_ready(pod) || pod_state::starts_on_a_node(pod))
    };
    let mut pods: Vec<_> = pods.filter(usable).collect();
    pods.sort_by_cached_key(|pod| {
        let stale = !is(pod, labels::REVISION, revision);
        (!pod_state::is_ready(pod), stale, pod.creation_timestamp().map(|time| time.0), pod.name_any())
    });
    pods
}

fn owner_uid(pod: &Pod) -> Option<String> {
    pod.owner_references().first().map(|owner| owner.uid.clone())
}

/// The server evaluates the tests again at each of its own retries, so that only a rival makes this
/// fail: a resourceVersion would also lose to each status that the kubelet writes.
async fn take(context: &Context, workspace: &Workspace, launched: &Launched, pod: &Pod) -> Result<Pod> {
    let label = |name: &str| format!("/metadata/labels/{}", name.replace('/', "~1"));
    let mut operations = vec![
        json!({ "op": "test", "path": label(labels::WARM_POOL), "value": pod.labels().get(labels::WARM_POOL) }),
        json!({ "op": "test", "path": "/metadata/ownerReferences/0/uid", "value": owner_uid(pod) }),
        json!({ "op": "remove", "path": label(labels::WARM_POOL) }),
        json!({ "op": "replace", "path": "/metadata/ownerReferences", "value": [owned_by(workspace)] }),
    ];
    operations.extend(
        pod::claimed_labels(workspace, launched)
            .into_iter()
            .map(|(name, value)| json!({ "op": "add", "path": label(&name), "value": value })),
    );
    operations.extend(pod::claimed_annotations(workspace, launched).into_iter().map(|(name, value)| {
        let path = format!("/metadata/annotations/{}", name.replace('/', "~1"));
        json!({ "op": "add", "path": path, "value": value })
    }));
    let patch = write::json_patch(json!(operations))?;
    pods(context, pod).patch(&pod.name_any(), &write::params(), &patch).await.during("claiming a warm pod")
}

/// Looks who took the pod. Another of us may have taken it for the same workspace.
async fn lost(context: &Context, workspace: &Workspace, pod: &Pod) -> Result<Option<Arc<Pod>>> {
    let there = pods(context, pod).get_opt(&pod.name_any()).await.during("looking who took a warm pod")?;
    let Some(there) = there else {
        context.caches.pods.remove(pod.clone());
        return Ok(None);
    };
    let there = context.caches.pods.apply(there);
    let ours = there.labels().get(labels::WORKSPACE_UID) == workspace.uid().as_ref();
    Ok(ours.then_some(there))
}

fn pods(context: &Context, pod: &Pod) -> Api<Pod> {
    Api::namespaced(context.client.clone(), &pod.namespace().unwrap_or_default())
}

//! Free warm pods make room for workspaces that find none: theirs is the priority of users, so the
//! scheduler would not throw them out.

mod decide;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use kube::ResourceExt;
use neuralinverse_api::labels;
use tokio::time::Instant;

use self::decide::{Node, Offer, give_up};
use crate::{
    amount::{Amount, asks, has, held_node},
    caches::Caches,
    change::{Change, PodIndex},
    context::Context,
    error::Result,
    key::Key,
    kubernetes::Pod,
    node_pool,
    queue::Next,
    reconciler::Reconciler,
    workspace::pod_state,
    write,
};

/// How long the scheduler is given to use the room that was made.
const PAUSE: Duration = Duration::from_secs(10);

/// Makes room, one node pool at a time.
pub struct Rooms {
    context: Arc<Context>,
    given: Mutex<HashMap<Key, Instant>>,
}

/// Whether a workspace waits for room on the nodes of this pool.
pub fn wanted(caches: &Caches, node_pool: &str) -> bool {
    !waiting(caches, node_pool).is_empty()
}

/// Workspaces' pods that no node of this pool takes, the oldest first.
fn waiting(caches: &Caches, node_pool: &str) -> Vec<Arc<Pod>> {
    let mut pods = caches.pods.by(&PodIndex::Unschedulable(node_pool.to_owned()));
    pods.sort_by_key(|pod| (pod.creation_timestamp().map(|time| time.0), pod.name_any()));
    pods
}

impl Reconciler for Rooms {
    const KIND: &'static str = "Room";

    fn all(&self) -> Vec<Key> {
        self.context.caches.node_pools.all().iter().map(|pool| Key::of(pool.as_ref())).collect()
    }

    fn wakes(&self, change: &Change) -> Vec<Key> {
        match change {
            Change::Pod(pod, _) => pod_state::waits_for_room(pod).map(Key::cluster).into_iter().collect(),
            _ => Vec::new(),
        }
    }

    async fn reconcile(&self, key: &Key) -> Result<Next> {
        let caches = &self.context.caches;
        let waiting = waiting(caches, &key.name);
        if waiting.is_empty() {
            return Ok(Next::Never);
        }
        let last = self.given.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied();
        if let Some(rest) = last.and_then(|last| PAUSE.checked_sub(last.elapsed())) {
            return Ok(Next::After(rest));
        }
        let asks: Vec<_> = waiting.iter().map(|pod| asks(pod)).collect();
        let pods = caches.pods.all();
        let given = give_up(&asks, &nodes(caches, &key.name, &pods), &offers(&pods, &key.name));
        for pod in given.iter().filter_map(|pod| caches.pods.get(pod)) {
            let Some(_reservation) = self.context.reserved.take(&pod.uid().unwrap_or_default()) else {
                continue;
            };
            tracing::info!(
                node_pool = key.name,
                pod = pod.name_any(),
                "a free warm pod makes room for a workspace"
            );
            write::delete_unchanged(&self.context.client, pod.as_ref()).await?;
            self.given.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), Instant::now());
        }
        Ok(Next::After(PAUSE))
    }
}

impl Rooms {
    /// Makes room with what `context` knows.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context, given: Mutex::default() }
    }
}

/// The pool's nodes that take pods, with what our pods leave of them.
fn nodes(caches: &Caches, node_pool: &str, pods: &[Arc<Pod>]) -> Vec<Node> {
    let mut used: HashMap<&str, Amount> = HashMap::new();
    for pod in pods {
        if let Some(node) = held_node(pod) {
            let sum = used.entry(node).or_default();
            *sum = sum.plus(asks(pod));
        }
    }
    node_pool::open(caches, node_pool)
        .map(|node| {
            let name = node.name_any();
            let used = used.get(name.as_str()).copied().unwrap_or_default();
            Node { left: has(&node).minus(used), name }
        })
        .collect()
}

/// Free warm pods on the pool's nodes.
fn offers(pods: &[Arc<Pod>], node_pool: &str) -> Vec<Offer> {
    let free = pods.iter().filter(|pod| {
        pod.labels().contains_key(labels::WARM_POOL) && pod_state::node_pool(pod) == Some(node_pool)
    });
    free.filter_map(|pod| {
        Some(Offer {
            pod: Key::of(pod.as_ref()),
            node: held_node(pod)?.to_owned(),
            created: pod.creation_timestamp().map(|time| time.0).unwrap_or_default(),
            holds: asks(pod),
            going: pod.metadata.deletion_timestamp.is_some(),
        })
    })
    .collect()
}

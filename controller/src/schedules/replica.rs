//! One controller: its caches, filled by the schedule instead of by watches, and its reconcilers.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use neuralinverse_api::{
    Duration,
    agent::{Report, RepositoryState},
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::task::JoinSet;

use super::{
    server::{Event, Kind, Server},
    wire::Wire,
};
use crate::{
    agents::report,
    cache::{Cache, Cached},
    caches::Caches,
    context::{Context, Reserved},
    events::Events,
    fixtures,
    kubernetes::Pod,
    metrics::Metrics,
    reconciler::{self, Reconciler},
    tls::Authority,
    volume::Volumes,
    warm_pool::{WarmPools, demand::Demand},
    workspace::{Workspaces, pod_state},
};

/// A controller that runs.
pub struct Replica {
    context: Arc<Context>,
    /// How much its clock is fast, in seconds.
    fast: Arc<AtomicI64>,
    /// How far each watch has come in the server's log, or the list that it has begun.
    watches: BTreeMap<Kind, Watch>,
    reconcilers: Option<JoinSet<()>>,
    reports: JoinSet<()>,
}

struct Watch {
    next: usize,
    list: Option<Vec<Value>>,
}

impl Replica {
    /// Starts one that has just listed everything.
    pub fn start(
        number: usize,
        wire: &Wire,
        server: &Server,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Self {
        let client = wire.client(number);
        let (caches, fast) = (Caches::default(), Arc::new(AtomicI64::new(0)));
        fixtures::all(&caches);
        give_up_nodes_soon(&caches);
        let ahead = fast.clone();
        let context = Context {
            clock: Box::new(move || clock() + SignedDuration::from_secs(ahead.load(Ordering::Relaxed))),
            events: Events::new(client.clone(), "replica"),
            metrics: Arc::new(Metrics::new(caches.warm_pools.clone())),
            urls: fixtures::urls(),
            authority: Authority::generate().expect("a key"),
            demand: Demand::default(),
            reserved: Reserved::default(),
            caches,
            client,
        };
        let mut replica = Self {
            context: Arc::new(context),
            fast,
            watches: BTreeMap::new(),
            reconcilers: None,
            reports: JoinSet::new(),
        };
        for kind in Kind::WATCHED {
            replica.cut(kind, server);
            replica.hear(kind, server);
        }
        replica
    }

    /// Begins to lead, whoever else does.
    pub fn lead(&mut self) {
        if self.reconcilers.is_some() {
            return;
        }
        self.context.demand.forget();
        let mut tasks = JoinSet::new();
        self.reconcile(&mut tasks, Workspaces::new(self.context.clone()));
        self.reconcile(&mut tasks, WarmPools::new(self.context.clone()));
        self.reconcile(&mut tasks, Volumes(self.context.clone()));
        self.reconcilers = Some(tasks);
    }

    fn reconcile<R: Reconciler>(&self, tasks: &mut JoinSet<()>, reconciler: R) {
        let context = self.context.clone();
        tasks.spawn(async move { reconciler::run(Arc::new(reconciler), &context.caches).await });
    }

    /// Leads no more. What it does is cut off where it is.
    pub fn resign(&mut self) {
        self.reconcilers = None;
    }

    /// Whether it leads.
    pub fn leads(&self) -> bool {
        self.reconcilers.is_some()
    }

    /// Its clock is fast from now on by so many seconds, or slow.
    pub fn is_fast(&self, seconds: i64) {
        self.fast.store(seconds, Ordering::Relaxed);
    }

    /// A watch breaks, and all objects of its kind are listed anew; the list arrives later.
    pub fn cut(&mut self, kind: Kind, server: &Server) {
        let caches = &self.context.caches;
        match kind {
            Kind::Pod => caches.pods.begin(),
            Kind::Volume => caches.volumes.begin(),
            Kind::Workspace => caches.workspaces.begin(),
            Kind::WarmPool => caches.warm_pools.begin(),
            Kind::Node => caches.nodes.begin(),
            Kind::Usage => {}
        }
        let list = server.all(kind).cloned().collect();
        self.watches.insert(kind, Watch { next: server.log.len(), list: Some(list) });
    }

    /// A watch brings its list or its next event. Says whether there was one.
    pub fn hear(&mut self, kind: Kind, server: &Server) -> bool {
        let Some(watch) = self.watches.get_mut(&kind) else { return false };
        let caches = &self.context.caches;
        if let Some(list) = watch.list.take() {
            match kind {
                Kind::Pod => listed(&caches.pods, list),
                Kind::Volume => listed(&caches.volumes, list),
                Kind::Workspace => listed(&caches.workspaces, list),
                Kind::WarmPool => listed(&caches.warm_pools, list),
                Kind::Node => listed(&caches.nodes, list),
                Kind::Usage => {}
            }
            return true;
        }
        let ahead = &server.log[watch.next..];
        let Some(position) = ahead.iter().position(|event| event.kind == kind) else { return false };
        let event = &ahead[position];
        watch.next += position + 1;
        match kind {
            Kind::Pod => heard(&caches.pods, event),
            Kind::Volume => heard(&caches.volumes, event),
            Kind::Workspace => heard(&caches.workspaces, event),
            Kind::WarmPool => heard(&caches.warm_pools, event),
            Kind::Node => heard(&caches.nodes, event),
            Kind::Usage => {}
        }
        true
    }

    /// The sidecar of a pod says that the workspace is usable.
    pub fn report(&mut self, pod: &Value) {
        let (context, pod): (_, Pod) = (self.context.clone(), fixtures::from(pod.clone()));
        self.reports.spawn(async move {
            let known = context.caches.pods.get(&crate::key::Key::of(&pod));
            let same =
                |known: &Arc<Pod>| known.uid() == pod.uid() && known.metadata.deletion_timestamp.is_none();
            let Some(pod) = known.filter(same) else { return };
            let epoch = pod_state::epoch(&pod);
            let repository = RepositoryState::NotDeclared;
            // A sidecar that is refused tries again, which is another step of the schedule.
            let _ =
                report::take(&context, &pod, Report { epoch, ready: true, repository, idle_seconds: None })
                    .await;
        });
    }
}

/// A node that is silent for a minute is lost, so that schedules come that far.
fn give_up_nodes_soon(caches: &Caches) {
    let mut region = caches.region().expect("a region").as_ref().clone();
    region.spec.node_loss_timeout = Duration::minutes(1);
    caches.regions.apply(region);
}

fn listed<K: Cached + DeserializeOwned>(cache: &Cache<K>, list: Vec<Value>) {
    list.into_iter().for_each(|object| drop(cache.apply(fixtures::from(object))));
    cache.end();
}

fn heard<K: Cached + DeserializeOwned>(cache: &Cache<K>, event: &Event) {
    let object = fixtures::from(event.object.clone());
    match event.deleted {
        true => cache.remove(object),
        false => drop(cache.apply(object)),
    }
}

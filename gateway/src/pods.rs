//! The pods of workspaces that exist now, and whose they are.
//!
//! A token outlives its pod, so the pod decides. What is known comes from a watch: when that breaks, it is
//! what was known last.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod as KubernetesPod;
use kube::{
    Api, Client,
    core::PartialObjectMeta,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event, watcher},
    },
};
use neuralinverse_api::labels;
use neuralinverse_identity::Identity;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Of a pod, only who and whose it is.
type Metadata = PartialObjectMeta<KubernetesPod>;

/// How long the watch may lag behind: a pod asks as soon as it has heard whose it is.
const CATCH_UP: Duration = Duration::from_secs(2);

/// A pod that acts for somebody.
#[derive(Debug)]
pub struct Pod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Stable id of the developer that it acts for.
    pub owner: String,
    /// Cancelled as soon as it is going, or acts for somebody else.
    pub gone: CancellationToken,
}

/// Why a pod has no say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPod {
    /// Not all pods have been read yet.
    #[error("the gateway is starting")]
    NotRead,
    /// It is gone, or nobody's.
    #[error("the pod of this token does not exist any more, or belongs to nobody")]
    Unknown,
}

/// All of them.
pub struct Pods {
    namespaces: RwLock<HashMap<String, Namespace>>,
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct Namespace {
    /// By UID.
    pods: HashMap<String, Arc<Pod>>,
    /// What a list that is under way has brought so far.
    listed: HashMap<String, Arc<Pod>>,
    read: bool,
}

impl Pods {
    /// Follows the pods of these namespaces in `tasks`, which never end by themselves.
    pub fn follow(client: &Client, namespaces: &[String], tasks: &mut JoinSet<()>) -> Arc<Self> {
        let pods = Arc::new(Self::of(namespaces));
        for namespace in namespaces {
            let api = Api::namespaced(client.clone(), namespace);
            let (pods, namespace) = (pods.clone(), namespace.clone());
            tasks.spawn(async move { pods.watch(api, &namespace).await });
        }
        pods
    }

    fn of(namespaces: &[String]) -> Self {
        let namespaces = namespaces.iter().map(|name| (name.clone(), Namespace::default())).collect();
        Self { namespaces: RwLock::new(namespaces), changed: watch::Sender::new(()) }
    }

    async fn watch(&self, api: Api<Metadata>, namespace: &str) {
        let config = watcher::Config::default().labels(labels::OWNER);
        let mut events = pin!(watcher(api, config).default_backoff());
        let mut broken = false;
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => {
                    if std::mem::take(&mut broken) {
                        info!(namespace, "the watch of pods goes on");
                    }
                    self.see(namespace, event);
                }
                Err(error) => {
                    broken = true;
                    warn!(namespace, %error, "the watch of pods: going by what was known last");
                }
            }
        }
    }

    fn see(&self, namespace: &str, event: Event<Metadata>) {
        let mut namespaces = self.namespaces.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = namespaces.get_mut(namespace) {
            known.see(namespace, event);
        }
        drop(namespaces);
        self.changed.send_replace(());
    }

    /// Whether all namespaces have been read.
    pub fn read(&self) -> bool {
        self.namespaces.read().unwrap_or_else(PoisonError::into_inner).values().all(|it| it.read)
    }

    /// The pod that a token was made for, if it acts for somebody.
    pub async fn find(&self, identity: &Identity) -> Result<Arc<Pod>, NoPod> {
        let mut changes = self.changed.subscribe();
        let deadline = Instant::now() + CATCH_UP;
        loop {
            let answer = self.known(identity);
            if answer != Err(NoPod::Unknown) {
                return answer;
            }
            if !matches!(timeout_at(deadline, changes.changed()).await, Ok(Ok(()))) {
                return answer;
            }
        }
    }

    fn known(&self, identity: &Identity) -> Result<Arc<Pod>, NoPod> {
        let namespaces = self.namespaces.read().unwrap_or_else(PoisonError::into_inner);
        let namespace = namespaces.get(&identity.namespace).ok_or(NoPod::Unknown)?;
        if !namespace.read {
            return Err(NoPod::NotRead);
        }
        namespace.pods.get(&identity.uid).cloned().ok_or(NoPod::Unknown)
    }
}

impl Namespace {
    fn see(&mut self, namespace: &str, event: Event<Metadata>) {
        match event {
            Event::Apply(pod) => {
                let Some(uid) = pod.metadata.uid.clone() else { return };
                match acting(namespace, pod) {
                    Some(pod) => keep(&mut self.pods, uid, pod),
                    None => drop_all(self.pods.remove(&uid)),
                }
            }
            Event::Delete(pod) => drop_all(pod.metadata.uid.and_then(|uid| self.pods.remove(&uid))),
            Event::Init => self.listed.clear(),
            Event::InitApply(pod) => {
                let Some(uid) = pod.metadata.uid.clone() else { return };
                if let Some(pod) = acting(namespace, pod) {
                    self.listed.insert(uid, Arc::new(pod));
                }
            }
            Event::InitDone => {
                let listed = std::mem::take(&mut self.listed);
                let (stay, go) = std::mem::take(&mut self.pods)
                    .into_iter()
                    .partition(|(uid, pod)| listed.get(uid).is_some_and(|it| it.owner == pod.owner));
                self.pods = listed;
                // With those that stay goes on what depends on them.
                self.pods.extend::<HashMap<_, _>>(stay);
                drop_all(HashMap::into_values(go));
                self.read = true;
            }
        }
    }
}

/// The pod, if it acts for somebody and is not going.
fn acting(namespace: &str, pod: Metadata) -> Option<Pod> {
    let metadata = pod.metadata;
    if metadata.deletion_timestamp.is_some() {
        return None;
    }
    let owner = metadata.labels?.remove(labels::OWNER).filter(|owner| !owner.is_empty())?;
    let name = metadata.name.unwrap_or_default();
    Some(Pod { namespace: namespace.to_owned(), name, owner, gone: CancellationToken::new() })
}

fn keep(pods: &mut HashMap<String, Arc<Pod>>, uid: String, pod: Pod) {
    if pods.get(&uid).is_none_or(|known| known.owner != pod.owner) {
        drop_all(pods.insert(uid, Arc::new(pod)));
    }
}

fn drop_all(pods: impl IntoIterator<Item = Arc<Pod>>) {
    for pod in pods {
        pod.gone.cancel();
    }
}

impl PartialEq for Pod {
    fn eq(&self, other: &Self) -> bool {
        (&self.namespace, &self.name, &self.owner) == (&other.namespace, &other.name, &other.owner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(uid: &str, owner: Option<&str>, going: bool) -> Metadata {
        let deleted = going.then_some("2025-01-01T00:00:00Z");
        let labels = owner.map(|owner| json!({ (labels::OWNER): owner }));
        serde_json::from_value(json!({
            "metadata": { "uid": uid, "name": uid, "labels": labels, "deletionTimestamp": deleted }
        }))
        .unwrap()
    }

    fn identity(uid: &str) -> Identity {
        Identity { namespace: "w".to_owned(), pod: uid.to_owned(), uid: uid.to_owned() }
    }

    /// After a list with the pods `a` and `b`.
    fn pods() -> Pods {
        let pods = Pods::of(&["w".to_owned()]);
        for event in [
            Event::Init,
            Event::InitApply(pod("a", Some("ada"), false)),
            Event::InitApply(pod("b", Some("bea"), false)),
            Event::InitDone,
        ] {
            pods.see("w", event);
        }
        pods
    }

    #[test]
    fn nothing_is_known_before_everything_was_read() {
        let pods = Pods::of(&["v".to_owned(), "w".to_owned()]);
        for event in [Event::Init, Event::InitApply(pod("a", Some("ada"), false))] {
            pods.see("w", event);
        }
        assert_eq!(pods.known(&identity("a")), Err(NoPod::NotRead));
        pods.see("w", Event::InitDone);
        assert_eq!(pods.known(&identity("a")).unwrap().owner, "ada");
        assert!(!pods.read());
        pods.see("v", Event::Init);
        pods.see("v", Event::InitDone);
        assert!(pods.read());
    }

    #[test]
    fn a_pod_that_goes_is_cut_off() {
        for (what, event) in [
            ("being deleted", Event::Apply(pod("a", Some("ada"), true))),
            ("deleted", Event::Delete(pod("a", Some("ada"), true))),
            ("without an owner", Event::Apply(pod("a", None, false))),
            ("with an owner without a name", Event::Apply(pod("a", Some(""), false))),
        ] {
            let pods = pods();
            let (a, b) = (pods.known(&identity("a")).unwrap(), pods.known(&identity("b")).unwrap());
            pods.see("w", event);
            assert_eq!(pods.known(&identity("a")), Err(NoPod::Unknown), "{what}");
            assert!(a.gone.is_cancelled() && !b.gone.is_cancelled(), "{what}");
        }
    }

    #[test]
    fn a_list_cuts_off_what_is_not_in_it_and_nothing_else() {
        let pods = pods();
        let (a, b) = (pods.known(&identity("a")).unwrap(), pods.known(&identity("b")).unwrap());
        pods.see("w", Event::Init);
        pods.see("w", Event::InitApply(pod("b", Some("bea"), false)));
        assert!(pods.known(&identity("a")).is_ok(), "until the list is complete");
        pods.see("w", Event::InitDone);
        assert_eq!(pods.known(&identity("a")), Err(NoPod::Unknown));
        assert!(Arc::ptr_eq(&pods.known(&identity("b")).unwrap(), &b));
        assert!(a.gone.is_cancelled() && !b.gone.is_cancelled());
    }

    #[test]
    fn a_pod_of_somebody_else_is_another_one() {
        let pods = pods();
        let a = pods.known(&identity("a")).unwrap();
        pods.see("w", Event::Apply(pod("a", Some("ada"), false)));
        assert!(!a.gone.is_cancelled());
        pods.see("w", Event::Apply(pod("a", Some("bea"), false)));
        assert!(a.gone.is_cancelled());
        assert_eq!(pods.known(&identity("a")).unwrap().owner, "bea");
    }

    #[test]
    fn pods_of_other_namespaces_are_nobodys() {
        let elsewhere = Identity { namespace: "kube-system".to_owned(), ..identity("a") };
        assert_eq!(pods().known(&elsewhere), Err(NoPod::Unknown));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pod_that_the_watch_has_not_seen_yet_is_waited_for() {
        let pods = Arc::new(pods());
        let (asked, name) = (pods.clone(), identity("c"));
        let waiting = tokio::spawn(async move { asked.find(&name).await });
        tokio::task::yield_now().await;
        pods.see("w", Event::Apply(pod("c", Some("cleo"), false)));
        assert_eq!(waiting.await.unwrap().unwrap().owner, "cleo");
        assert_eq!(pods.find(&identity("d")).await, Err(NoPod::Unknown));
    }
}

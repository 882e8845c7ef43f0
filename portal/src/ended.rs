//! Sessions that were ended before their time, known to all replicas and kept over restarts.
//!
//! A ConfigMap for each owner who signed out lately: `not-before` ends all sessions that began earlier,
//! and a key for each single session says until when it has to be remembered. One object for everybody
//! would be full after some thousand sign-outs, and replicas would fight over it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions},
    runtime::watcher::{Config, Event},
};
use neuralinverse_api::Owner;
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tracing::warn;

use crate::{
    grant::{ABSOLUTE, Grant},
    labels::{COMPONENT, FIELD_MANAGER, SESSIONS},
    watch::follow,
};

const NOT_BEFORE: &str = "not-before";
const SWEEP: Duration = Duration::from_secs(3600);

/// What is known of ended sessions.
pub struct Ended {
    api: Api<ConfigMap>,
    entries: RwLock<HashMap<String, Entry>>,
    ready: AtomicBool,
    changed: watch::Sender<()>,
}

/// Why a grant allows nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Its time has passed.
    Expired,
    /// It was signed out.
    SignedOut,
    /// The portal does not know yet who signed out.
    Unknown,
}

type Entry = BTreeMap<String, Timestamp>;

impl Ended {
    /// Kept in the portal's own namespace.
    pub fn new(client: Client, namespace: &str) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            entries: RwLock::default(),
            ready: AtomicBool::new(false),
            changed: watch::Sender::new(()),
        }
    }

    /// Whether all that was ended before has been read.
    pub fn ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// Whether the grant still allows anything.
    pub fn check(&self, grant: &Grant, now: Timestamp) -> Result<(), Over> {
        if !self.ready() {
            return Err(Over::Unknown);
        }
        if grant.expired(now) {
            return Err(Over::Expired);
        }
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let over = entries.get(&name(&grant.owner)).is_some_and(|entry| ends(entry, grant));
        if over { Err(Over::SignedOut) } else { Ok(()) }
    }

    /// Returns when the session was ended or its time has come; for connections that last. Idleness does
    /// not end them: an open editor is in use as far as we can tell.
    pub async fn over(&self, grant: &Grant) {
        let mut changed = self.changed.subscribe();
        loop {
            let now = Timestamp::now();
            let awake = Grant { idle_until: grant.until, ..grant.clone() };
            if self.check(&awake, now).is_err() {
                return;
            }
            let left = grant.until.duration_since(now).unsigned_abs();
            tokio::select! {
                _ = changed.changed() => {}
                () = tokio::time::sleep(left) => {}
            }
        }
    }

    /// Ends one session.
    pub async fn end(&self, grant: &Grant) -> kube::Result<()> {
        self.record(&grant.owner, &grant.session, grant.until).await
    }

    /// Ends all sessions of the owner that began until now.
    pub async fn end_all(&self, owner: &Owner, now: Timestamp) -> kube::Result<()> {
        self.record(owner, NOT_BEFORE, now).await
    }

    async fn record(&self, owner: &Owner, key: &str, time: Timestamp) -> kube::Result<()> {
        let name = name(owner);
        let mut data: Map<String, Value> = self.forgotten(&name).map(|key| (key, Value::Null)).collect();
        data.insert(key.to_owned(), time.to_string().into());
        let patch = Patch::Merge(json!({ "data": data }));
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let kept = match self.api.patch(&name, &params, &patch).await {
            Err(kube::Error::Api(status)) if status.is_not_found() => {
                match self.create(&name, key, time).await {
                    // Another replica was faster.
                    Err(kube::Error::Api(status)) if status.is_already_exists() => {
                        self.api.patch(&name, &params, &patch).await?
                    }
                    other => other?,
                }
            }
            other => other?,
        };
        self.see(kept);
        Ok(())
    }

    async fn create(&self, name: &str, key: &str, time: Timestamp) -> kube::Result<ConfigMap> {
        let mut object =
            ConfigMap { data: Some([(key.to_owned(), time.to_string())].into()), ..ConfigMap::default() };
        object.metadata.name = Some(name.to_owned());
        object.metadata.labels = Some([(COMPONENT.to_owned(), SESSIONS.to_owned())].into());
        self.api
            .create(
                &PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() },
                &object,
            )
            .await
    }

    /// Keys of sessions that have expired by now.
    fn forgotten(&self, name: &str) -> impl Iterator<Item = String> + use<> {
        let now = Timestamp::now();
        let entry = self
            .entries
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned()
            .unwrap_or_default();
        entry.into_iter().filter(move |(key, time)| remembered_until(key, *time) < now).map(|(key, _)| key)
    }

    /// Follows what other replicas record, and forgets what has expired; never returns.
    pub async fn run(&self) {
        let config = Config::default().labels(&format!("{COMPONENT}={SESSIONS}"));
        tokio::join!(follow(self.api.clone(), config, |event| self.on(event)), self.sweep());
    }

    fn on(&self, event: Event<ConfigMap>) {
        match event {
            // What was deleted had expired, or an administrator wants those sessions back.
            Event::Delete(object) => {
                self.entries.write().unwrap_or_else(PoisonError::into_inner).remove(&object.name_any());
            }
            Event::Init => {}
            Event::InitDone => self.ready.store(true, Ordering::Release),
            Event::Apply(object) | Event::InitApply(object) => self.see(object),
        }
    }

    fn see(&self, object: ConfigMap) {
        let name = object.name_any();
        let entry = entry(object);
        self.entries.write().unwrap_or_else(PoisonError::into_inner).insert(name, entry);
        self.changed.send_replace(());
    }

    async fn sweep(&self) {
        loop {
            tokio::time::sleep(SWEEP).await;
            let now = Timestamp::now();
            let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner).clone();
            for (name, _) in entries.iter().filter(|(_, entry)| stale(entry, now)) {
                if let Err(error) = self.forget(name, now).await {
                    warn!(%error, "an expired sign-out could not be forgotten");
                }
            }
        }
    }

    /// Deletes what is still stale when nobody has written to it in between.
    async fn forget(&self, name: &str, now: Timestamp) -> kube::Result<()> {
        let Some(object) = self.api.get_opt(name).await? else { return Ok(()) };
        let version = object.metadata.resource_version.clone();
        if stale(&entry(object), now) {
            let preconditions = Preconditions { resource_version: version, uid: None };
            let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
            self.api.delete(name, &params).await?;
        }
        Ok(())
    }
}

fn entry(object: ConfigMap) -> Entry {
    let times = object.data.unwrap_or_default().into_iter();
    times.filter_map(|(key, time)| Some((key, time.parse().ok()?))).collect()
}

fn stale(entry: &Entry, now: Timestamp) -> bool {
    entry.iter().all(|(key, time)| remembered_until(key, *time) < now)
}

fn name(owner: &Owner) -> String {
    format!("neuralinverse-portal-sessions-{owner}")
}

fn ends(entry: &Entry, grant: &Grant) -> bool {
    entry.contains_key(&grant.session) || entry.get(NOT_BEFORE).is_some_and(|time| grant.issued <= *time)
}

fn remembered_until(key: &str, time: Timestamp) -> Timestamp {
    if key == NOT_BEFORE { time + ABSOLUTE } else { time }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_sign_out_ends_what_it_names() {
        let start = Timestamp::UNIX_EPOCH;
        let grant = Grant::new(Owner::of("i", "s"), "one".to_owned(), start);
        let second = SignedDuration::from_secs(1);
        for (key, time, over) in [
            ("one", start, true),
            ("two", start, false),
            (NOT_BEFORE, start, true),
            (NOT_BEFORE, start + second, true),
            (NOT_BEFORE, start - second, false),
        ] {
            assert_eq!(ends(&[(key.to_owned(), time)].into(), &grant), over, "{key} {time}");
        }
    }
}

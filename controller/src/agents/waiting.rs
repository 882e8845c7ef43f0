//! Which sidecars wait, and who wakes them. A change wakes the one pod that it concerns, not all.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kube::ResourceExt;
use tokio::sync::{broadcast::error::RecvError, watch};

use crate::{
    caches::Caches,
    change::{Change, PodIndex},
    hash,
};

/// How many workspaces there may be for the sidecar of each to hold a connection: that is 60 kB each.
const HELD: usize = 1000;

/// How many sidecars ask a second where there are more: a handshake each.
const A_SECOND: usize = 20;

/// How long the sidecar of a ready workspace stays away, of so many, spread by the UID of its pod: what its owner
/// changes reaches it by then.
pub fn rest(workspaces: usize, uid: &str) -> Option<Duration> {
    let longest = (workspaces > HELD).then_some(workspaces * 4 / 3 / A_SECOND)? as u64;
    Some(hash::spread(uid, longest / 2))
}

/// The sidecars that wait, by the UID of their pods.
#[derive(Default)]
pub struct Waiting(Mutex<HashMap<String, watch::Sender<()>>>);

/// One that waits.
pub struct Waiter {
    all: Arc<Waiting>,
    uid: String,
    changes: watch::Receiver<()>,
}

impl Waiting {
    /// Wakes sidecars until dropped.
    pub async fn run(self: Arc<Self>, caches: &Caches) {
        let mut changes = caches.changes.subscribe();
        loop {
            match changes.recv().await {
                Ok(Change::Pod(pod, _)) => self.wake(&pod.uid().unwrap_or_default()),
                Ok(Change::Workspace(workspace)) => {
                    let pods = caches.pods.by(&PodIndex::Workspace(workspace.uid().unwrap_or_default()));
                    pods.iter().for_each(|pod| self.wake(&pod.uid().unwrap_or_default()));
                }
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => {
                    self.lock().values().for_each(|waiter| waiter.send_modify(|()| ()))
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// Waits for changes of this pod from now on.
    pub fn enter(self: &Arc<Self>, uid: &str) -> Waiter {
        let changes = self.lock().entry(uid.to_owned()).or_insert_with(|| watch::Sender::new(())).subscribe();
        Waiter { all: self.clone(), uid: uid.to_owned(), changes }
    }

    fn wake(&self, uid: &str) {
        if let Some(waiter) = self.lock().get(uid) {
            waiter.send_modify(|()| ());
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, watch::Sender<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiter {
    /// Returns when something changed since the last time.
    pub async fn next(&mut self) {
        // The sender stays as long as we do.
        let _ = self.changes.changed().await;
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut all = self.all.lock();
        if all.get(&self.uid).is_some_and(|sender| sender.receiver_count() <= 1) {
            all.remove(&self.uid);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sidecars_stay_away_only_where_there_are_many_and_twenty_ask_a_second() {
        assert_eq!(rest(1000, "pod"), None);
        for workspaces in [1001_u32, 10_000] {
            let rests: Vec<_> =
                (0..workspaces).map(|pod| rest(workspaces as usize, &format!("pod-{pod}"))).collect();
            let rate: f64 = rests.iter().map(|rest| 1.0 / rest.unwrap().as_secs_f64()).sum();
            assert!((19.0..23.0).contains(&rate), "{workspaces}: {rate} a second");
        }
    }
}

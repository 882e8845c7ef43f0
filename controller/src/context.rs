//! What reconcilers share.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;
use kube::Client;

use crate::{caches::Caches, events::Events, metrics::Metrics, tls::Authority, warm_pool::demand::Demand};

/// Says what time it is.
pub type Clock = Box<dyn Fn() -> Timestamp + Send + Sync>;

/// What reconcilers and the server for sidecars share.
pub struct Context {
    /// Tells the time. That of tests is their own.
    pub clock: Clock,
    /// Speaks to the API server.
    pub client: Client,
    /// What we know.
    pub caches: Caches,
    /// Tells people what happened.
    pub events: Events,
    /// Where pods reach the programs of the region.
    pub urls: Urls,
    /// Certificate authority of our server, of sidecars and of the portal.
    pub authority: Authority,
    /// What is measured.
    pub metrics: Arc<Metrics>,
    /// What is asked of the warm pools, as long as we lead.
    pub demand: Demand,
    /// Warm pods that are being claimed or removed at this moment.
    pub reserved: Reserved,
}

impl Context {
    /// What time it is.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }
}

/// Where pods reach the programs of the region.
#[derive(Clone, Debug, Default)]
pub struct Urls {
    /// Us.
    pub controller: String,
    /// The gateway.
    pub gateway: String,
}

/// UIDs that somebody in this process is busy with, so that two do not run for the same one.
#[derive(Default)]
pub struct Reserved(Mutex<HashSet<String>>);

impl Reserved {
    /// Takes it, unless somebody has it. It is free again when the answer is dropped.
    pub fn take(&self, uid: &str) -> Option<Reservation<'_>> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.insert(uid.to_owned()).then(|| Reservation { all: self, uid: uid.to_owned() })
    }
}

/// Holds a UID as long as it lives.
pub struct Reservation<'a> {
    all: &'a Reserved,
    uid: String,
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        self.all.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.uid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_reserved_once_until_it_is_given_back() {
        let reserved = Reserved::default();
        let first = reserved.take("pod");
        assert!(first.is_some());
        assert!(reserved.take("pod").is_none());
        drop(first);
        assert!(reserved.take("pod").is_some());
    }
}

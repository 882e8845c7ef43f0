//! What is asked of the pools: counted by the replica that leads, from what the status says of before.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use kube::ResourceExt;
use neuralinverse_api::{WarmPool, WarmPoolSpec};

use super::{
    rate::Rate,
    schedule::Floor,
    size::{Load, Needs, desired},
};

/// What is asked of each pool, by its UID.
#[derive(Debug, Default)]
pub struct Demand(Mutex<HashMap<String, Asked>>);

/// What was asked of a pool.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counted {
    /// Launches that took a pod.
    pub hits: i64,
    /// Launches that found none.
    pub misses: i64,
    /// Launches per second lately.
    pub per_second: f64,
}

#[derive(Debug, Default)]
struct Asked {
    /// What the status said has been added.
    restored: bool,
    hits: i64,
    misses: i64,
    rate: Rate,
    needs: Needs,
}

impl Demand {
    /// A workspace took a pod of the pool with this UID.
    pub fn hit(&self, pool: &str, now: Timestamp) {
        let mut all = self.lock();
        let asked = all.entry(pool.to_owned()).or_default();
        asked.hits += 1;
        asked.rate.launch(now);
    }

    /// A workspace that the pool was meant for found no pod.
    pub fn miss(&self, pool: &str, now: Timestamp) {
        let mut all = self.lock();
        let asked = all.entry(pool.to_owned()).or_default();
        asked.misses += 1;
        asked.rate.launch(now);
    }

    /// What was asked of `pool` so far.
    pub fn counted(&self, pool: &WarmPool, now: Timestamp) -> Counted {
        let mut all = self.lock();
        let asked = all.entry(pool.uid().unwrap_or_default()).or_default();
        asked.restore(pool, now);
        if let Some(status) = &pool.status {
            // Never back, whoever else has counted: a counter that falls is read as a restart.
            (asked.hits, asked.misses) = (asked.hits.max(status.hits), asked.misses.max(status.misses));
        }
        Counted { hits: asked.hits, misses: asked.misses, per_second: asked.rate.per_second(now) }
    }

    /// How many pods `pool` should have, with pods that take `warm_up` seconds.
    pub fn desired(&self, pool: &WarmPool, floor: &Floor, warm_up: f64, now: Timestamp) -> usize {
        let mut all = self.lock();
        let asked = all.entry(pool.uid().unwrap_or_default()).or_default();
        asked.restore(pool, now);
        asked.desired(&pool.spec, floor, warm_up, now)
    }

    /// Forgets all pools but these.
    pub fn keep(&self, pools: &HashSet<String>) {
        self.lock().retain(|pool, _| pools.contains(pool));
    }

    /// Forgets all: another replica has led, and the status knows more.
    pub fn forget(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Asked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asked {
    fn desired(&mut self, spec: &WarmPoolSpec, floor: &Floor, warm_up: f64, now: Timestamp) -> usize {
        let load = Load { per_second: self.rate.per_second(now), warm_up };
        desired(spec, floor, load, &mut self.needs, now)
    }

    fn restore(&mut self, pool: &WarmPool, now: Timestamp) {
        if std::mem::replace(&mut self.restored, true) {
            return;
        }
        let Some(status) = &pool.status else { return };
        self.hits += status.hits;
        self.misses += status.misses;
        self.rate.restore(f64::from(status.launches_per_hour) / 3600.0, now);
        if pool.spec.autoscale.is_some() {
            let size = usize::try_from(status.desired).unwrap_or_default();
            self.needs.settle(size, size, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fixtures::from;

    fn pool(status: Value) -> WarmPool {
        from(json!({
            "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "WarmPool",
            "metadata": { "name": "p", "namespace": "workspaces", "uid": "u" },
            "spec": { "tier": "t", "template": "t", "autoscale": { "min": 1, "max": 20 } },
            "status": status,
        }))
    }

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    #[test]
    fn a_replica_that_begins_to_lead_goes_on_where_the_last_one_was() {
        let demand = Demand::default();
        let pool = pool(json!({ "hits": 100, "misses": 3, "launchesPerHour": 60, "desired": 9 }));
        demand.hit("u", at(10));
        demand.miss("u", at(10));
        let counted = demand.counted(&pool, at(10));
        assert_eq!((counted.hits, counted.misses), (101, 4));
        assert!((60.0..70.0).contains(&(counted.per_second * 3600.0)), "{counted:?}");
        let size = |minute| demand.desired(&pool, &Floor::default(), 59.0, at(minute));
        assert_eq!((size(10), size(40), size(41)), (9, 9, 4));
        assert_eq!(demand.counted(&pool, at(10)).hits, 101, "the status counts once");
    }

    #[test]
    fn a_counter_never_goes_back() {
        let demand = Demand::default();
        demand.counted(&pool(json!({ "hits": 5, "misses": 5 })), at(0));
        demand.hit("u", at(0));
        let counted = demand.counted(&pool(json!({ "hits": 9, "misses": 2 })), at(0));
        assert_eq!((counted.hits, counted.misses), (9, 5));
    }

    #[test]
    fn a_pool_that_is_gone_is_forgotten() {
        let demand = Demand::default();
        demand.hit("u", at(0));
        demand.keep(&HashSet::from(["u".to_owned()]));
        assert_eq!(demand.counted(&pool(Value::Null), at(0)).hits, 1);
        demand.keep(&HashSet::new());
        assert_eq!(demand.counted(&pool(Value::Null), at(0)).hits, 0);
    }
}

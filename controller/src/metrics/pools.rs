//! What the status of the warm pools says, read when somebody asks.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use kube::ResourceExt;
use neuralinverse_api::{WarmPool, WarmPoolStatus};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};

use crate::cache::Cache;

/// Shows the warm pools of the cluster, as long as this replica leads.
pub struct Pools {
    /// The pools.
    pub pools: Arc<Cache<WarmPool>>,
    /// Whether this replica leads.
    pub leading: Arc<AtomicBool>,
}

impl fmt::Debug for Pools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pools").finish_non_exhaustive()
    }
}

type Read = fn(&WarmPoolStatus) -> i64;

const GAUGES: [(&str, &str, Read); 3] = [
    ("warm_pool_desired", "Free pods that are wanted", |status| status.desired.into()),
    ("warm_pool_ready", "Free pods that are ready to be taken", |status| status.ready.into()),
    ("warm_pool_warming", "Free pods that are starting", |status| status.warming.into()),
];

const COUNTERS: [(&str, &str, Read); 3] = [
    ("warm_pool_claims", "Launches that asked for a pod: hits and misses", |status| {
        status.hits.saturating_add(status.misses)
    }),
    ("warm_pool_hits", "Launches that took a pod", |status| status.hits),
    ("warm_pool_misses", "Launches that found no ready pod and started their own", |status| status.misses),
];

impl Collector for Pools {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        if !self.leading.load(Ordering::Relaxed) {
            return Ok(());
        }
        let mut pools = self.pools.all();
        pools.sort_by_key(|pool| (pool.namespace(), pool.name_any()));
        let values = |read: Read| {
            pools.iter().map(move |pool| {
                let labels = [("namespace", pool.namespace().unwrap_or_default()), ("pool", pool.name_any())];
                (labels, pool.status.as_ref().map(read).unwrap_or_default())
            })
        };
        for (name, help, read) in GAUGES {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (labels, value) in values(read) {
                ConstGauge::new(value).encode(metric.encode_family(&labels)?)?;
            }
        }
        for (name, help, read) in COUNTERS {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (labels, value) in values(read) {
                let value = u64::try_from(value).unwrap_or_default();
                ConstCounter::new(value).encode(metric.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

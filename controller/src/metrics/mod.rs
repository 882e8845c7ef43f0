//! What is measured, in Prometheus' text format. Names of warm pools are labels, those of workspaces and
//! people never.

mod pools;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use neuralinverse_api::{Launch, LaunchSource, WarmPool};
pub use prometheus_client::encoding::prometheus_text::CONTENT_TYPE;
use prometheus_client::{
    encoding::prometheus_text::encode,
    metrics::{family::Family, histogram::Histogram},
    registry::Registry,
};

use self::pools::Pools;
use crate::cache::Cache;

/// Upper ends of the histogram of launches, in seconds: a warm one takes tenths, a cold one minutes.
const LAUNCH: [f64; 16] =
    [0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0];

type Source = [(&'static str, &'static str); 1];

/// What this replica measures.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    launches: Family<Source, Histogram, fn() -> Histogram>,
    leading: Arc<AtomicBool>,
}

impl Metrics {
    /// Nothing is measured yet. Of `pools`, what their status says is shown.
    pub fn new(pools: Arc<Cache<WarmPool>>) -> Self {
        let launches = Family::new_with_constructor((|| Histogram::new(LAUNCH)) as fn() -> Histogram);
        let leading = Arc::new(AtomicBool::new(false));
        let mut registry = Registry::with_prefix("neuralinverse");
        registry.register(
            "workspace_launch_duration_seconds",
            "Time from the wish for a workspace to its being usable, by where its pod came from",
            launches.clone(),
        );
        registry.register_collector(Box::new(Pools { pools, leading: leading.clone() }));
        Self { registry, launches, leading }
    }

    /// A workspace became usable.
    pub fn launched(&self, launch: Launch) {
        let source = match launch.source {
            LaunchSource::Warm => "warm",
            LaunchSource::Cold => "cold",
            LaunchSource::Resume => "resume",
        };
        let milliseconds = u32::try_from(launch.milliseconds.max(0)).unwrap_or(u32::MAX);
        self.launches.get_or_create(&[("source", source)]).observe(f64::from(milliseconds) / 1000.0);
    }

    /// Whether this replica leads. What is true of the cluster is said by the one that does, so that sums
    /// over replicas are right.
    pub fn leads(&self, leads: bool) {
        self.leading.store(leads, Ordering::Relaxed);
    }

    /// All of it, as text.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::sync::broadcast;

    use super::*;
    use crate::fixtures::from;

    fn metrics() -> Metrics {
        let pools = Cache::<WarmPool>::new(broadcast::Sender::new(1));
        pools.apply(from(json!({
            "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "WarmPool",
            "metadata": { "name": "standard-rust", "namespace": "team", "uid": "u", "resourceVersion": "1" },
            "spec": { "tier": "t", "template": "t", "size": 5 },
            "status": { "desired": 5, "ready": 3, "warming": 1, "hits": 98, "misses": 2, "launchesPerHour": 40 },
        })));
        Metrics::new(Arc::new(pools))
    }

    #[test]
    fn launches_are_counted_by_how_long_they_took_and_where_the_pod_came_from() {
        let metrics = metrics();
        metrics.launched(Launch { source: LaunchSource::Warm, milliseconds: 120 });
        metrics.launched(Launch { source: LaunchSource::Cold, milliseconds: 9_000 });
        let text = metrics.text().unwrap();
        for line in [
            "# TYPE neuralinverse_workspace_launch_duration_seconds histogram",
            r#"neuralinverse_workspace_launch_duration_seconds_bucket{source="warm",le="0.1"} 0"#,
            r#"neuralinverse_workspace_launch_duration_seconds_bucket{source="warm",le="0.15"} 1"#,
            r#"neuralinverse_workspace_launch_duration_seconds_sum{source="cold"} 9.0"#,
            r#"neuralinverse_workspace_launch_duration_seconds_count{source="warm"} 1"#,
        ] {
            assert!(text.lines().any(|it| it == line), "{line}\n{text}");
        }
    }

    #[test]
    fn pools_are_shown_by_the_replica_that_leads() {
        let metrics = metrics();
        assert!(!metrics.text().unwrap().contains("standard-rust"));
        metrics.leads(true);
        let text = metrics.text().unwrap();
        for (name, value) in [
            ("desired", 5),
            ("ready", 3),
            ("warming", 1),
            ("claims_total", 100),
            ("hits_total", 98),
            ("misses_total", 2),
        ] {
            let line =
                format!(r#"neuralinverse_warm_pool_{name}{{namespace="team",pool="standard-rust"}} {value}"#);
            assert!(text.lines().any(|it| it == line), "{line}\n{text}");
        }
    }
}

//! When a workspace that nobody uses is stopped. Pure.
//!
//! The pod says that nobody uses it and since when, once; what makes it wait longer is known here: when it was
//! started, a wish to wake, a longer idleTimeout. A pod that says nothing is not stopped.

use std::time::Duration;

use jiff::Timestamp;
use neuralinverse_api::Workspace;

use super::{decide::elapsed, pod_state};
use crate::kubernetes::Pod;

/// How long `pod`, which has the say, may still stay although nobody uses it. `None` when it is used, or may
/// stay unused.
pub fn left(workspace: &Workspace, pod: &Pod, now: Timestamp) -> Option<Duration> {
    let timeout = Duration::from(&workspace.spec.stops_after()?);
    let status = workspace.status.as_ref().filter(|status| status.epoch == pod_state::epoch(pod))?;
    let idle = status.idle_since.as_ref()?.0;
    let started = pod_state::launch(pod).map(|(_, since)| since);
    let used = [started, workspace.waked_at()].into_iter().flatten().fold(idle, Timestamp::max);
    Some(match used > now {
        true => Duration::try_from(used.duration_since(now)).unwrap_or_default() + timeout,
        false => timeout.saturating_sub(elapsed(used, now)),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fixtures::{self, pod, ready};

    /// What is left at second 1000 to a pod that was wished for at second 100.
    fn left_of(spec: Value, idle: Option<i64>, wake: Option<i64>) -> Option<u64> {
        let at = |second| Timestamp::from_second(second).unwrap();
        let status = json!({ "epoch": 1, "pod": "mine-1", "idleSince": idle.map(at) });
        let mut workspace = fixtures::workspace(spec, status);
        let wake = wake
            .map(|second| (neuralinverse_api::labels::WAKE_REQUESTED_AT.to_owned(), at(second).to_string()));
        workspace.metadata.annotations = Some(wake.into_iter().collect());
        left(&workspace, &pod(1, ready), at(1000)).map(|left| left.as_secs())
    }

    #[test]
    fn an_unused_workspace_may_stay_until_its_idle_timeout_has_passed() {
        let on_demand = |timeout: &str| json!({ "runPolicy": "OnDemand", "idleTimeout": timeout });
        for (name, spec, idle, wake, expected) in [
            ("it is used", on_demand("10m"), None, None, None),
            ("it always runs", json!({ "idleTimeout": "10m" }), Some(200), None, None),
            ("it is time", on_demand("10m"), Some(200), None, Some(0)),
            ("just so", on_demand("10m"), Some(400), None, Some(0)),
            ("not yet", on_demand("10m"), Some(401), None, Some(1)),
            ("30 minutes are enough", json!({ "runPolicy": "OnDemand" }), Some(200), None, Some(1000)),
            ("it was longer unused than it runs", on_demand("15m"), Some(0), None, Some(0)),
            ("it has only begun", on_demand("15m10s"), Some(0), None, Some(10)),
            ("somebody has waked it", on_demand("10m"), Some(200), Some(900), Some(500)),
            ("somebody wants it to stay", on_demand("10m"), Some(200), Some(1500), Some(1100)),
        ] {
            assert_eq!(left_of(spec, idle, wake), expected, "{name}");
        }
    }

    #[test]
    fn another_pod_has_to_say_for_itself() {
        let status = json!({ "epoch": 1, "pod": "mine-1", "idleSince": "1970-01-01T00:03:00Z" });
        let workspace = fixtures::workspace(json!({ "runPolicy": "OnDemand" }), status);
        assert_eq!(left(&workspace, &pod(2, ready), Timestamp::from_second(9000).unwrap()), None);
    }
}

//! Whether a workspace is to have a pod: by its runPolicy, by what its user asked for, and by idleness.
//!
//! The spec belongs to who declares it, so nothing of this is written there. Who stops or wakes a workspace of
//! runPolicy `OnDemand` writes an annotation: what it says, not when the clocks of two programs agree. The
//! controller writes into the status that nobody used it, with the wish to wake that it knew by then: any other
//! wish is a newer one.

use jiff::Timestamp;
use kube::ResourceExt;

use crate::{RunPolicy, Workspace, labels};

/// Whether there is to be a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// There is.
    Running,
    /// There is none, for this reason.
    Stopped(Why),
}

/// Why a workspace is to have no pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its runPolicy is `Stopped`.
    Policy,
    /// Its user asked for it.
    Asked,
    /// Nobody used it.
    Idle,
}

impl Workspace {
    /// Whether it is to have a pod.
    pub fn wanted(&self) -> Wanted {
        match self.spec.run_policy {
            RunPolicy::Always => Wanted::Running,
            RunPolicy::Stopped => Wanted::Stopped(Why::Policy),
            RunPolicy::OnDemand if self.stop_requested() => Wanted::Stopped(Why::Asked),
            RunPolicy::OnDemand if self.is_suspended() => Wanted::Stopped(Why::Idle),
            RunPolicy::OnDemand => Wanted::Running,
        }
    }

    /// The last wish that it runs, as it was written.
    pub fn wake(&self) -> Option<&str> {
        self.annotations().get(labels::WAKE_REQUESTED_AT).map(String::as_str)
    }

    /// The last wish that it does not run, as it was written.
    pub fn stop(&self) -> Option<&str> {
        self.annotations().get(labels::STOP_REQUESTED_AT).map(String::as_str)
    }

    /// When it was last wished that it runs. One that lies ahead keeps it running until then.
    pub fn waked_at(&self) -> Option<Timestamp> {
        self.wake()?.parse().ok()
    }

    /// Who writes one wish takes the other away. Where both are there all the same, the later one counts.
    fn stop_requested(&self) -> bool {
        let Some(stop) = self.stop() else { return false };
        match (stop.parse::<Timestamp>(), self.waked_at()) {
            (Ok(stop), Some(wake)) => stop >= wake,
            _ => true,
        }
    }

    fn is_suspended(&self) -> bool {
        let suspended = self.status.as_ref().and_then(|status| status.suspended.as_ref());
        let woken = |known: Option<&str>| self.wake().is_some() && self.wake() != known;
        suspended.is_some_and(|suspended| !woken(suspended.wake.as_deref()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const EARLY: &str = "2026-01-01T00:00:00Z";
    const LATE: &str = "2026-01-01T01:00:00Z";

    fn wanted(policy: &str, wake: Option<&str>, stop: Option<&str>, suspended: Option<Value>) -> Wanted {
        let mut workspace: Workspace = serde_json::from_value(json!({
            "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "Workspace",
            "metadata": { "name": "w" },
            "spec": { "owner": "u-a", "tier": "t", "template": "t", "runPolicy": policy },
            "status": { "suspended": suspended },
        }))
        .unwrap();
        for (name, value) in [(labels::WAKE_REQUESTED_AT, wake), (labels::STOP_REQUESTED_AT, stop)] {
            workspace.annotations_mut().extend(value.map(|value| (name.to_owned(), value.to_owned())));
        }
        workspace.wanted()
    }

    #[test]
    fn policy_wishes_and_idleness_decide() {
        use Wanted::{Running, Stopped};
        let idle = |wake: Option<&str>| Some(json!({ "since": LATE, "wake": wake }));
        for (policy, wake, stop, suspended, expected) in [
            ("Always", None, Some(LATE), idle(None), Running),
            ("Stopped", Some(LATE), None, None, Stopped(Why::Policy)),
            ("OnDemand", None, None, None, Running),
            ("OnDemand", None, None, idle(None), Stopped(Why::Idle)),
            // The wish is newer for having been written since, whatever the clock of who wrote it says.
            ("OnDemand", Some(EARLY), None, idle(None), Running),
            ("OnDemand", Some(EARLY), None, idle(Some(EARLY)), Stopped(Why::Idle)),
            ("OnDemand", Some(LATE), None, idle(Some(EARLY)), Running),
            ("OnDemand", None, None, idle(Some(EARLY)), Stopped(Why::Idle)),
            ("OnDemand", Some("now"), None, idle(Some(EARLY)), Running),
            ("OnDemand", None, Some(EARLY), None, Stopped(Why::Asked)),
            ("OnDemand", None, Some("now"), None, Stopped(Why::Asked)),
            ("OnDemand", Some(LATE), Some(EARLY), None, Running),
            ("OnDemand", Some(EARLY), Some(LATE), None, Stopped(Why::Asked)),
        ] {
            let found = wanted(policy, wake, stop, suspended.clone());
            assert_eq!(found, expected, "{policy} {wake:?} {stop:?} {suspended:?}");
        }
    }
}

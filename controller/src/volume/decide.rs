//! Whether a volume with somebody's work is still needed. Pure.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::ResourceExt;
use neuralinverse_api::{Workspace, labels};

/// What is next for a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is in use, or nobody can say that it is not.
    Keep,
    /// Its workspace is gone: from now on its time is counted.
    Retain,
    /// It is kept for so long.
    Wait(Duration),
    /// Its time is over.
    Delete,
}

/// What is next for `volume`, whose workspace is `workspace`, if that is still there.
pub fn decide(volume: &PersistentVolumeClaim, workspace: Option<&Workspace>, now: Timestamp) -> Step {
    let until = volume.annotations().get(labels::RETAINED_UNTIL);
    match (workspace, until.map(|until| until.parse::<Timestamp>())) {
        (Some(_), _) => Step::Keep,
        (None, None) => Step::Retain,
        // Whoever wrote what is no time did not mean now.
        (None, Some(Err(_))) => Step::Keep,
        (None, Some(Ok(until))) => match Duration::try_from(until.duration_since(now)) {
            Ok(left) if !left.is_zero() => Step::Wait(left),
            _ => Step::Delete,
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fixtures;

    #[test]
    fn a_volume_is_kept_for_its_workspace_and_then_for_its_time() {
        let (there, second) = (fixtures::workspace(json!({}), Value::Null), Duration::from_secs(1));
        let cases = [
            ("its workspace is there", Some(&there), None, Step::Keep),
            ("taken up by another one", Some(&there), Some("1970-01-01T00:00:00Z"), Step::Keep),
            ("its workspace has just gone", None, None, Step::Retain),
            ("its time is not over", None, Some("1970-01-01T00:16:41Z"), Step::Wait(second)),
            ("just over", None, Some("1970-01-01T00:16:40Z"), Step::Delete),
            ("long over", None, Some("1970-01-01T00:00:00Z"), Step::Delete),
            ("what is no time", None, Some("for ever"), Step::Keep),
        ];
        for (name, workspace, until, expected) in cases {
            let annotations = until.map(|until| json!({ (labels::RETAINED_UNTIL): until }));
            let volume = fixtures::from(json!({ "metadata": { "annotations": annotations } }));
            assert_eq!(decide(&volume, workspace, Timestamp::from_second(1000).unwrap()), expected, "{name}");
        }
    }
}

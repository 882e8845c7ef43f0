//! Whether a volume with somebody's work is still needed. Pure.

use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt;
use neuralinverse_api::{Workspace, labels};

use crate::{kubernetes::PersistentVolumeClaim, workspace::decide::age};

/// How old a volume is before its workspace can have passed it by: it is made before its pod, and that is named
/// last.
const PASSED_BY: Duration = Duration::from_secs(60);

/// What is next for a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is in use, or nobody can say that it is not.
    Keep,
    /// It is in use, and has an owner that would take it along: an earlier release gave it one.
    Disown,
    /// It is in use, and says until when it is kept: from a time at which it was not.
    Use,
    /// Its workspace is gone, or has another volume: from now on its time is counted.
    Retain,
    /// It is kept for so long.
    Wait(Duration),
    /// Its time is over.
    Delete,
}

/// What is next for `volume`, whose workspace is `workspace`, if that is still there.
pub fn decide(volume: &PersistentVolumeClaim, workspace: Option<&Workspace>, now: Timestamp) -> Step {
    let until = volume.annotations().get(labels::RETAINED_UNTIL);
    let status = workspace.and_then(|workspace| workspace.status.as_ref());
    let named = |it: Option<&String>| it.is_some() && it == volume.metadata.name.as_ref();
    let lost = named(status.and_then(|status| status.lost_volume.as_ref()));
    let others = status.is_some_and(|status| status.volume.is_some() && !named(status.volume.as_ref()));
    match (workspace, until.map(|until| until.parse::<Timestamp>())) {
        (Some(_), _) if !volume.owner_references().is_empty() => Step::Disown,
        // One that has no volume now may take this one up again.
        (Some(_), None) if lost && others => Step::Retain,
        // It was made or claimed for it and never became its volume: whoever did so was cut off.
        (Some(_), None) if others => match PASSED_BY.saturating_sub(age(volume, now)) {
            Duration::ZERO => Step::Retain,
            left => Step::Wait(left),
        },
        (Some(_), Some(_)) if named(status.and_then(|status| status.volume.as_ref())) => Step::Use,
        // A workspace that waits for its work waits for as long as it takes.
        (Some(_), Some(_)) if lost || !others => Step::Keep,
        // It may be about to get its pod.
        (Some(_), None) => Step::Keep,
        (None, None) => Step::Retain,
        // Whoever wrote what is no time did not mean now.
        (_, Some(Err(_))) => Step::Keep,
        (_, Some(Ok(until))) => match Duration::try_from(until.duration_since(now)) {
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
        let with = |status: Value| fixtures::workspace(json!({}), status);
        let uses = with(json!({ "epoch": 1, "volume": "one" }));
        let lost = with(json!({ "epoch": 2, "volume": "two", "lostVolume": "one" }));
        let returns = with(json!({ "epoch": 2, "lostVolume": "one" }));
        let another = with(json!({ "epoch": 2, "volume": "two" }));
        let past = Some("1970-01-01T00:00:00Z");
        let cases = [
            ("its workspace is there", Some(&there), None, Step::Keep),
            ("taken up by another one", Some(&there), Some("1970-01-01T00:00:00Z"), Step::Keep),
            ("used, whatever somebody wrote", Some(&uses), past, Step::Use),
            ("its workspace lost it", Some(&lost), None, Step::Retain),
            ("its workspace takes it up again", Some(&returns), None, Step::Keep),
            ("its workspace waits for the work on it", Some(&lost), past, Step::Keep),
            ("its workspace has passed it by", Some(&another), None, Step::Retain),
            ("its workspace got its work back on another", Some(&another), past, Step::Delete),
            ("its workspace has just gone", None, None, Step::Retain),
            ("its time is not over", None, Some("1970-01-01T00:16:41Z"), Step::Wait(second)),
            ("just over", None, Some("1970-01-01T00:16:40Z"), Step::Delete),
            ("long over", None, Some("1970-01-01T00:00:00Z"), Step::Delete),
            ("what is no time", None, Some("for ever"), Step::Keep),
        ];
        for (name, workspace, until, expected) in cases {
            let annotations = until.map(|until| json!({ (labels::RETAINED_UNTIL): until }));
            let volume = fixtures::from(json!({ "metadata": { "name": "one", "annotations": annotations } }));
            assert_eq!(decide(&volume, workspace, Timestamp::from_second(1000).unwrap()), expected, "{name}");
        }
        let young = json!({ "name": "one", "creationTimestamp": "1970-01-01T00:15:41Z" });
        let young = fixtures::from(json!({ "metadata": young }));
        let now = Timestamp::from_second(1000).unwrap();
        assert_eq!(decide(&young, Some(&another), now), Step::Wait(second), "its workspace may take it yet");
        let owner = json!([{ "apiVersion": "v", "kind": "Workspace", "name": "mine", "uid": "uid-of-mine" }]);
        let owned = fixtures::from(json!({ "metadata": { "name": "one", "ownerReferences": owner } }));
        assert_eq!(decide(&owned, Some(&uses), Timestamp::UNIX_EPOCH), Step::Disown);
    }
}

//! When a node is lost, and whether a volume is lost with it. Pure.
//!
//! A node that is silent may still run its pods. So nothing is started on a volume of theirs before Kubernetes says
//! that they are gone: it does when the node is back, was deleted, or is marked as out of service. A volume that
//! cannot leave the node is not waited for: the workspace begins on a new one, and the pod that is left behind has no
//! say any more.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, NodeSelectorRequirement, NodeSelectorTerm, PersistentVolume};
use kube::ResourceExt;

use super::decide::elapsed;
use crate::kubernetes::{PersistentVolumeClaim, Pod};

/// Says of a node that its machine is off for certain. Set by people or by who watches machines.
const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";

/// Annotation of a volume: the node that its first pod was placed on.
const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";

/// Label of a node by which most volumes that cannot leave it name it.
const HOSTNAME: &str = "kubernetes.io/hostname";

/// How a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeState {
    /// It answers.
    Serves,
    /// It does not, and counts as lost after this time.
    Silent(Duration),
    /// It is lost.
    Lost,
}

/// What we look at on a node: whether it answers, since when that is so, and whether it is out of service.
pub fn facts(node: &Node) -> (bool, Option<Timestamp>, bool) {
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let ready = conditions.into_iter().find(|condition| condition.type_ == "Ready");
    let since = ready.and_then(|ready| ready.last_transition_time.as_ref()).map(|time| time.0);
    let mut taints = node.spec.iter().flat_map(|spec| spec.taints.iter().flatten());
    (ready.is_some_and(|it| it.status == "True"), since, taints.any(|taint| taint.key == OUT_OF_SERVICE))
}

/// How a node is, `None` being one that does not exist. One that may be silent for `timeout` is new until it has
/// answered once.
pub fn state(node: Option<&Node>, timeout: Duration, now: Timestamp) -> NodeState {
    let Some(node) = node else { return NodeState::Lost };
    match facts(node) {
        (_, _, true) => NodeState::Lost,
        (true, ..) | (false, None, _) => NodeState::Serves,
        (false, Some(since), _) => match timeout.saturating_sub(elapsed(since, now)) {
            Duration::ZERO => NodeState::Lost,
            left => NodeState::Silent(left),
        },
    }
}

/// The node that a pod was placed on.
pub fn node_of(pod: &Pod) -> Option<&str> {
    pod.spec.node_name.as_deref()
}

/// The node that a volume was made for. One that can leave it may be elsewhere by now.
pub fn made_for(volume: &PersistentVolumeClaim) -> Option<&str> {
    volume.annotations().get(SELECTED_NODE).map(String::as_str)
}

/// Whether a disk cannot be used anywhere but on the node of this name.
pub fn tied(disk: &PersistentVolume, node: &str) -> bool {
    let Some(spec) = &disk.spec else { return false };
    let required = spec.node_affinity.as_ref().and_then(|affinity| affinity.required.as_ref());
    let terms = required.map(|required| required.node_selector_terms.as_slice()).unwrap_or_default();
    let one_node = !terms.is_empty() && terms.iter().all(|term| names(term, node));
    one_node || (terms.is_empty() && (spec.local.is_some() || spec.host_path.is_some()))
}

/// Whether only one node can match. Drivers have keys of their own, with the node's name as value.
fn names(term: &NodeSelectorTerm, node: &str) -> bool {
    let one = |it: &NodeSelectorRequirement| match it.values.as_deref() {
        Some([value]) if it.operator == "In" => value == node || it.key == HOSTNAME,
        _ => false,
    };
    term.match_expressions.iter().flatten().chain(term.match_fields.iter().flatten()).any(one)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fixtures;

    /// At second 1000, of a node that is as it is since second 100.
    fn of(ready: Option<&str>, taint: Option<&str>, timeout: u64) -> NodeState {
        let conditions = ready.map(|status| {
            json!([{ "type": "Ready", "status": status, "lastTransitionTime": "1970-01-01T00:01:40Z" }])
        });
        let taints = taint.map(|key| json!([{ "key": key, "effect": "NoExecute" }]));
        let node = fixtures::from(json!({
            "metadata": {}, "spec": { "taints": taints }, "status": { "conditions": conditions },
        }));
        state(Some(&node), Duration::from_secs(timeout), Timestamp::from_second(1000).unwrap())
    }

    #[test]
    fn a_node_is_lost_when_it_was_silent_for_its_time_or_is_off_for_certain() {
        let out_of_service = Some("node.kubernetes.io/out-of-service");
        let unreachable = Some("node.kubernetes.io/unreachable");
        for (ready, taint, timeout, expected) in [
            (Some("True"), None, 1, NodeState::Serves),
            (Some("True"), unreachable, 1, NodeState::Serves),
            (Some("Unknown"), unreachable, 901, NodeState::Silent(Duration::from_secs(1))),
            (Some("Unknown"), unreachable, 900, NodeState::Lost),
            (Some("False"), None, 901, NodeState::Silent(Duration::from_secs(1))),
            (Some("False"), None, 300, NodeState::Lost),
            (Some("Unknown"), out_of_service, 901, NodeState::Lost),
            (None, None, 1, NodeState::Serves),
        ] {
            assert_eq!(of(ready, taint, timeout), expected, "{ready:?} {taint:?} {timeout}");
        }
        assert_eq!(state(None, Duration::MAX, Timestamp::UNIX_EPOCH), NodeState::Lost);
    }

    #[test]
    fn a_disk_is_tied_to_a_node_when_no_other_can_have_it() {
        let wants = |key: &str, values: &[&str]| json!({ "matchExpressions": [{ "key": key, "operator": "In", "values": values }] });
        let affinity =
            |terms: Value| json!({ "nodeAffinity": { "required": { "nodeSelectorTerms": terms } } });
        let local = json!({ "local": { "path": "/disk" } });
        for (spec, expected) in [
            (affinity(json!([wants("kubernetes.io/hostname", &["n1"])])), true),
            (affinity(json!([wants("kubernetes.io/hostname", &["its-host"])])), true),
            (affinity(json!([wants("topology.driver.test/node", &["n1"])])), true),
            (affinity(json!([wants("kubernetes.io/hostname", &["n1", "n2"])])), false),
            (affinity(json!([wants("topology.kubernetes.io/zone", &["a"])])), false),
            (affinity(json!([wants("kubernetes.io/hostname", &["n1"]), wants("any", &["a"])])), false),
            (json!({ "csi": { "driver": "network", "volumeHandle": "v" } }), false),
            (local, true),
            (json!({ "hostPath": { "path": "/disk" } }), true),
        ] {
            let disk = fixtures::from(json!({ "metadata": {}, "spec": spec }));
            assert_eq!(tied(&disk, "n1"), expected, "{spec}");
        }
    }
}

//! How a pod of ours is doing, in one word, from what the kubelet and the scheduler say of it.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ContainerStateWaiting;
use kube::ResourceExt;
use neuralinverse_api::{LaunchSource, condition::Reason, labels};

use super::{
    children::{containers::WORKSPACE, volumes},
    node_loss,
};
use crate::kubernetes::{ConditionStatus, Pod, PodCondition, PodConditionType};

/// How a pod is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PodState {
    /// It starts, and nothing is wrong; what it waits for.
    Starting(&'static str),
    /// It cannot go on by itself until somebody mends something, or it tries again and again.
    Trouble(Reason, String),
    /// All containers run and have said so.
    Ready,
    /// It was ready and is not any more, for a moment or because its node is lost.
    Unready,
    /// It has ended and will never run again.
    Ended(String),
    /// It is being deleted.
    Terminating,
}

/// Reasons of waiting containers that mean that an image is not to be had.
const PULL: [&str; 5] =
    ["ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"];

/// Reasons of waiting containers that mean that one does not start or does not stay.
const BROKEN: [&str; 5] = [
    "CrashLoopBackOff",
    "CreateContainerError",
    "CreateContainerConfigError",
    "RunContainerError",
    "PostStartHookError",
];

/// How `pod` is doing.
pub fn of(pod: &Pod) -> PodState {
    if pod.metadata.deletion_timestamp.is_some() {
        return PodState::Terminating;
    }
    let status = &pod.status;
    if let Some(phase @ ("Failed" | "Succeeded")) = status.phase.as_deref() {
        let said = status.reason.clone().or(status.message.clone());
        return PodState::Ended(said.unwrap_or_else(|| phase.to_owned()));
    }
    if condition(pod, PodConditionType::Ready).is_some_and(|(true_, ..)| true_) {
        return PodState::Ready;
    }
    if let Some((false, Some("Unschedulable"), message)) = condition(pod, PodConditionType::PodScheduled) {
        let message =
            format!("no node takes the pod ({message}): add nodes to the pool or choose a smaller tier");
        return PodState::Trouble(Reason::Unschedulable, message);
    }
    if let Some(trouble) = waiting(pod).find_map(trouble) {
        return trouble;
    }
    if started(pod) {
        return PodState::Unready;
    }
    PodState::Starting(match pod.spec.node_name {
        None => "the pod waits for a node",
        Some(_) => "volume, images and programs of the pod are being readied",
    })
}

/// The node pool whose nodes the pod may run on.
pub fn node_pool(pod: &Pod) -> Option<&str> {
    pod.spec.node_selector.as_ref()?.get(labels::NODE_POOL).map(String::as_str)
}

/// The node pool in which a workspace's pod waits for room, if it does.
pub fn waits_for_room(pod: &Pod) -> Option<&str> {
    let somebodys = pod.labels().contains_key(labels::WORKSPACE_UID);
    let waits = somebodys && matches!(of(pod), PodState::Trouble(Reason::Unschedulable, _));
    node_pool(pod).filter(|_| waits)
}

/// Whether a warm pod answers at once.
pub fn is_ready(pod: &Pod) -> bool {
    of(pod) == PodState::Ready
}

/// Whether it has found its node, and nothing is wrong so far.
pub fn starts_on_a_node(pod: &Pod) -> bool {
    node_loss::node_of(pod).is_some() && matches!(of(pod), PodState::Starting(_))
}

/// Since when it is ready or not: since it was made, if nothing is said.
pub fn since(pod: &Pod) -> Timestamp {
    let ready = find(pod, PodConditionType::Ready);
    let changed = ready.and_then(|condition| condition.last_transition_time.as_ref());
    changed.map(|time| time.0).or(pod.creation_timestamp().map(|time| time.0)).unwrap_or_default()
}

/// The epoch that is written on a pod.
pub fn epoch(pod: &Pod) -> i64 {
    pod.labels().get(labels::EPOCH).and_then(|epoch| epoch.parse().ok()).unwrap_or_default()
}

/// The volume that holds a pod's work.
pub fn volume(pod: &Pod) -> Option<&str> {
    let work = pod.spec.volumes.iter().find(|volume| volume.name == volumes::WORK)?;
    work.persistent_volume_claim.as_ref().map(|claim| claim.claim_name.as_str())
}

/// Where a claimed pod came from and since when it was wished for.
pub fn launch(pod: &Pod) -> Option<(LaunchSource, Timestamp)> {
    let source = match pod.annotations().get(labels::LAUNCH_SOURCE)?.as_str() {
        "Warm" => LaunchSource::Warm,
        "Cold" => LaunchSource::Cold,
        "Resume" => LaunchSource::Resume,
        _ => return None,
    };
    Some((source, pod.annotations().get(labels::LAUNCH_SINCE)?.parse().ok()?))
}

/// That the pod did not end by itself, and what comes now.
pub fn interruption(pod: &Pod) -> Option<(Reason, String)> {
    let evicted = pod.status.reason.as_deref() == Some("Evicted");
    let target = condition(pod, PodConditionType::DisruptionTarget).filter(|(true_, ..)| *true_);
    let said = match target.map(|(.., message)| message).filter(|message| !message.is_empty()) {
        Some(message) => message,
        None => pod.status.message.as_deref().unwrap_or("it did not say why"),
    };
    match target.and_then(|(_, reason, _)| reason) {
        Some("PreemptionByScheduler") => Some((
            Reason::Preempted,
            format!(
                "a pod of higher priority took the place of this one ({said}): it starts again where there is room; \
                 add nodes to the pool, or give the tier a priorityClassName"
            ),
        )),
        Some("EvictionByEvictionAPI") => Some((
            Reason::Drained,
            format!(
                "the pod was asked to leave its node ({said}): the workspace starts again on another one"
            ),
        )),
        Some("TerminationByKubelet" | "DeletionByTaintManager") => Some((Reason::Evicted, evicted_for(said))),
        _ if evicted => Some((Reason::Evicted, evicted_for(said))),
        _ => None,
    }
}

fn evicted_for(said: &str) -> String {
    format!(
        "the node ended the pod ({said}): the workspace starts again on its volume; when it happens again, look at \
         the node, or choose a larger tier"
    )
}

/// What became of a change of the pod's size that is not done yet, and the next step.
pub fn resize(pod: &Pod) -> Option<(Reason, String)> {
    if let Some((true, reason, message)) = condition(pod, PodConditionType::PodResizePending) {
        return Some(match reason {
            Some("Infeasible") => (
                Reason::ResizeInfeasible,
                format!(
                    "the pod's node cannot give it its new size ({message}): stop the workspace and start it, so \
                     that it gets another node, or choose a smaller tier"
                ),
            ),
            _ => (
                Reason::ResizeDeferred,
                format!(
                    "the pod's node has no room for its new size now ({message}): it is tried again by itself; \
                     who does not want to wait stops the workspace and starts it"
                ),
            ),
        });
    }
    let resizing = condition(pod, PodConditionType::PodResizeInProgress).filter(|(true_, ..)| *true_);
    let unseen = pod
        .status
        .observed_generation
        .is_some_and(|observed| pod.metadata.generation.is_some_and(|it| it > observed));
    match resizing {
        Some((_, Some("Error"), message)) => Some((
            Reason::ResizeInProgress,
            format!("the pod's new size did not take effect yet ({message}): it is tried again by itself"),
        )),
        None if !unseen => None,
        _ => Some((Reason::ResizeInProgress, "the pod gets its new size while it runs".to_owned())),
    }
}

/// The tier that a claimed pod was made for, or last resized to.
pub fn tier(pod: &Pod) -> Option<&str> {
    pod.annotations().get(labels::TIER).map(String::as_str)
}

/// Whether the user's container has passed its startup probe.
fn started(pod: &Pod) -> bool {
    pod.status
        .container_statuses
        .iter()
        .any(|container| container.name == WORKSPACE && container.started == Some(true))
}

fn find(pod: &Pod, type_: PodConditionType) -> Option<&PodCondition> {
    pod.status.conditions.iter().find(|condition| condition.type_ == type_)
}

fn condition(pod: &Pod, type_: PodConditionType) -> Option<(bool, Option<&str>, &str)> {
    let condition = find(pod, type_)?;
    let message = condition.message.as_deref().unwrap_or_default();
    Some((condition.status == ConditionStatus::True, condition.reason.as_deref(), message))
}

fn waiting(pod: &Pod) -> impl Iterator<Item = (&str, &ContainerStateWaiting)> {
    let containers = pod.status.init_container_statuses.iter().chain(&pod.status.container_statuses);
    containers.filter_map(|container| Some((container.name.as_str(), container.state.waiting.as_ref()?)))
}

fn trouble((container, waiting): (&str, &ContainerStateWaiting)) -> Option<PodState> {
    let reason = waiting.reason.as_deref()?;
    let said = waiting.message.as_deref().unwrap_or(reason);
    if PULL.contains(&reason) {
        let message = format!(
            "the image of container `{container}` cannot be pulled ({said}): check its name, tag and pull Secret"
        );
        return Some(PodState::Trouble(Reason::ImagePullFailed, message));
    }
    BROKEN.contains(&reason).then(|| {
        let message = format!(
            "container `{container}` does not stay up ({said}): look at `kubectl logs -c {container}` of the pod"
        );
        PodState::Trouble(Reason::PodFailed, message)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fixtures::from;

    fn state(status: Value) -> PodState {
        of(&from(json!({ "metadata": {}, "spec": { "nodeName": "n", "containers": [] }, "status": status })))
    }

    fn waiting(reason: &str) -> Value {
        json!([{
            "name": "workspace", "image": "", "imageID": "", "ready": false, "restartCount": 0,
            "state": { "waiting": { "reason": reason, "message": "said so" } },
        }])
    }

    #[test]
    fn what_kubernetes_says_becomes_one_word() {
        let conditions = |type_, status, reason| {
            json!({ "conditions": [
                { "type": type_, "status": status, "reason": reason, "message": "0/1 nodes" },
            ] })
        };
        let reason = |state| match state {
            PodState::Trouble(reason, _) => Some(reason),
            _ => None,
        };
        assert_eq!(state(conditions("Ready", "True", "")), PodState::Ready);
        assert_eq!(
            reason(state(conditions("PodScheduled", "False", "Unschedulable"))),
            Some(Reason::Unschedulable)
        );
        assert!(matches!(state(conditions("PodScheduled", "True", "")), PodState::Starting(_)));
        for (waiting_for, expected) in [
            ("ImagePullBackOff", Some(Reason::ImagePullFailed)),
            ("ErrImageNeverPull", Some(Reason::ImagePullFailed)),
            ("CrashLoopBackOff", Some(Reason::PodFailed)),
            ("ContainerCreating", None),
            ("PodInitializing", None),
        ] {
            assert_eq!(reason(state(json!({ "containerStatuses": waiting(waiting_for) }))), expected);
            assert_eq!(reason(state(json!({ "initContainerStatuses": waiting(waiting_for) }))), expected);
        }
        assert_eq!(
            state(json!({ "phase": "Failed", "reason": "Evicted" })),
            PodState::Ended("Evicted".into())
        );
    }

    #[test]
    fn a_pod_that_others_ended_says_who_and_what_comes_now() {
        let target = |reason: &str| {
            json!({ "conditions": [
                { "type": "DisruptionTarget", "status": "True", "reason": reason, "message": "said so" },
            ] })
        };
        let evicted = json!({ "phase": "Failed", "reason": "Evicted", "message": "said so" });
        for (status, expected) in [
            (evicted, Some(Reason::Evicted)),
            (target("TerminationByKubelet"), Some(Reason::Evicted)),
            (target("DeletionByTaintManager"), Some(Reason::Evicted)),
            (target("PreemptionByScheduler"), Some(Reason::Preempted)),
            (target("EvictionByEvictionAPI"), Some(Reason::Drained)),
            (target("DeletionByPodGC"), None),
            (json!({ "phase": "Failed", "message": "said so" }), None),
        ] {
            let found = interruption(&from(json!({ "metadata": {}, "status": status })));
            assert_eq!(found.as_ref().map(|(reason, _)| *reason), expected, "{status}");
            assert!(found.is_none_or(|(_, message)| message.contains("(said so): ")));
        }
    }

    #[test]
    fn a_pod_that_is_being_deleted_is_nothing_else() {
        let pod: Pod = from(json!({
            "metadata": { "deletionTimestamp": "2026-01-01T00:00:00Z" },
            "status": { "conditions": [{ "type": "Ready", "status": "True" }] },
        }));
        assert_eq!(of(&pod), PodState::Terminating);
    }
}

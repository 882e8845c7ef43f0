//! How a pod that runs follows its tier and template when they change. Pure.
//!
//! CPU and memory reach a pod while it runs. Nodes, runtime and priority do not: for a tier that its user chose the
//! workspace starts again at once; what others change in a tier or template waits for the next start, since nobody
//! who works may lose a pod for it.

use neuralinverse_api::{
    Workspace,
    condition::{ConditionType, NewCondition, Reason},
};

use super::{
    children::pod::{Difference, difference},
    pod_state,
};
use crate::{
    kubernetes::Pod,
    references::{Problem, References},
};

/// What is next for a pod that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It stays as it is.
    Stay,
    /// It gets the size of its tier while it runs.
    Resize,
    /// It has the size of its tier; that it is this tier's is to be noted on it.
    Note,
    /// It goes, and the workspace starts again on its volume.
    Restart,
}

/// What is next for `pod`, which has the say.
pub fn step(workspace: &Workspace, pod: &Pod, references: &References) -> Step {
    next(workspace, pod, difference(pod, references))
}

fn next(workspace: &Workspace, pod: &Pod, missing: Difference) -> Step {
    let chosen = pod_state::tier(pod).is_some_and(|tier| tier != workspace.spec.tier);
    match missing {
        Difference { place: true, .. } if chosen => Step::Restart,
        Difference { place: true, .. } => Step::Stay,
        Difference { size: true, .. } => Step::Resize,
        Difference { .. } if chosen => Step::Note,
        Difference { .. } => Step::Stay,
    }
}

/// `UpToDate` of `pod`, which has the say. `refused` is why Kubernetes did not take its new size, if it did not.
pub fn condition(
    workspace: &Workspace,
    pod: &Pod,
    references: &References,
    refused: Option<&Problem>,
) -> NewCondition {
    const TYPE: ConditionType = ConditionType::UpToDate;
    let missing = difference(pod, references);
    match next(workspace, pod, missing) {
        Step::Restart => {
            let message = "the chosen tier has other nodes or another runtime: the workspace stops, and starts \
                           on its volume again";
            return NewCondition::no(TYPE, Reason::Restarting, message);
        }
        Step::Resize if let Some(refused) = refused => return refused.condition(TYPE),
        Step::Resize => {
            return NewCondition::no(
                TYPE,
                Reason::ResizeInProgress,
                "the pod gets its new size while it runs",
            );
        }
        Step::Note | Step::Stay => {}
    }
    if let Some((reason, message)) = pod_state::resize(pod) {
        return NewCondition::no(TYPE, reason, message);
    }
    if missing != Difference::default() {
        let message = "a changed tier or template is used from the next start: stop it and start it again to have it now";
        return NewCondition::no(TYPE, Reason::NextStart, message);
    }
    NewCondition::yes(TYPE, Reason::Applied, "the pod is as its tier and template ask")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fixtures::{self, pod, ready};

    /// The step and the condition for a pod that was made for the tier `standard` of 2 CPUs on the nodes `default`.
    fn after(chosen: &str, change: fn(&mut References), conditions: Value) -> (Step, Reason, Option<bool>) {
        let workspace = fixtures::workspace(json!({ "tier": chosen }), Value::Null);
        let mut references = fixtures::references();
        change(&mut references);
        let pod = pod(1, |pod| {
            ready(pod);
            let status = json!({ "conditions": conditions, "observedGeneration": 1 });
            (pod.status, pod.metadata.generation) = (fixtures::from(status), Some(1));
        });
        let condition = condition(&workspace, &pod, &references, None);
        assert!(condition.message.len() > 20, "{}", condition.message);
        (step(&workspace, &pod, &references), condition.reason, condition.status)
    }

    #[test]
    fn what_a_running_pod_can_get_it_gets_and_the_rest_when_its_user_wants_it() {
        type Case = (&'static str, &'static str, fn(&mut References), Step, Reason);
        let cases: [Case; 9] = [
            ("nothing changed", "standard", |_| {}, Step::Stay, Reason::Applied),
            ("an equal tier", "other", |_| {}, Step::Note, Reason::Applied),
            ("a larger tier", "pro", |it| larger(it), Step::Resize, Reason::ResizeInProgress),
            ("the tier grew", "standard", |it| larger(it), Step::Resize, Reason::ResizeInProgress),
            (
                "a tier of other nodes",
                "pro",
                |it| it.tier.node_pool = "other".into(),
                Step::Restart,
                Reason::Restarting,
            ),
            (
                "a larger tier of another runtime",
                "pro",
                |it| {
                    larger(it);
                    it.tier.runtime_class_name = Some("gvisor".into());
                },
                Step::Restart,
                Reason::Restarting,
            ),
            (
                "the tier moved to other nodes",
                "standard",
                |it| {
                    larger(it);
                    it.tier.node_pool = "other".into();
                },
                Step::Stay,
                Reason::NextStart,
            ),
            (
                "another image",
                "standard",
                |it| it.template.image = "rust:2".into(),
                Step::Stay,
                Reason::NextStart,
            ),
            (
                "an equal tier and another image",
                "other",
                |it| it.template.image = "rust:2".into(),
                Step::Note,
                Reason::NextStart,
            ),
        ];
        for (name, chosen, change, step, reason) in cases {
            let applied = Some(reason == Reason::Applied);
            assert_eq!(after(chosen, change, json!([])), (step, reason, applied), "{name}");
        }
    }

    fn larger(references: &mut References) {
        references.tier.cpu = "8".parse().unwrap();
    }

    #[test]
    fn what_the_kubelet_says_of_the_new_size_is_shown() {
        let says = |type_: &str, reason: &str| json!([{ "type": type_, "status": "True", "reason": reason, "message": "said so" }]);
        for (conditions, expected) in [
            (says("PodResizePending", "Deferred"), Reason::ResizeDeferred),
            (says("PodResizePending", "Infeasible"), Reason::ResizeInfeasible),
            (says("PodResizeInProgress", ""), Reason::ResizeInProgress),
            (says("PodResizeInProgress", "Error"), Reason::ResizeInProgress),
        ] {
            assert_eq!(after("standard", |_| {}, conditions), (Step::Stay, expected, Some(false)));
        }
    }

    #[test]
    fn a_size_that_the_kubelet_has_not_seen_yet_has_not_been_taken() {
        let pod = pod(1, |pod| {
            pod.metadata.generation = Some(2);
            pod.status = fixtures::from(json!({ "observedGeneration": 1 }));
        });
        let workspace = fixtures::workspace(json!({}), Value::Null);
        let condition = condition(&workspace, &pod, &fixtures::references(), None);
        assert_eq!(condition.reason, Reason::ResizeInProgress);
    }

    #[test]
    fn a_refused_size_is_said_with_its_reason() {
        let workspace = fixtures::workspace(json!({}), Value::Null);
        let mut references = fixtures::references();
        larger(&mut references);
        let refused = Problem::new(Reason::ResizeRefused, "quota");
        let condition = condition(&workspace, &pod(1, ready), &references, Some(&refused));
        assert_eq!((condition.reason, condition.message.as_str()), (Reason::ResizeRefused, "quota"));
    }
}

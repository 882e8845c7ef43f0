//! Which pod of a workspace has the say. Pure: the status decides, and where it is silent yet, the pods' own
//! order, so that two of us choose the same one.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use kube::ResourceExt;
use neuralinverse_api::Workspace;

use super::{decide::age, pod_state};
use crate::kubernetes::Pod;

/// How long a second pod stays that was got beside the one with the say: as long as a look at the cluster may be
/// old.
const RIVAL_STAYS: Duration = Duration::from_secs(10);

/// The pod that has the say: of those that are not fenced the first by age and name, so that two of us
/// choose the same one.
pub fn current(workspace: &Workspace, pods: &[Arc<Pod>]) -> Option<Arc<Pod>> {
    alive(workspace, pods).min_by_key(|pod| precedence(pod)).cloned()
}

/// What a pod has to say of its workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Say {
    /// It is the workspace's pod.
    Has,
    /// Another pod is, as far as we know: this one may come after it.
    NotYet,
    /// The status has gone past it.
    NoMore,
}

/// What `pod` has to say, beside all pods of its workspace that we know of.
pub fn say(workspace: &Workspace, pod: &Pod, pods: &[Arc<Pod>]) -> Say {
    let first = current(workspace, pods).is_none_or(|first| precedence(pod) <= precedence(&first));
    // The one before may be going, and still write.
    let shares = |other: &Arc<Pod>| {
        let volume = pod_state::volume(pod);
        volume.is_some() && pod_state::volume(other) == volume && precedence(other) < precedence(pod)
    };
    match fenced(workspace, pod) {
        true => Say::NoMore,
        false if first && !pods.iter().any(shares) => Say::Has,
        false => Say::NotYet,
    }
}

fn alive<'a>(workspace: &Workspace, pods: &'a [Arc<Pod>]) -> impl Iterator<Item = &'a Arc<Pod>> {
    pods.iter().filter(move |pod| pod.metadata.deletion_timestamp.is_none() && !fenced(workspace, pod))
}

fn precedence(pod: &Pod) -> impl Ord + use<> {
    (pod_state::epoch(pod), pod.creation_timestamp().map(|time| time.0), pod.name_any())
}

/// Whether the status has gone past this pod: it names another one of the same epoch, or a later epoch.
pub fn fenced(workspace: &Workspace, pod: &Pod) -> bool {
    let (last, named) =
        workspace.status.as_ref().map_or((0, None), |status| (status.epoch, status.pod.as_deref()));
    let epoch = pod_state::epoch(pod);
    epoch < last || (epoch == last && named != pod.metadata.name.as_deref())
}

/// Pods of later epochs beside the one that the status names, and how long each may stay. They never had a say:
/// somebody got them who did not know of that one.
pub fn rivals(
    workspace: &Workspace,
    current: Option<&Pod>,
    pods: &[Arc<Pod>],
    now: Timestamp,
) -> Vec<(Arc<Pod>, Duration)> {
    let named = workspace.status.as_ref().and_then(|status| status.pod.as_deref());
    let Some(current) = current.filter(|it| it.metadata.name.as_deref() == named) else { return Vec::new() };
    let others = alive(workspace, pods).filter(|pod| pod.uid() != current.uid());
    others.map(|pod| (pod.clone(), RIVAL_STAYS.saturating_sub(age(pod.as_ref(), now)))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::{self, going, pod, ready};

    #[test]
    fn one_pod_has_the_say_whatever_is_known_of_the_others() {
        let named =
            |epoch: i64, pod: &str| fixtures::workspace(json!({}), json!({ "epoch": epoch, "pod": pod }));
        let elsewhere = |pod: &mut Pod| {
            going(pod);
            fixtures::put_on(pod, "mine-0");
        };
        let silent = || fixtures::workspace(json!({}), json!(null));
        let (one, two) = (pod(1, ready), pod(2, ready));
        let cases = [
            ("alone, and nothing is written", silent(), &one, vec![one.clone()], Say::Has),
            ("the watch has not brought it yet", silent(), &one, vec![], Say::Has),
            ("the first goes first", silent(), &one, vec![one.clone(), two.clone()], Say::Has),
            ("the second waits", silent(), &two, vec![one.clone(), two.clone()], Say::NotYet),
            (
                "the second waits also when the status names the first",
                named(1, "mine-1"),
                &two,
                vec![one.clone(), two.clone()],
                Say::NotYet,
            ),
            ("it comes after the first", named(1, "mine-1"), &two, vec![two.clone()], Say::Has),
            (
                "the first is going and may still write on their volume",
                named(1, "mine-1"),
                &two,
                vec![pod(1, going), two.clone()],
                Say::NotYet,
            ),
            (
                "it comes after the first that is going, with another volume",
                named(1, "mine-1"),
                &two,
                vec![pod(1, elsewhere), two.clone()],
                Say::Has,
            ),
            ("the status has gone past it", named(2, "mine-2"), &one, vec![one.clone()], Say::NoMore),
            ("another of its epoch is named", named(1, "another"), &one, vec![one.clone()], Say::NoMore),
        ];
        for (name, workspace, pod, pods, expected) in cases {
            assert_eq!(say(&workspace, pod, &pods), expected, "{name}");
        }
    }
}

//! What a workspace needs next. Pure: all that it depends on is in its arguments.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use kube::ResourceExt;
use neuralinverse_api::{Wanted, Workspace, labels};

use super::{
    idle,
    node_loss::{NodeState, node_of},
    pod_state::{self, PodState},
    say::{current, fenced, rivals},
    tier_change::{self, Step},
};
use crate::{
    kubernetes::{PersistentVolumeClaim, Pod},
    references::{Problem, References},
};

/// How long a pod that ended at once stays, so that a node that refuses pods is not asked in a hot loop.
const ENDED_STAYS: Duration = Duration::from_secs(10);

/// How long a volume without a pod stays: as long as it may take from making it to making its pod.
const UNUSED_STAYS: Duration = Duration::from_secs(60);

/// How long after the wish the volume is given its labels: what the user waits for comes first.
pub const OWN_AFTER: Duration = Duration::from_secs(1);

/// What there is of a workspace.
#[derive(Clone, Debug)]
pub struct Observed {
    /// What its pod would be made from.
    pub references: Result<References, Problem>,
    /// All pods that carry its UID.
    pub pods: Vec<Arc<Pod>>,
    /// Its volume: that of the pod with the say, without one that in the status and, before there is one, that
    /// which carries its UID.
    pub volume: Option<Arc<PersistentVolumeClaim>>,
    /// All volumes that carry its UID.
    pub volumes: Vec<Arc<PersistentVolumeClaim>>,
    /// How the nodes are that its pods and its volume are on.
    pub nodes: BTreeMap<String, NodeState>,
    /// Its volume cannot leave a node that is lost.
    pub stranded: bool,
}

impl Observed {
    /// Whether `pod` can never run: its node is lost, or it waits for a volume that cannot come.
    fn is_lost(&self, pod: &Pod) -> bool {
        match node_of(pod) {
            Some(node) => self.nodes.get(node) == Some(&NodeState::Lost),
            None => {
                let volume = self.volume.as_ref().and_then(|volume| volume.metadata.name.as_deref());
                self.stranded && volume.is_some() && pod_state::volume(pod) == volume
            }
        }
    }

    /// The lost node that the next start has to wait for.
    pub fn waits_for(&self) -> Option<&str> {
        let lost =
            self.pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_some() && self.is_lost(pod));
        lost.filter_map(|pod| node_of(pod)).next().filter(|_| !self.stranded)
    }
}

/// What is to be done, in this order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The volume on which is to be said that it holds the workspace's work. First, since one of a warm pool is
    /// known by its pod alone.
    pub own: Option<String>,
    /// Volumes that never held work: two of us began at once, and the other's is the one. They go before their
    /// pods, as nobody would know of them after that.
    pub unused: Vec<Arc<PersistentVolumeClaim>>,
    /// Pods that have no say any more.
    pub delete: Vec<Arc<Pod>>,
    /// A pod that is to get the size of its tier while it runs.
    pub resize: Option<Arc<Pod>>,
    /// A pod that is to be noted to be of the workspace's tier.
    pub note: Option<Arc<Pod>>,
    /// A pod that is to be got.
    pub start: Option<Start>,
    /// It is to be written down that nobody uses the workspace any more. Its pod goes after that, so that there
    /// is no moment at which a pod is missing and nobody knows why.
    pub suspend: bool,
    /// When to look again although nothing happened.
    pub look_again: Option<Duration>,
}

impl Plan {
    fn look_again_after(&mut self, time: Duration) {
        self.look_again = Some(self.look_again.map_or(time, |sooner| sooner.min(time)));
    }
}

/// A pod that is to be got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// The epoch that it gets.
    pub epoch: i64,
    /// The volume that it must have. Without one, a warm pod will do.
    pub volume: Option<String>,
}

/// The next steps for `workspace`.
pub fn decide(workspace: &Workspace, observed: &Observed, now: Timestamp) -> Plan {
    let current = current(workspace, &observed.pods);
    let stopped = workspace.wanted() != Wanted::Running;
    let has_say = |pod: &Arc<Pod>| !stopped && current.as_ref().is_some_and(|it| it.uid() == pod.uid());
    let mut plan = Plan::default();
    for pod in observed.pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()) {
        let useless = observed.is_lost(pod) || (has_say(pod) && waits_in_vain(pod, observed));
        match (pod_state::of(pod), fenced(workspace, pod) || stopped || useless) {
            (_, true) => plan.delete.push(pod.clone()),
            (PodState::Ended(_), false) => match age(pod.as_ref(), now) >= ENDED_STAYS {
                true => plan.delete.push(pod.clone()),
                false => plan.look_again_after(ENDED_STAYS.saturating_sub(age(pod.as_ref(), now))),
            },
            _ => {}
        }
    }
    for node in observed.nodes.values() {
        if let NodeState::Silent(left) = node {
            plan.look_again_after(*left);
        }
    }
    for (rival, left) in rivals(workspace, current.as_deref(), &observed.pods, now) {
        match left {
            Duration::ZERO => plan.delete.push(rival),
            left => plan.look_again_after(left),
        }
    }
    unused(workspace, current.as_deref(), observed, now, &mut plan);
    if let Some(pod) = current.as_ref().filter(|pod| has_say(pod)) {
        let owned = own(workspace, pod, observed, now, &mut plan);
        if let (Ok(references), false) = (&observed.references, observed.is_lost(pod)) {
            match tier_change::step(workspace, pod, references) {
                // The volume first: one of a warm pool is known by its pod alone.
                Step::Restart if owned => plan.delete.push(pod.clone()),
                Step::Resize => plan.resize = Some(pod.clone()),
                Step::Note => plan.note = Some(pod.clone()),
                Step::Restart | Step::Stay => {}
            }
        }
        match idle::left(workspace, pod, now) {
            Some(Duration::ZERO) => plan.suspend = true,
            Some(left) => plan.look_again_after(left),
            None => {}
        }
    } else if !stopped && observed.references.is_ok() {
        plan.start = start(workspace, observed);
    }
    plan
}

/// Whether the pod with the say, which no node has yet, will never get one: somebody deleted its volume.
fn waits_in_vain(pod: &Pod, observed: &Observed) -> bool {
    observed.volume.is_none() && node_of(pod).is_none() && pod_state::volume(pod).is_some()
}

/// Volumes beside the one that the status names: those of pods that go without ever having had a say, and those
/// that no pod uses and no disk was ever made for. Any other may hold work and stays, also that of the pod which is
/// first: its sidecar may report at this moment.
fn unused(workspace: &Workspace, first: Option<&Pod>, observed: &Observed, now: Timestamp, plan: &mut Plan) {
    let Some(status) = &workspace.status else { return };
    let Some(kept) = &status.volume else { return };
    let had_say = |pod: &Pod| {
        let named = pod_state::epoch(pod) < status.epoch || pod.metadata.name == status.pod;
        named || first.is_some_and(|first| first.uid() == pod.uid())
    };
    for volume in observed.volumes.iter().filter(|volume| {
        volume.metadata.deletion_timestamp.is_none() && volume.metadata.name.as_ref() != Some(kept)
    }) {
        let uses = |pod: &&Arc<Pod>| pod_state::volume(pod) == volume.metadata.name.as_deref();
        let users: Vec<_> = observed.pods.iter().filter(uses).collect();
        let pending = matches!(volume.status.phase.as_deref(), None | Some("Pending"));
        if users.is_empty() && pending {
            match UNUSED_STAYS.saturating_sub(age(volume.as_ref(), now)) {
                Duration::ZERO => plan.unused.push(volume.clone()),
                left => plan.look_again_after(left),
            }
        } else if !users.is_empty() && users.iter().all(|pod| !had_say(pod) && plan.delete.contains(pod)) {
            plan.unused.push(volume.clone());
        }
    }
}

/// Whether the volume of `pod` says that it is the workspace's. If not, it is to, when the launch is over.
fn own(workspace: &Workspace, pod: &Pod, observed: &Observed, now: Timestamp, plan: &mut Plan) -> bool {
    let Some(name) = pod_state::volume(pod) else { return true };
    let owned = observed.volume.as_ref().is_some_and(|volume| {
        volume.name_any() == name && volume.labels().get(labels::WORKSPACE_UID) == workspace.uid().as_ref()
    });
    if owned {
        return true;
    }
    let since = pod_state::launch(pod).map_or(Timestamp::UNIX_EPOCH, |(_, since)| since);
    match left(OWN_AFTER, since, now) {
        Duration::ZERO => plan.own = Some(name.to_owned()),
        left => plan.look_again_after(left),
    }
    false
}

fn start(workspace: &Workspace, observed: &Observed) -> Option<Start> {
    let volume = observed.volume.as_ref().filter(|_| !observed.stranded).map(|volume| volume.name_any());
    // Two pods on one volume would corrupt it: the last one must be gone, not only going.
    let in_use =
        observed.pods.iter().any(|pod| volume.is_some() && pod_state::volume(pod) == volume.as_deref());
    let last = observed.pods.iter().map(|pod| pod_state::epoch(pod)).max().unwrap_or_default();
    let epoch = last.max(workspace.status.as_ref().map_or(0, |status| status.epoch)) + 1;
    (!in_use).then_some(Start { epoch, volume })
}

/// How old an object is, for ever if nothing is said.
pub fn age<K: kube::Resource>(object: &K, now: Timestamp) -> Duration {
    object.creation_timestamp().map_or(Duration::MAX, |created| elapsed(created.0, now))
}

/// Time from `since` to `now`, none when the clocks disagree.
pub fn elapsed(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}

/// What is left of `span`, which began at `since`: nothing if that is still to come, as a clock was wrong then.
pub fn left(span: Duration, since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since))
        .map_or(Duration::ZERO, |elapsed| span.saturating_sub(elapsed))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fixtures::{self, going, pod, ready};

    fn volume(owned: bool) -> Arc<PersistentVolumeClaim> {
        let labels = json!({ labels::WORKSPACE_UID: "uid-of-mine" });
        Arc::new(fixtures::from(json!({ "metadata": {
            "namespace": "workspaces", "name": "mine-1", "labels": if owned { labels } else { json!({}) },
        } })))
    }

    fn status(epoch: i64, pod: Option<&str>) -> Value {
        json!({ "epoch": epoch, "pod": pod, "volume": "mine-1" })
    }

    fn ended(pod: &mut Pod) {
        pod.status = fixtures::from(json!({ "phase": "Failed", "reason": "Evicted" }));
    }

    /// These pods and this volume, of a workspace whose references resolve, on nodes of which nothing is known.
    fn observed(pods: Vec<Arc<Pod>>, volume: Option<Arc<PersistentVolumeClaim>>) -> Observed {
        Observed {
            references: Ok(fixtures::references()),
            pods,
            volumes: volume.iter().cloned().collect(),
            volume,
            nodes: BTreeMap::new(),
            stranded: false,
        }
    }

    /// What is decided at this second, in words.
    fn decided(spec: Value, status: Value, pods: &[Arc<Pod>], held: Option<bool>, second: i64) -> String {
        let workspace = fixtures::workspace(spec, status);
        let observed = observed(pods.to_vec(), held.map(volume));
        words(&decide(&workspace, &observed, Timestamp::from_second(second).unwrap()))
    }

    fn words(plan: &Plan) -> String {
        let plan = plan.clone();
        let unused = plan.unused.iter().map(|volume| format!("delete volume {}", volume.name_any()));
        let delete = plan.delete.iter().map(|pod| format!("delete {}", pod.name_any()));
        let mut words: Vec<String> = unused.chain(delete).collect();
        words.extend(plan.own.map(|volume| format!("own {volume}")));
        words.extend(plan.resize.map(|pod| format!("resize {}", pod.name_any())));
        words.extend(plan.note.map(|pod| format!("note {}", pod.name_any())));
        words.extend(plan.start.map(|Start { epoch, volume }| match volume {
            Some(volume) => format!("start {epoch} on {volume}"),
            None => format!("start {epoch}"),
        }));
        words.extend(plan.suspend.then(|| "suspend".to_owned()));
        words.extend(plan.look_again.map(|time| format!("look again in {} s", time.as_secs())));
        words.join(", ")
    }

    #[test]
    fn a_workspace_that_is_to_run_gets_and_keeps_one_pod() {
        let run = || json!({});
        let cases = [
            ("nothing is there yet", Value::Null, vec![], None, "start 1"),
            ("its pod runs", status(1, Some("mine-1")), vec![pod(1, ready)], Some(true), ""),
            ("its pod starts", status(1, Some("mine-1")), vec![pod(1, |_| ())], Some(true), ""),
            ("it was claimed and that is not written yet", Value::Null, vec![pod(1, ready)], Some(true), ""),
            ("the pod was lost", status(1, Some("mine-1")), vec![], Some(true), "start 2 on mine-1"),
            ("pod and volume were lost", status(1, Some("mine-1")), vec![], None, "start 2"),
            (
                "the volume was deleted before the pod had a node",
                status(1, Some("mine-1")),
                vec![pod(1, |_| ())],
                None,
                "delete mine-1, own mine-1",
            ),
            (
                "the volume was deleted while the pod runs",
                status(1, Some("mine-1")),
                vec![pod(1, |pod| pod.spec.node_name = Some("n1".to_owned()))],
                None,
                "own mine-1",
            ),
            ("the pod is going", status(1, Some("mine-1")), vec![pod(1, going)], Some(true), ""),
            (
                "the pod has ended",
                status(1, Some("mine-1")),
                vec![pod(1, ended)],
                Some(true),
                "delete mine-1",
            ),
            (
                "a pod of an earlier epoch came back",
                status(2, Some("mine-2")),
                vec![pod(1, ready), pod(2, ready)],
                Some(true),
                "delete mine-1",
            ),
            (
                "the status names another pod of this epoch",
                status(1, Some("another")),
                vec![pod(1, ready)],
                None,
                "delete mine-1, start 2",
            ),
            (
                "the volume came from a warm pool",
                status(1, Some("mine-1")),
                vec![pod(1, ready)],
                Some(false),
                "own mine-1",
            ),
        ];
        for (name, status, pods, volume, expected) in cases {
            assert_eq!(decided(run(), status, &pods, volume, 200), expected, "{name}");
        }
        let claimed =
            |second| decided(run(), status(1, Some("mine-1")), &[pod(1, ready)], Some(false), second);
        assert_eq!(claimed(100), "look again in 1 s");
        assert_eq!(claimed(50), "own mine-1", "whoever claimed it had a clock that was fast");
    }

    #[test]
    fn what_two_that_began_at_once_made_too_much_goes_and_what_may_hold_work_stays() {
        let named = |name: &str, phase: &str| -> Arc<PersistentVolumeClaim> {
            let mut volume = Arc::unwrap_or_clone(volume(true));
            volume.metadata.name = Some(name.to_owned());
            volume.metadata.creation_timestamp = Some(fixtures::from(json!("1970-01-01T00:01:41Z")));
            volume.status = fixtures::from(json!({ "phase": phase }));
            Arc::new(volume)
        };
        let on = |epoch: i64, name: &'static str| {
            pod(epoch, |pod| {
                ready(pod);
                fixtures::put_on(pod, name);
            })
        };
        let cases = [
            (
                "both are young",
                status(1, Some("mine-1")),
                vec![on(1, "mine-1"), on(2, "mine-2")],
                105,
                named("mine-2", "Bound"),
                "look again in 6 s",
            ),
            (
                "the second goes with its volume",
                status(1, Some("mine-1")),
                vec![on(1, "mine-1"), on(2, "mine-2")],
                111,
                named("mine-2", "Bound"),
                "delete volume mine-2, delete mine-2",
            ),
            (
                "nothing is written yet",
                Value::Null,
                vec![on(1, "mine-1"), on(2, "mine-2")],
                200,
                named("mine-2", "Bound"),
                "",
            ),
            (
                "it had the say before",
                status(2, Some("mine-2")),
                vec![on(1, "old"), on(2, "mine-1")],
                200,
                named("old", "Bound"),
                "delete mine-1",
            ),
            (
                "a volume was made and no pod for it",
                status(1, Some("mine-1")),
                vec![on(1, "mine-1")],
                130,
                named("mine-2", "Pending"),
                "look again in 31 s",
            ),
            (
                "and still is none",
                status(1, Some("mine-1")),
                vec![on(1, "mine-1")],
                161,
                named("mine-2", "Pending"),
                "delete volume mine-2",
            ),
            (
                "there is a disk for it",
                status(1, Some("mine-1")),
                vec![on(1, "mine-1")],
                900,
                named("mine-2", "Bound"),
                "",
            ),
        ];
        for (name, status, pods, second, other, expected) in cases {
            let workspace = fixtures::workspace(json!({}), status);
            let kept = named("mine-1", "Bound");
            let mut observed = observed(pods, Some(kept));
            observed.volumes.push(other);
            let plan = decide(&workspace, &observed, Timestamp::from_second(second).unwrap());
            assert_eq!(words(&plan), expected, "{name}");
        }
    }

    #[test]
    fn a_workspace_that_is_to_stop_loses_its_pods_and_nothing_else() {
        let stop = || json!({ "runPolicy": "Stopped" });
        let running = vec![pod(1, ready)];
        assert_eq!(decided(stop(), status(1, Some("mine-1")), &running, Some(true), 200), "delete mine-1");
        assert_eq!(decided(stop(), status(1, Some("mine-1")), &[pod(1, going)], Some(true), 200), "");
        assert_eq!(decided(stop(), status(1, None), &[], Some(true), 200), "");
        // The status does not name it yet, and its sidecar may report before it goes.
        let workspace = fixtures::workspace(stop(), json!({ "epoch": 1, "volume": "lost" }));
        let plan =
            decide(&workspace, &observed(vec![pod(2, ready)], Some(volume(true))), Timestamp::UNIX_EPOCH);
        assert_eq!(words(&plan), "delete mine-2");
    }

    #[test]
    fn an_unused_workspace_is_suspended_first_and_loses_its_pod_then() {
        let on_demand = || json!({ "runPolicy": "OnDemand", "idleTimeout": "1m" });
        let running = [pod(1, ready)];
        let mut status = status(1, Some("mine-1"));
        assert_eq!(decided(on_demand(), status.clone(), &running, Some(true), 900), "");
        status["idleSince"] = json!("1970-01-01T00:10:00Z");
        let at = |status: &Value, second| decided(on_demand(), status.clone(), &running, Some(true), second);
        assert_eq!(at(&status, 650), "look again in 10 s");
        assert_eq!(at(&status, 660), "suspend");
        status["suspended"] = json!({ "since": "1970-01-01T00:11:00Z" });
        assert_eq!(at(&status, 661), "delete mine-1");
        let asleep = json!({
            "epoch": 1, "volume": "mine-1", "suspended": { "since": "1970-01-01T00:11:00Z" },
        });
        assert_eq!(decided(on_demand(), asleep.clone(), &[], Some(true), 9000), "");
        assert_eq!(decided(json!({}), asleep, &[], Some(true), 9000), "start 2 on mine-1");
    }

    #[test]
    fn a_pod_follows_its_tier_and_its_volume_is_owned_before_it_goes() {
        type Change = fn(&mut References);
        let grown: Change = |it| it.tier.cpu = "8".parse().unwrap();
        let moved: Change = |it| it.tier.node_pool = "other".into();
        let cases: [(&str, Value, Change, bool, &str); 6] = [
            ("standard", json!({}), grown, true, "resize mine-1"),
            ("pro", json!({}), grown, true, "resize mine-1"),
            ("pro", json!({}), |_| {}, true, "note mine-1"),
            ("pro", json!({}), moved, true, "delete mine-1"),
            ("pro", json!({}), moved, false, "own mine-1"),
            ("standard", json!({}), moved, true, ""),
        ];
        for (tier, mut spec, change, owned, expected) in cases {
            spec["tier"] = json!(tier);
            let workspace = fixtures::workspace(spec, status(1, Some("mine-1")));
            let mut references = fixtures::references();
            change(&mut references);
            let observed =
                Observed { references: Ok(references), ..observed(vec![pod(1, ready)], Some(volume(owned))) };
            let plan = decide(&workspace, &observed, Timestamp::from_second(200).unwrap());
            assert_eq!(words(&plan), expected, "{tier} {owned}");
        }
    }

    #[test]
    fn a_lost_node_loses_its_pod_and_the_workspace_goes_on_where_its_volume_can_be() {
        let on = |epoch: i64, node: Option<&str>, more: fn(&mut Pod)| {
            pod(epoch, |pod| {
                ready(pod);
                more(pod);
                pod.spec.node_name = node.map(str::to_owned);
            })
        };
        let (serves, lost) = (NodeState::Serves, NodeState::Lost);
        let silent = NodeState::Silent(Duration::from_secs(7));
        let alive = |_: &mut Pod| ();
        let cases = [
            ("its node serves", serves, false, vec![on(1, Some("n1"), alive)], ""),
            ("its node is silent", silent, false, vec![on(1, Some("n1"), alive)], "look again in 7 s"),
            ("its node is lost", lost, false, vec![on(1, Some("n1"), alive)], "delete mine-1"),
            ("its node is lost with the volume", lost, true, vec![on(1, Some("n1"), alive)], "delete mine-1"),
            // Two pods on one volume would corrupt it.
            (
                "the volume could go elsewhere, and may be in use",
                lost,
                false,
                vec![on(1, Some("n1"), going)],
                "",
            ),
            ("the volume stays there", lost, true, vec![on(1, Some("n1"), going)], "start 2"),
            ("pod and node are gone", lost, false, vec![], "start 2 on mine-1"),
            ("pod, node and volume are gone", lost, true, vec![], "start 2"),
            ("the next pod waits for that volume", lost, true, vec![on(2, None, alive)], "delete mine-2"),
            ("the next pod is to be placed", lost, false, vec![on(2, None, alive)], ""),
            ("it runs elsewhere", lost, false, vec![on(1, Some("n1"), going), on(2, Some("n2"), alive)], ""),
        ];
        for (name, state, stranded, pods, expected) in cases {
            let nodes = [("n1".to_owned(), state), ("n2".to_owned(), NodeState::Serves)].into();
            let observed = Observed { nodes, stranded, ..observed(pods, Some(volume(true))) };
            let workspace = fixtures::workspace(json!({}), status(1, Some("mine-1")));
            let plan = decide(&workspace, &observed, Timestamp::from_second(200).unwrap());
            assert_eq!(words(&plan), expected, "{name}");
        }
    }

    #[test]
    fn a_pod_that_ended_at_once_stays_for_a_while() {
        let pods = [pod(1, ended)];
        assert_eq!(
            decided(json!({}), status(1, Some("mine-1")), &pods, Some(true), 105),
            "look again in 6 s"
        );
        assert_eq!(decided(json!({}), status(1, Some("mine-1")), &pods, Some(true), 111), "delete mine-1");
    }

    #[test]
    fn the_volume_is_marked_after_the_launch() {
        let pods = [pod(1, ready)];
        assert_eq!(decided(json!({}), Value::Null, &pods, Some(false), 100), "look again in 1 s");
        assert_eq!(decided(json!({}), Value::Null, &pods, Some(false), 101), "own mine-1");
    }

    #[test]
    fn nothing_is_started_while_what_the_spec_names_is_missing_and_what_runs_goes_on() {
        let problem = Problem::new(neuralinverse_api::condition::Reason::TierNotFound, "");
        for pods in [vec![], vec![pod(1, ready)]] {
            let observed =
                Observed { references: Err(problem.clone()), ..observed(pods, Some(volume(true))) };
            let workspace = fixtures::workspace(json!({}), status(1, Some("mine-1")));
            let plan = decide(&workspace, &observed, Timestamp::from_second(200).unwrap());
            assert_eq!(plan, Plan::default());
        }
    }
}

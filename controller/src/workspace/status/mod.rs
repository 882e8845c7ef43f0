//! What is true of a workspace. Pure.
//!
//! What only the sidecar can know (that terminals open, what became of the repository) arrives once, as
//! news, and is kept in the conditions as long as the pod is the same: no replica has to remember it.

#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use neuralinverse_api::{
    Launch, Money, Run, Suspended, Wanted, Why, Workspace, WorkspaceStatus,
    agent::{Report, RepositoryState},
    condition::{self, ConditionType, NewCondition, Reason},
};

use super::{
    hours::{self, Counted},
    pod_state::{self, PodState},
    tier_change,
};
use crate::{
    kubernetes::{PersistentVolumeClaim, Pod},
    references::{Problem, References, accepted},
};

/// What is said of a pod whose terminals do not answer any more.
const SILENT: &str =
    "the terminals do not answer: the user's container is being restarted, or its log says why not";

/// How much of what Git said is shown.
const LONGEST: usize = 500;

/// How long Karpenter may take to add a node before somebody should look.
const NODE_COMES: Duration = Duration::from_secs(300);

/// Something that was heard just now.
#[derive(Clone, Debug, Default)]
pub enum News {
    /// Nothing.
    #[default]
    None,
    /// The sidecar has been told whose it is.
    Assigned,
    /// The sidecar could not be told, for a fault of the user's.
    NotAssigned(Problem),
    /// The sidecar said this.
    Report(Report),
}

/// What the status is made from.
#[derive(Clone, Debug)]
pub struct Seen<'a> {
    /// What the pod would be made from.
    pub references: &'a Result<References, Problem>,
    /// The pod that has the say.
    pub pod: Option<&'a Pod>,
    /// Whether pods are still going.
    pub going: bool,
    /// The volume.
    pub volume: Option<&'a PersistentVolumeClaim>,
    /// That a pod which is going was not ended by us, and what comes now.
    pub interrupted: Option<(Reason, String)>,
    /// The lost node that has to be gone for certain before there can be another pod.
    pub waits_for: Option<&'a str>,
    /// Why Kubernetes did not take the volume, the pod or, when there is one, its new size.
    pub refused: Option<Problem>,
    /// The price of an hour of the tier that the pod has.
    pub hourly_price: Option<Money>,
    /// That nobody uses it any more, as was decided just now.
    pub suspend: bool,
    /// What was heard.
    pub news: News,
}

/// Whether its launch is under way: nothing is said of it yet, or its repository is being cloned. Not when cloning
/// failed, which is tried again ever more rarely.
pub fn is_launching(workspace: &Workspace) -> bool {
    let Some(status) = &workspace.status else { return workspace.wanted() == Wanted::Running };
    let condition = condition::find(&status.conditions, ConditionType::RepositoryReady);
    let failed = condition.is_some_and(|it| it.reason == Reason::CloneFailed.as_str());
    workspace.spec.repository.is_some() && status.run.is_some() && !status.repository_cloned && !failed
}

/// The status of `workspace`.
pub fn status(workspace: &Workspace, seen: &Seen<'_>, now: Timestamp) -> WorkspaceStatus {
    let facts = Facts::new(workspace, seen, now);
    let old = facts.old.clone();
    let generation = workspace.metadata.generation.unwrap_or_default();
    let volume = facts.pod.and_then(pod_state::volume).map(str::to_owned);
    let volume = volume.or_else(|| seen.volume.map(|volume| volume.name_any()));
    let first_usable = facts.usable && !facts.was_launched;
    let launch = facts.pod.filter(|_| first_usable).and_then(pod_state::launch);
    let mut conditions = vec![facts.accepted(), facts.running(), facts.repository(), facts.ready()];
    conditions.extend(facts.up_to_date());
    let Counted { hours, cost, run } = hours::count(&old, facts.run(now), now);
    let lost_volume = facts.lost_volume(volume.as_deref());
    conditions.extend(lost_volume.as_deref().map(|lost| restored(lost, volume.as_deref())));
    WorkspaceStatus {
        observed_generation: Some(generation),
        pod: facts.pod.map(|pod| pod.name_any()),
        epoch: facts.pod.map_or(old.epoch, pod_state::epoch),
        node: facts.pod.and_then(|pod| pod.spec.node_name.clone()),
        launch: launch.map(|(source, since)| launched(source, since, now)).or(old.launch),
        lost_volume,
        repository_cloned: facts.cloned && (volume.is_some() || facts.pod.is_some()),
        volume,
        idle_since: facts.idle_since(now),
        suspended: facts.suspended(now),
        hours,
        cost,
        run,
        conditions: condition::merge(&old.conditions, &conditions, generation, now),
    }
}

fn restored(lost: &str, volume: Option<&str>) -> NewCondition {
    let now = volume.map_or_else(String::new, |volume| format!(", and volume `{volume}` is new"));
    let message = format!(
        "the work is on volume `{lost}`, which was lost with its node or deleted{now}: docs/volumes.md says how to get \
         at what is left"
    );
    NewCondition::no(ConditionType::Restored, Reason::RestorePending, message)
}

fn launched(source: neuralinverse_api::LaunchSource, since: Timestamp, now: Timestamp) -> Launch {
    Launch {
        source,
        milliseconds: i64::try_from(super::decide::elapsed(since, now).as_millis()).unwrap_or(i64::MAX),
    }
}

fn reason(why: Why) -> Reason {
    match why {
        Why::Policy => Reason::Stopped,
        Why::Asked | Why::Idle => Reason::Suspended,
    }
}

fn message(why: Why) -> &'static str {
    match why {
        Why::Policy => "the workspace is stopped, as runPolicy asks",
        Why::Asked => "the workspace is stopped, as its user asked: opening it starts it",
        Why::Idle => {
            "the workspace was stopped, since nobody used it for its idleTimeout: opening it starts it"
        }
    }
}

/// What follows from what was seen.
struct Facts<'a> {
    now: Timestamp,
    workspace: &'a Workspace,
    seen: &'a Seen<'a>,
    old: WorkspaceStatus,
    pod: Option<&'a Pod>,
    /// The pod is the one that the old status speaks of.
    same_pod: bool,
    /// It has been usable.
    was_launched: bool,
    /// It is usable, by the last word of the sidecar.
    usable: bool,
    cloned: bool,
}

impl<'a> Facts<'a> {
    fn new(workspace: &'a Workspace, seen: &'a Seen<'a>, now: Timestamp) -> Self {
        let old = workspace.status.clone().unwrap_or_default();
        let pod = seen.pod;
        let same_pod = pod.is_some_and(|pod| {
            old.pod.as_ref() == pod.metadata.name.as_ref() && old.epoch == pod_state::epoch(pod)
        });
        let running = condition::find(&old.conditions, ConditionType::Running).filter(|_| same_pod);
        let was_launched = running.is_some_and(|running| running.status == "True");
        let answered = running.is_some_and(|running| running.reason == Reason::Available.as_str());
        let usable = match &seen.news {
            News::Report(report) => report.ready,
            _ => was_launched && answered,
        };
        let reported =
            matches!(&seen.news, News::Report(report) if report.repository == RepositoryState::Cloned);
        let volume_kept = old.volume.is_none()
            || old.volume.as_deref() == pod.and_then(pod_state::volume)
            || old.volume == seen.volume.map(|volume| volume.name_any());
        let cloned = (old.repository_cloned && volume_kept) || reported;
        Self { now, workspace, seen, old, pod, same_pod, was_launched, usable, cloned }
    }

    fn accepted(&self) -> NewCondition {
        let known = accepted(self.seen.references);
        if known.status != Some(true) {
            return known;
        }
        match &self.seen.news {
            News::NotAssigned(problem) => problem.condition(ConditionType::Accepted),
            News::Assigned | News::Report(_) => known,
            News::None => self.kept(ConditionType::Accepted, &[Reason::SecretNotFound]).unwrap_or(known),
        }
    }

    /// What the pod said last of nobody using it. It says for how long, and says that again with other news.
    fn idle_since(&self, now: Timestamp) -> Option<Time> {
        let old = self.old.idle_since.clone().filter(|_| self.same_pod);
        match &self.seen.news {
            News::Report(Report { idle_seconds: None, .. }) => None,
            News::Report(Report { idle_seconds: Some(seconds), .. }) => old.or_else(|| {
                let seconds = i64::try_from(*seconds).unwrap_or(i64::MAX);
                let since = now.checked_sub(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MIN);
                Some(Time(Timestamp::from_second(since.as_second()).unwrap_or(since)))
            }),
            _ => old,
        }
    }

    /// It stays so until it is to run again.
    fn suspended(&self, now: Timestamp) -> Option<Suspended> {
        let wake = || self.workspace.wake().map(str::to_owned);
        match self.workspace.wanted() {
            Wanted::Running if self.seen.suspend => Some(Suspended { since: Time(now), wake: wake() }),
            Wanted::Stopped(Why::Idle) => self.old.suspended.clone(),
            _ => None,
        }
    }

    /// Why it is to have no pod, from now on at the latest.
    fn stopped(&self) -> Option<Why> {
        match self.workspace.wanted() {
            Wanted::Running => self.seen.suspend.then_some(Why::Idle),
            Wanted::Stopped(why) => Some(why),
        }
    }

    /// What is counted from now on, if it runs.
    fn run(&self, now: Timestamp) -> Option<Run> {
        let pod = self.pod.filter(|_| self.running().status == Some(true))?;
        Some(Run {
            epoch: pod_state::epoch(pod),
            since: Time(now),
            tier: pod_state::tier(pod).unwrap_or(&self.workspace.spec.tier).to_owned(),
            hourly_price: self.seen.hourly_price.clone(),
        })
    }

    fn running(&self) -> NewCondition {
        const TYPE: ConditionType = ConditionType::Running;
        match self.pod {
            Some(_) if self.usable => NewCondition::yes(TYPE, Reason::Available, "the pod is the user's"),
            // It stays the user's; that its launch is over must not be forgotten.
            Some(_) if self.was_launched => NewCondition::yes(TYPE, Reason::PodFailed, SILENT),
            None if let Some(why) = self.stopped() => NewCondition::no(TYPE, reason(why), message(why)),
            _ => NewCondition::no(TYPE, Reason::Progressing, "the workspace has no usable pod yet"),
        }
    }

    fn repository(&self) -> NewCondition {
        const TYPE: ConditionType = ConditionType::RepositoryReady;
        if self.cloned {
            return NewCondition::yes(TYPE, Reason::Cloned, "the repository is in the workspace's folder");
        }
        if self.workspace.spec.repository.is_none() {
            return NewCondition::yes(TYPE, Reason::NotDeclared, "no repository is declared");
        }
        let cloning = || NewCondition::no(TYPE, Reason::Cloning, "the repository is being cloned");
        match &self.seen.news {
            News::Report(Report { repository: RepositoryState::Failed { message }, .. }) => {
                let fix = "mend its URL, branch or credentials; it is tried again by itself";
                let message: String = message.chars().take(LONGEST).collect();
                NewCondition::no(TYPE, Reason::CloneFailed, format!("{message}: {fix}"))
            }
            News::Report(_) => cloning(),
            _ => self.kept(TYPE, &[Reason::CloneFailed, Reason::Cloning]).unwrap_or_else(|| {
                NewCondition::no(
                    TYPE,
                    Reason::Progressing,
                    "the repository is cloned when the workspace has a pod",
                )
            }),
        }
    }

    fn ready(&self) -> NewCondition {
        const TYPE: ConditionType = ConditionType::Ready;
        let going = self.pod.is_some() || self.seen.going;
        let accepted = self.accepted();
        if let Some(why) = self.stopped() {
            return match going {
                true => {
                    NewCondition::no(TYPE, Reason::Stopping, "the pod is being stopped; the volume is kept")
                }
                false => NewCondition::yes(TYPE, reason(why), message(why)),
            };
        }
        if accepted.status != Some(true) {
            return NewCondition::no(TYPE, accepted.reason, accepted.message);
        }
        if let (Some(refused), None) = (&self.seen.refused, self.pod) {
            return refused.condition(TYPE);
        }
        match self.pod.map(pod_state::of) {
            None if let Some(node) = self.seen.waits_for => {
                let message = format!(
                    "node `{node}` is lost, and the volume may still be in use there: when its machine is off for \
                     certain, delete the node or give it the taint node.kubernetes.io/out-of-service=nodeshutdown:NoExecute; \
                     when it comes back, the workspace goes on by itself"
                );
                NewCondition::no(TYPE, Reason::NodeLost, message)
            }
            None if let Some((reason, message)) = &self.seen.interrupted => {
                NewCondition::no(TYPE, *reason, message)
            }
            None if going => {
                NewCondition::no(TYPE, Reason::Progressing, "the last pod is ending; then comes a new one")
            }
            None => NewCondition::no(TYPE, Reason::Progressing, "a pod is being got"),
            Some(state) => self.ready_with(state),
        }
    }

    fn ready_with(&self, state: PodState) -> NewCondition {
        const TYPE: ConditionType = ConditionType::Ready;
        match state {
            PodState::Trouble(Reason::Unschedulable, _) if self.node_comes() => {
                let message = "no node has room for the pod: Karpenter adds one";
                NewCondition::no(TYPE, Reason::Progressing, message)
            }
            PodState::Trouble(reason, message) => NewCondition::no(TYPE, reason, message),
            PodState::Ended(_)
                if let Some((reason, message)) = self.pod.and_then(pod_state::interruption) =>
            {
                NewCondition::no(TYPE, reason, message)
            }
            PodState::Ended(why) => NewCondition::no(
                TYPE,
                Reason::PodFailed,
                format!("the pod ended ({why}): a new one replaces it"),
            ),
            PodState::Unready => {
                let message = "the pod was ready and is not: look at its node and its containers";
                NewCondition::no(TYPE, Reason::PodFailed, message)
            }
            PodState::Terminating => NewCondition::no(TYPE, Reason::Progressing, "the pod is ending"),
            // The sidecar knows before the kubelet has probed.
            PodState::Ready | PodState::Starting(_) if self.usable => {
                NewCondition::yes(TYPE, Reason::Available, "the workspace runs")
            }
            PodState::Ready | PodState::Starting(_) if self.was_launched => {
                NewCondition::no(TYPE, Reason::PodFailed, SILENT)
            }
            PodState::Starting(waits) => NewCondition::no(TYPE, Reason::Progressing, waits),
            PodState::Ready => {
                NewCondition::no(TYPE, Reason::Progressing, "the sidecar readies the workspace")
            }
        }
    }

    /// Whether a node is likely on its way for a pod that finds no room.
    fn node_comes(&self) -> bool {
        let grows = self.seen.references.as_ref().is_ok_and(|references| references.grows);
        grows && self.pod.is_some_and(|pod| super::decide::age(pod, self.now) < NODE_COMES)
    }

    /// The volume whose work is missing: the one that it had until now, unless work of before is missing already.
    fn lost_volume(&self, volume: Option<&str>) -> Option<String> {
        let old = &self.old;
        // A pod keeps its volume: another name beside the same pod is somebody's mistake.
        let same_pod = self.pod.is_some_and(|pod| pod_state::epoch(pod) == old.epoch);
        let before = old.volume.as_deref().filter(|_| old.launch.is_some() && !same_pod);
        old.lost_volume.as_deref().or(before).filter(|lost| Some(*lost) != volume).map(str::to_owned)
    }

    /// Whether the pod is as its tier and template ask. Nothing is said of one that goes anyway.
    fn up_to_date(&self) -> Option<NewCondition> {
        let (pod, references) = (self.pod?, self.seen.references.as_ref().ok()?);
        if self.stopped().is_some() {
            return None;
        }
        // What only the reconciler heard stays true when the sidecar has news.
        let kept = self.kept(ConditionType::UpToDate, &[Reason::ResizeRefused]);
        let kept = kept.map(|it| Problem::new(it.reason, it.message));
        let refused = self.seen.refused.as_ref().or(kept.as_ref());
        Some(tier_change::condition(self.workspace, pod, references, refused))
    }

    /// What the old status said, if it spoke of the same pod and for one of these reasons.
    fn kept(&self, type_: ConditionType, reasons: &[Reason]) -> Option<NewCondition> {
        let old = condition::find(&self.old.conditions, type_).filter(|_| self.same_pod)?;
        let reason = reasons.iter().find(|reason| reason.as_str() == old.reason)?;
        Some(NewCondition::no(type_, *reason, &old.message))
    }
}

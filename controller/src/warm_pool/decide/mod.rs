//! Which pods a warm pool should make and which it should remove. Pure.

#[cfg(test)]
mod tests;

use std::{fmt, time::Duration};

use jiff::Timestamp;
use kube::ResourceExt;
use neuralinverse_api::{condition::Reason, labels};

use crate::{
    kubernetes::Pod,
    workspace::{
        decide::elapsed,
        pod_state::{self, PodState},
    },
};

/// How long a pod that ended stays, so that a node that refuses pods is not asked in a hot loop.
const ENDED_STAYS: Duration = Duration::from_secs(30);

/// How long a pod stays whose image cannot be pulled or whose container does not stay up. The kubelet tries
/// again by itself; another pod helps only where another node does.
const TROUBLE_STAYS: Duration = Duration::from_secs(120);

/// How long a pod may take to become ready before another one is tried, perhaps on another node.
pub const PATIENCE: Duration = Duration::from_secs(600);

/// The longest that a pod stays which does not become ready, after many before it.
const LONGEST: Duration = Duration::from_secs(3600);

/// What pods are made from now, and what their users get.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// See [`labels::REVISION`].
    pub revision: String,
    /// See [`labels::OFFER`].
    pub offer: String,
}

/// A free pod of the pool, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Free {
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// How it is doing.
    pub state: PodState,
    /// Since when it is ready or not.
    pub since: Timestamp,
    /// It was made from something else than what is declared now.
    pub stale: bool,
    /// It is stale, but its user gets the same: only our own release is another.
    pub as_good: bool,
    /// Those before it that did not become ready.
    pub before: Option<Before>,
}

impl Free {
    /// What matters of a pod, given what pods are made from now.
    pub fn of(pod: &Pod, wanted: Option<&Wanted>) -> Self {
        let is = |label: &str, wanted: &str| pod.labels().get(label).is_some_and(|it| it == wanted);
        Self {
            name: pod.name_any(),
            created: pod.creation_timestamp().map_or(Timestamp::UNIX_EPOCH, |time| time.0),
            state: pod_state::of(pod),
            since: pod_state::since(pod),
            stale: wanted.is_some_and(|wanted| !is(labels::REVISION, &wanted.revision)),
            as_good: wanted.is_some_and(|wanted| is(labels::OFFER, &wanted.offer)),
            before: pod.annotations().get(labels::FAILED_BEFORE).and_then(|text| Before::parse(text)),
        }
    }

    fn attempts(&self) -> u32 {
        self.before.as_ref().map_or(0, |before| before.count)
    }

    /// What its successor is told of it and of those before it.
    fn failed(&self) -> Before {
        let (reason, message) = self.trouble().unwrap_or_else(|| {
            let minutes = PATIENCE.as_secs() / 60;
            let message = format!("a pod was not ready after {minutes} minutes: look at its events");
            (Reason::PodFailed, message)
        });
        Before { count: self.attempts().saturating_add(1), reason, message }
    }

    /// What it says of why it is not ready.
    pub fn trouble(&self) -> Option<(Reason, String)> {
        match &self.state {
            PodState::Trouble(reason, message) => Some((*reason, message.clone())),
            PodState::Ended(why) => Some((Reason::PodFailed, format!("a pod ended: {why}"))),
            _ => None,
        }
    }

    /// How long it took to become ready, if it is and that can be told.
    pub fn warm_up(&self) -> Option<Duration> {
        let took = elapsed(self.created, self.since);
        // What is longer was ready before, and again.
        (self.ready() && took <= PATIENCE).then_some(took)
    }

    /// Somebody can take it.
    pub fn can_be_taken(&self) -> bool {
        self.ready() && (!self.stale || self.as_good)
    }

    fn ready(&self) -> bool {
        self.state == PodState::Ready
    }

    fn unschedulable(&self) -> bool {
        matches!(self.state, PodState::Trouble(Reason::Unschedulable, _))
    }

    /// How much longer it is waited for; none for one that is well, or that waits for room like any other
    /// pod in its place would.
    fn patience(&self, now: Timestamp) -> Option<Duration> {
        let first = match self.state {
            PodState::Ready | PodState::Terminating | PodState::Trouble(Reason::Unschedulable, _) => {
                return None;
            }
            PodState::Ended(_) => ENDED_STAYS,
            PodState::Trouble(..) => TROUBLE_STAYS,
            PodState::Starting(_) | PodState::Unready => PATIENCE,
        };
        let stays = first.saturating_mul(1 << self.attempts().min(16)).min(LONGEST);
        Some(stays.saturating_sub(elapsed(self.since, now)))
    }

    /// It has had its time.
    fn hopeless(&self, now: Timestamp) -> bool {
        self.patience(now).is_some_and(|rest| rest.is_zero())
    }
}

/// Pods, in a row, that did not become ready. It is written on their successor, so that nobody has to
/// remember it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Before {
    /// How many.
    pub count: u32,
    /// Why the last one did not, for programs.
    pub reason: Reason,
    /// Why the last one did not, for people.
    pub message: String,
}

impl Before {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ' ');
        let count = parts.next()?.parse().ok()?;
        let reason = parts.next()?;
        let reason = *Reason::ALL.iter().find(|known| known.as_str() == reason)?;
        Some(Self { count, reason, message: parts.next()?.to_owned() })
    }
}

impl fmt::Display for Before {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.count, self.reason.as_str(), self.message)
    }
}

/// What the nodes that the pool's pods run on can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nodes {
    /// Somebody waits for the room that another pod would take.
    Crowded,
    /// So many more pods may start on them.
    MayStart(usize),
}

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// How many pods are to be made.
    pub create: usize,
    /// More are to be made as soon as the nodes may start them.
    pub paced: bool,
    /// Those before them that did not become ready.
    pub before: Option<Before>,
    /// Names of the pods that are to be removed.
    pub delete: Vec<String>,
    /// When the next pod will have had its time.
    pub look_again: Option<Duration>,
}

/// The next steps for a pool of this size. Old pods stay until new ones are ready, as far as a quarter more than that
/// has room. No more are made than the nodes may start, but one at a time in any case; none while they are crowded.
pub fn decide(size: usize, nodes: Nodes, pods: &[Free], now: Timestamp) -> Plan {
    let (dead, live): (Vec<_>, Vec<_>) =
        pods.iter().filter(|pod| pod.state != PodState::Terminating).partition(|pod| pod.hopeless(now));
    let (stale, fresh): (Vec<&Free>, Vec<&Free>) = live.iter().copied().partition(|pod| pod.stale);

    let room = (size + (size / 4).max(1)).saturating_sub(live.len());
    let wanted = size.saturating_sub(fresh.len()).min(room);
    let starts = fresh.iter().any(|pod| !pod.ready());
    let create = match nodes {
        Nodes::Crowded => 0,
        Nodes::MayStart(more) => wanted.min(more.max(usize::from(!starts))),
    };
    let paced = nodes != Nodes::Crowded && create < wanted;

    let failed = dead.iter().filter(|pod| !pod.stale).map(|pod| pod.failed());
    let mut delete: Vec<_> = dead.iter().map(|pod| pod.name.clone()).collect();
    delete.extend(surplus(size, &fresh));
    delete.extend(outdated(size, &stale, &fresh));
    Plan {
        create,
        paced,
        before: failed.max_by_key(|before| before.count),
        delete,
        look_again: live.iter().filter_map(|pod| pod.patience(now)).min(),
    }
}

/// More than asked for: those that are not ready first, of these the newest.
fn surplus(size: usize, fresh: &[&Free]) -> Vec<String> {
    let mut order = fresh.to_vec();
    order.sort_by_key(|pod| (pod.ready(), std::cmp::Reverse(pod.created)));
    order.iter().take(fresh.len().saturating_sub(size)).map(|pod| pod.name.clone()).collect()
}

/// Stale ones that are not ready serve nobody. Ready ones go as new ones become ready, or when the new
/// ones find no room on the nodes.
fn outdated(size: usize, stale: &[&Free], fresh: &[&Free]) -> Vec<String> {
    let ready = fresh.iter().filter(|pod| pod.ready()).count();
    let waiting_for_room = fresh.iter().filter(|pod| pod.unschedulable()).count();
    let (serving, useless): (Vec<&Free>, Vec<&Free>) = stale.iter().copied().partition(|pod| pod.ready());
    let too_many = (ready + serving.len()).saturating_sub(size).max(waiting_for_room);
    let mut oldest = serving;
    oldest.sort_by_key(|pod| pod.created);
    useless.into_iter().chain(oldest.into_iter().take(too_many)).map(|pod| pod.name.clone()).collect()
}

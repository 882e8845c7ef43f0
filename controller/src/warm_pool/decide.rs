//! Which pods a warm pool should make and which it should remove. Pure.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use neuralinverse_api::{condition::Reason, labels};

use crate::workspace::{
    decide::elapsed,
    pod_state::{self, PodState},
};

/// How many pods may be starting at once: a refill must not take the nodes from those who launch.
const STARTING: usize = 10;

/// How long a pod that ended stays, so that a node that refuses pods is not asked in a hot loop.
const ENDED_STAYS: Duration = Duration::from_secs(30);

/// How long a pod may take to become ready before another one is tried, perhaps on another node.
const PATIENCE: Duration = Duration::from_secs(600);

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
}

impl Free {
    /// What matters of a pod, given what pods are made from now.
    pub fn of(pod: &Pod, revision: Option<&str>) -> Self {
        let made_from = pod.labels().get(labels::REVISION).map(String::as_str);
        Self {
            name: pod.name_any(),
            created: pod.creation_timestamp().map_or(Timestamp::UNIX_EPOCH, |time| time.0),
            state: pod_state::of(pod),
            since: pod_state::since(pod),
            stale: revision.is_some() && made_from != revision,
        }
    }

    fn ready(&self) -> bool {
        self.state == PodState::Ready
    }

    fn unschedulable(&self) -> bool {
        matches!(self.state, PodState::Trouble(Reason::Unschedulable, _))
    }

    /// It will not become ready, or has had its time.
    fn hopeless(&self, now: Timestamp) -> bool {
        let age = elapsed(self.since, now);
        match self.state {
            PodState::Ended(_) => age >= ENDED_STAYS,
            PodState::Ready | PodState::Terminating => false,
            _ => age >= PATIENCE,
        }
    }
}

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// How many pods are to be made.
    pub create: usize,
    /// Names of the pods that are to be removed.
    pub delete: Vec<String>,
}

/// The next steps for a pool of `size`. Old pods stay until new ones are ready, as far as a quarter
/// more than `size` has room.
pub fn decide(size: usize, pods: &[Free], now: Timestamp) -> Plan {
    let (dead, live): (Vec<_>, Vec<_>) =
        pods.iter().filter(|pod| pod.state != PodState::Terminating).partition(|pod| pod.hopeless(now));
    let (stale, fresh): (Vec<&Free>, Vec<&Free>) = live.iter().copied().partition(|pod| pod.stale);

    let starting = fresh.iter().filter(|pod| !pod.ready()).count();
    let room = (size + (size / 4).max(1)).saturating_sub(live.len());
    let create = size.saturating_sub(fresh.len()).min(STARTING.saturating_sub(starting)).min(room);

    let mut delete: Vec<_> = dead.iter().map(|pod| pod.name.clone()).collect();
    delete.extend(surplus(size, &fresh));
    delete.extend(outdated(size, &stale, &fresh));
    Plan { create, delete }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_second(10_000).unwrap()
    }

    fn pod(name: &str, state: PodState) -> Free {
        let age = name.trim_start_matches(char::is_alphabetic).parse::<i64>().unwrap_or(1);
        let created = Timestamp::from_second(10_000 - age).unwrap();
        Free { name: name.into(), created, state, since: created, stale: false }
    }

    fn ready(name: &str) -> Free {
        pod(name, PodState::Ready)
    }

    fn starting(name: &str) -> Free {
        pod(name, PodState::Starting(""))
    }

    fn stale(free: Free) -> Free {
        Free { stale: true, ..free }
    }

    fn unschedulable(name: &str) -> Free {
        pod(name, PodState::Trouble(Reason::Unschedulable, String::new()))
    }

    fn ended(name: &str) -> Free {
        pod(name, PodState::Ended("Evicted".into()))
    }

    #[test]
    fn a_pool_becomes_and_stays_what_is_declared() {
        let many = |count, make: fn(&str) -> Free| (0..count).map(|_| make("p1")).collect::<Vec<_>>();
        type Case = (&'static str, usize, Vec<Free>, usize, &'static [&'static str]);
        let cases: Vec<Case> = vec![
            ("an empty pool is filled", 3, vec![], 3, &[]),
            ("at most ten start at once", 40, many(4, starting), 6, &[]),
            ("ten that start are enough", 40, many(10, starting), 0, &[]),
            ("ready ones leave room to start others", 40, many(30, ready), 10, &[]),
            ("a full pool is left alone", 2, vec![ready("a1"), ready("b1")], 0, &[]),
            ("one that goes is replaced", 1, vec![pod("a1", PodState::Terminating)], 1, &[]),
            (
                "surplus goes: unready first, the newest first",
                1,
                vec![ready("a9"), starting("b5"), starting("c2"), ready("d3")],
                0,
                &["c2", "b5", "d3"],
            ),
            ("size 0 empties the pool", 0, vec![ready("a1")], 0, &["a1"]),
            ("a stale one stays until a new one is ready", 1, vec![stale(ready("a9"))], 1, &[]),
            ("while the new one starts it stays", 1, vec![stale(ready("a9")), starting("b1")], 0, &[]),
            ("then it goes", 1, vec![stale(ready("a9")), ready("b1")], 0, &["a9"]),
            ("a stale one that is not ready goes at once", 1, vec![stale(starting("a9"))], 1, &["a9"]),
            (
                "stale ones are replaced a quarter at a time, the oldest first",
                4,
                vec![
                    stale(ready("a9")),
                    stale(ready("b8")),
                    stale(ready("c7")),
                    stale(ready("d6")),
                    ready("e1"),
                ],
                0,
                &["a9"],
            ),
            (
                "a stale one makes room for a new one that no node takes",
                1,
                vec![stale(ready("a9")), unschedulable("b1")],
                0,
                &["a9"],
            ),
            ("one that ended is looked at for a while", 1, vec![ended("a5")], 0, &[]),
            ("then it is replaced", 1, vec![ended("a40")], 1, &["a40"]),
            (
                "one that was ready for long and is not for a moment is left alone",
                1,
                vec![Free { since: now(), ..starting("a7000") }],
                0,
                &[],
            ),
            ("one that takes too long is replaced", 1, vec![starting("a700")], 1, &["a700"]),
        ];
        for (name, size, pods, create, delete) in cases {
            let delete = delete.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(decide(size, &pods, now()), Plan { create, delete }, "{name}");
        }
    }
}

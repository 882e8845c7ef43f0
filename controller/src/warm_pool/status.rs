//! What is true of a warm pool. Pure.

use std::time::Duration;

use jiff::Timestamp;
use neuralinverse_api::{
    WarmPool, WarmPoolStatus,
    condition::{self, ConditionType, NewCondition, Reason},
};

use super::{decide::Free, demand::Counted, rate, schedule};
use crate::{
    references::{Problem, References, accepted},
    workspace::pod_state::PodState,
};

/// What the status is made from.
#[derive(Clone, Debug)]
pub struct Seen<'a> {
    /// What its pods would be made from.
    pub references: &'a Result<References, Problem>,
    /// Its free pods.
    pub pods: &'a [Free],
    /// How many are wanted.
    pub desired: usize,
    /// What was asked of it.
    pub counted: Counted,
    /// Why Kubernetes did not take another pod.
    pub refused: Option<&'a Problem>,
    /// A workspace waits for the room that another pod would take.
    pub crowded: bool,
}

/// The status of `pool`.
pub fn status(pool: &WarmPool, seen: &Seen<'_>, now: Timestamp) -> WarmPoolStatus {
    let generation = pool.metadata.generation.unwrap_or_default();
    let old = pool.status.clone().unwrap_or_default();
    let fresh = || seen.pods.iter().filter(|pod| !pod.stale);
    let ready = seen.pods.iter().filter(|pod| pod.can_be_taken()).count();
    let warming = fresh().filter(|pod| !matches!(pod.state, PodState::Ready | PodState::Terminating)).count();
    let problem = seen.references.as_ref().err().cloned().or_else(|| schedule::problem(&pool.spec.schedule));
    let accepted = accepted(&problem.clone().map_or(Ok(()), Err));
    let Counted { hits, misses, per_second } = seen.counted;
    let asked = (hits, misses) != (old.hits, old.misses);
    let conditions = [accepted, ready_condition(seen, problem.as_ref(), ready)];
    WarmPoolStatus {
        observed_generation: Some(generation),
        desired: count(seen.desired),
        ready: count(ready),
        warming: count(warming),
        hits,
        misses,
        launches_per_hour: rate::per_hour(old.launches_per_hour, per_second, asked),
        warm_up_seconds: warm_up(seen.pods).map(seconds).or(old.warm_up_seconds),
        conditions: condition::merge(&old.conditions, &conditions, generation, now),
    }
}

/// How long pods take to become ready: half of those that are took less.
pub fn warm_up(pods: &[Free]) -> Option<Duration> {
    let mut took: Vec<_> = pods.iter().filter(|pod| !pod.stale).filter_map(Free::warm_up).collect();
    took.sort_unstable();
    took.get(took.len() / 2).copied()
}

fn seconds(time: Duration) -> i32 {
    i32::try_from(time.as_secs()).unwrap_or(i32::MAX)
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn ready_condition(seen: &Seen<'_>, problem: Option<&Problem>, ready: usize) -> NewCondition {
    const TYPE: ConditionType = ConditionType::Ready;
    if let Some(problem) = problem {
        return problem.condition(TYPE);
    }
    if ready >= seen.desired {
        return NewCondition::yes(TYPE, Reason::Available, "all pods are ready to be taken");
    }
    if let Some(problem) = seen.refused {
        return problem.condition(TYPE);
    }
    if seen.crowded {
        let message = "a workspace waits for room on these nodes, which no free pod may take from it: add nodes to the pool";
        return NewCondition::no(TYPE, Reason::Unschedulable, message);
    }
    trouble(seen.pods)
        .unwrap_or_else(|| NewCondition::no(TYPE, Reason::Progressing, "pods are being started"))
}

/// Why pods do not become ready. What was wrong with the last one holds until its successor is ready or says
/// something else.
fn trouble(pods: &[Free]) -> Option<NewCondition> {
    let fresh = || pods.iter().filter(|pod| !pod.stale && pod.state != PodState::Ready);
    let before = fresh().filter_map(|pod| pod.before.as_ref()).max_by_key(|before| before.count);
    let said = fresh().find_map(Free::trouble);
    let (reason, message) = said.or_else(|| before.map(|before| (before.reason, before.message.clone())))?;
    let message = match before.map_or(0, |before| before.count) {
        0 => message,
        count => format!("{message} (tried again, {count} so far)"),
    };
    Some(NewCondition::no(ConditionType::Ready, reason, message))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{caches::Caches, fixtures, references::resolve, warm_pool::decide::Before};

    fn free(state: PodState, stale: bool) -> Free {
        let created = Timestamp::UNIX_EPOCH;
        Free { name: "p".into(), created, state, since: created, stale, as_good: false, before: None }
    }

    fn pool(more: Value) -> WarmPool {
        let mut pool = json!({
            "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "WarmPool",
            "metadata": { "name": "p", "namespace": "workspaces" },
            "spec": { "tier": "standard", "template": "rust", "size": 2 },
        });
        pool["spec"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        fixtures::from(pool)
    }

    fn seen<'a>(references: &'a Result<References, Problem>, pods: &'a [Free]) -> Seen<'a> {
        let counted = Counted { hits: 7, misses: 1, per_second: 0.01 };
        Seen { references, pods, desired: 2, counted, refused: None, crowded: false }
    }

    fn reason(status: &WarmPoolStatus, type_: ConditionType) -> (&str, &str) {
        let condition = condition::find(&status.conditions, type_).unwrap();
        (condition.status.as_str(), condition.reason.as_str())
    }

    fn trouble() -> Free {
        free(PodState::Trouble(Reason::ImagePullFailed, "no such image".into()), false)
    }

    #[test]
    fn it_counts_what_can_be_taken_and_says_why_it_is_not_full() {
        let caches = Caches::default();
        fixtures::all(&caches);
        let known = resolve(&caches, "workspaces", "standard", "rust");
        let unknown = resolve(&caches, "workspaces", "huge", "rust");
        let refused = Problem::new(Reason::Refused, "quota");
        let ready = || free(PodState::Ready, false);
        let as_good = || Free { as_good: true, ..free(PodState::Ready, true) };
        let cases = [
            (&known, vec![ready(), ready()], None, false, (2, 0), "True", "Available"),
            (
                &known,
                vec![ready(), free(PodState::Starting(""), false)],
                None,
                false,
                (1, 1),
                "False",
                "Progressing",
            ),
            (&known, vec![ready(), free(PodState::Ready, true)], None, false, (1, 0), "False", "Progressing"),
            (&known, vec![ready(), as_good()], None, false, (2, 0), "True", "Available"),
            (&known, vec![ready(), trouble()], None, false, (1, 1), "False", "ImagePullFailed"),
            (
                &known,
                vec![free(PodState::Ended("Evicted".into()), false)],
                None,
                false,
                (0, 1),
                "False",
                "PodFailed",
            ),
            (&known, vec![ready()], Some(&refused), false, (1, 0), "False", "Refused"),
            (&known, vec![ready()], None, true, (1, 0), "False", "Unschedulable"),
            (&unknown, vec![ready(), ready()], None, false, (2, 0), "False", "TierNotFound"),
        ];
        for (references, pods, refused, crowded, counts, state, why) in cases {
            let seen = Seen { refused, crowded, ..seen(references, &pods) };
            let status = status(&pool(json!({})), &seen, Timestamp::UNIX_EPOCH);
            assert_eq!((status.ready, status.warming, status.desired), (counts.0, counts.1, 2));
            assert_eq!((status.hits, status.misses, status.launches_per_hour), (7, 1, 36));
            assert_eq!(reason(&status, ConditionType::Ready), (state, why));
        }
    }

    #[test]
    fn what_was_wrong_with_a_pod_stands_until_its_successor_is_ready_or_says_something_else() {
        let references = Ok(fixtures::references());
        let after = |state| {
            let before = Before { count: 2, reason: Reason::PodFailed, message: "no such file".into() };
            Free { before: Some(before), ..free(state, false) }
        };
        for (pods, why, expected) in [
            (vec![trouble()], "ImagePullFailed", "no such image"),
            (vec![after(PodState::Starting(""))], "PodFailed", "no such file (tried again, 2 so far)"),
            (vec![after(trouble().state)], "ImagePullFailed", "no such image (tried again, 2 so far)"),
            (
                vec![after(PodState::Ready), free(PodState::Starting(""), false)],
                "Progressing",
                "pods are being started",
            ),
        ] {
            let status = status(&pool(json!({})), &seen(&references, &pods), Timestamp::UNIX_EPOCH);
            assert_eq!(reason(&status, ConditionType::Ready), ("False", why));
            assert_eq!(condition::find(&status.conditions, ConditionType::Ready).unwrap().message, expected);
        }
    }

    #[test]
    fn a_schedule_in_no_time_zone_is_not_accepted() {
        let window = json!({ "start": "08:00", "end": "18:00", "timeZone": "Mars/Olympus", "min": 3 });
        let references = Ok(fixtures::references());
        let pods = [free(PodState::Ready, false), free(PodState::Ready, false)];
        let status =
            status(&pool(json!({ "schedule": [window] })), &seen(&references, &pods), Timestamp::UNIX_EPOCH);
        for type_ in [ConditionType::Accepted, ConditionType::Ready] {
            assert_eq!(reason(&status, type_), ("False", "TimeZoneNotFound"));
        }
    }

    #[test]
    fn how_long_pods_take_is_the_middle_of_those_that_are_ready() {
        let took = |seconds| Free {
            since: Timestamp::from_second(seconds).unwrap(),
            ..free(PodState::Ready, false)
        };
        let pods = [took(50), took(3), took(4), took(700), trouble()];
        assert_eq!(warm_up(&pods), Some(Duration::from_secs(4)));
        assert_eq!(warm_up(&[trouble()]), None);
    }
}

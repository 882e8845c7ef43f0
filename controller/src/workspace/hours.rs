//! How long a workspace has run, and what that cost. Pure.
//!
//! Added up when it stops or gets another tier, and not while it runs: the status says since when it does, and a
//! figure that ticks would be written all the time.

use std::time::Duration;

use jiff::Timestamp;
use neuralinverse_api::{
    Money, Run, WorkspaceStatus,
    condition::{ConditionType, find},
};

use super::decide::elapsed;

/// Parts of an hour that are counted: a third of a second each.
const PARTS: u64 = 10_000;

/// What is counted of a workspace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counted {
    /// Hours until it last stopped.
    pub hours: Option<String>,
    /// What they cost.
    pub cost: Option<Money>,
    /// What is being counted.
    pub run: Option<Run>,
}

/// What follows on `old` when the workspace now runs as `run` says, or not.
pub fn count(old: &WorkspaceStatus, run: Option<Run>, now: Timestamp) -> Counted {
    let kept = |run| Counted { hours: old.hours.clone(), cost: old.cost.clone(), run };
    match (&old.run, run) {
        (Some(before), Some(run)) if goes_on(before, &run) => kept(Some(before.clone())),
        (None, run) => kept(run.map(|run| begun_before(old, run))),
        (Some(before), run) => {
            let time = elapsed(before.since.0, now);
            let cost = match (&before.hourly_price, &old.cost) {
                (Some(price), sum) => {
                    Some(sum.clone().unwrap_or_else(Money::zero).plus(&price.for_time(time)))
                }
                (None, sum) => sum.clone(),
            };
            Counted { hours: Some(sum(old.hours.as_deref(), time)), cost, run }
        }
    }
}

/// Whether `run` is what was being counted: the same pod as the same tier.
pub fn goes_on(before: &Run, run: &Run) -> bool {
    (before.epoch, &before.tier) == (run.epoch, &run.tier)
}

/// A release before this one did not write what it counted.
fn begun_before(old: &WorkspaceStatus, run: Run) -> Run {
    let ran = find(&old.conditions, ConditionType::Running).filter(|it| it.status == "True");
    match ran.filter(|_| old.epoch == run.epoch) {
        Some(ran) => Run { since: ran.last_transition_time.clone(), ..run },
        None => run,
    }
}

fn sum(hours: Option<&str>, time: Duration) -> String {
    text(hours.and_then(parse).unwrap_or_default().saturating_add(parts(time)))
}

/// A time in hours, as it is written.
pub fn hours(time: Duration) -> String {
    text(parts(time))
}

fn parts(time: Duration) -> u64 {
    (time.as_secs_f64() / 3600.0 * PARTS as f64).round() as u64
}

fn text(parts: u64) -> String {
    format!("{}.{:04}", parts / PARTS, parts % PARTS)
}

fn parse(hours: &str) -> Option<u64> {
    let (whole, parts) = hours.split_once('.')?;
    let parts = parts.parse::<u64>().ok().filter(|_| parts.len() == 4)?;
    whole.parse::<u64>().ok()?.checked_mul(PARTS)?.checked_add(parts)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use neuralinverse_api::condition::{NewCondition, Reason, merge};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn run(epoch: i64, tier: &str, price: Option<&str>, since: i64) -> Run {
        let hourly_price = price.map(|price| price.parse().unwrap());
        Run { epoch, since: Time(at(since)), tier: tier.to_owned(), hourly_price }
    }

    #[test]
    fn hours_and_cost_are_added_when_it_stops_or_becomes_something_else() {
        let small = |since| Some(run(1, "small", Some("0.96"), since));
        let large = |since| Some(run(1, "large", Some("2"), since));
        let next = |since| Some(run(2, "small", Some("0.96"), since));
        let free = |since| Some(run(1, "free", None, since));
        let cases = [
            ("it does not run", (None, None, None), None, (None, None, None)),
            ("it starts", (None, None, None), small(2800), (None, None, small(2800))),
            ("it runs on", (None, None, small(1000)), small(2800), (None, None, small(1000))),
            ("it stops", (None, None, small(1000)), None, (Some("0.5000"), Some("0.48"), None)),
            (
                "it stops again",
                (Some("12.3456"), Some("11.851776"), small(1000)),
                None,
                (Some("12.8456"), Some("12.331776"), None),
            ),
            (
                "it is resized",
                (None, None, small(1000)),
                large(2800),
                (Some("0.5000"), Some("0.48"), large(2800)),
            ),
            (
                "its pod was replaced",
                (Some("0.7500"), None, small(1000)),
                next(2800),
                (Some("1.2500"), Some("0.48"), next(2800)),
            ),
            ("it has no price", (None, Some("1.00"), free(1000)), None, (Some("0.5000"), Some("1.00"), None)),
            // Written by somebody else.
            ("nonsense", (Some("many"), None, free(1000)), None, (Some("0.5000"), None, None)),
        ];
        for (name, (hours, cost, before), now, expected) in cases {
            let money = |text: Option<&str>| text.map(|text| text.parse().unwrap());
            let old = WorkspaceStatus {
                hours: hours.map(str::to_owned),
                cost: money(cost),
                run: before,
                ..Default::default()
            };
            let (hours, cost, run) = expected;
            let expected = Counted { hours: hours.map(str::to_owned), cost: money(cost), run };
            assert_eq!(count(&old, now, at(2800)), expected, "{name}");
        }
    }

    #[test]
    fn what_runs_since_before_this_was_written_is_counted_from_then() {
        let running = NewCondition::yes(ConditionType::Running, Reason::Available, "");
        let old = WorkspaceStatus {
            epoch: 1,
            conditions: merge(&[], &[running], 1, at(1000)),
            ..Default::default()
        };
        let since = |epoch| count(&old, Some(run(epoch, "small", None, 2800)), at(2800)).run.unwrap().since.0;
        assert_eq!((since(1), since(2)), (at(1000), at(2800)));
    }
}

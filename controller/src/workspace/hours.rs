//! How long a workspace has run. Pure.
//!
//! Added up when it stops running, and not while it runs: the condition `Running` says since when it does, and a
//! figure that ticks would be written all the time.

use jiff::Timestamp;
use neuralinverse_api::{
    WorkspaceStatus,
    condition::{ConditionType, NewCondition, find},
};

use super::decide::elapsed;

/// Parts of an hour that are counted: a third of a second each.
const PARTS: u64 = 10_000;

/// The hours of the status that follows on `old`, in which it runs or not.
pub fn total(old: &WorkspaceStatus, running: &NewCondition, now: Timestamp) -> Option<String> {
    let ran = find(&old.conditions, ConditionType::Running).filter(|it| it.status == "True");
    let (Some(ran), Some(false)) = (ran, running.status) else { return old.hours.clone() };
    let seconds = elapsed(ran.last_transition_time.0, now).as_secs_f64();
    let more = (seconds / 3600.0 * PARTS as f64).round() as u64;
    let parts = old.hours.as_deref().and_then(parse).unwrap_or_default().saturating_add(more);
    Some(format!("{}.{:04}", parts / PARTS, parts % PARTS))
}

fn parse(hours: &str) -> Option<u64> {
    let (whole, parts) = hours.split_once('.')?;
    let parts = parts.parse::<u64>().ok().filter(|_| parts.len() == 4)?;
    whole.parse::<u64>().ok()?.checked_mul(PARTS)?.checked_add(parts)
}

#[cfg(test)]
mod tests {
    use neuralinverse_api::condition::{Reason, merge};

    use super::*;

    fn condition(runs: bool) -> NewCondition {
        NewCondition {
            status: Some(runs),
            ..NewCondition::no(ConditionType::Running, Reason::Progressing, "")
        }
    }

    #[test]
    fn hours_are_added_when_it_stops_running() {
        let at = |second| Timestamp::from_second(second).unwrap();
        for (before, ran, runs, expected) in [
            (None, false, false, None),
            (None, false, true, None),
            (None, true, true, None),
            (None, true, false, Some("0.5000")),
            (Some("12.3456"), true, true, Some("12.3456")),
            (Some("12.3456"), true, false, Some("12.8456")),
            (Some("0.7500"), true, false, Some("1.2500")),
            (Some("12.3456"), false, false, Some("12.3456")),
            // Written by somebody else.
            (Some("many"), true, false, Some("0.5000")),
        ] {
            let old = WorkspaceStatus {
                hours: before.map(str::to_owned),
                conditions: merge(&[], &[condition(ran)], 1, at(1000)),
                ..Default::default()
            };
            let hours = total(&old, &condition(runs), at(1000 + 1800));
            assert_eq!(hours.as_deref(), expected, "{before:?} {ran} {runs}");
        }
    }
}

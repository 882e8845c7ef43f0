//! Whether a workspace is within the limits of its owner. Pure.
//!
//! Who runs already comes first, then the older one, so that whoever decides for one of them at the same moment decides
//! the same way. A limit stops nobody who runs.

use std::cmp::Reverse;

use jiff::Timestamp;
use neuralinverse_api::{OwnerLimits, Quantity, condition::Reason};

use crate::{key::Key, references::Problem};

/// One of an owner's workspaces.
#[derive(Clone, Debug)]
pub struct Claimant {
    /// Namespace and name.
    pub key: Key,
    /// When it was made.
    pub created: Timestamp,
    /// It is to run.
    pub wanted: bool,
    /// It has a pod, also one that is going.
    pub has_pod: bool,
    /// CPUs of its tier.
    pub cpu: Option<Quantity>,
    /// Memory of its tier in bytes.
    pub memory: Option<Quantity>,
}

impl Claimant {
    fn runs(&self) -> bool {
        self.wanted || self.has_pod
    }
}

/// Whether the workspace of this key may be and run beside all workspaces of its owner.
pub fn check(limits: &OwnerLimits, owner: &str, key: &Key, all: &[Claimant]) -> Result<(), Problem> {
    let Some(ours) = all.iter().find(|it| it.key == *key) else { return Ok(()) };
    let older = all.iter().filter(|it| (it.created, &it.key) < (ours.created, &ours.key)).count();
    if let Some(most) = limits.workspaces.filter(|most| !fits(older, *most)) {
        return Err(over(format!(
            "`{owner}` has {} workspaces and may have {most}: delete one, or raise `workspaces` of the Region's \
             ownerLimits",
            all.len()
        )));
    }
    if !ours.wanted {
        return Ok(());
    }
    let rank = |it: &Claimant| (Reverse(it.has_pod), it.created, it.key.clone());
    let before: Vec<_> = all.iter().filter(|it| it.runs() && rank(it) < rank(ours)).collect();
    if let Some(most) = limits.running.filter(|most| !fits(before.len(), *most)) {
        return Err(over(format!(
            "{} workspaces of `{owner}` run or come first, and {most} may run: stop one, or raise `running` of the \
             Region's ownerLimits",
            before.len()
        )));
    }
    let together = || before.iter().copied().chain([ours]);
    let cpu: i128 = together().filter_map(|it| it.cpu.as_ref()).map(Quantity::milli).sum();
    let memory: i128 = together().filter_map(|it| it.memory.as_ref()).map(Quantity::milli).sum();
    for (what, sum, most) in [("cpu", cpu, &limits.cpu), ("memory", memory, &limits.memory)] {
        if let Some(most) = most.as_ref().filter(|most| sum > most.milli()) {
            return Err(over(format!(
                "with this one, the running workspaces of `{owner}` would have more {what} than {most}: stop one, \
                 choose a smaller tier, or raise `{what}` of the Region's ownerLimits"
            )));
        }
    }
    Ok(())
}

fn fits(before: usize, most: i32) -> bool {
    usize::try_from(most).is_ok_and(|most| before < most)
}

fn over(message: String) -> Problem {
    Problem::new(Reason::OwnerLimit, message)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fixtures;

    fn one(name: &str, created: i64, wanted: bool, has_pod: bool) -> Claimant {
        Claimant {
            key: Key::new("workspaces", name),
            created: Timestamp::from_second(created).unwrap(),
            wanted,
            has_pod,
            cpu: Some("2".parse().unwrap()),
            memory: Some("4Gi".parse().unwrap()),
        }
    }

    /// Which of them are over the limit, and a word of what is said.
    fn over_limit(limits: Value, all: &[Claimant]) -> Vec<String> {
        let limits: OwnerLimits = fixtures::from(limits);
        let problems = all.iter().filter_map(|it| {
            let problem = check(&limits, "ada", &it.key, all).err()?;
            assert_eq!(problem.reason, Reason::OwnerLimit);
            assert!(problem.message.contains("`ada`") && problem.message.contains("ownerLimits"));
            Some(it.key.name.clone())
        });
        problems.collect()
    }

    #[test]
    fn who_runs_comes_first_and_then_the_older_one() {
        let waiting = [one("a", 1, true, false), one("b", 2, true, false), one("c", 3, true, false)];
        let same_second = [one("a", 1, true, false), one("b", 1, true, false)];
        let newest_runs = [one("a", 1, true, false), one("b", 2, true, false), one("c", 3, true, true)];
        let stopped = [one("a", 1, false, false), one("b", 2, true, false)];
        let ending = [one("a", 1, true, false), one("b", 2, false, true)];
        let cases = [
            ("no limit", json!({}), &waiting[..], vec![]),
            ("two may be", json!({ "workspaces": 2 }), &waiting, vec!["c"]),
            ("stopped ones are too", json!({ "workspaces": 1 }), &stopped, vec!["b"]),
            ("none may be", json!({ "workspaces": 0 }), &waiting, vec!["a", "b", "c"]),
            ("one may run", json!({ "running": 1 }), &waiting, vec!["b", "c"]),
            ("made in the same second", json!({ "running": 1 }), &same_second, vec!["b"]),
            ("the newest runs", json!({ "running": 1 }), &newest_runs, vec!["a", "b"]),
            ("two with the newest", json!({ "running": 2 }), &newest_runs, vec!["b"]),
            ("stopped ones do not run", json!({ "running": 1 }), &stopped, vec![]),
            ("one is still ending", json!({ "running": 1 }), &ending, vec!["a"]),
            ("CPUs for two", json!({ "cpu": "5" }), &waiting, vec!["c"]),
            ("memory for one", json!({ "memory": "4Gi" }), &waiting, vec!["b", "c"]),
            ("memory for none", json!({ "memory": "1Gi" }), &waiting, vec!["a", "b", "c"]),
        ];
        for (name, limits, all, expected) in cases {
            assert_eq!(over_limit(limits, all), expected, "{name}");
        }
    }

    #[test]
    fn an_exception_replaces_the_limits_as_a_whole() {
        let region: neuralinverse_api::RegionSpec = fixtures::from(json!({
            "ownerLimits": { "running": 1, "workspaces": 2 },
            "ownerExceptions": { "ada": { "running": 5 } },
        }));
        let limits = |owner: &str| (region.limits_of(owner).running, region.limits_of(owner).workspaces);
        assert_eq!((limits("ada"), limits("bob")), ((Some(5), None), (Some(1), Some(2))));
    }
}

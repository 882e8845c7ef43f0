//! How many free pods a pool should have now. Pure.

use std::{collections::VecDeque, time::Duration};

use jiff::Timestamp;
use neuralinverse_api::{Autoscale, WarmPoolSpec, erlang};

use super::schedule::Floor;
use crate::workspace::decide::elapsed;

/// For how long a need is remembered: a pool shrinks only to the most that was needed within this time, so
/// that it does not give up pods that the next launches ask for.
const REMEMBERED: Duration = Duration::from_secs(30 * 60);

/// What passes, besides the start of a pod, between a launch and the next ready pod, in seconds.
const OVERHEAD: f64 = 1.0;

/// A pool shrinks only to what would do for so many times the launches: what is needed goes up and down by
/// chance, and between the two the pool stays as it is.
const MARGIN: f64 = 1.25;

/// The size that a pool has, and what was amply enough lately.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    size: Option<usize>,
    /// The largest first: each is later and smaller than the one before it.
    ample: VecDeque<(Timestamp, usize)>,
}

impl Needs {
    /// The size of a pool for which `need` is enough now and `ample` is amply so: it grows to the former at
    /// once, and shrinks to the most that the latter was lately.
    pub fn settle(&mut self, need: usize, ample: usize, now: Timestamp) -> usize {
        let ample = ample.max(need);
        while self.ample.back().is_some_and(|(_, smaller)| *smaller <= ample) {
            self.ample.pop_back();
        }
        self.ample.push_back((now, ample));
        while self.ample.len() > 1 && self.ample.front().is_some_and(|(at, _)| elapsed(*at, now) > REMEMBERED)
        {
            self.ample.pop_front();
        }
        let most = self.ample.front().map_or(ample, |(_, most)| *most);
        let size = self.size.unwrap_or(need).max(need).min(most);
        self.size = Some(size);
        size
    }
}

/// How many pods a pool should have, at so many launches per second and with pods that take so many seconds to get
/// ready.
pub fn desired(spec: &WarmPoolSpec, floor: &Floor, load: Load, needs: &mut Needs, now: Timestamp) -> usize {
    let size = match &spec.autoscale {
        Some(autoscale) => autoscaled(autoscale, load, needs, now),
        None => count(spec.size.unwrap_or_default()),
    };
    size.max(floor.min)
}

fn autoscaled(autoscale: &Autoscale, load: Load, needs: &mut Needs, now: Timestamp) -> usize {
    let (min, max) = (count(autoscale.min), count(autoscale.max));
    let need = |load| erlang::servers(load, autoscale.target(), max).max(min);
    needs.settle(need(load.average()), need(load.average() * MARGIN), now).min(max)
}

fn count(number: i32) -> usize {
    usize::try_from(number).unwrap_or_default()
}

/// What launches ask of a pool.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// Launches per second.
    pub per_second: f64,
    /// How long a pod takes to get ready, in seconds.
    pub warm_up: f64,
}

impl Load {
    /// How many pods are getting ready on average, where every launch finds one.
    fn average(self) -> f64 {
        match self.per_second > 0.0 {
            true => self.per_second * (self.warm_up + OVERHEAD),
            false => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fixtures::from;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    fn size(spec: Value, floor: usize, hourly: f64, warm_up: f64) -> usize {
        let mut whole = json!({ "tier": "t", "template": "t" });
        whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        let spec: WarmPoolSpec = from(whole);
        let load = Load { per_second: hourly / 3600.0, warm_up };
        let floor = Floor { min: floor, until: None };
        desired(&spec, &floor, load, &mut Needs::default(), at(0))
    }

    #[test]
    fn the_size_is_declared_or_follows_the_launches_within_its_limits() {
        let auto =
            |min, max, miss| json!({ "autoscale": { "min": min, "max": max, "missProbability": miss } });
        for (spec, floor, hourly, warm_up, expected) in [
            (json!({ "size": 3 }), 0, 1000.0, 60.0, 3),
            (json!({ "size": 3 }), 5, 0.0, 60.0, 5),
            (json!({ "size": 3 }), 1, 0.0, 60.0, 3),
            (auto(0, 50, "0.01"), 0, 0.0, 60.0, 0),
            (auto(2, 50, "0.01"), 0, 0.0, 60.0, 2),
            (auto(2, 50, "0.01"), 0, 60.0, 59.0, 5),
            (auto(2, 50, "0.001"), 0, 60.0, 59.0, 6),
            (auto(2, 50, "0.25"), 0, 60.0, 59.0, 2),
            (auto(2, 50, "0.01"), 0, 60.0, 9.0, 3),
            (auto(2, 50, "0.01"), 0, 600.0, 59.0, 18),
            (auto(2, 50, "0.01"), 0, 6000.0, 59.0, 50),
            (auto(2, 50, "0.01"), 20, 600.0, 59.0, 20),
            (auto(2, 50, "0.01"), 10, 600.0, 59.0, 18),
        ] {
            assert_eq!(size(spec.clone(), floor, hourly, warm_up), expected, "{spec} {floor} {hourly}");
        }
    }

    #[test]
    fn a_need_that_grows_counts_at_once_and_one_that_shrinks_after_half_an_hour() {
        let mut needs = Needs::default();
        for (minute, need, ample, expected) in [
            (0, 2, 3, 2),
            (1, 5, 6, 5),
            (2, 3, 4, 5),
            (20, 4, 5, 5),
            (31, 3, 4, 5),
            (32, 3, 4, 5),
            (50, 3, 4, 5),
            (51, 3, 4, 4),
            (60, 3, 3, 4),
            (82, 3, 3, 3),
            (83, 9, 11, 9),
            (84, 10, 12, 10),
            (85, 9, 11, 10),
        ] {
            assert_eq!(needs.settle(need, ample, at(minute)), expected, "minute {minute}");
        }
        assert_eq!(needs.settle(1, 1, at(85 + 24 * 60)), 1, "a long silence keeps nothing");
    }
}

//! A working day of launches in virtual time, against the decisions that the controller makes.

mod plot;

use std::time::Duration;

use jiff::Timestamp;
use neuralinverse_api::WarmPool;
use serde_json::{Value, json};

use super::{
    decide::{Free, Nodes, decide},
    demand::Demand,
    schedule, status,
};
use crate::{fixtures::from, workspace::pod_state::PodState};

const HOUR: i64 = 3600;

/// 2026-01-05 is a Monday.
const MIDNIGHT: i64 = 1_767_571_200;

/// Launches per hour at the full hours of a working day.
const LAUNCHES: [f64; 25] = [
    1.0, 0.5, 0.5, 0.5, 0.5, 1.0, 3.0, 15.0, 70.0, 150.0, 130.0, 80.0, 50.0, 45.0, 100.0, 110.0, 80.0, 50.0,
    25.0, 10.0, 6.0, 4.0, 3.0, 2.0, 1.0,
];

/// Seconds that a pod takes to get ready: from the first number to the second.
const WARM_UP: (f64, f64) = (30.0, 75.0);

/// How often a pool is looked at although nothing happens, in seconds.
const LOOK: i64 = 60;

/// What a day brought.
#[derive(Debug, Default)]
struct Day {
    launches: Vec<i64>,
    misses: Vec<i64>,
    /// Second, wanted, ready: whenever one of them changed.
    sizes: Vec<(i64, usize, usize)>,
    made: usize,
    removed: usize,
}

impl Day {
    fn missed(&self) -> f64 {
        self.misses.len() as f64 / self.launches.len() as f64
    }

    /// How often the wanted size turned from growing to shrinking or back.
    fn turns(&self) -> usize {
        let steps = self.sizes.windows(2).map(|pair| pair[1].1.cmp(&pair[0].1));
        let moves: Vec<_> = steps.filter(|step| step.is_ne()).collect();
        moves.windows(2).filter(|pair| pair[0] != pair[1]).count()
    }

    fn wanted(&self) -> impl Iterator<Item = usize> {
        self.sizes.iter().map(|(_, wanted, _)| *wanted)
    }

    /// Pods that were ready or starting, on average over the day.
    fn average(&self) -> f64 {
        let ends = self.sizes.iter().skip(1).map(|(second, ..)| *second).chain([24 * HOUR]);
        let held = self
            .sizes
            .iter()
            .zip(ends)
            .map(|((second, _, ready), end)| (end - second) as f64 * *ready as f64);
        held.sum::<f64>() / (24 * HOUR) as f64
    }
}

/// Numbers that look random and are the same in every run.
struct Random(u64);

impl Random {
    /// From 0 to 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(MIDNIGHT + second).unwrap()
}

fn per_second(second: i64) -> f64 {
    let (hour, within) = ((second / HOUR) as usize, (second % HOUR) as f64 / HOUR as f64);
    (LAUNCHES[hour] * (1.0 - within) + LAUNCHES[hour + 1] * within) / HOUR as f64
}

fn pool(spec: &Value) -> WarmPool {
    let mut object = json!({
        "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "WarmPool",
        "metadata": { "name": "pool", "namespace": "workspaces", "uid": "u" },
        "spec": { "tier": "t", "template": "t" },
    });
    object["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    from(object)
}

/// Lets a day pass over a pool.
fn live(spec: &Value, seed: u64) -> Day {
    let (pool, demand, mut random, mut day) = (pool(spec), Demand::default(), Random(seed), Day::default());
    let mut pods: Vec<Free> = Vec::new();
    let mut warm_up = 60.0;
    for second in 0..24 * HOUR {
        let mut changed = second % LOOK == 0;
        for pod in pods.iter_mut().filter(|pod| pod.state != PodState::Ready && pod.since <= at(second)) {
            (pod.state, changed) = (PodState::Ready, true);
        }
        if random.next() < per_second(second) {
            changed = true;
            day.launches.push(second);
            match pods.iter().position(|pod| pod.state == PodState::Ready) {
                Some(oldest) => {
                    pods.remove(oldest);
                    demand.hit("u", at(second));
                }
                None => {
                    day.misses.push(second);
                    demand.miss("u", at(second));
                }
            }
        }
        if changed {
            warm_up = status::warm_up(&pods).map_or(warm_up, |took| took.as_secs_f64());
            let floor = schedule::floor(&pool.spec.schedule, at(second));
            let desired = demand.desired(&pool, &floor, warm_up, at(second));
            // Until it is ready, a pod here is one of the future.
            let seen: Vec<_> =
                pods.iter().map(|pod| Free { since: pod.since.min(at(second)), ..pod.clone() }).collect();
            let plan = decide(desired, Nodes::MayStart(usize::MAX), &seen, at(second));
            pods.retain(|pod| !plan.delete.contains(&pod.name));
            (day.made, day.removed) = (day.made + plan.create, day.removed + plan.delete.len());
            for number in 0..plan.create {
                let took = WARM_UP.0 + (WARM_UP.1 - WARM_UP.0) * random.next();
                pods.push(Free {
                    name: format!("pod-{second}-{number}"),
                    created: at(second),
                    state: PodState::Starting(""),
                    since: at(second) + Duration::from_secs_f64(took.round()),
                    stale: false,
                    as_good: false,
                    before: None,
                });
            }
            let ready = pods.iter().filter(|pod| pod.state == PodState::Ready).count();
            if day.sizes.last().is_none_or(|(_, wanted, before)| (*wanted, *before) != (desired, ready)) {
                day.sizes.push((second, desired, ready));
            }
        }
    }
    day
}

fn autoscaled() -> Value {
    json!({ "autoscale": { "min": 1, "max": 20, "missProbability": "0.02" } })
}

fn office_hours() -> Value {
    let mut spec = autoscaled();
    spec["schedule"] = json!([{ "start": "07:45", "end": "12:00", "timeZone": "UTC", "min": 5 }]);
    spec
}

#[test]
fn an_autoscaled_pool_meets_its_target_on_a_working_day_and_does_not_oscillate() {
    let days: Vec<_> = (1..=10).map(|seed| live(&autoscaled(), seed)).collect();
    for (seed, day) in days.iter().enumerate() {
        eprintln!(
            "seed {}: {} launches, {:.2} % missed, {} turns, {} made, {} removed, {:.1} ready on average, at most {:?}",
            seed + 1,
            day.launches.len(),
            day.missed() * 100.0,
            day.turns(),
            day.made,
            day.removed,
            day.average(),
            day.wanted().max(),
        );
        assert!(day.wanted().all(|size| (1..=20).contains(&size)));
        assert!(day.turns() <= 10, "{} turns", day.turns());
    }
    let all: usize = days.iter().map(|day| day.launches.len()).sum();
    let missed: usize = days.iter().map(|day| day.misses.len()).sum();
    assert!(missed as f64 <= 0.02 * all as f64, "{missed} of {all} launches found no pod");
    plot::write("warm-pool-day", "A day of an autoscaled pool (at most 2 % misses)", &days[0]);
}

#[test]
fn office_hours_are_there_before_the_people() {
    let days: Vec<_> = (1..=5).map(|seed| live(&office_hours(), seed)).collect();
    for day in &days {
        let early = |second: &&i64| (8 * HOUR..10 * HOUR).contains(*second);
        let (launches, misses) =
            (day.launches.iter().filter(early).count(), day.misses.iter().filter(early).count());
        eprintln!("8 to 10 o'clock: {launches} launches, {misses} misses; {} turns", day.turns());
        assert!(
            day.sizes
                .iter()
                .filter(|(second, ..)| (8 * HOUR..12 * HOUR).contains(second))
                .all(|it| it.1 >= 5)
        );
    }
    plot::write("warm-pool-office-day", "The same day with five pods from 7:45 to 12:00", &days[0]);
}

#[test]
fn a_fixed_pool_keeps_its_size_all_day() {
    let day = live(&json!({ "size": 3 }), 1);
    assert!(day.wanted().all(|size| size == 3));
    assert_eq!(day.removed, 0);
    assert_eq!(day.made, 3 + day.launches.len() - day.misses.len());
}

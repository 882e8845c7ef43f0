//! Pools as a whole, step by step.

use super::*;

fn now() -> Timestamp {
    Timestamp::from_second(10_000).unwrap()
}

fn pod(name: &str, state: PodState) -> Free {
    let age = name.trim_start_matches(char::is_alphabetic).parse::<i64>().unwrap_or(1);
    let created = Timestamp::from_second(10_000 - age).unwrap();
    Free { name: name.into(), created, state, since: created, stale: false, as_good: false, before: None }
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

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Nodes that may start whatever is asked of them.
const IDLE: Nodes = Nodes::MayStart(usize::MAX);

#[test]
fn nodes_that_start_others_get_no_more_but_one_at_a_time() {
    for (name, pods, nodes, create, paced) in [
        ("none start yet", vec![], Nodes::MayStart(4), 4, true),
        ("all may start", vec![], Nodes::MayStart(40), 40, false),
        ("they start", vec![starting("a1"); 4], Nodes::MayStart(0), 0, true),
        ("one has become ready", vec![ready("a1"), starting("b1")], Nodes::MayStart(1), 1, true),
        ("only those of others start", vec![ready("a1")], Nodes::MayStart(0), 1, true),
        ("somebody waits for room", vec![ready("a1")], Nodes::Crowded, 0, false),
    ] {
        let plan = decide(40, nodes, &pods, now());
        assert_eq!((plan.create, plan.paced), (create, paced), "{name}");
    }
}

#[test]
fn a_pool_becomes_and_stays_what_is_declared() {
    let many = |count, make: fn(&str) -> Free| (0..count).map(|_| make("p1")).collect::<Vec<_>>();
    type Case = (&'static str, usize, Vec<Free>, usize, &'static [&'static str]);
    let cases: Vec<Case> = vec![
        ("an empty pool is filled", 3, vec![], 3, &[]),
        ("those that start count", 40, [many(30, ready), many(3, starting)].concat(), 7, &[]),
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
            vec![stale(ready("a9")), stale(ready("b8")), stale(ready("c7")), stale(ready("d6")), ready("e1")],
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
        ("one that waits for room keeps its place", 1, vec![unschedulable("a7000")], 0, &[]),
    ];
    for (name, size, pods, create, delete) in cases {
        let plan = decide(size, IDLE, &pods, now());
        assert_eq!((plan.create, plan.delete), (create, names(delete)), "{name}");
    }
}

fn after(count: u32, free: Free) -> Free {
    let before = Before { count, reason: Reason::PodFailed, message: "no such file".into() };
    Free { before: Some(before), ..free }
}

#[test]
fn one_that_does_not_become_ready_is_replaced_later_each_time() {
    let broken = |name| pod(name, PodState::Trouble(Reason::ImagePullFailed, "no such image".into()));
    type Case = (&'static str, Free, usize, Option<u32>, &'static [&'static str], Option<u64>);
    let cases: Vec<Case> = vec![
        ("the first is given two minutes", broken("a60"), 0, None, &[], Some(60)),
        ("then another is tried", broken("a120"), 1, Some(1), &["a120"], None),
        ("that one is given four", after(1, broken("a120")), 0, None, &[], Some(120)),
        ("and the next eight", after(2, broken("a240")), 0, None, &[], Some(240)),
        ("after many, an hour", after(30, broken("a3599")), 0, None, &[], Some(1)),
        ("but not for ever", after(30, broken("a3600")), 1, Some(31), &["a3600"], None),
        ("one that ended is given less", after(2, ended("a119")), 0, None, &[], Some(1)),
        ("one that is ready has no more to prove", after(5, ready("a9")), 0, None, &[], None),
        ("one that starts is given ten minutes", starting("a1"), 0, None, &[], Some(599)),
    ];
    for (name, pod, create, count, delete, look_again) in cases {
        let plan = decide(1, IDLE, &[pod], now());
        let before = plan.before.map(|before| before.count);
        let expected = (create, count, names(delete), look_again.map(Duration::from_secs));
        assert_eq!((plan.create, before, plan.delete, plan.look_again), expected, "{name}");
    }
}

#[test]
fn its_successor_is_told_why() {
    let told = |pod| decide(1, IDLE, &[pod], now()).before.map(|it| it.to_string());
    assert_eq!(told(after(1, ended("a500"))).as_deref(), Some("2 PodFailed a pod ended: Evicted"));
    assert!(
        told(starting("a700")).is_some_and(|text| text.starts_with("1 PodFailed a pod was not ready after"))
    );
    for text in ["2 PodFailed a pod ended: Evicted", "7 ImagePullFailed "] {
        assert_eq!(Before::parse(text).map(|before| before.to_string()).as_deref(), Some(text));
    }
    for nonsense in ["", "2", "x PodFailed y", "2 Nonsense y", "2 PodFailed"] {
        assert_eq!(Before::parse(nonsense), None);
    }
}

#[test]
fn nothing_is_made_while_somebody_waits_for_the_room() {
    let plan = decide(3, Nodes::Crowded, &[ended("a40"), ready("b1")], now());
    assert_eq!((plan.create, plan.delete), (0, names(&["a40"])));
}

/// Rolls a new image over a full pool, with pods that become ready in any order.
#[test]
fn while_all_are_renewed_as_many_as_declared_are_ready_at_any_time() {
    for size in 1..=12 {
        for seed in 0..20_u64 {
            let mut pods: Vec<_> = (1..=size).map(|number| stale(ready(&format!("old{number}")))).collect();
            let (mut made, mut random) = (0, seed);
            while pods.iter().any(|pod| pod.stale) || pods.len() != size {
                let plan = decide(size, IDLE, &pods, now());
                pods.retain(|pod| !plan.delete.contains(&pod.name));
                pods.extend((0..plan.create).map(|number| starting(&format!("new{}", made + number))));
                made += plan.create;
                random =
                    random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let waiting: Vec<_> = (0..pods.len()).filter(|index| !pods[*index].ready()).collect();
                if let Some(index) = waiting.get((random >> 33) as usize % waiting.len().max(1)) {
                    pods[*index].state = PodState::Ready;
                }
                assert!(pods.iter().filter(|pod| pod.ready()).count() >= size, "{size} {seed}: {pods:?}");
                assert!(pods.len() <= size + (size / 4).max(1), "{size} {seed}: {pods:?}");
            }
            assert_eq!(made, size, "each is replaced once");
        }
    }
}

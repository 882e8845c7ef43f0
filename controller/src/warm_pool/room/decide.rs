//! Which free warm pods make room for those that wait for it. Pure.

use std::cmp::Reverse;

use jiff::Timestamp;

use crate::{amount::Amount, key::Key};

/// A node that those who wait may run on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// What our pods leave of it. Others may use some of that.
    pub left: Amount,
}

/// A free warm pod on a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The pod.
    pub pod: Key,
    /// Its node.
    pub node: String,
    /// When it was made.
    pub created: Timestamp,
    /// What it holds.
    pub holds: Amount,
    /// It is being deleted already.
    pub going: bool,
}

/// The pods that are to go so that those that wait fit, each on one node: as few as will do, the newest
/// first. Nothing goes for one that would not fit even then, or for which enough is going already. Each that
/// waits gets at least one: the scheduler says that what seems to be left is not.
pub fn give_up(waiting: &[Amount], nodes: &[Node], offers: &[Offer]) -> Vec<Key> {
    let mut nodes = nodes.to_vec();
    let (going, mut free): (Vec<&Offer>, Vec<&Offer>) = offers.iter().partition(|offer| offer.going);
    free.sort_by_key(|offer| (Reverse(offer.created), offer.pod.clone()));
    let mut coming: Vec<&str> = Vec::new();
    for offer in going {
        if let Some(node) = nodes.iter_mut().find(|node| node.name == offer.node) {
            node.left = node.left.plus(offer.holds);
            coming.push(&offer.node);
        }
    }
    let mut given = Vec::new();
    for ask in waiting {
        let soon =
            nodes.iter_mut().find(|node| coming.contains(&node.name.as_str()) && node.left.covers(*ask));
        if let Some(node) = soon {
            node.left = node.left.minus(*ask);
            continue;
        }
        let choice = nodes.iter().filter_map(|node| Some((node.name.clone(), enough(*ask, node, &free)?)));
        let best = choice.min_by_key(|(_, few)| (few.len(), Reverse(few.first().map(|offer| offer.created))));
        let Some((name, few)) = best else { continue };
        if let Some(node) = nodes.iter_mut().find(|node| node.name == name) {
            node.left = few.iter().fold(node.left, |left, offer| left.plus(offer.holds)).minus(*ask);
        }
        coming.extend(few.first().map(|offer| offer.node.as_str()));
        free.retain(|offer| !few.contains(offer));
        given.extend(few.into_iter().map(|offer| offer.pod.clone()));
    }
    given
}

/// The newest of the node's free pods that make room for `ask`, at least one, if they can.
fn enough<'a>(ask: Amount, node: &Node, free: &[&'a Offer]) -> Option<Vec<&'a Offer>> {
    let mut left = node.left;
    let mut few = Vec::new();
    for offer in free.iter().filter(|offer| offer.node == node.name) {
        left = left.plus(offer.holds);
        few.push(*offer);
        if left.covers(ask) {
            return Some(few);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpus(cpu: i128) -> Amount {
        Amount { cpu, memory: cpu, pods: 1 }
    }

    fn node(name: &str, left: i128) -> Node {
        Node { name: name.into(), left: Amount { pods: 10, ..cpus(left) } }
    }

    /// `age` seconds old.
    fn offer(name: &str, node: &str, cpu: i128, age: i64) -> Offer {
        let created = Timestamp::from_second(1000 - age).unwrap();
        Offer { pod: Key::new("ns", name), node: node.into(), created, holds: cpus(cpu), going: false }
    }

    fn going(offer: Offer) -> Offer {
        Offer { going: true, ..offer }
    }

    #[test]
    fn as_few_as_will_do_make_room_the_newest_first() {
        type Case = (&'static str, Vec<i128>, Vec<Node>, Vec<Offer>, &'static [&'static str]);
        let two = || vec![offer("old", "a", 2, 9), offer("new", "a", 2, 1)];
        let cases: Vec<Case> = vec![
            ("nobody waits", vec![], vec![node("a", 0)], two(), &[]),
            ("one is enough", vec![2], vec![node("a", 0)], two(), &["new"]),
            ("two are needed", vec![4], vec![node("a", 0)], two(), &["new", "old"]),
            ("with what is left one is enough", vec![4], vec![node("a", 2)], two(), &["new"]),
            ("what is left seems enough, and is not", vec![2], vec![node("a", 5)], two(), &["new"]),
            ("all would not do", vec![5], vec![node("a", 0)], two(), &[]),
            ("two wait", vec![2, 2], vec![node("a", 0)], two(), &["new", "old"]),
            ("there are not enough for all", vec![2, 2, 2], vec![node("a", 0)], two(), &["new", "old"]),
            (
                "a large one gives room to two",
                vec![2, 2],
                vec![node("a", 0)],
                vec![offer("large", "a", 4, 1), offer("b", "a", 1, 2)],
                &["large"],
            ),
            (
                "enough is going already",
                vec![2],
                vec![node("a", 0)],
                vec![offer("old", "a", 2, 9), going(offer("new", "a", 2, 1))],
                &[],
            ),
            (
                "for the second that waits more must go",
                vec![2, 2],
                vec![node("a", 0)],
                vec![offer("old", "a", 2, 9), going(offer("new", "a", 2, 1))],
                &["old"],
            ),
            (
                "the node on which fewer must go",
                vec![4],
                vec![node("a", 0), node("b", 2)],
                vec![offer("a1", "a", 2, 1), offer("a2", "a", 2, 1), offer("b1", "b", 2, 9)],
                &["b1"],
            ),
            (
                "the room must be on one node",
                vec![4],
                vec![node("a", 0), node("b", 0)],
                vec![offer("a1", "a", 2, 1), offer("b1", "b", 2, 9)],
                &[],
            ),
            ("a node that takes no pods does not count", vec![2], vec![], two(), &[]),
        ];
        for (name, waiting, nodes, offers, expected) in cases {
            let waiting: Vec<_> = waiting.into_iter().map(cpus).collect();
            let given: Vec<_> = give_up(&waiting, &nodes, &offers).into_iter().map(|pod| pod.name).collect();
            assert_eq!(given, expected, "{name}");
        }
    }

    #[test]
    fn a_place_is_room_too() {
        let full = Node { name: "a".into(), left: Amount { cpu: 100, memory: 100, pods: 0 } };
        let given = give_up(&[cpus(1)], &[full], &[offer("tiny", "a", 0, 1)]);
        assert_eq!(given, [Key::new("ns", "tiny")]);
    }
}

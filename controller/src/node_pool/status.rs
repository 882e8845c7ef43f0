//! What is true of a node pool. Pure.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Node;
use kube::ResourceExt;
use neuralinverse_api::{
    Money, Quantity, Resources, WorkspaceNodePool, WorkspaceNodePoolStatus,
    condition::{self, ConditionType, NewCondition, Reason},
    labels,
};

use super::{decide, users::Users};
use crate::{
    amount::{Amount, asks, has, held_node},
    kubernetes::Pod,
    references::Problem,
};

/// Label of a node: what kind of machine it is.
const INSTANCE_TYPE: &str = "node.kubernetes.io/instance-type";

/// In `hourlyPrices`: any other instance type.
const ANY: &str = "*";

const TYPE: ConditionType = ConditionType::Ready;

/// What the status is made from.
#[derive(Clone, Debug)]
pub struct Seen<'a> {
    /// The nodes that belong to the pool.
    pub nodes: &'a [Arc<Node>],
    /// The pods of ours that may run on them.
    pub pods: &'a [Arc<Pod>],
    /// What uses it.
    pub users: &'a Users,
    /// Why Karpenter adds no nodes.
    pub problem: Option<Problem>,
}

/// The status of `pool`.
pub fn status(pool: &WorkspaceNodePool, seen: &Seen<'_>, now: Timestamp) -> WorkspaceNodePoolStatus {
    let generation = pool.metadata.generation.unwrap_or_default();
    let old = pool.status.clone().unwrap_or_default();
    let placed: Vec<_> = seen.pods.iter().filter(|pod| held_node(pod).is_some()).collect();
    let with = |label: &str| placed.iter().filter(|pod| pod.labels().contains_key(label)).count();
    WorkspaceNodePoolStatus {
        observed_generation: Some(generation),
        nodes: count(seen.nodes.len()),
        schedulable_nodes: count(schedulable(seen)),
        capacity: resources(seen.nodes.iter().map(|node| has(node))),
        used: resources(placed.iter().map(|pod| asks(pod))),
        workspaces: count(with(labels::WORKSPACE)),
        warm_pods: count(with(labels::WARM_POOL)),
        hourly_cost: cost(&pool.spec.hourly_prices, seen.nodes),
        conditions: condition::merge(&old.conditions, &[ready(pool, seen)], generation, now),
    }
}

fn ready(pool: &WorkspaceNodePool, seen: &Seen<'_>) -> NewCondition {
    if pool.metadata.deletion_timestamp.is_some() {
        return going(pool, seen.users);
    }
    if let Some(problem) = &seen.problem {
        return problem.condition(TYPE);
    }
    match &pool.spec.r#static {
        None => NewCondition::yes(TYPE, Reason::Available, "Karpenter adds nodes when pods find no room"),
        Some(nodes) => {
            let selector: Vec<_> =
                nodes.node_selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
            ready_as_they_are(seen, &selector.join(","))
        }
    }
}

/// A pool that is being deleted waits: first for what uses it, then for Karpenter to remove its nodes.
fn going(pool: &WorkspaceNodePool, users: &Users) -> NewCondition {
    if !users.is_empty() {
        let message = format!(
            "the pool is being deleted and waits for what uses it: {users}; delete or stop these, or give the tiers another nodePool"
        );
        return NewCondition::no(TYPE, Reason::InUse, message);
    }
    let message = format!(
        "the pool is being deleted and waits for Karpenter to remove its nodes: look at `kubectl get nodeclaims -l {}={}`",
        labels::KARPENTER_NODE_POOL,
        pool.name_any()
    );
    NewCondition::no(TYPE, Reason::Progressing, message)
}

fn ready_as_they_are(seen: &Seen<'_>, selector: &str) -> NewCondition {
    if seen.nodes.is_empty() {
        let message = format!("no node carries {selector}: label nodes so, or change nodeSelector");
        return NewCondition::no(TYPE, Reason::NoNodes, message);
    }
    if schedulable(seen) == 0 {
        let message = "none of the nodes takes pods: look at `kubectl get nodes` for those that are not ready or cordoned";
        return NewCondition::no(TYPE, Reason::Unschedulable, message);
    }
    NewCondition::yes(TYPE, Reason::Available, "nodes take the pods of this pool")
}

fn schedulable(seen: &Seen<'_>) -> usize {
    seen.nodes.iter().filter(|node| decide::schedulable(node)).count()
}

fn resources(amounts: impl Iterator<Item = Amount>) -> Resources {
    let sum = amounts.fold(Amount::default(), Amount::plus);
    Resources { cpu: Quantity::from_milli(sum.cpu), memory: Quantity::memory_from_milli(sum.memory) }
}

/// What the nodes cost an hour, if each has a price.
fn cost(prices: &BTreeMap<String, Money>, nodes: &[Arc<Node>]) -> Option<Money> {
    let price = |node: &Arc<Node>| {
        let own = node.labels().get(INSTANCE_TYPE).and_then(|instance_type| prices.get(instance_type));
        own.or_else(|| prices.get(ANY)).cloned()
    };
    nodes.iter().map(price).sum::<Option<Money>>().filter(|_| !prices.is_empty())
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fixtures::from;

    fn pool(metadata: Value, spec: Value) -> WorkspaceNodePool {
        let mut pool = json!({
            "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "WorkspaceNodePool",
            "metadata": { "name": "default", "generation": 3 }, "spec": spec,
        });
        pool["metadata"].as_object_mut().unwrap().extend(metadata.as_object().unwrap().clone());
        from(pool)
    }

    fn selected() -> Value {
        json!({ "static": { "nodeSelector": { "a": "1" } } })
    }

    fn by_karpenter() -> Value {
        json!({ "karpenter": { "nodeClassRef": { "group": "g", "kind": "K", "name": "n" } } })
    }

    fn node(ready: &str, cordoned: bool, instance_type: &str) -> Arc<Node> {
        Arc::new(from(json!({
            "metadata": { "name": "n", "labels": { INSTANCE_TYPE: instance_type } },
            "spec": { "unschedulable": cordoned },
            "status": {
                "conditions": [{ "type": "Ready", "status": ready }],
                "allocatable": { "cpu": "3920m", "memory": "16306256Ki", "pods": "110" },
            },
        })))
    }

    fn pod(label: &str, node: Option<&str>) -> Arc<Pod> {
        Arc::new(from(json!({
            "metadata": { "name": "p", "labels": { label: "x" } },
            "spec": { "nodeName": node, "containers": [
                { "name": "workspace", "resources": { "requests": { "cpu": "500m", "memory": "1Gi" } } },
            ] },
        })))
    }

    fn of(pool: &WorkspaceNodePool, seen: &Seen<'_>) -> (WorkspaceNodePoolStatus, String, String, String) {
        let status = status(pool, seen, Timestamp::UNIX_EPOCH);
        let ready = condition::find(&status.conditions, TYPE).unwrap().clone();
        assert_eq!(ready.observed_generation, Some(3));
        (status, ready.status, ready.reason, ready.message)
    }

    #[test]
    fn it_is_ready_when_pods_find_a_node_or_karpenter_adds_one() {
        let problem = || Some(Problem::new(Reason::KarpenterNotFound, "install Karpenter"));
        let cases = [
            (selected(), vec![], None, (0, 0), "False", "NoNodes"),
            (
                selected(),
                vec![node("Unknown", false, "m"), node("True", true, "m")],
                None,
                (2, 0),
                "False",
                "Unschedulable",
            ),
            (
                selected(),
                vec![node("True", false, "m"), node("False", false, "m")],
                None,
                (2, 1),
                "True",
                "Available",
            ),
            (by_karpenter(), vec![], None, (0, 0), "True", "Available"),
            (by_karpenter(), vec![], problem(), (0, 0), "False", "KarpenterNotFound"),
        ];
        for (spec, nodes, problem, counts, state, reason) in cases {
            let seen = Seen { nodes: &nodes, pods: &[], users: &Users::default(), problem };
            let (status, found, why, _) = of(&pool(json!({}), spec), &seen);
            assert_eq!((status.nodes, status.schedulable_nodes), counts);
            assert_eq!((found.as_str(), why.as_str()), (state, reason));
        }
    }

    #[test]
    fn a_pool_that_is_deleted_says_what_it_waits_for() {
        let pool = pool(json!({ "deletionTimestamp": "2026-01-01T00:00:00Z" }), by_karpenter());
        let users = Users { tiers: ["large".to_owned()].into(), ..Users::default() };
        for (users, reason, says) in [
            (users, "InUse", "tier `large`"),
            (Users::default(), "Progressing", "karpenter.sh/nodepool=default"),
        ] {
            let (_, state, why, message) =
                of(&pool, &Seen { nodes: &[], pods: &[], users: &users, problem: None });
            assert_eq!((state.as_str(), why.as_str()), ("False", reason));
            assert!(message.contains(says), "{message}");
        }
    }

    #[test]
    fn capacity_use_and_cost_are_those_of_its_nodes() {
        let nodes = [node("True", false, "large"), node("True", false, "small")];
        let pods = [
            pod(labels::WORKSPACE, Some("n")),
            pod(labels::WARM_POOL, Some("n")),
            pod(labels::WORKSPACE, None),
        ];
        let costs = [
            (json!({ "large": "0.4032", "small": "0.1" }), Some("0.5032")),
            (json!({ "large": "0.4032", "*": "0.05" }), Some("0.4532")),
            (json!({ "large": "0.4032" }), None),
            (json!({}), None),
        ];
        for (prices, cost) in costs {
            let mut spec = selected();
            spec["hourlyPrices"] = prices;
            let seen = Seen { nodes: &nodes, pods: &pods, users: &Users::default(), problem: None };
            let (status, ..) = of(&pool(json!({}), spec), &seen);
            assert_eq!(status.hourly_cost.map(|cost| cost.to_string()).as_deref(), cost);
            assert_eq!(
                (status.capacity.cpu.to_string(), status.capacity.memory.to_string()),
                ("7840m".into(), "31848Mi".into())
            );
            assert_eq!(
                (status.used.cpu.to_string(), status.used.memory.to_string()),
                ("1".into(), "2Gi".into())
            );
            assert_eq!((status.workspaces, status.warm_pods), (1, 1));
        }
    }
}

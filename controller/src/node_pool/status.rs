//! What is true of a node pool.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Node;
use neuralinverse_api::{
    WorkspaceNodePool, WorkspaceNodePoolStatus,
    condition::{self, ConditionType, NewCondition, Reason},
};

use super::facts;

/// The status of `pool`, to which `nodes` belong.
pub fn status(pool: &WorkspaceNodePool, nodes: &[Arc<Node>], now: Timestamp) -> WorkspaceNodePoolStatus {
    let generation = pool.metadata.generation.unwrap_or_default();
    let schedulable = nodes.iter().filter(|node| facts(node).schedulable).count();
    let old = pool.status.clone().unwrap_or_default();
    WorkspaceNodePoolStatus {
        observed_generation: Some(generation),
        nodes: count(nodes.len()),
        schedulable_nodes: count(schedulable),
        conditions: condition::merge(
            &old.conditions,
            &[ready(pool, nodes.len(), schedulable)],
            generation,
            now,
        ),
    }
}

fn ready(pool: &WorkspaceNodePool, nodes: usize, schedulable: usize) -> NewCondition {
    if nodes == 0 {
        let selector: Vec<_> =
            pool.spec.r#static.node_selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let message =
            format!("no node carries {}: label nodes so, or change nodeSelector", selector.join(","));
        return NewCondition::no(ConditionType::Ready, Reason::NoNodes, message);
    }
    if schedulable == 0 {
        let message = "none of the nodes takes pods: look at `kubectl get nodes` for those that are not ready or cordoned";
        return NewCondition::no(ConditionType::Ready, Reason::Unschedulable, message);
    }
    NewCondition::yes(ConditionType::Ready, Reason::Available, "nodes take the pods of this pool")
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::from;

    fn node(ready: &str, cordoned: bool) -> Arc<Node> {
        Arc::new(from(json!({
            "metadata": { "name": "n" },
            "spec": { "unschedulable": cordoned },
            "status": { "conditions": [{ "type": "Ready", "status": ready }] },
        })))
    }

    #[test]
    fn it_is_ready_when_a_node_takes_pods() {
        let pool: WorkspaceNodePool = from(json!({
            "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "WorkspaceNodePool",
            "metadata": { "name": "default", "generation": 3 },
            "spec": { "static": { "nodeSelector": { "a": "1" } } },
        }));
        let cases = [
            (vec![], (0, 0), "False", "NoNodes"),
            (vec![node("Unknown", false), node("True", true)], (2, 0), "False", "Unschedulable"),
            (vec![node("True", false), node("False", false)], (2, 1), "True", "Available"),
        ];
        for (nodes, counts, state, reason) in cases {
            let status = status(&pool, &nodes, Timestamp::UNIX_EPOCH);
            assert_eq!((status.nodes, status.schedulable_nodes), counts);
            let ready = condition::find(&status.conditions, ConditionType::Ready).unwrap();
            assert_eq!((ready.status.as_str(), ready.reason.as_str()), (state, reason));
            assert_eq!(ready.observed_generation, Some(3));
        }
    }
}

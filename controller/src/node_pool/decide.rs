//! Which nodes belong to a pool, and what has to change on one.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Taint};
use kube::ResourceExt;
use neuralinverse_api::{StaticNodes, WorkspaceNodePool, labels};
use serde_json::{Value, json};

use crate::amount::{Amount, has};

/// What we look at on a node; other changes of it, such as its heartbeat, do not concern us.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeFacts {
    /// All its labels.
    pub labels: std::collections::BTreeMap<String, String>,
    /// The pool in its label.
    pub pool: Option<String>,
    /// The pool that we labelled it for.
    pub labelled_for: Option<String>,
    /// The pools in its taints.
    pub taints: Vec<(String, String)>,
    /// Whether new pods may be placed on it.
    pub schedulable: bool,
    /// What it has for pods.
    pub has: Amount,
}

/// What we look at on a node.
pub fn facts(node: &Node) -> NodeFacts {
    let taints = node.spec.iter().flat_map(|spec| spec.taints.iter().flatten());
    NodeFacts {
        labels: node.labels().clone(),
        pool: pool(node).map(str::to_owned),
        labelled_for: node.annotations().get(labels::LABELLED_FOR).cloned(),
        taints: taints
            .filter(|taint| taint.key == labels::NODE_POOL)
            .map(|taint| (taint.value.clone().unwrap_or_default(), taint.effect.clone()))
            .collect(),
        schedulable: schedulable(node),
        has: has(node),
    }
}

/// The pool whose label a node has.
pub fn pool(node: &Node) -> Option<&str> {
    node.labels().get(labels::NODE_POOL).map(String::as_str)
}

/// Whether a node takes new pods.
pub fn schedulable(node: &Node) -> bool {
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let ready =
        conditions.filter(|condition| condition.type_ == "Ready").any(|condition| condition.status == "True");
    let cordoned = node.spec.as_ref().and_then(|spec| spec.unschedulable).unwrap_or_default();
    ready && !cordoned
}

/// The pool that a node belongs to: of those that select it, the one whose name comes first.
pub fn pool_of<'a>(node: &Node, pools: &'a [Arc<WorkspaceNodePool>]) -> Option<&'a str> {
    pools.iter().filter(|pool| selects(pool, node)).filter_map(|pool| pool.metadata.name.as_deref()).min()
}

fn selects(pool: &WorkspaceNodePool, node: &Node) -> bool {
    let has = |(key, value): (&str, &str)| node.labels().get(key).is_some_and(|it| it == value);
    match &pool.spec.r#static {
        Some(StaticNodes { node_selector: all }) => {
            !all.is_empty() && all.iter().all(|(key, value)| has((key, value)))
        }
        None => has((labels::KARPENTER_NODE_POOL, &pool.name_any())),
    }
}

/// Whether the node belongs to the pool of this name.
pub fn belongs(node: &Node, pool: &str, pools: &[Arc<WorkspaceNodePool>]) -> bool {
    pool_of(node, pools) == Some(pool)
}

/// What `pool` has to change on the node, as a merge patch that holds only for the copy we looked at,
/// since a list of taints can only be replaced as a whole.
pub fn patch(node: &Node, pool: &str, pools: &[Arc<WorkspaceNodePool>]) -> Option<Value> {
    let facts = facts(node);
    let wanted = belongs(node, pool, pools);
    if wanted && !pools.iter().any(|it| it.name_any() == pool && it.spec.r#static.is_some()) {
        // Karpenter puts label and taint on its nodes, before anything else can run on them.
        return None;
    }
    let marked = facts.labelled_for.as_deref() == Some(pool);
    // Nodes may come with label and taint; then they are not ours to take off.
    let complete =
        facts.pool.as_deref() == Some(pool) && facts.taints == [(pool.to_owned(), "NoSchedule".to_owned())];
    let foreign = pool_of(node, pools).is_some() && !wanted;
    match (wanted, marked) {
        (true, _) if !complete => Some(labelled(node, pool)),
        // The pool that it belongs to now replaces our marks itself: one write, and never a gap.
        (false, true) if !foreign => Some(unlabelled(node, pool)),
        _ => None,
    }
}

fn labelled(node: &Node, pool: &str) -> Value {
    let mut taints = other_taints(node);
    taints.push(Taint {
        key: labels::NODE_POOL.to_owned(),
        value: Some(pool.to_owned()),
        effect: "NoSchedule".to_owned(),
        time_added: None,
    });
    json!({
        "metadata": {
            "resourceVersion": node.resource_version(),
            "labels": { labels::NODE_POOL: pool },
            "annotations": { labels::LABELLED_FOR: pool },
        },
        "spec": { "taints": taints },
    })
}

fn unlabelled(node: &Node, pool: &str) -> Value {
    let mut patch = json!({
        "metadata": {
            "resourceVersion": node.resource_version(),
            "annotations": { labels::LABELLED_FOR: null },
        },
        "spec": { "taints": other_taints(node) },
    });
    if node.labels().get(labels::NODE_POOL).is_some_and(|value| value == pool) {
        patch["metadata"]["labels"] = json!({ labels::NODE_POOL: null });
    }
    patch
}

/// The taints that are not ours to change.
fn other_taints(node: &Node) -> Vec<Taint> {
    let taints = node.spec.iter().flat_map(|spec| spec.taints.iter().flatten());
    taints.filter(|taint| taint.key != labels::NODE_POOL).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::from;

    fn node(labels: Value, annotations: Value, taints: Value) -> Node {
        from(json!({
            "metadata": { "name": "n", "resourceVersion": "1", "labels": labels, "annotations": annotations },
            "spec": { "taints": taints },
        }))
    }

    fn pool(name: &str, selector: Value) -> Arc<WorkspaceNodePool> {
        Arc::new(from(json!({
            "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "WorkspaceNodePool",
            "metadata": { "name": name }, "spec": { "static": { "nodeSelector": selector } },
        })))
    }

    fn taint(value: &str) -> Value {
        json!({ "key": "workspace-tier", "value": value, "effect": "NoSchedule" })
    }

    fn marked(pool: &str) -> Value {
        json!({ labels::LABELLED_FOR: pool })
    }

    #[test]
    fn a_node_that_matches_gets_label_taint_and_mark_and_keeps_other_taints() {
        let other = json!({ "key": "gpu", "effect": "NoExecute" });
        let node = node(json!({ "a": "1" }), json!({}), json!([other]));
        assert_eq!(
            patch(&node, "default", &[pool("default", json!({ "a": "1" }))]),
            Some(json!({
                "metadata": {
                    "resourceVersion": "1",
                    "labels": { "workspace-tier": "default" },
                    "annotations": marked("default"),
                },
                "spec": { "taints": [other, taint("default")] },
            }))
        );
    }

    #[test]
    fn a_node_that_has_all_of_it_is_left_alone() {
        let labels = json!({ "a": "1", "workspace-tier": "default" });
        let node = node(labels, marked("default"), json!([taint("default")]));
        assert_eq!(patch(&node, "default", &[pool("default", json!({ "a": "1" }))]), None);
    }

    #[test]
    fn a_node_that_came_with_all_of_it_is_not_marked_as_ours() {
        let labels = json!({ "a": "1", "workspace-tier": "default" });
        let node = node(labels, json!({}), json!([taint("default")]));
        assert_eq!(patch(&node, "default", &[pool("default", json!({ "a": "1" }))]), None);
    }

    #[test]
    fn what_we_put_on_a_node_is_taken_off_when_it_matches_no_more_or_the_pool_is_gone() {
        let labels = json!({ "workspace-tier": "default" });
        let node = node(labels, marked("default"), json!([taint("default")]));
        let expected = json!({
            "metadata": {
                "resourceVersion": "1",
                "labels": { "workspace-tier": null },
                "annotations": { labels::LABELLED_FOR: null },
            },
            "spec": { "taints": [] },
        });
        assert_eq!(patch(&node, "default", &[pool("default", json!({ "a": "1" }))]), Some(expected.clone()));
        assert_eq!(patch(&node, "default", &[]), Some(expected));
    }

    #[test]
    fn what_somebody_else_put_on_a_node_stays() {
        let node = node(json!({ "workspace-tier": "default" }), json!({}), json!([taint("default")]));
        assert_eq!(patch(&node, "default", &[]), None);
    }

    #[test]
    fn karpenters_nodes_belong_to_the_pool_and_are_karpenters_to_mark() {
        let pool: Arc<WorkspaceNodePool> = Arc::new(from(json!({
            "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "WorkspaceNodePool",
            "metadata": { "name": "large" },
            "spec": { "karpenter": { "nodeClassRef": { "group": "g", "kind": "K", "name": "n" } } },
        })));
        let new = node(json!({ labels::KARPENTER_NODE_POOL: "large" }), json!({}), json!([]));
        let another = node(json!({ labels::KARPENTER_NODE_POOL: "small" }), json!({}), json!([]));
        assert!(belongs(&new, "large", std::slice::from_ref(&pool)));
        assert!(!belongs(&another, "large", std::slice::from_ref(&pool)));
        assert_eq!(patch(&new, "large", &[pool]), None);
    }

    #[test]
    fn of_two_pools_the_first_by_name_takes_the_node_over_in_one_write() {
        let pools = [pool("b", json!({ "a": "1" })), pool("a", json!({ "a": "1" }))];
        let labels = json!({ "a": "1", "workspace-tier": "b" });
        let node = node(labels, marked("b"), json!([taint("b")]));
        assert_eq!(patch(&node, "b", &pools), None);
        let patch = patch(&node, "a", &pools).unwrap();
        assert_eq!(patch["spec"]["taints"], json!([taint("a")]));
    }
}

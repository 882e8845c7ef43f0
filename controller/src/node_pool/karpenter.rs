//! Karpenter's NodePool for a pool of ours: what it must be, and what Karpenter says of it. Pure.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{Resource, ResourceExt, api::ObjectMeta, core::ClusterResourceScope};
use neuralinverse_api::{Duration, KarpenterNodes, WorkspaceNodePool, condition::Reason, labels};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    references::Problem,
    workspace::children::{managed, owned_by},
};

/// A `karpenter.sh/v1` NodePool. Karpenter declares what is in it; we only compare.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodePool {
    /// Its name is that of our pool.
    pub metadata: ObjectMeta,
    /// As [`wanted`] builds it, with Karpenter's defaults.
    #[serde(default)]
    pub spec: Value,
    /// What Karpenter says.
    #[serde(default)]
    pub status: NodePoolStatus,
}

/// What Karpenter says of its NodePool.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodePoolStatus {
    /// `Ready` and others.
    #[serde(default)]
    pub conditions: Vec<Condition>,
}

impl Resource for NodePool {
    type DynamicType = ();
    type Scope = ClusterResourceScope;

    fn kind(&(): &()) -> Cow<'_, str> {
        "NodePool".into()
    }

    fn group(&(): &()) -> Cow<'_, str> {
        "karpenter.sh".into()
    }

    fn version(&(): &()) -> Cow<'_, str> {
        "v1".into()
    }

    fn plural(&(): &()) -> Cow<'_, str> {
        "nodepools".into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// What is to be applied for `pool`. All that decides on nodes stands in it, also where it is Karpenter's default:
/// only what we name is put right again.
pub fn wanted(pool: &WorkspaceNodePool, nodes: &KarpenterNodes) -> Value {
    let name = pool.name_any();
    let disruption = &nodes.disruption;
    let budgets: Vec<Value> = match disruption.budgets.as_slice() {
        [] => vec![json!({ "nodes": "10%" })],
        declared => declared.iter().map(budget).collect(),
    };
    let mut object = json!({
        "apiVersion": NodePool::api_version(&()), "kind": NodePool::kind(&()),
        "metadata": { "name": name, "labels": managed(), "ownerReferences": [owned_by(pool)] },
        "spec": {
            "template": {
                "metadata": { "labels": { labels::NODE_POOL: name } },
                "spec": {
                    "nodeClassRef": nodes.node_class_ref,
                    "requirements": nodes.requirements,
                    "taints": [{ "key": labels::NODE_POOL, "value": name, "effect": "NoSchedule" }],
                    // Karpenter's own default ends nodes after a month.
                    "expireAfter": nodes.expire_after.as_ref().map_or("Never".to_owned(), Duration::to_string),
                },
            },
            "disruption": {
                "consolidationPolicy": disruption.consolidation_policy,
                "consolidateAfter": disruption.consolidate_after,
                "budgets": budgets,
            },
        },
    });
    if let Some(limits) = &nodes.limits {
        object["spec"]["limits"] = json!(limits);
    }
    object
}

/// Karpenter knows hours and minutes only.
fn budget(budget: &neuralinverse_api::Budget) -> Value {
    let mut value = json!(budget);
    if let Some(duration) = &budget.duration {
        value["duration"] = json!(format!("{}m", duration.seconds().div_ceil(60)));
    }
    value
}

/// Why Karpenter adds no nodes, if it says so.
pub fn problem(there: &NodePool) -> Option<Problem> {
    let name = there.name_any();
    let Some(ready) = there.status.conditions.iter().find(|condition| condition.type_ == "Ready") else {
        let message =
            format!("Karpenter has not looked at its NodePool `{name}` yet: check that Karpenter runs");
        return Some(Problem::new(Reason::Progressing, message));
    };
    let said = match ready.message.as_str() {
        "" => &ready.reason,
        message => message,
    };
    (ready.status != "True").then(|| {
        let message =
            format!("Karpenter's NodePool `{name}` is not ready ({said}): check what nodeClassRef names");
        Problem::new(Reason::Unavailable, message)
    })
}

/// Somebody else's NodePool has the name.
pub fn taken(name: &str) -> Problem {
    let message = format!(
        "a NodePool `{name}` of Karpenter's is there that the controller did not make: delete it, or give this pool another name"
    );
    Problem::new(Reason::Refused, message)
}

/// The cluster has no NodePools.
pub fn not_found() -> Problem {
    let message = "the cluster does not know NodePools of karpenter.sh/v1: install Karpenter, or write static instead of karpenter";
    Problem::new(Reason::KarpenterNotFound, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{contains::contains, fixtures::from};

    fn pool(karpenter: Value) -> WorkspaceNodePool {
        from(json!({
            "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "WorkspaceNodePool",
            "metadata": { "name": "large", "uid": "uid-of-large" }, "spec": { "karpenter": karpenter },
        }))
    }

    fn rendered(karpenter: Value) -> Value {
        let pool = pool(karpenter);
        wanted(&pool, pool.spec.karpenter.as_ref().unwrap())
    }

    fn class() -> Value {
        json!({ "group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "default" })
    }

    #[test]
    fn the_least_that_is_declared_gives_nodes_of_one_pool_that_stay_while_somebody_works() {
        assert_eq!(
            rendered(json!({ "nodeClassRef": class() })),
            json!({
                "apiVersion": "karpenter.sh/v1", "kind": "NodePool",
                "metadata": {
                    "name": "large",
                    "labels": { "app.kubernetes.io/managed-by": "neuralinverse-controller" },
                    "ownerReferences": [{
                        "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "WorkspaceNodePool",
                        "name": "large", "uid": "uid-of-large", "controller": true,
                    }],
                },
                "spec": {
                    "template": {
                        "metadata": { "labels": { "workspace-tier": "large" } },
                        "spec": {
                            "nodeClassRef": class(),
                            "requirements": [],
                            "taints": [{ "key": "workspace-tier", "value": "large", "effect": "NoSchedule" }],
                            "expireAfter": "Never",
                        },
                    },
                    "disruption": {
                        "consolidationPolicy": "WhenEmpty", "consolidateAfter": "5m", "budgets": [{ "nodes": "10%" }],
                    },
                },
            })
        );
    }

    #[test]
    fn all_that_is_declared_reaches_karpenter_in_its_own_words() {
        let requirement = json!({ "key": "karpenter.sh/capacity-type", "operator": "In", "values": ["spot", "on-demand"], "minValues": 1 });
        let found = rendered(json!({
            "nodeClassRef": class(),
            "requirements": [requirement],
            "limits": { "cpu": "100", "memory": "1Ti", "nodes": 10 },
            "expireAfter": "720h",
            "disruption": {
                "consolidationPolicy": "WhenEmptyOrUnderutilized", "consolidateAfter": "1h30m",
                "budgets": [{ "nodes": "0", "schedule": "0 8 * * mon-fri", "duration": "9h30s", "reasons": ["Drifted"] }],
            },
        }));
        let expected = json!({ "spec": {
            "template": { "spec": { "requirements": [requirement], "expireAfter": "720h" } },
            "limits": { "cpu": "100", "memory": "1Ti", "nodes": 10 },
            "disruption": {
                "consolidationPolicy": "WhenEmptyOrUnderutilized", "consolidateAfter": "1h30m",
                "budgets": [{ "nodes": "0", "schedule": "0 8 * * mon-fri", "duration": "541m", "reasons": ["Drifted"] }],
            },
        } });
        assert!(contains(&found, &expected), "{found:#}");
    }

    #[test]
    fn what_karpenter_says_becomes_a_problem_with_a_fix() {
        let there = |conditions: Value| -> NodePool {
            from(json!({ "metadata": { "name": "large" }, "status": { "conditions": conditions } }))
        };
        let ready = |status: &str| {
            json!([{
                "type": "Ready", "status": status, "reason": "UnhealthyDependents", "message": "NodeClassReady=False",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }])
        };
        for (conditions, expected) in [
            (json!([]), Some((Reason::Progressing, "check that Karpenter runs"))),
            (ready("Unknown"), Some((Reason::Unavailable, "NodeClassReady=False"))),
            (ready("False"), Some((Reason::Unavailable, "nodeClassRef"))),
            (ready("True"), None),
        ] {
            let found = problem(&there(conditions.clone()));
            assert_eq!(found.as_ref().map(|it| it.reason), expected.map(|it| it.0), "{conditions}");
            let fix = expected.map_or("", |it| it.1);
            assert!(found.is_none_or(|it| it.message.contains(fix)), "{conditions}");
        }
    }
}

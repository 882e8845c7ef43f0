//! What the API server itself refuses: no webhook runs, and none can fail.
//!
//! Rights are RBAC's, under names that only these policies ask for: `use` on `owners` is to act for an owner,
//! `run` on `workspaces` is to write what workspaces run on. Whoever may do everything may do this, too.

use serde_json::{Value, json};

use super::{WORKSPACE_ACCOUNT, labels_of};
use crate::{GROUP, labels};

/// Resource that stands for the owners of workspaces, by their ids. There are no such objects.
pub const OWNERS: &str = "owners";

/// Verb of [`OWNERS`]: to make workspaces of that owner and to change them.
pub const USE: &str = "use";

/// Verb of workspaces: to write their pods and volumes, and to ask for tokens of their pods.
pub const RUN: &str = "run";

/// Labels that programs of ours go by, beside that of whom an object is managed by; and what their bindings' names
/// end in.
const TRUSTED: [(&str, &str); 3] =
    [("-owner", labels::OWNER), ("-workspace-uid", labels::WORKSPACE_UID), ("-warm-pool", labels::WARM_POOL)];

/// The policies and what puts them in force.
pub fn objects() -> Vec<Value> {
    [owners(), pods(), volumes(), tokens()].into_iter().flat_map(Policy::objects).collect()
}

/// One policy.
struct Policy {
    name: &'static str,
    /// API group, resources and operations.
    what: (&'static str, &'static [&'static str], &'static [&'static str]),
    /// Objects that it is about, by their labels before or after the request: a selector for each of its bindings,
    /// and what that binding's name ends in.
    selectors: Vec<(&'static str, Value)>,
    /// What must be true.
    rule: String,
    /// What people read otherwise: an expression.
    message: String,
}

impl Policy {
    fn objects(self) -> Vec<Value> {
        let (group, resources, operations) = self.what;
        let policy = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
            "metadata": { "name": self.name, "labels": labels_of("controller") },
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": { "resourceRules": [{
                    "apiGroups": [group], "apiVersions": ["*"], "resources": resources, "operations": operations,
                }] },
                // What keeps to the rule is not looked at any further. For validations the API server converts object
                // and old object three times, for rules, messages and audit, whatever these need; for conditions once.
                "matchConditions": [{ "name": "breaks-the-rule", "expression": format!("!({})", self.rule) }],
                "validations": [{ "expression": "false", "messageExpression": self.message, "reason": "Forbidden" }],
            },
        });
        let binding = |(of, selector): (&str, Value)| {
            json!({
                "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
                "metadata": { "name": format!("{}{of}", self.name), "labels": labels_of("controller") },
                "spec": {
                    "policyName": self.name, "validationActions": ["Deny"],
                    "matchResources": { "objectSelector": selector },
                },
            })
        };
        [policy].into_iter().chain(self.selectors.into_iter().map(binding)).collect()
    }
}

fn all() -> Vec<(&'static str, Value)> {
    vec![("", json!({}))]
}

/// Objects that carry labels of ours, or did. By selectors, which cost nothing where they select nothing: a condition
/// would be evaluated for each pod that anybody in the cluster writes, and cost as much as the rule.
fn ours() -> Vec<(&'static str, Value)> {
    let managed = |operator: &str| json!({ "key": labels::MANAGED_BY, "operator": operator, "values": [labels::CONTROLLER] });
    let of = |(ending, label)| {
        let exists = json!({ "key": label, "operator": "Exists" });
        (ending, json!({ "matchExpressions": [exists, managed("NotIn")] }))
    };
    let mut selectors = vec![("", json!({ "matchExpressions": [managed("In")] }))];
    selectors.extend(TRUSTED.map(of));
    selectors
}

/// A workspace's environment and repository decide what runs as its owner: who writes them acts for the owner.
fn owners() -> Policy {
    Policy {
        name: "neuralinverse-owners",
        what: (GROUP, &["workspaces"], &["CREATE", "UPDATE"]),
        selectors: all(),
        rule: format!(
            "(oldObject != null && object.spec == oldObject.spec) || \
             authorizer.group('{GROUP}').resource('{OWNERS}').namespace(request.namespace)\
             .name(object.spec.owner).check('{USE}').allowed()"
        ),
        message: format!(
            "request.userInfo.username + ' may not make or change workspaces of `' + object.spec.owner + \
             '`: use the portal, or a role with the verb `{USE}` on `{OWNERS}.{GROUP}` and the resourceName `' + \
             object.spec.owner + '`'"
        ),
    }
}

/// Labels say for whom a pod acts at the gateway, whose work it is given, and which network it is in.
fn pods() -> Policy {
    let same_images = ["containers", "initContainers"].map(|list| {
        format!(
            "object.spec.?{list}.orValue([]).all(it, \
             oldObject.spec.?{list}.orValue([]).exists(old, old.name == it.name && old.image == it.image))"
        )
    });
    Policy {
        name: "neuralinverse-pods",
        // Status too: whoever writes it can change labels with it.
        what: ("", &["pods", "pods/status", "pods/ephemeralcontainers"], &["CREATE", "UPDATE"]),
        selectors: ours(),
        rule: format!(
            "({} && request.?subResource.orValue('') != 'ephemeralcontainers' && {}) || {}",
            same_labels(),
            same_images.join(" && "),
            may_run()
        ),
        message: refusal("pods"),
    }
}

/// Labels say whose work a volume holds.
fn volumes() -> Policy {
    Policy {
        name: "neuralinverse-volumes",
        what: ("", &["persistentvolumeclaims", "persistentvolumeclaims/status"], &["CREATE", "UPDATE"]),
        selectors: ours(),
        rule: format!("({}) || {}", same_labels(), may_run()),
        message: refusal("volumes"),
    }
}

/// A pod's token opens the controller and the gateway for it: only its node fetches one.
fn tokens() -> Policy {
    Policy {
        name: "neuralinverse-tokens",
        what: ("", &["serviceaccounts/token"], &["CREATE"]),
        selectors: all(),
        rule: format!(
            "request.name != '{WORKSPACE_ACCOUNT}' || 'system:nodes' in request.userInfo.?groups.orValue([]) || {}",
            may_run()
        ),
        message: refusal("tokens"),
    }
}

/// No label of ours is another than before, and none comes or goes.
fn same_labels() -> String {
    let [new, old] = ["object", "oldObject"].map(|object| format!("{object}.metadata.?labels.orValue({{}})"));
    let (prefix, by) = (format!("{GROUP}/"), labels::MANAGED_BY);
    let others = format!("!(key.startsWith('{prefix}') || key == '{by}')");
    format!(
        "oldObject != null && \
         {new}.all(key, {others} || key in {old} && {old}[key] == {new}[key]) && \
         {old}.all(key, {others} || key in {new})"
    )
}

fn may_run() -> String {
    format!(
        "authorizer.group('{GROUP}').resource('workspaces').namespace(request.namespace).check('{RUN}').allowed()"
    )
}

fn refusal(what: &str) -> String {
    format!(
        "request.userInfo.username + ' may not write {what} of workspaces: the controller does, and whoever has \
         the verb `{RUN}` on `workspaces.{GROUP}`'"
    )
}

//! What a user wishes a workspace to do, and what is written for it.
//!
//! One of runPolicy `OnDemand` is waked and stopped by annotations, so that its spec stays what somebody declared:
//! a workspace that Terraform keeps can be stopped and opened here too. The others run by their spec alone, which
//! the portal changes only where nobody else declares it; one that it has stopped, a visit sets back to `Always`.

use jiff::Timestamp;
use neuralinverse_api::{
    RunPolicy, Wanted, Workspace,
    labels::{STOP_REQUESTED_AT, WAKE_REQUESTED_AT},
};
use serde_json::{Value, json};

use super::manager::{self, Managed};

/// What a user wishes a workspace to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// To run.
    Start,
    /// To have no pod.
    Stop,
}

impl Wish {
    /// What to write, unless it is so already.
    pub(super) fn patch(self, workspace: &Workspace, now: Timestamp) -> Result<Option<Value>, Managed> {
        let fulfilled = (self == Self::Start) == (workspace.wanted() == Wanted::Running);
        if fulfilled {
            return Ok(None);
        }
        if workspace.spec.run_policy == RunPolicy::OnDemand {
            let (set, unset) = match self {
                Self::Start => (WAKE_REQUESTED_AT, STOP_REQUESTED_AT),
                Self::Stop => (STOP_REQUESTED_AT, WAKE_REQUESTED_AT),
            };
            return Ok(Some(json!({ "metadata": { "annotations": { (set): now, (unset): null } } })));
        }
        manager::check(workspace, "runPolicy")?;
        let policy = match self {
            Self::Start => RunPolicy::Always,
            Self::Stop => RunPolicy::Stopped,
        };
        Ok(Some(json!({ "spec": { "runPolicy": policy } })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG_AGO: &str = "2026-01-01T00:00:00Z";

    fn written(wish: Wish, policy: &str, annotations: Value, status: Value, elsewhere: bool) -> Value {
        let declared = json!([{
            "manager": "somebody", "operation": "Apply", "fieldsType": "FieldsV1",
            "fieldsV1": { "f:spec": { "f:runPolicy": {} } },
        }]);
        let workspace: Workspace = serde_json::from_value(json!({
            "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "Workspace",
            "metadata": {
                "name": "w", "annotations": annotations,
                "managedFields": if elsewhere { declared } else { json!([]) },
            },
            "spec": { "owner": "u-a", "tier": "t", "template": "t", "runPolicy": policy },
            "status": status,
        }))
        .unwrap();
        match wish.patch(&workspace, Timestamp::UNIX_EPOCH) {
            Ok(patch) => patch.unwrap_or_default(),
            Err(managed) => json!(managed.manager),
        }
    }

    #[test]
    fn a_wish_is_written_where_nobody_else_writes() {
        use Wish::{Start, Stop};
        let policy = |policy: &str| json!({ "spec": { "runPolicy": policy } });
        let annotations = |wake: Value, stop: Value| json!({ "metadata": { "annotations": { (WAKE_REQUESTED_AT): wake, (STOP_REQUESTED_AT): stop } } });
        let (now, none, no) = (json!("1970-01-01T00:00:00Z"), Value::Null, json!({}));
        let suspended = json!({ "suspended": { "since": LONG_AGO } });
        let asked = json!({ (STOP_REQUESTED_AT): LONG_AGO });
        for (wish, run_policy, notes, status, elsewhere, expected) in [
            (Start, "Always", &no, &no, false, none.clone()),
            (Stop, "Always", &no, &no, false, policy("Stopped")),
            (Stop, "Always", &no, &no, true, json!("somebody")),
            (Start, "Stopped", &no, &no, false, policy("Always")),
            (Start, "Stopped", &no, &no, true, json!("somebody")),
            (Stop, "Stopped", &no, &no, true, none.clone()),
            (Start, "OnDemand", &no, &no, true, none.clone()),
            (Stop, "OnDemand", &no, &no, true, annotations(none.clone(), now.clone())),
            (Start, "OnDemand", &no, &suspended, true, annotations(now.clone(), none.clone())),
            (Start, "OnDemand", &asked, &no, true, annotations(now, none.clone())),
            (Stop, "OnDemand", &no, &suspended, true, none.clone()),
            (Stop, "OnDemand", &asked, &no, true, none),
        ] {
            let found = written(wish, run_policy, notes.clone(), status.clone(), elsewhere);
            assert_eq!(found, expected, "{wish:?} {run_policy} {notes} {status} {elsewhere}");
        }
    }
}

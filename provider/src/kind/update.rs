//! Update: by server-side apply, which also removes what is no longer declared.

use neuralinverse_api::labels;
use serde_json::{Value as Json, json};
use tf_provider_sdk::{Context, Diagnostics, Outcome, Private, Value};

use super::{KindResource, import, managed_fields};
use crate::{
    address::Address,
    client::{Apply, Cluster},
    region::install::Installation,
};

impl KindResource {
    pub(super) async fn update_object(
        &self,
        ctx: &Context,
        prior: Value,
        planned: Value,
        private: Private,
    ) -> Outcome {
        let cluster = self.cluster(&planned)?;
        let address = self.address(&planned)?;
        let adopted = import::is_fresh(&private) && self.adopt(&cluster, &address).await?;
        let force = adopted || planned.attr("force_conflicts").as_bool() == Some(true);
        let obsolete = Installation::of(&prior).filter(|_| self.model.installs());
        let successor = Installation::of(&planned);
        let saved =
            self.put(ctx, &cluster, &address, planned, Apply { force, dry_run: false }, "update").await?;
        if let (Some(obsolete), Some(successor)) = (obsolete, successor) {
            obsolete.remove_what_is_not_in(&successor, &cluster).await?;
        }
        Ok(saved)
    }

    /// Takes an imported object over: what was written with `kubectl` counts as written by us, so that a
    /// field which the configuration does not have goes away with the next apply.
    /// Gives whether it was somebody else's.
    async fn adopt(&self, cluster: &Cluster, address: &Address) -> Result<bool, Diagnostics> {
        let explain = |problem| self.explain(address, &problem);
        let live = cluster.get(address).await.map_err(explain)?;
        let Some(live) = live.filter(|live| managed_fields::owned(live).is_none()) else { return Ok(false) };
        if let Some(managers) = handed_over(&live) {
            cluster.set_managers(address, &live, managers).await.map_err(explain)?;
        }
        Ok(true)
    }
}

/// The managers after people at a keyboard handed their fields to us. None when there are no such.
fn handed_over(live: &Json) -> Option<Json> {
    let managers = live["metadata"]["managedFields"].as_array()?;
    let of_spec = |entry: &Json| entry["subresource"].as_str().unwrap_or_default().is_empty();
    let by_hand = |entry: &Json| {
        let manager = entry["manager"].as_str().unwrap_or_default();
        of_spec(entry) && (manager.starts_with("kubectl") || manager == "before-first-apply")
    };
    let (theirs, others): (Vec<_>, Vec<_>) = managers.iter().partition(|entry| by_hand(entry));
    let mut ours = (*theirs.first()?).clone();
    for entry in &theirs[1..] {
        unite(&mut ours["fieldsV1"], &entry["fieldsV1"]);
    }
    ours["manager"] = json!(labels::TERRAFORM);
    ours["operation"] = json!("Apply");
    Some(others.into_iter().cloned().chain([ours]).collect())
}

/// Adds the fields of another set.
fn unite(fields: &mut Json, more: &Json) {
    for (name, more) in more.as_object().into_iter().flatten() {
        match fields.get_mut(name) {
            Some(inner) => unite(inner, more),
            None => fields[name] = more.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_at_a_keyboard_hand_over_and_programs_keep_what_is_theirs() {
        let entry = |manager: &str, operation: &str, fields: Json| json!({ "manager": manager, "operation": operation, "fieldsV1": { "f:spec": fields } });
        let live = |entries: &[Json]| json!({ "metadata": { "managedFields": entries } });
        let program = entry("gitops", "Update", json!({ "f:a": {} }));
        let created = entry("kubectl-create", "Update", json!({ "f:b": {}, "f:c": { "f:d": {} } }));
        let edited = entry("kubectl-edit", "Update", json!({ "f:c": { "f:e": {} } }));

        let ours = entry(labels::TERRAFORM, "Apply", json!({ "f:b": {}, "f:c": { "f:d": {}, "f:e": {} } }));
        assert_eq!(handed_over(&live(&[created, program.clone(), edited])), Some(json!([program, ours])));
        assert_eq!(handed_over(&live(&[program])), None);
    }

    #[test]
    fn a_status_by_hand_is_left_alone() {
        let status = json!({ "manager": "kubectl-edit", "operation": "Update", "subresource": "status" });
        assert_eq!(handed_over(&json!({ "metadata": { "managedFields": [status] } })), None);
    }
}

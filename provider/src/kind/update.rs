//! Update: by server-side apply, which also removes what is no longer declared.

use serde_json::{Value as Json, json};
use tf_provider_sdk::{Context, Diagnostics, Outcome, Private, Value};

use super::{KindResource, import};
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
        let imported = import::is_fresh(&private);
        if imported {
            self.adopt(&cluster, &address).await?;
        }
        let force = imported || planned.attr("force_conflicts").as_bool() == Some(true);
        let obsolete = Installation::of(&prior).filter(|_| self.model.installs());
        let successor = Installation::of(&planned);
        let saved =
            self.put(ctx, &cluster, &address, planned, Apply { force, dry_run: false }, "update").await?;
        if let (Some(obsolete), Some(successor)) = (obsolete, successor) {
            obsolete.remove_what_is_not_in(&successor, &cluster).await?;
        }
        Ok(saved)
    }

    /// Takes an imported object over: who wrote it before with `kubectl` lets go of it, else a field
    /// that is removed here would stay because it is theirs too.
    async fn adopt(&self, cluster: &Cluster, address: &Address) -> Result<(), Diagnostics> {
        let live = cluster.get(address).await.map_err(|problem| self.explain(address, &problem))?;
        let Some(live) = live else { return Ok(()) };
        let Some(managers) = without_predecessors(&live) else { return Ok(()) };
        cluster
            .set_managers(address, &live, managers)
            .await
            .map_err(|problem| self.explain(address, &problem))
    }
}

/// The managers without those that are people at a keyboard. None when there are no such.
fn without_predecessors(live: &Json) -> Option<Json> {
    let managers = live["metadata"]["managedFields"].as_array()?;
    let by_hand = |entry: &&Json| {
        let manager = entry["manager"].as_str().unwrap_or_default();
        let spec = entry["subresource"].as_str().unwrap_or_default().is_empty();
        spec && (manager.starts_with("kubectl") || manager == "before-first-apply")
    };
    let kept: Vec<&Json> = managers.iter().filter(|entry| !by_hand(entry)).collect();
    match kept.len() {
        all if all == managers.len() => None,
        // An empty list says "leave it as it is"; one empty entry says "nobody".
        0 => Some(json!([{}])),
        _ => Some(json!(kept)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_people_at_a_keyboard_let_go() {
        let entry =
            |manager: &str, subresource: &str| json!({ "manager": manager, "subresource": subresource });
        let live = |entries: &[Json]| json!({ "metadata": { "managedFields": entries } });
        let controller = entry("neuralinverse-controller", "status");
        let by_hand = [entry("kubectl-create", ""), entry("kubectl-client-side-apply", "")];
        let status_by_hand = entry("kubectl-edit", "status");

        let all = [&by_hand[..], &[controller.clone(), status_by_hand.clone()]].concat();
        assert_eq!(without_predecessors(&live(&all)), Some(json!([controller, status_by_hand])));
        assert_eq!(without_predecessors(&live(&by_hand)), Some(json!([{}])));
        assert_eq!(without_predecessors(&live(&[controller])), None);
    }
}

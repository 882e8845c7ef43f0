//! WorkspaceTier: says whether its node pool exists, and how many workspaces of it run.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use neuralinverse_api::{
    WorkspaceTier, WorkspaceTierStatus,
    condition::{self, ConditionType, NewCondition, Reason, find},
};

use crate::{
    change::{Change, WorkspaceIndex},
    context::Context,
    error::Result,
    key::Key,
    queue::Next,
    reconciler::{Reconciler, resync},
    references::{Problem, accepted, node_pool},
    write,
};

/// Reconciles tiers.
pub struct Tiers(pub Arc<Context>);

impl Reconciler for Tiers {
    const KIND: &'static str = "WorkspaceTier";
    /// The count follows a burst of launches with one write.
    const GATHER: Duration = Duration::from_secs(2);

    fn all(&self) -> Vec<Key> {
        self.0.caches.tiers.all().iter().map(|tier| Key::of(tier.as_ref())).collect()
    }

    fn wakes(&self, change: &Change) -> Vec<Key> {
        match change {
            Change::Tier(key) => vec![key.clone()],
            Change::Workspace(workspace) | Change::WorkspaceStatus(workspace) => {
                vec![Key::cluster(&workspace.spec.tier)]
            }
            Change::NodePool(_) => self.all(),
            _ => Vec::new(),
        }
    }

    async fn reconcile(&self, key: &Key) -> Result<Next> {
        let caches = &self.0.caches;
        let Some(tier) = caches.tiers.get(key) else { return Ok(Next::Never) };
        let workspaces = caches.workspaces.by(&WorkspaceIndex::Tier(key.name.clone()));
        let running = workspaces.iter().filter(|workspace| {
            let running =
                workspace.status.as_ref().and_then(|status| find(&status.conditions, ConditionType::Running));
            running.is_some_and(|it| it.status == "True")
        });
        let accepted = node_pool(caches, &tier.spec).map(drop);
        let status = status(&tier, &accepted, running.count(), self.0.now());
        write::status(&self.0.client, &caches.tiers, &tier, tier.status.as_ref(), &status).await?;
        Ok(resync(key))
    }
}

/// The status of `tier`. Pure.
fn status(
    tier: &WorkspaceTier,
    node_pool: &Result<(), Problem>,
    running: usize,
    now: Timestamp,
) -> WorkspaceTierStatus {
    let generation = tier.metadata.generation.unwrap_or_default();
    let old = tier.status.clone().unwrap_or_default();
    let ready = match node_pool {
        Ok(()) => NewCondition::yes(ConditionType::Ready, Reason::Available, "workspaces may use the tier"),
        Err(problem) => problem.condition(ConditionType::Ready),
    };
    WorkspaceTierStatus {
        observed_generation: Some(generation),
        running: i32::try_from(running).unwrap_or(i32::MAX),
        conditions: condition::merge(&old.conditions, &[accepted(node_pool), ready], generation, now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{caches::Caches, fixtures};

    #[test]
    fn a_tier_is_as_good_as_its_node_pool() {
        let caches = Caches::default();
        fixtures::tier(&caches);
        let tier = caches.tiers.get(&Key::cluster("standard")).unwrap();
        for (declared, state, reason) in [(false, "False", "NodePoolNotFound"), (true, "True", "Available")] {
            if declared {
                fixtures::node_pool(&caches);
            }
            let status = status(&tier, &node_pool(&caches, &tier.spec).map(drop), 3, Timestamp::UNIX_EPOCH);
            let ready = find(&status.conditions, ConditionType::Ready).unwrap();
            assert_eq!((status.running, ready.status.as_str(), ready.reason.as_str()), (3, state, reason));
        }
    }
}

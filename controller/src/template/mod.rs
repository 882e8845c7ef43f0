//! WorkspaceTemplate: says whether the tiers that it allows exist.

use std::sync::Arc;

use jiff::Timestamp;
use neuralinverse_api::{
    WorkspaceTemplate, WorkspaceTemplateStatus,
    condition::{self, ConditionType, NewCondition, Reason},
};

use crate::{
    caches::Caches,
    change::Change,
    context::Context,
    error::Result,
    key::Key,
    queue::Next,
    reconciler::{Reconciler, resync},
    references::{Problem, accepted},
    write,
};

/// Reconciles templates.
pub struct Templates(pub Arc<Context>);

impl Reconciler for Templates {
    const KIND: &'static str = "WorkspaceTemplate";

    fn all(&self) -> Vec<Key> {
        self.0.caches.templates.all().iter().map(|template| Key::of(template.as_ref())).collect()
    }

    fn wakes(&self, change: &Change) -> Vec<Key> {
        match change {
            Change::Template(key) => vec![key.clone()],
            Change::Tier(_) => self.all(),
            _ => Vec::new(),
        }
    }

    async fn reconcile(&self, key: &Key) -> Result<Next> {
        let caches = &self.0.caches;
        let Some(template) = caches.templates.get(key) else { return Ok(Next::Never) };
        let status = status(&template, &tiers(caches, &template), self.0.now());
        write::status(&self.0.client, &caches.templates, &template, template.status.as_ref(), &status)
            .await?;
        Ok(resync(key))
    }
}

/// Whether all tiers that the template allows exist.
fn tiers(caches: &Caches, template: &WorkspaceTemplate) -> Result<(), Problem> {
    let missing = template.spec.tiers.iter().find(|tier| caches.tiers.get(&Key::cluster(*tier)).is_none());
    missing.map_or(Ok(()), |tier| {
        let message =
            format!("there is no WorkspaceTier `{tier}`: declare it, or take it out of the template's tiers");
        Err(Problem::new(Reason::TierNotFound, message))
    })
}

/// The status of `template`. Pure.
fn status(
    template: &WorkspaceTemplate,
    tiers: &Result<(), Problem>,
    now: Timestamp,
) -> WorkspaceTemplateStatus {
    let generation = template.metadata.generation.unwrap_or_default();
    let old = template.status.clone().unwrap_or_default();
    let ready = match tiers {
        Ok(()) => {
            NewCondition::yes(ConditionType::Ready, Reason::Available, "workspaces may use the template")
        }
        Err(problem) => problem.condition(ConditionType::Ready),
    };
    WorkspaceTemplateStatus {
        observed_generation: Some(generation),
        conditions: condition::merge(&old.conditions, &[accepted(tiers), ready], generation, now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    #[test]
    fn a_template_names_only_tiers_that_exist() {
        let caches = Caches::default();
        fixtures::tier(&caches);
        for (allowed, reason) in [(&[][..], "Valid"), (&["standard"], "Valid"), (&["pro"], "TierNotFound")] {
            fixtures::template_for(&caches, allowed);
            let template = caches.templates.get(&Key::cluster("rust")).unwrap();
            let status = status(&template, &tiers(&caches, &template), Timestamp::UNIX_EPOCH);
            let accepted = condition::find(&status.conditions, ConditionType::Accepted).unwrap();
            assert_eq!(accepted.reason, reason);
        }
    }
}

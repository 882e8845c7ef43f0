//! What a tier, template, warm pool or workspace names: whether it exists and may be used.
//!
//! Faults here are the user's to mend; each comes with the fix and ends in `Accepted=False`.

use std::sync::Arc;

use neuralinverse_api::{
    RegionSpec, WorkspaceNodePool, WorkspaceTemplateSpec, WorkspaceTierSpec,
    condition::{ConditionType, NewCondition, Reason},
};

use crate::{caches::Caches, key::Key};

/// What a pod is made from.
#[derive(Clone, Debug, PartialEq)]
pub struct References {
    /// Images, storage class, share of requests.
    pub region: RegionSpec,
    /// Size and nodes.
    pub tier: WorkspaceTierSpec,
    /// Image and environment.
    pub template: WorkspaceTemplateSpec,
    /// Nodes are added when a pod finds no room.
    pub grows: bool,
}

/// Something that is named does not exist or may not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Why, for programs.
    pub reason: Reason,
    /// Why, for people, with the fix.
    pub message: String,
}

impl Problem {
    /// A problem with its fix.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }

    /// A condition that does not hold for this reason.
    pub fn condition(&self, type_: ConditionType) -> NewCondition {
        NewCondition::no(type_, self.reason, &self.message)
    }
}

/// `Accepted`, from whether all that is named may be used.
pub fn accepted<T>(references: &Result<T, Problem>) -> NewCondition {
    match references {
        Ok(_) => NewCondition::yes(ConditionType::Accepted, Reason::Valid, "all that the spec names exists"),
        Err(problem) => problem.condition(ConditionType::Accepted),
    }
}

/// What an object in `namespace` with this tier and template is made from.
pub fn resolve(caches: &Caches, namespace: &str, tier: &str, template: &str) -> Result<References, Problem> {
    let region = region(caches)?;
    allowed(&region, namespace)?;
    let tier_spec = caches.tiers.get(&Key::cluster(tier)).map(|tier| tier.spec.clone());
    let tier_spec = tier_spec.ok_or_else(|| tier_not_found(tier, &names(caches)))?;
    let pool = node_pool(caches, &tier_spec)?;
    let template_spec = caches.templates.get(&Key::cluster(template)).map(|template| template.spec.clone());
    let template_spec = template_spec.ok_or_else(|| {
        Problem::new(
            Reason::TemplateNotFound,
            format!("there is no WorkspaceTemplate `{template}`: declare it, or name one that exists"),
        )
    })?;
    tier_allowed(&template_spec, template, tier)?;
    let grows = pool.spec.karpenter.is_some();
    Ok(References { region, tier: tier_spec, template: template_spec, grows })
}

/// The nodes that a tier names, if they are declared.
pub fn node_pool(caches: &Caches, tier: &WorkspaceTierSpec) -> Result<Arc<WorkspaceNodePool>, Problem> {
    let pool = &tier.node_pool;
    caches.node_pools.get(&Key::cluster(pool)).ok_or_else(|| {
        Problem::new(
            Reason::NodePoolNotFound,
            format!("there is no WorkspaceNodePool `{pool}`: declare it, or change the tier's nodePool"),
        )
    })
}

fn region(caches: &Caches) -> Result<RegionSpec, Problem> {
    caches.region().map(|region| region.spec.clone()).ok_or_else(|| {
        Problem::new(Reason::RegionNotFound, "this cluster has no Region: declare one named `cluster`")
    })
}

fn allowed(region: &RegionSpec, namespace: &str) -> Result<(), Problem> {
    if region.workspace_namespaces.iter().any(|allowed| allowed == namespace) {
        return Ok(());
    }
    let message = format!(
        "namespace `{namespace}` is not for workspaces: use {}, or add it to the Region's workspaceNamespaces",
        listed(&region.workspace_namespaces)
    );
    Err(Problem::new(Reason::NamespaceNotAllowed, message))
}

fn tier_not_found(tier: &str, known: &[String]) -> Problem {
    let message = match known {
        [] => format!("there is no WorkspaceTier `{tier}`, nor any other: declare it"),
        _ => format!("there is no WorkspaceTier `{tier}`: declare it, or use {}", listed(known)),
    };
    Problem::new(Reason::TierNotFound, message)
}

fn tier_allowed(spec: &WorkspaceTemplateSpec, template: &str, tier: &str) -> Result<(), Problem> {
    if spec.tiers.is_empty() || spec.tiers.iter().any(|allowed| allowed == tier) {
        return Ok(());
    }
    let message = format!(
        "template `{template}` does not allow tier `{tier}`: use {}, or add the tier to the template",
        listed(&spec.tiers)
    );
    Err(Problem::new(Reason::TierNotAllowed, message))
}

fn names(caches: &Caches) -> Vec<String> {
    let mut names: Vec<_> = caches.tiers.all().iter().filter_map(|tier| tier.metadata.name.clone()).collect();
    names.sort();
    names
}

/// The first few names, for a message.
fn listed(names: &[String]) -> String {
    let first: Vec<_> = names.iter().take(5).map(|name| format!("`{name}`")).collect();
    first.join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    #[test]
    fn each_fault_has_its_reason_and_names_the_fix() {
        type Case = (fn(&Caches), &'static str, Reason, &'static str);
        let cases: [Case; 6] = [
            (|_| {}, "workspaces", Reason::RegionNotFound, "declare one named `cluster`"),
            (|caches| fixtures::region(caches), "elsewhere", Reason::NamespaceNotAllowed, "use `workspaces`"),
            (|caches| fixtures::region(caches), "workspaces", Reason::TierNotFound, "nor any other"),
            (
                |caches| {
                    fixtures::region(caches);
                    fixtures::tier(caches);
                },
                "workspaces",
                Reason::NodePoolNotFound,
                "`default`",
            ),
            (
                |caches| {
                    fixtures::region(caches);
                    fixtures::tier(caches);
                    fixtures::node_pool(caches);
                },
                "workspaces",
                Reason::TemplateNotFound,
                "`rust`",
            ),
            (
                |caches| {
                    fixtures::all(caches);
                    fixtures::template_for(caches, &["pro"]);
                },
                "workspaces",
                Reason::TierNotAllowed,
                "use `pro`",
            ),
        ];
        for (declare, namespace, reason, fix) in cases {
            let caches = Caches::default();
            declare(&caches);
            let problem = resolve(&caches, namespace, "standard", "rust").unwrap_err();
            assert_eq!(problem.reason, reason);
            assert!(problem.message.contains(fix), "{}", problem.message);
        }
    }

    #[test]
    fn what_exists_is_accepted() {
        let caches = Caches::default();
        fixtures::all(&caches);
        let references = resolve(&caches, "workspaces", "standard", "rust");
        assert_eq!(accepted(&references).status, Some(true));
    }
}

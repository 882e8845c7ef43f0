//! What uses a node pool, so that it cannot go.

use std::{collections::BTreeSet, fmt};

use kube::ResourceExt;
use neuralinverse_api::labels;

use crate::{caches::Caches, change::PodIndex};

/// How many of a kind are named.
const NAMED: usize = 3;

/// What uses a node pool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Users {
    /// Tiers that name it.
    pub tiers: BTreeSet<String>,
    /// Workspaces that have a pod for its nodes, with their namespaces.
    pub workspaces: BTreeSet<String>,
    /// Warm pools that have free pods for its nodes, with their namespaces.
    pub warm_pools: BTreeSet<String>,
}

impl Users {
    /// What uses the pool of this name.
    pub fn of(caches: &Caches, pool: &str) -> Self {
        let mut users = Self::default();
        let tiers = caches.tiers.all().into_iter().filter(|tier| tier.spec.node_pool == pool);
        users.tiers = tiers.map(|tier| tier.name_any()).collect();
        for pod in caches.pods.by(&PodIndex::NodePool(pool.to_owned())) {
            let named = |label: &str| {
                let name = pod.labels().get(label)?;
                Some(format!("{}/{name}", pod.namespace().unwrap_or_default()))
            };
            users.workspaces.extend(named(labels::WORKSPACE));
            users.warm_pools.extend(named(labels::WARM_POOL));
        }
        users
    }

    /// Nothing uses it.
    pub fn is_empty(&self) -> bool {
        let Self { tiers, workspaces, warm_pools } = self;
        [tiers, workspaces, warm_pools].into_iter().all(BTreeSet::is_empty)
    }
}

impl fmt::Display for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [("tier", &self.tiers), ("workspace", &self.workspaces), ("warm pool", &self.warm_pools)];
        let kinds: Vec<_> = kinds
            .iter()
            .filter(|(_, names)| !names.is_empty())
            .map(|(kind, names)| listed(kind, names))
            .collect();
        f.write_str(&kinds.join(", "))
    }
}

/// The first few names of a kind, and how many more there are.
fn listed(kind: &str, names: &BTreeSet<String>) -> String {
    let first: Vec<_> = names.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
    let plural = if names.len() == 1 { "" } else { "s" };
    let more = match names.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{kind}{plural} {}{more}", first.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::{self, from};

    #[test]
    fn tiers_workspaces_and_warm_pools_use_a_pool() {
        let caches = Caches::default();
        fixtures::tier(&caches);
        let pod = |name: &str, pool: &str, label: &str, value: &str| {
            caches.pods.apply(from(json!({
                "metadata": { "namespace": "ws", "name": name, "labels": { label: value } },
                "spec": { "containers": [], "nodeSelector": { "workspace-tier": pool } },
            })));
        };
        pod("a", "default", labels::WORKSPACE, "ada");
        pod("b", "default", labels::WARM_POOL, "warm");
        pod("c", "another", labels::WORKSPACE, "bob");
        let users = Users::of(&caches, "default");
        assert_eq!(users.to_string(), "tier `standard`, workspace `ws/ada`, warm pool `ws/warm`");
        assert_eq!(Users::of(&caches, "another").to_string(), "workspace `ws/bob`");
        assert!(Users::of(&caches, "third").is_empty());
    }

    #[test]
    fn a_few_are_named_and_the_others_counted() {
        let tiers = ["a", "b", "c", "d", "e"].map(str::to_owned).into();
        let users = Users { tiers, ..Users::default() };
        assert_eq!(users.to_string(), "tiers `a`, `b`, `c` and 2 more");
    }
}

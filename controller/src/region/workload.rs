//! Whether a program of the region runs as it is declared now.

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};

use super::{part::Part, status::State};
use crate::{caches::Caches, key::Key};

/// What its Deployment or StatefulSet says.
pub fn state(caches: &Caches, part: Part, namespace: &str) -> State {
    let key = Key::new(namespace, part.name());
    let rollout = match part {
        Part::Gitea => caches.stateful_sets.get(&key).map(|it| Rollout::of_stateful_set(&it)),
        Part::Gateway | Part::Portal => caches.deployments.get(&key).map(|it| Rollout::of_deployment(&it)),
    };
    rollout.unwrap_or_default().state(part, namespace)
}

/// How far the newest version of it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Rollout {
    observed: bool,
    wanted: i32,
    updated: i32,
    available: i32,
}

impl Rollout {
    fn of_deployment(deployment: &Deployment) -> Self {
        let status = deployment.status.clone().unwrap_or_default();
        Self {
            observed: status.observed_generation >= deployment.metadata.generation,
            wanted: deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1),
            updated: status.updated_replicas.unwrap_or_default(),
            available: status.available_replicas.unwrap_or_default(),
        }
    }

    fn of_stateful_set(set: &StatefulSet) -> Self {
        let status = set.status.clone().unwrap_or_default();
        Self {
            observed: status.observed_generation >= set.metadata.generation,
            wanted: set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1),
            updated: status.updated_replicas.unwrap_or_default(),
            available: status.ready_replicas.unwrap_or_default(),
        }
    }

    fn state(self, part: Part, namespace: &str) -> State {
        let ready = self.updated.min(self.available);
        if self.observed && self.wanted > 0 && ready >= self.wanted {
            return State::Ready;
        }
        State::Waiting(format!(
            "waiting for {}: {ready} of {} ready; `kubectl get pods -n {namespace}` tells more",
            part.label(),
            self.wanted.max(1),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_ready_when_all_of_the_newest_version_are() {
        let rollout = |observed, wanted, updated, available| Rollout { observed, wanted, updated, available };
        for (rollout, ready) in [
            (rollout(true, 1, 1, 1), true),
            (rollout(true, 2, 2, 1), false),
            (rollout(true, 2, 1, 2), false),
            (rollout(false, 1, 1, 1), false),
            (Rollout::default(), false),
        ] {
            let state = rollout.state(Part::Portal, "system");
            assert_eq!(state == State::Ready, ready, "{rollout:?}");
        }
    }
}

//! What is true of a warm pool. Pure.

use jiff::Timestamp;
use neuralinverse_api::{
    WarmPool, WarmPoolStatus,
    condition::{self, ConditionType, NewCondition, Reason},
};

use super::decide::Free;
use crate::{
    references::{Problem, References, accepted},
    workspace::pod_state::PodState,
};

/// The status of `pool` with these free pods. `refused` is why Kubernetes did not take another one.
pub fn status(
    pool: &WarmPool,
    references: &Result<References, Problem>,
    pods: &[Free],
    refused: Option<&Problem>,
    now: Timestamp,
) -> WarmPoolStatus {
    let generation = pool.metadata.generation.unwrap_or_default();
    let old = pool.status.clone().unwrap_or_default();
    let fresh = || pods.iter().filter(|pod| !pod.stale);
    let ready = fresh().filter(|pod| pod.state == PodState::Ready).count();
    let warming = fresh().filter(|pod| !matches!(pod.state, PodState::Ready | PodState::Terminating)).count();
    let conditions = [accepted(references), ready_condition(pool, references, pods, ready, refused)];
    WarmPoolStatus {
        observed_generation: Some(generation),
        ready: i32::try_from(ready).unwrap_or(i32::MAX),
        warming: i32::try_from(warming).unwrap_or(i32::MAX),
        conditions: condition::merge(&old.conditions, &conditions, generation, now),
    }
}

fn ready_condition(
    pool: &WarmPool,
    references: &Result<References, Problem>,
    pods: &[Free],
    ready: usize,
    refused: Option<&Problem>,
) -> NewCondition {
    const TYPE: ConditionType = ConditionType::Ready;
    if let Err(problem) = references {
        return problem.condition(TYPE);
    }
    if usize::try_from(pool.spec.size).is_ok_and(|size| ready >= size) {
        return NewCondition::yes(TYPE, Reason::Available, "all pods are ready to be taken");
    }
    if let Some(problem) = refused {
        return problem.condition(TYPE);
    }
    let trouble = pods.iter().filter(|pod| !pod.stale).find_map(|pod| match &pod.state {
        PodState::Trouble(reason, message) => Some((*reason, message)),
        _ => None,
    });
    match trouble {
        Some((reason, message)) => NewCondition::no(TYPE, reason, message),
        None => NewCondition::no(TYPE, Reason::Progressing, "pods are being started"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{caches::Caches, fixtures, references::resolve};

    fn free(state: PodState, stale: bool) -> Free {
        let created = Timestamp::UNIX_EPOCH;
        Free { name: "p".into(), created, state, since: created, stale }
    }

    #[test]
    fn it_counts_what_can_be_taken_and_says_why_it_is_not_full() {
        let caches = Caches::default();
        fixtures::all(&caches);
        let known = resolve(&caches, "workspaces", "standard", "rust");
        let unknown = resolve(&caches, "workspaces", "huge", "rust");
        let refused = Problem::new(Reason::Refused, "quota");
        let trouble = PodState::Trouble(Reason::ImagePullFailed, "no such image".into());
        let ready = || free(PodState::Ready, false);
        let cases = [
            (&known, vec![ready(), ready()], None, (2, 0), "True", "Available"),
            (
                &known,
                vec![ready(), free(PodState::Starting(""), false)],
                None,
                (1, 1),
                "False",
                "Progressing",
            ),
            (&known, vec![ready(), free(PodState::Ready, true)], None, (1, 0), "False", "Progressing"),
            (&known, vec![ready(), free(trouble, false)], None, (1, 1), "False", "ImagePullFailed"),
            (&known, vec![ready()], Some(&refused), (1, 0), "False", "Refused"),
            (&unknown, vec![ready(), ready()], None, (2, 0), "False", "TierNotFound"),
        ];
        let pool: WarmPool = fixtures::from(json!({
            "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "WarmPool",
            "metadata": { "name": "p", "namespace": "workspaces" },
            "spec": { "tier": "standard", "template": "rust", "size": 2 },
        }));
        for (references, pods, refused, counts, state, reason) in cases {
            let status = status(&pool, references, &pods, refused, Timestamp::UNIX_EPOCH);
            assert_eq!((status.ready, status.warming), counts);
            let ready = condition::find(&status.conditions, ConditionType::Ready).unwrap();
            assert_eq!((ready.status.as_str(), ready.reason.as_str()), (state, reason));
        }
    }
}

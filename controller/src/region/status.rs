//! What is true of the Region. Pure.

use jiff::Timestamp;
use neuralinverse_api::{
    Region, RegionStatus,
    condition::{self, ConditionType, NewCondition, Reason},
};

/// The status of `region`; `refusal` is why a namespace could not be prepared.
pub fn status(region: &Region, refusal: Option<&str>, workspaces: usize, now: Timestamp) -> RegionStatus {
    let generation = region.metadata.generation.unwrap_or_default();
    let old = region.status.clone().unwrap_or_default();
    let ready = match refusal {
        None => NewCondition::yes(ConditionType::Ready, Reason::Available, "workspaces can be declared"),
        Some(refusal) => NewCondition::no(ConditionType::Ready, Reason::Refused, refusal),
    };
    RegionStatus {
        observed_generation: Some(generation),
        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        workspaces: i32::try_from(workspaces).unwrap_or(i32::MAX),
        conditions: condition::merge(&old.conditions, &[ready], generation, now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{caches::Caches, fixtures, key::Key};

    #[test]
    fn it_is_ready_when_all_namespaces_are() {
        let caches = Caches::default();
        fixtures::region(&caches);
        let region = caches.regions.get(&Key::cluster("cluster")).unwrap();
        for (refusal, reason) in [(None, "Available"), (Some("being terminated"), "Refused")] {
            let status = status(&region, refusal, 7, Timestamp::UNIX_EPOCH);
            assert_eq!(status.workspaces, 7);
            assert_eq!(status.conditions[0].reason, reason);
        }
    }
}

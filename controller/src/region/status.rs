//! What is true of the Region. Pure.

use jiff::Timestamp;
use neuralinverse_api::{
    Region, RegionStatus,
    condition::{self, ConditionType, NewCondition, Reason},
};

/// How a program of the region is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It serves.
    Ready,
    /// It is on its way.
    Waiting(String),
    /// It does not do what it should.
    Unavailable(String),
    /// The cluster does not take it.
    Refused(String),
}

/// What was seen of the region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Why something outside of the programs could not be made.
    pub refusal: Option<String>,
    /// The Git host, if there is one.
    pub git: Option<State>,
    /// The gateway, if there is one.
    pub gateway: Option<State>,
    /// The portal, if there is one.
    pub portal: Option<State>,
}

impl Seen {
    /// Whether a program is not as it should be.
    pub fn waits(&self) -> bool {
        self.programs().any(|(_, state)| *state != State::Ready)
    }

    fn programs(&self) -> impl Iterator<Item = (ConditionType, &State)> {
        let all = [
            (ConditionType::GitReady, &self.git),
            (ConditionType::GatewayReady, &self.gateway),
            (ConditionType::PortalReady, &self.portal),
        ];
        all.into_iter().filter_map(|(type_, state)| Some((type_, state.as_ref()?)))
    }
}

impl State {
    fn condition(&self, type_: ConditionType) -> NewCondition {
        match self {
            Self::Ready => NewCondition::yes(type_, Reason::Available, "it serves"),
            Self::Waiting(message) => NewCondition::no(type_, Reason::Progressing, message),
            Self::Unavailable(message) => NewCondition::no(type_, Reason::Unavailable, message),
            Self::Refused(message) => NewCondition::no(type_, Reason::Refused, message),
        }
    }
}

/// The status of `region` with this many workspaces.
pub fn status(region: &Region, seen: &Seen, workspaces: usize, now: Timestamp) -> RegionStatus {
    let generation = region.metadata.generation.unwrap_or_default();
    let old = region.status.clone().unwrap_or_default();
    let programs: Vec<_> = seen.programs().map(|(type_, state)| state.condition(type_)).collect();
    let mut conditions = vec![ready(seen, &programs)];
    conditions.extend(programs);
    let spec = &region.spec;
    let serves = |state: &Option<State>| *state == Some(State::Ready);
    RegionStatus {
        observed_generation: Some(generation),
        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        url: spec.url.clone().filter(|_| serves(&seen.portal)),
        git_url: spec.git_url().filter(|_| serves(&seen.git)),
        workspaces: i32::try_from(workspaces).unwrap_or(i32::MAX),
        conditions: condition::merge(&old.conditions, &conditions, generation, now),
    }
}

/// The first fault counts: what comes later may only wait for it.
fn ready(seen: &Seen, programs: &[NewCondition]) -> NewCondition {
    let type_ = ConditionType::Ready;
    if let Some(refusal) = &seen.refusal {
        return NewCondition::no(type_, Reason::Refused, refusal);
    }
    match programs.iter().find(|program| program.status != Some(true)) {
        Some(program) => NewCondition { type_, ..program.clone() },
        None => NewCondition::yes(type_, Reason::Available, "workspaces can be declared"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{caches::Caches, fixtures, key::Key};

    #[test]
    fn it_is_ready_when_namespaces_and_programs_are() {
        let caches = Caches::default();
        fixtures::region(&caches);
        let region = caches.regions.get(&Key::cluster("cluster")).unwrap();
        let waiting = || Some(State::Waiting("soon".into()));
        let refusal = Some("being terminated".to_owned());
        for (seen, expected) in [
            (Seen::default(), "Ready Available"),
            (Seen { refusal, ..Seen::default() }, "Ready Refused"),
            (Seen { git: Some(State::Ready), ..Seen::default() }, "Ready Available, GitReady Available"),
            (
                Seen { git: Some(State::Unavailable("401".into())), portal: waiting(), ..Seen::default() },
                "Ready Unavailable, GitReady Unavailable, PortalReady Progressing",
            ),
        ] {
            let status = status(&region, &seen, 7, Timestamp::UNIX_EPOCH);
            assert_eq!(status.workspaces, 7);
            let words: Vec<_> =
                status.conditions.iter().map(|it| format!("{} {}", it.type_, it.reason)).collect();
            assert_eq!(words.join(", "), expected);
        }
    }
}

//! Status conditions: which there are, why they are what they are, and how a list of them changes.
//!
//! `Ready` sums up the others: it says "as the spec asks", so a stopped workspace is ready.
//! A reason is for programs and stable; a message is one sentence for a person with the next step.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// Declares an enum whose variants carry their doc comment, from which the reference table is made.
macro_rules! documented {
    ($(#[$meta:meta])* $name:ident { $(#[doc = $doc:literal] $variant:ident,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $(#[doc = $doc] $variant,)* }

        impl $name {
            /// All of them, in the order of the reference.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// As it stands in the condition.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)* }
            }

            /// What it means, for the reference.
            pub fn doc(self) -> &'static str {
                match self { $(Self::$variant => $doc.trim_ascii(),)* }
            }
        }
    };
}

documented! {
    /// The types of condition that our objects carry.
    ConditionType {
        /// The object is as its spec asks. Every kind has it.
        Ready,
        /// What the spec names exists and may be used. When it is false the message holds the fix.
        Accepted,
        /// A pod runs for the workspace.
        Running,
        /// The pod has the size, the nodes and the image that its tier and template ask for. Only while there is a pod.
        UpToDate,
        /// The repository is in the workspace's folder.
        RepositoryReady,
        /// The work is on the workspace's volume. Only while it is not.
        Restored,
        /// The region's Git host serves.
        GitReady,
        /// The region's gateway serves.
        GatewayReady,
        /// The region's portal serves.
        PortalReady,
    }
}

documented! {
    /// Why a condition is what it is.
    Reason {
        /// All that the spec asks for is there.
        Available,
        /// The controller works on it; the message says what it waits for.
        Progressing,
        /// What the spec names exists and may be used.
        Valid,
        /// The tier that the spec names does not exist.
        TierNotFound,
        /// The template that the spec names does not exist.
        TemplateNotFound,
        /// The node pool that the tier names does not exist.
        NodePoolNotFound,
        /// The template does not allow this tier.
        TierNotAllowed,
        /// No Region exists in this cluster.
        RegionNotFound,
        /// The namespace is not one of the Region's workspaceNamespaces.
        NamespaceNotAllowed,
        /// The owner's workspaces are or use all that they may.
        OwnerLimit,
        /// A Secret that the spec names does not exist or may not be used by this owner.
        SecretNotFound,
        /// A time zone that a schedule names is not in the IANA database.
        TimeZoneNotFound,
        /// No node matches the selector.
        NoNodes,
        /// It is being deleted and waits for what uses it; the message names that.
        InUse,
        /// The cluster does not have Karpenter.
        KarpenterNotFound,
        /// No node has room for the pod, or the node pool has none.
        Unschedulable,
        /// The image of the workspace or of the agent cannot be pulled.
        ImagePullFailed,
        /// A container of the pod ends again and again.
        PodFailed,
        /// The node ended the pod, since it ran out of memory, disk or processes, or since its taints changed.
        Evicted,
        /// A pod of higher priority took the pod's place.
        Preempted,
        /// The pod was asked to leave its node, as when somebody drains it.
        Drained,
        /// The pod's node is lost, and its volume may still be in use there; the message says how to go on.
        NodeLost,
        /// The volume with the work was lost, and the workspace has a new one; the work is to be restored.
        RestorePending,
        /// A program does not answer, or answers with an error; the message says what.
        Unavailable,
        /// Kubernetes refused the pod or the volume, for instance for a policy.
        Refused,
        /// A ResourceQuota of the namespace has no place for the pod.
        QuotaExceeded,
        /// A ResourceQuota of the namespace has no place for the volume.
        StorageQuotaExceeded,
        /// The pod is as its tier and template ask.
        Applied,
        /// The pod gets the size of its tier while it runs.
        ResizeInProgress,
        /// The pod's node has no room for the new size now; it is tried again.
        ResizeDeferred,
        /// The pod's node can never give the new size: a restart finds another one.
        ResizeInfeasible,
        /// Kubernetes refused the new size, for instance for a quota; it is tried again.
        ResizeRefused,
        /// The workspace starts again at once, since its user chose a tier that a running pod cannot get.
        Restarting,
        /// A changed tier or template is used from the next start.
        NextStart,
        /// The workspace is stopped, as its runPolicy asks.
        Stopped,
        /// The workspace is stopped, since nobody used it or its user asked for it; a visit starts it.
        Suspended,
        /// The workspace is being stopped.
        Stopping,
        /// No repository is declared.
        NotDeclared,
        /// The repository is being cloned.
        Cloning,
        /// The repository has been cloned.
        Cloned,
        /// The repository cannot be cloned; it is tried again.
        CloneFailed,
    }
}

/// A condition to be set, without its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCondition {
    /// Which one.
    pub type_: ConditionType,
    /// `Some(true)` = True, `Some(false)` = False, `None` = Unknown.
    pub status: Option<bool>,
    /// Why, for programs.
    pub reason: Reason,
    /// Why, for people, with the next step.
    pub message: String,
}

impl NewCondition {
    /// A condition that holds.
    pub fn yes(type_: ConditionType, reason: Reason, message: impl Into<String>) -> Self {
        Self { type_, status: Some(true), reason, message: message.into() }
    }

    /// A condition that does not hold.
    pub fn no(type_: ConditionType, reason: Reason, message: impl Into<String>) -> Self {
        Self { type_, status: Some(false), reason, message: message.into() }
    }

    fn status_text(&self) -> &'static str {
        match self.status {
            Some(true) => "True",
            Some(false) => "False",
            None => "Unknown",
        }
    }
}

/// The list after `new` were set on `old`: types that `new` does not name go away, and
/// `lastTransitionTime` moves only when a status does, so that an unchanged list stays equal.
pub fn merge(old: &[Condition], new: &[NewCondition], generation: i64, now: Timestamp) -> Vec<Condition> {
    new.iter()
        .map(|condition| {
            let since = old
                .iter()
                .find(|it| it.type_ == condition.type_.as_str() && it.status == condition.status_text())
                .map_or_else(|| Time(now), |it| it.last_transition_time.clone());
            Condition {
                type_: condition.type_.as_str().to_owned(),
                status: condition.status_text().to_owned(),
                reason: condition.reason.as_str().to_owned(),
                message: condition.message.clone(),
                last_transition_time: since,
                observed_generation: Some(generation),
            }
        })
        .collect()
}

/// The condition of this type, if the list has it.
pub fn find(conditions: &[Condition], type_: ConditionType) -> Option<&Condition> {
    conditions.iter().find(|condition| condition.type_ == type_.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn time_moves_only_with_the_status() {
        let ready = |reason| NewCondition::yes(ConditionType::Ready, reason, "fine");
        let first = merge(&[], &[ready(Reason::Available)], 1, at(10));
        let same = merge(&first, &[ready(Reason::Available)], 1, at(20));
        assert_eq!(first, same);

        let other_reason = merge(&first, &[ready(Reason::Stopped)], 2, at(30));
        assert_eq!(other_reason[0].last_transition_time, Time(at(10)));

        let flipped =
            merge(&first, &[NewCondition::no(ConditionType::Ready, Reason::Progressing, "")], 2, at(40));
        assert_eq!(flipped[0].last_transition_time, Time(at(40)));
    }

    #[test]
    fn conditions_that_are_not_named_go_away() {
        let old = merge(&[], &[NewCondition::yes(ConditionType::Running, Reason::Available, "")], 1, at(1));
        let new = merge(&old, &[NewCondition::yes(ConditionType::Ready, Reason::Available, "")], 1, at(2));
        assert!(find(&new, ConditionType::Running).is_none());
    }
}

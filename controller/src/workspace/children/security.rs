//! What the pod may not do: pod security `restricted`, and nothing runs as root.

use k8s_openapi::api::core::v1::{Capabilities, PodSecurityContext, SeccompProfile, SecurityContext};

/// User and group of everything in the pod, and the group of its volumes.
const DEVELOPER: i64 = 1000;

/// For the whole pod.
pub fn pod() -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: Some(DEVELOPER),
        run_as_group: Some(DEVELOPER),
        fs_group: Some(DEVELOPER),
        // Walking over a large volume at each start would take minutes.
        fs_group_change_policy: Some("OnRootMismatch".to_owned()),
        seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), ..Default::default() }),
        ..Default::default()
    }
}

/// For a container of ours, whose files nobody changes.
pub fn read_only() -> SecurityContext {
    SecurityContext { read_only_root_filesystem: Some(true), ..container() }
}

/// For the user's container.
pub fn container() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), add: None }),
        ..Default::default()
    }
}

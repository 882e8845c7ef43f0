//! Waiting until ready: what is told when it does not happen.

use crate::harness::Server;

/// A pool whose conditions the stand-in for the controller takes from its annotation.
fn pool(name: &str, conditions: &str, more: &str) -> String {
    format!(
        "resource \"neuralinverse_warm_pool\" \"w\" {{\nname = \"{name}\"\ntier = \"t\"\ntemplate = \"b\"\nsize = 1\nannotations = {{ \"test/conditions\" = {conditions:?} }}\n{more}\n}}\n"
    )
}

#[test]
fn an_object_that_is_not_ready_in_time_tells_reason_events_and_stays_in_the_state() {
    let server = Server::shared();
    let project = server.project();
    let event = r#"{"apiVersion":"v1","kind":"Event","metadata":{"name":"slow.1","namespace":"workspaces"},
        "involvedObject":{"kind":"WarmPool","name":"slow","namespace":"workspaces"},"type":"Warning",
        "reason":"FailedCreate","message":"quota exceeded","lastTimestamp":"2026-01-01T00:00:00Z","count":4}"#;
    server.kubectl().apply(event).unwrap();
    let not_ready = r#"[["Ready","False","ImagePullFailed","the image example/base:1 cannot be pulled"]]"#;
    let slow = pool("slow", not_ready, "timeouts = { create = \"2s\" }");
    project.write(&slow).apply().fails(
        "neuralinverse_warm_pool",
        &[
            "WarmPool `workspaces/slow` is not ready",
            "not ready after 2 s",
            "Ready: ImagePullFailed: the image example/base:1 cannot be pulled",
            "WarmPool/slow: Warning FailedCreate: quota exceeded (4 times)",
        ],
    );
    assert_eq!(project.state("neuralinverse_warm_pool.w", "name"), "slow");

    project.write(&pool("slow", r#"[["Ready","True","Available",""]]"#, "")).apply().succeeds();
    assert_eq!(project.plan().code, 0);
}

#[test]
fn an_update_that_does_not_become_ready_keeps_what_was_written() {
    let project = Server::shared().project();
    project.write(&pool("worse", r#"[["Ready","True","Available",""]]"#, "")).apply().succeeds();
    let worse = pool("worse", r#"[["Ready","False","NoNodes","no node"]]"#, "timeouts = { update = \"2s\" }");
    let worse = worse.replace("size = 1", "size = 2");
    project.write(&worse).apply().fails("", &["Ready: NoNodes: no node"]);
    // Nothing is left to change, so that the next apply has nothing to do.
    assert_eq!(project.plan().code, 0);
}

#[test]
fn a_mistake_in_the_spec_fails_before_the_timeout() {
    let project = Server::shared().project();
    let refused =
        r#"[["Ready","False","TierNotFound","x"],["Accepted","False","TierNotFound","there is no tier t"]]"#;
    let start = std::time::Instant::now();
    project
        .write(&pool("refused", refused, ""))
        .apply()
        .fails("", &["The controller does not accept it", "Accepted: TierNotFound: there is no tier t"]);
    assert!(start.elapsed() < std::time::Duration::from_secs(300), "the timeout is ten minutes");
}

#[test]
fn nobody_waits_who_does_not_want_to() {
    let project = Server::shared().project();
    let never = pool("unawaited", r#"[["Ready","False","NoNodes","no node"]]"#, "wait = false");
    project.write(&never).apply().succeeds();
}

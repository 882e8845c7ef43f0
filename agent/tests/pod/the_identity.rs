//! The pod's token and the controller's authority change while the sidecar runs.

use neuralinverse_api::agent::RepositoryState;

use crate::{
    controller::{Controller, TOKEN, assignment_of},
    harness::{Pod, eventually},
};

#[tokio::test]
async fn a_renewed_token_is_used_at_the_next_request() {
    let controller = Controller::start().await;
    let pod = Pod::start(&controller);
    controller.polled().await;
    controller.accept_only("second-token");
    pod.write_identity("token", "second-token\n");
    controller.assign(assignment_of(1, &[], None));
    let reports = controller.reported("ready", |report| report.ready).await;
    assert_eq!(reports[0].repository, RepositoryState::NotDeclared);
    let log = pod.log();
    assert!(!log.contains(TOKEN) && !log.contains("second-token"), "{log}");
}

#[tokio::test]
async fn another_authority_s_controller_gets_no_token_until_the_authority_is_renewed() {
    let (controller, other) = (Controller::start().await, Controller::start().await);
    let mut pod = Pod::prepare(&controller);
    pod.write_identity("ca.crt", &other.authority.certificate);
    pod.start_agent();
    eventually("a complaint", || pod.log().contains("certificate")).await;
    assert!(!pod.is_ready().await);
    pod.write_identity("ca.crt", &controller.authority.certificate);
    controller.polled().await;
}

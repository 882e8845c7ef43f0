//! From a pod that waits to a workspace.

use neuralinverse_api::agent::{Report, RepositoryState};

use crate::{
    controller::{Controller, assignment_of},
    harness::Pod,
};

fn greets(output: &std::process::Output, greeting: &str) -> bool {
    String::from_utf8_lossy(&output.stdout).lines().any(|line| line == format!("GREETING={greeting}"))
}

#[tokio::test]
async fn a_pod_is_ready_when_its_poll_waits() {
    let controller = Controller::start().await;
    controller.accept_only("another");
    let pod = Pod::start(&controller);
    controller.refused().await;
    assert!(!pod.is_ready().await);
    controller.accept_only(crate::controller::TOKEN);
    controller.polled().await;
    while !pod.is_ready().await {}
}

#[tokio::test]
async fn terminals_open_with_the_assigned_environment_and_one_report_says_so() {
    let controller = Controller::start().await;
    let pod = Pod::start(&controller);
    controller.polled().await;
    let before = pod.shell(&["env"]).await;
    assert!(before.status.success());
    assert!(String::from_utf8_lossy(&before.stderr).contains("nobody has been given"), "{before:?}");

    controller.assign(assignment_of(7, &[("GREETING", "hello $HOME")], None));
    let reports = controller.reported("ready", |report| report.ready).await;
    assert_eq!(reports, [Report { epoch: 7, ready: true, repository: RepositoryState::NotDeclared }]);
    assert!(greets(&pod.shell(&["env"]).await, "hello $HOME"));
    let folder = pod.shell(&["pwd"]).await;
    assert_eq!(String::from_utf8_lossy(&folder.stdout).trim_end(), pod.path("home").to_str().unwrap());
    assert_eq!(pod.shell(&["no-such-program"]).await.status.code(), Some(127));
    assert!(!pod.log().contains("hello $HOME"), "values are not logged");
}

#[tokio::test]
async fn a_changed_environment_arrives_without_a_restart() {
    let controller = Controller::start().await;
    let pod = Pod::start(&controller);
    controller.assign(assignment_of(1, &[("GREETING", "first")], None));
    controller.reported("ready", |report| report.ready).await;
    controller.assign(assignment_of(1, &[("GREETING", "second")], None));
    while !greets(&pod.shell(&["env"]).await, "second") {}
}

#[tokio::test]
async fn a_launcher_that_restarts_gets_its_environment_again() {
    let controller = Controller::start().await;
    let mut pod = Pod::start(&controller);
    controller.assign(assignment_of(1, &[("GREETING", "hello")], None));
    controller.reported("ready", |report| report.ready).await;
    pod.kill_launcher().await;
    controller.reported("loss of the launcher", |report| !report.ready).await;
    pod.start_launcher();
    while !greets(&pod.shell(&["env"]).await, "hello") {}
}

#[tokio::test]
async fn a_report_is_told_again_until_it_is_taken() {
    let controller = Controller::start().await;
    controller.break_reports(2);
    let _pod = Pod::start(&controller);
    controller.assign(assignment_of(1, &[], None));
    let reports = controller.reported("ready", |report| report.ready).await;
    assert_eq!(reports.len(), 1);
}

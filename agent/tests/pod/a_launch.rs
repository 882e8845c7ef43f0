//! From a pod that waits to a workspace.

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use neuralinverse_api::agent::{Report, RepositoryState};
use tokio::process::Command;

use crate::{
    controller::{Controller, assignment_of},
    harness::{Pod, launcher},
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
    assert_eq!(
        reports,
        [Report { epoch: 7, ready: true, repository: RepositoryState::NotDeclared, idle_seconds: None }]
    );
    assert_eq!(controller.connections(), 1, "the report took the assignment's connection");
    assert!(greets(&pod.shell(&["env"]).await, "hello $HOME"));
    let folder = pod.shell(&["pwd"]).await;
    assert_eq!(String::from_utf8_lossy(&folder.stdout).trim_end(), pod.path("volume/home").to_str().unwrap());
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
async fn a_sidecar_that_is_sent_away_stays_away_and_comes_back_for_news() {
    let controller = Controller::start().await;
    let pod = Pod::start(&controller);
    controller.assign(assignment_of(1, &[("GREETING", "first")], None));
    controller.reported("ready", |report| report.ready).await;
    controller.send_away_for(2);
    // Whoever waits already is told at its next poll: news ends this one.
    controller.assign(assignment_of(1, &[("GREETING", "second")], None));
    let times = controller.sent_away(2).await;
    assert!(times[1] - times[0] >= Duration::from_secs(2), "{times:?}");
    controller.assign(assignment_of(1, &[("GREETING", "third")], None));
    while !greets(&pod.shell(&["env"]).await, "third") {}
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

#[tokio::test]
async fn the_environment_is_told_to_no_other_user() {
    if !nix::unistd::geteuid().is_root() {
        return; // Nobody else can become another user.
    }
    let controller = Controller::start().await;
    let pod = Pod::start(&controller);
    controller.assign(assignment_of(1, &[("GREETING", "hello")], None));
    controller.reported("ready", |report| report.ready).await;
    let program = pod.path("run/launcher");
    fs::copy(launcher(), &program).unwrap();
    // As wrong as permissions can be.
    for path in [pod.path(""), pod.path("run"), pod.path("run/launcher.sock"), program.clone()] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
    }
    let mut stranger = Command::new("setpriv");
    stranger.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program);
    stranger.arg("--folder").arg(pod.path("run")).args(["shell", "env"]).current_dir("/");
    let output = stranger.env_remove("GREETING").output().await.unwrap();
    assert!(output.status.success() && !greets(&output, "hello"), "{output:?}");
}

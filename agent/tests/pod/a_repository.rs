//! The workspace's repository: cloned once, whole, and without a trace of credentials.

use std::fs;

use neuralinverse_api::agent::{Report, RepositoryState};

use crate::{
    controller::{Controller, assignment_of},
    git_server::{GitServer, PASSWORD, git},
    harness::{Pod, eventually},
};

fn is_cloned(report: &Report) -> bool {
    report.repository == RepositoryState::Cloned
}

fn failure(report: &Report) -> Option<&str> {
    match &report.repository {
        RepositoryState::Failed { message } => Some(message),
        _ => None,
    }
}

#[tokio::test]
async fn ready_does_not_wait_for_the_clone() {
    let (controller, server) = (Controller::start().await, GitServer::start().await);
    server.create("hello.git", "Hello").await;
    server.hold(true);
    let pod = Pod::start(&controller);
    controller.assign(assignment_of(1, &[], Some(server.repository("hello.git"))));
    let reports = controller.reported("ready", |report| report.ready).await;
    assert_eq!(
        reports,
        [Report { epoch: 1, ready: true, repository: RepositoryState::Cloning, idle_seconds: None }]
    );
    server.held(1).await;
    assert!(!pod.path("volume/home/hello").exists(), "half a clone is nowhere to be seen");

    server.hold(false);
    let reports = controller.reported("clone", is_cloned).await;
    assert_eq!(reports.len(), 2);
    assert_eq!(fs::read_to_string(pod.path("volume/home/hello/README.md")).unwrap(), "Hello");
    assert_eq!(git(&pod.path("volume/home/hello"), &["status", "--porcelain"]).await, "");
    let folder = pod.shell(&["pwd"]).await;
    assert_eq!(
        String::from_utf8_lossy(&folder.stdout).trim_end(),
        pod.path("volume/home/hello").to_str().unwrap()
    );
}

#[tokio::test]
async fn the_declared_branch_is_checked_out() {
    let (controller, server) = (Controller::start().await, GitServer::start().await);
    server.create("hello.git", "Hello").await;
    let pod = Pod::start(&controller);
    let mut repository = server.repository("hello.git");
    repository.branch = Some("next".to_owned());
    controller.assign(assignment_of(1, &[], Some(repository)));
    controller.reported("clone", is_cloned).await;
    assert_eq!(git(&pod.path("volume/home/hello"), &["branch", "--show-current"]).await, "next\n");
}

#[tokio::test]
async fn a_failed_clone_is_reported_and_recovers() {
    let (controller, server) = (Controller::start().await, GitServer::start().await);
    let pod = Pod::start(&controller);
    controller.assign(assignment_of(1, &[], Some(server.repository("late.git"))));
    let reports = controller.reported("failure", |report| failure(report).is_some()).await;
    assert!(reports.iter().find_map(failure).unwrap().contains("not found"), "{reports:?}");
    server.create("late.git", "Better late").await;
    controller.reported("clone", is_cloned).await;
    assert!(pod.path("volume/home/late/README.md").exists());
}

#[tokio::test]
async fn a_changed_url_is_taken_up_at_once() {
    let (controller, server) = (Controller::start().await, GitServer::start().await);
    server.create("hello.git", "Hello").await;
    server.create("other.git", "Other").await;
    server.hold(true);
    let pod = Pod::start(&controller);
    controller.assign(assignment_of(1, &[], Some(server.repository("hello.git"))));
    server.held(1).await;
    let first = pod.agent_children();
    controller.assign(assignment_of(1, &[], Some(server.repository("other.git"))));
    server.held(2).await;
    assert!(pod.agent_children().iter().all(|child| !first.contains(child)), "the first clone has ended");
    server.hold(false);
    controller.reported("clone", is_cloned).await;
    assert!(pod.path("volume/home/other/README.md").exists());
    assert!(!pod.path("volume/home/hello").exists());
}

#[tokio::test]
async fn a_folder_of_the_user_is_never_touched() {
    let (controller, server) = (Controller::start().await, GitServer::start().await);
    server.create("hello.git", "Hello").await;
    let pod = Pod::start(&controller);
    let folder = pod.path("volume/home/hello");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("notes"), "mine").unwrap();
    controller.assign(assignment_of(1, &[], Some(server.repository("hello.git"))));
    let reports = controller.reported("failure", |report| failure(report).is_some()).await;
    let message = reports.iter().find_map(failure).unwrap();
    assert!(message.contains("~/hello is in the way"), "{message}");
    assert_eq!(fs::read_to_string(folder.join("notes")).unwrap(), "mine");
    // Moving it away is the way out.
    fs::rename(&folder, pod.path("volume/home/away")).unwrap();
    controller.reported("clone", is_cloned).await;
}

#[tokio::test]
async fn a_resumed_workspace_finds_its_repository_as_it_was() {
    let (controller, server) = (Controller::start().await, GitServer::start().await);
    server.create("hello.git", "Hello").await;
    let mut pod = Pod::start(&controller);
    controller.assign(assignment_of(1, &[], Some(server.repository("hello.git"))));
    controller.reported("clone", is_cloned).await;
    fs::write(pod.path("volume/home/hello/README.md"), "edited").unwrap();
    pod.kill_agent().await;
    controller.assign(assignment_of(2, &[], Some(server.repository("hello.git"))));
    pod.start_agent();
    let reports = controller.reported("resume", |report| report.epoch == 2 && report.ready).await;
    assert!(is_cloned(reports.last().unwrap()), "{reports:?}");
    assert_eq!(fs::read_to_string(pod.path("volume/home/hello/README.md")).unwrap(), "edited");
}

#[tokio::test]
async fn a_clone_that_was_killed_half_way_is_made_anew() {
    let (controller, server) = (Controller::start().await, GitServer::start().await);
    server.create("hello.git", "Hello").await;
    server.hold(true);
    let mut pod = Pod::start(&controller);
    controller.assign(assignment_of(1, &[], Some(server.repository("hello.git"))));
    for kills in 1..=3 {
        server.held(kills).await;
        pod.kill_agent().await;
        assert!(!pod.path("volume/home/hello").exists());
        assert!(pod.path("volume/.neuralinverse-clone-1").exists());
        pod.start_agent();
    }
    server.held(4).await;
    server.hold(false);
    controller.reported("clone", is_cloned).await;
    git(&pod.path("volume/home/hello"), &["fsck", "--strict"]).await;
    let names = |folder: &str| -> Vec<_> {
        fs::read_dir(pod.path(folder)).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    };
    assert_eq!((names("volume"), names("volume/home")), (vec!["home".into()], vec!["hello".into()]));
}

#[tokio::test]
async fn credentials_leave_no_trace() {
    let (controller, server) = (Controller::start().await, GitServer::start().await);
    server.create("private/hello.git", "Hello").await;
    server.hold(true);
    let pod = Pod::start(&controller);
    controller.assign(assignment_of(1, &[], Some(server.repository("private/hello.git"))));
    server.held(1).await;
    assert!(command_lines().iter().all(|line| !line.contains(PASSWORD)));
    server.hold(false);
    let reports = controller.reported("clone", is_cloned).await;
    assert!(!format!("{reports:?}").contains(PASSWORD));
    assert!(!pod.log().contains(PASSWORD));
    let config = fs::read_to_string(pod.path("volume/home/hello/.git/config")).unwrap();
    assert!(!config.contains(PASSWORD) && !config.contains("credential"), "{config}");
    eventually("no file with the password", || !contains(&pod.path("volume/home"), PASSWORD.as_bytes()))
        .await;
}

#[tokio::test]
async fn wrong_credentials_are_reported_without_them() {
    let (controller, server) = (Controller::start().await, GitServer::start().await);
    server.create("private/hello.git", "Hello").await;
    let _pod = Pod::start(&controller);
    let mut repository = server.repository("private/hello.git");
    repository.credentials.as_mut().unwrap().password = "wrong-and-secret".to_owned();
    controller.assign(assignment_of(1, &[], Some(repository)));
    let reports = controller.reported("failure", |report| failure(report).is_some()).await;
    let message = reports.iter().find_map(failure).unwrap();
    assert!(message.contains("Authentication failed"), "{message}");
    assert!(!message.contains("wrong-and-secret"), "{message}");
}

fn command_lines() -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).into_owned()).collect()
}

fn contains(folder: &std::path::Path, what: &[u8]) -> bool {
    fs::read_dir(folder).unwrap().flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return contains(&path, what);
        }
        fs::read(path).unwrap().windows(what.len()).any(|window| window == what)
    })
}

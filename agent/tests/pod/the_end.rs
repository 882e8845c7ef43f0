//! The pod ends: in good order, and soon.

use std::process::Stdio;

use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};
use tokio::process::Command;

use crate::{
    controller::{Controller, assignment_of},
    git_server::GitServer,
    harness::{Pod, eventually, launcher, within},
};

#[tokio::test]
async fn a_sidecar_that_waits_ends_at_once() {
    let controller = Controller::start().await;
    let mut pod = Pod::start(&controller);
    controller.polled().await;
    assert!(pod.end_agent().await);
}

#[tokio::test]
async fn a_sidecar_that_clones_ends_with_its_children() {
    let (controller, server) = (Controller::start().await, GitServer::start().await);
    server.create("hello.git", "Hello").await;
    server.hold(true);
    let mut pod = Pod::start(&controller);
    controller.assign(assignment_of(1, &[], Some(server.repository("hello.git"))));
    server.held(1).await;
    let children = pod.agent_children();
    assert!(!children.is_empty());
    assert!(pod.end_agent().await);
    for child in children {
        eventually("end of git", || killpg(child, None).is_err()).await;
    }
}

/// The launcher as first process of a namespace of its own, as in a container.
#[tokio::test]
async fn a_launcher_reaps_and_takes_its_container_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("launcher.sock");
    let mut container = Command::new("unshare")
        .args(["--user", "--map-current-user", "--pid", "--fork", "--kill-child", "--mount-proc"])
        .args(["sh", "-c", "sleep 1000 & (sleep 0.01 &) ; exec \"$0\" --folder \"$1\" run"])
        .arg(launcher())
        .arg(folder.path())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    eventually("a launcher", || socket.exists()).await;
    let init = only_child(container.id().unwrap());
    // Of the two sleeps one has ended, and must not stay as a zombie.
    eventually("a reaped child", || children(init).len() == 1).await;
    let sleep = Pid::from_raw(children(init)[0].cast_signed());
    kill(Pid::from_raw(init.cast_signed()), Signal::SIGTERM).unwrap();
    assert!(within("end of the container", container.wait()).await.unwrap().success());
    assert!(kill(sleep, None).is_err());
}

fn children(of: u32) -> Vec<u32> {
    let list = std::fs::read_to_string(format!("/proc/{of}/task/{of}/children")).unwrap_or_default();
    list.split_whitespace().map(|id| id.parse().unwrap()).collect()
}

fn only_child(of: u32) -> u32 {
    children(of)[0]
}

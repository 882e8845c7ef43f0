//! What is told of whether somebody uses the workspace.

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use neuralinverse_launcher::{Answer, Request, decode, encode};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
};

use crate::{
    controller::{Controller, assignment_of},
    harness::{Pod, eventually},
    ide::{Ide, SWITCHED, answer},
    the_door::{REQUEST, UPGRADE, ask, enter},
};

/// A command that ends when it may. Its terminal looks as if nobody had used it for an hour.
const COMMAND: &str = "touch -d '1 hour ago' \"$(tty)\"; touch \"$HOME/running\"\n\
    while [ ! -e \"$HOME/end\" ]; do sleep 0.05; done\n";

/// In place of code-server: a terminal with a shell.
const IDE_WITH_A_TERMINAL: &str = "#!/bin/sh\n\
    echo $$ >> \"$HOME/started\"\n\
    exec script -qfc 'bash --norc --noprofile -i' /dev/null < \"$HOME/keys\" > /dev/null\n";

async fn terminals(pod: &Pod) -> Option<u64> {
    let mut stream = BufReader::new(UnixStream::connect(pod.path("run/launcher.sock")).await.unwrap());
    stream.write_all(&encode(&Request::Terminals).unwrap()).await.unwrap();
    let mut line = Vec::new();
    stream.read_until(b'\n', &mut line).await.unwrap();
    let Answer::Terminals(unused) = decode(&line).unwrap() else { panic!("another answer") };
    unused
}

#[tokio::test]
async fn that_nobody_uses_it_is_told_once_although_an_editor_is_open_and_again_when_somebody_does() {
    let controller = Controller::start().await;
    let pod = Pod::start(&controller);
    let _ide = Ide::start(&pod.path("run/ide.sock"));
    let mut assignment = assignment_of(1, &[], None);
    assignment.idle_after_seconds = Some(1);
    controller.assign(assignment);
    let mut editor = enter(&controller, &pod).await;
    ask(&mut editor, UPGRADE, SWITCHED).await;
    let open = tokio::spawn(async move {
        // A masked frame of 13 bytes: a keep-alive.
        let keep_alive = [[0x82, 0x8d].as_slice(), &[0; 4 + 13]].concat();
        while editor.write_all(&keep_alive).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let idle = |report: &neuralinverse_api::agent::Report| report.idle_seconds.is_some();
    let reports = controller.reported("rest", idle).await;
    assert!(reports.last().unwrap().idle_seconds >= Some(1), "{reports:?}");
    assert_eq!(reports.iter().filter(|report| idle(report)).count(), 1);

    let mut page = enter(&controller, &pod).await;
    for _ in 0..3 {
        ask(&mut page, REQUEST, &answer(REQUEST)).await;
    }
    controller.reported_last("use", |report| !idle(report)).await;
    open.abort();
}

#[tokio::test]
async fn a_terminal_is_used_as_long_as_its_command_runs() {
    let controller = Controller::start().await;
    let mut pod = Pod::prepare(&controller);
    fs::create_dir(pod.path("image")).unwrap();
    fs::write(pod.path("image/code-server"), IDE_WITH_A_TERMINAL).unwrap();
    fs::set_permissions(pod.path("image/code-server"), fs::Permissions::from_mode(0o755)).unwrap();
    let home = pod.path("volume/home");
    fs::write(home.join("command"), COMMAND).unwrap();
    nix::unistd::mkfifo(&home.join("keys"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    pod.start_launcher_with_ide();
    eventually("a launcher", || pod.path("run/launcher.sock").exists()).await;
    // Open on both sides, or it would wait for a reader.
    let mut keys = fs::File::options().read(true).write(true).open(home.join("keys")).unwrap();
    std::io::Write::write_all(&mut keys, b"sh $HOME/command\n").unwrap();
    eventually("a command", || home.join("running").exists()).await;
    assert_eq!(terminals(&pod).await, Some(0));
    fs::write(home.join("end"), "").unwrap();
    // The prompt has just been written.
    while terminals(&pod).await.is_none_or(|unused| unused == 0 || unused > 600) {}
}

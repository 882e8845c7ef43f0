//! The IDE in the user's container: kept running, warmed, and told whose it is.

use std::{fs, os::unix::fs::PermissionsExt, process::Stdio};

use neuralinverse_api::{GitAuthor, agent::RepositoryToClone};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::process::Command;

use crate::{
    controller::{Controller, assignment_of},
    harness::{Pod, eventually, launcher, within},
    ide::Ide,
};

/// In place of code-server: notes how it was started. What listens at its socket, the test decides.
const STAND_IN: &str = "#!/bin/sh\n\
    printf '%s\\n' \"$@\" > \"$HOME/arguments\"; env > \"$HOME/environment\"\n\
    echo $$ >> \"$HOME/started\"; exec sleep 300\n";

/// A pod whose image has a code-server.
fn prepare(controller: &Controller) -> Pod {
    let mut pod = Pod::prepare(controller);
    fs::create_dir(pod.path("image")).unwrap();
    fs::write(pod.path("image/code-server"), STAND_IN).unwrap();
    fs::set_permissions(pod.path("image/code-server"), fs::Permissions::from_mode(0o755)).unwrap();
    // Of a launcher that was killed.
    fs::write(pod.path("run/ide.sock"), "").unwrap();
    pod.start_launcher_with_ide();
    pod
}

fn started(pod: &Pod) -> Vec<i32> {
    let list = fs::read_to_string(pod.path("volume/home/started")).unwrap_or_default();
    list.lines().map(|line| line.parse().unwrap()).collect()
}

#[tokio::test]
async fn a_pod_with_an_ide_is_ready_when_the_ide_answers() {
    let controller = Controller::start().await;
    let mut pod = prepare(&controller);
    pod.start_agent();
    controller.polled().await;
    eventually("an IDE", || started(&pod).len() == 1).await;
    assert!(!pod.is_ready().await);
    let ide = Ide::start(&pod.path("run/ide.sock"));
    while !pod.is_ready().await {}
    assert!(ide.connections() > 0);

    let arguments = fs::read_to_string(pod.path("volume/home/arguments")).unwrap();
    let socket = pod.path("run/ide.sock");
    assert!(
        arguments.contains(&format!("--auth\nnone\n--socket-mode\n0600\n--socket\n{}\n", socket.display()))
    );
    let settings = pod.path("volume/home/.local/share/code-server/User/settings.json");
    assert!(fs::read_to_string(settings).unwrap().contains("files.autoSave"));
    let machine = pod.path("volume/home/.local/share/code-server/Machine/settings.json");
    let link = format!("{:?}", pod.path("opt/bin/bash"));
    assert!(fs::read_to_string(machine).unwrap().contains(&link));
}

#[tokio::test]
async fn an_ide_that_ends_is_started_again_and_meanwhile_nobody_is_sent_to_it() {
    let controller = Controller::start().await;
    let mut pod = prepare(&controller);
    pod.start_agent();
    controller.assign(assignment_of(3, &[], None));
    eventually("an IDE", || started(&pod).len() == 1).await;
    let ide = Ide::start(&pod.path("run/ide.sock"));
    controller.reported("ready", |report| report.ready).await;
    drop(ide);
    kill(Pid::from_raw(started(&pod)[0]), Signal::SIGKILL).unwrap();
    controller.reported("loss of the IDE", |report| !report.ready).await;
    eventually("another IDE", || started(&pod).len() == 2).await;
    let _ide = Ide::start(&pod.path("run/ide.sock"));
    let mut ready = 0;
    while ready < 2 {
        let reports = controller.reported("ready", |report| report.ready).await;
        ready = reports.iter().filter(|report| report.ready).count();
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_editor_opens_the_workspace_s_folder_until_its_user_opens_another() {
    let controller = Controller::start().await;
    let mut pod = prepare(&controller);
    let note = pod.path("volume/home/.local/share/code-server/coder.json");
    pod.start_agent();
    eventually("an IDE", || started(&pod).len() == 1).await;
    let _ide = Ide::start(&pod.path("run/ide.sock"));
    let mut repository = RepositoryToClone {
        url: "http://127.0.0.1:1/team/hello.git".to_owned(),
        branch: None,
        credentials: None,
    };
    controller.assign(assignment_of(1, &[], Some(repository.clone())));
    controller.reported("ready", |report| report.ready).await;
    let noted: serde_json::Value = serde_json::from_str(&fs::read_to_string(&note).unwrap()).unwrap();
    let folder = pod.path("volume/home/hello");
    assert_eq!(noted, serde_json::json!({ "query": { "folder": folder.to_str().unwrap() } }));

    let mine = r#"{"query":{"folder":"/home/developer/mine"}}"#;
    fs::write(&note, mine).unwrap();
    repository.url = "http://127.0.0.1:1/team/other.git".to_owned();
    controller.assign(assignment_of(1, &[("GREETING", "again")], Some(repository)));
    while !String::from_utf8_lossy(&pod.shell(&["env"]).await.stdout).contains("GREETING=again") {}
    assert_eq!(fs::read_to_string(&note).unwrap(), mine);
}

#[tokio::test]
async fn an_image_without_the_ide_is_told_from_one_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(launcher());
    command
        .arg("--folder")
        .arg(folder.path())
        .args(["run", "--ide", "code-server"])
        .env("PATH", folder.path());
    let output = within("an end", command.output()).await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("has no `code-server` in its PATH") && said.contains("set `ide: None`"), "{said}");
}

/// What the shell of that name, as the IDE runs it, gives.
async fn shell(pod: &Pod, name: &str, arguments: &[&str]) -> String {
    let mut shell = Command::new(pod.path("opt/bin").join(name));
    shell.args(arguments).env_clear().env("PATH", "/usr/bin:/bin").current_dir("/usr");
    shell
        .env("NEURALINVERSE_LAUNCHER_FOLDER", pod.path("run"))
        .env("LIST", "/around:/mine")
        .stdin(Stdio::null());
    let output = within("a shell", shell.output()).await.unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn what_the_ide_runs_by_its_shell_has_the_workspace_s_environment() {
    let controller = Controller::start().await;
    let mut pod = prepare(&controller);
    pod.start_agent();
    eventually("an IDE", || started(&pod).len() == 1).await;
    let environment = fs::read_to_string(pod.path("volume/home/environment")).unwrap();
    let link = pod.path("opt/bin/bash");
    assert!(environment.lines().any(|line| line == format!("SHELL={}", link.display())), "{environment}");

    let _ide = Ide::start(&pod.path("run/ide.sock"));
    // Whoever declares the link as shell goes round no circle.
    let env = [("GREETING", "hello"), ("LIST", "/mine"), ("SHELL", link.to_str().unwrap())];
    controller.assign(assignment_of(1, &env, None));
    controller.reported("ready", |report| report.ready).await;
    let says = "echo $0,$GREETING,$LIST,$SHELL,$PWD,$1";
    let said = shell(&pod, "bash", &["-c", says, "bash", "one"]).await;
    assert_eq!(said, "bash,hello,/around:/mine,/bin/bash,/usr,one\n");
    let said = shell(&pod, "sh", &["-c", says, "sh", "one"]).await;
    assert_eq!(said, "sh,hello,/around:/mine,/bin/sh,/usr,one\n");
    let output = pod.shell(&["-c", "exit 7"]).await;
    assert_eq!(output.status.code(), Some(127), "a command is no shell's argument");
}

#[tokio::test]
async fn git_knows_the_author_unless_the_user_has_said_who_it_is() {
    let controller = Controller::start().await;
    let pod = Pod::start(&controller);
    let mut assignment = assignment_of(1, &[], None);
    assignment.git_author = Some(GitAuthor {
        name: "Ada \"the first\" Lovelace".to_owned(),
        email: "ada@example.com".to_owned(),
    });
    controller.assign(assignment.clone());
    let config = pod.path("volume/home/.config/git/config");
    eventually("an author", || fs::read_to_string(&config).is_ok_and(|text| text.ends_with("com\"\n"))).await;
    let mut git = Command::new("git");
    git.args(["config", "--global", "user.name"]).env("HOME", pod.path("volume/home"));
    let output = git.env_remove("XDG_CONFIG_HOME").output().await.unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "Ada \"the first\" Lovelace\n");

    fs::write(&config, "mine").unwrap();
    assignment.epoch = 2;
    assignment.revision = "second".to_owned();
    controller.assign(assignment);
    controller.reported("ready", |report| report.epoch == 2 && report.ready).await;
    assert_eq!(fs::read_to_string(&config).unwrap(), "mine");
}

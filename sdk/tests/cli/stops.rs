//! Ctrl-C, and a CLI that is gone.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use crate::harness::{Work, wait_until, with_each_cli};

/// An apply that takes a minute, in a process group of its own, once it has begun.
fn slow_apply(work: &Work) -> Child {
    work.write("resource \"probe_thing\" \"a\" {\n  name = \"a\"\n  steps = 1200\n}\n");
    let mut command = work.command(&["apply", "-auto-approve", "-no-color"]);
    let output = fs::File::create(work.path("output")).expect("a file");
    command.stdout(output.try_clone().expect("a file")).stderr(output);
    let child = command.process_group(0).spawn().expect("the CLI starts");
    wait_until("the thing is begun", || {
        work.remote("a").is_some_and(|thing| thing["done"].as_u64() > Some(0))
    });
    child
}

fn kill(signal: &str, target: &str) {
    let killed = Command::new("kill").args([signal, "--", target]).stderr(Stdio::null()).status();
    assert!(killed.expect("kill runs").success());
}

#[test]
fn ctrl_c_stores_what_was_done() {
    with_each_cli(|work| {
        let mut child = slow_apply(work);
        kill("-INT", &format!("-{}", child.id()));
        let status = child.wait().expect("the CLI ends");
        let output = fs::read_to_string(work.path("output")).expect("output");
        assert_eq!(status.code(), Some(1), "{output}");
        assert!(output.contains("The thing is made to step"), "{output}");
        work.nothing_is_left();
        let state = work.state("probe_thing.a");
        assert_eq!(state["tainted"], true);
        assert!(state["values"]["done"].as_u64().is_some_and(|done| (1..1200).contains(&done)), "{state}");
        work.apply("resource \"probe_thing\" \"a\" {\n  name = \"a\"\n  steps = 1\n}\n");
    });
}

#[test]
fn a_killed_cli_leaves_no_provider_behind() {
    with_each_cli(|work| {
        let mut child = slow_apply(work);
        kill("-KILL", &child.id().to_string());
        child.wait().expect("the CLI is dead");
        wait_until("the provider is gone", || work.processes().is_empty());
    });
}

//! Ctrl-C in the middle of an apply.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::harness::{Server, terraforms};

fn tier(conditions: &str) -> String {
    format!(
        "resource \"neuralinverse_workspace_tier\" \"t\" {{\nname = \"cut\"\ncpu = \"2\"\nmemory = \"1Gi\"\nnode_pool = \"p\"\nannotations = {{ \"test/conditions\" = {conditions:?} }}\n}}\n"
    )
}

#[test]
fn an_interrupted_apply_leaves_a_true_state_and_the_next_one_goes_through() {
    let server = Server::shared();
    for terraform in terraforms() {
        let provider = format!("regions = {{ us = {{ kubeconfig = {:?} }} }}", server.kubeconfig());
        let project = crate::harness::Project::new(&terraform).with_provider(&provider);
        project.write(&tier(r#"[["Ready","False","Progressing","not yet"]]"#));
        let mut apply = project
            .command(&["apply", "-json", "-auto-approve"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_until(|| server.kubectl().succeeds(&["get", "workspacetier", "cut"]));
        kill(Pid::from_raw(apply.id().try_into().unwrap()), Signal::SIGINT).unwrap();
        let lines = BufReader::new(apply.stdout.take().unwrap()).lines();
        let text: Vec<String> = lines.map_while(Result::ok).collect();
        assert!(!apply.wait().unwrap().success());
        assert!(
            text.iter().any(|it| it.contains("Interrupted while waiting for WorkspaceTier `cut`")),
            "{text:#?}"
        );

        assert_eq!(project.state("neuralinverse_workspace_tier.t", "name"), "cut");
        project.write(&tier(r#"[["Ready","True","Available",""]]"#)).apply().succeeds();
        assert_eq!(project.plan().code, 0);
        project.destroy().succeeds();
    }
}

fn wait_until(mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !condition() {
        assert!(Instant::now() < deadline, "nothing happened within two minutes");
        std::thread::sleep(Duration::from_millis(50));
    }
}

//! Deletion waits, and says what holds it.

use crate::harness::Server;

fn tier(name: &str) -> String {
    format!(
        "resource \"neuralinverse_workspace_tier\" \"t\" {{\nname = \"{name}\"\ncpu = \"2\"\nmemory = \"1Gi\"\nnode_pool = \"p\"\ntimeouts = {{ delete = \"2s\" }}\n}}\n"
    )
}

fn finalizers(server: &Server, name: &str, list: &str) {
    let patch = format!(r#"{{"metadata":{{"finalizers":{list}}}}}"#);
    server.run(&["patch", "workspacetier", name, "--type=merge", "-p", &patch]);
}

#[test]
fn a_finalizer_that_holds_is_named_and_the_next_destroy_goes_through() {
    let server = Server::shared();
    let project = server.project();
    project.write(&tier("held")).apply().succeeds();
    finalizers(server, "held", r#"["example.com/hold"]"#);
    project.destroy().fails(
        "",
        &["WorkspaceTier `held` is not gone after 2 s", "finalizers hold it: example.com/hold", "timeouts"],
    );
    assert_eq!(project.state("neuralinverse_workspace_tier.t", "name"), "held");

    finalizers(server, "held", "[]");
    project.destroy().succeeds();
    assert!(project.state("neuralinverse_workspace_tier.t", "name").is_null());
}

#[test]
fn what_is_gone_already_is_no_error() {
    let server = Server::shared();
    let project = server.project();
    project.write(&tier("gone-first")).apply().succeeds();
    server.run(&["delete", "workspacetier", "gone-first"]);
    let output = project.command(&["destroy", "-json", "-auto-approve", "-refresh=false"]).output().unwrap();
    crate::harness::Run::of(&output).succeeds();
}

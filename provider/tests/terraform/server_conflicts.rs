//! Other managers of the same objects: what is theirs stays theirs, what is ours is told about.

use crate::harness::{Project, Server};

fn pool(name: &str, size: u32, more: &str) -> String {
    format!(
        "resource \"neuralinverse_warm_pool\" \"w\" {{\nname = \"{name}\"\ntier = \"t\"\ntemplate = \"b\"\nsize = {size}\n{more}\n}}\n"
    )
}

fn patch(server: &Server, name: &str, patch: &str) {
    server.run(&[
        "patch",
        "warmpool",
        name,
        "-n",
        "workspaces",
        "--type=merge",
        "--field-manager=gitops",
        "-p",
        patch,
    ]);
}

fn size(server: &Server, name: &str) -> serde_json::Value {
    server.kubectl().get(&["warmpool", name, "-n", "workspaces"]).unwrap()["spec"]["size"].take()
}

fn warnings(project: &Project) -> Vec<String> {
    let plan = project.plan().succeeds();
    plan.diagnostics.into_iter().map(|it| it.summary).filter(|it| !it.starts_with("There is no")).collect()
}

#[test]
fn a_changed_field_is_drift_and_a_conflict_names_the_manager_and_both_fixes() {
    let server = Server::shared();
    let project = server.project();
    project.write(&pool("drift", 1, "")).apply().succeeds();
    patch(server, "drift", r#"{"spec":{"size":7}}"#);

    let plan = project.plan().plans(&["update neuralinverse_warm_pool.w"]);
    plan.warns("size = 1", &["`size` belongs to `gitops`", "`force_conflicts = true`"]);
    project.apply().fails(
        "size = 1",
        &["`size` belongs to `gitops`", "`.spec.size`", "remove `size` here", "`force_conflicts = true`"],
    );
    assert_eq!(size(server, "drift"), 7);

    project.write(&pool("drift", 1, "force_conflicts = true")).apply().succeeds();
    assert_eq!(size(server, "drift"), 1);
    assert_eq!(project.plan().code, 0);
}

#[test]
fn fields_that_others_added_are_not_ours_to_see_or_to_remove() {
    let server = Server::shared();
    let project = server.project();
    project.write(&pool("added", 1, "labels = { ours = \"1\" }")).apply().succeeds();
    patch(server, "added", r#"{"metadata":{"labels":{"theirs":"1"},"annotations":{"theirs":"1"}}}"#);
    assert_eq!(project.plan().code, 0);
    project.write(&pool("added", 2, "labels = { ours = \"2\" }")).apply().succeeds();
    let labels =
        server.kubectl().get(&["warmpool", "added", "-n", "workspaces"]).unwrap()["metadata"]["labels"]
            .take();
    assert_eq!(labels, serde_json::json!({ "ours": "2", "theirs": "1" }));
}

#[test]
fn a_default_that_somebody_changed_is_drift() {
    let server = Server::shared();
    let project = server.project();
    let workspace = "resource \"neuralinverse_workspace\" \"w\" {\nname = \"stopped\"\nowner = \"a\"\ntier = \"t\"\ntemplate = \"b\"\n}\n";
    project.write(workspace).apply().succeeds();
    server.run(&[
        "patch",
        "workspace",
        "stopped",
        "-n",
        "workspaces",
        "--type=merge",
        "-p",
        r#"{"spec":{"runPolicy":"Stopped"}}"#,
    ]);
    project.plan().plans(&["update neuralinverse_workspace.w"]);
}

#[test]
fn an_object_of_somebody_else_is_not_taken_over_by_a_create() {
    let server = Server::shared();
    let project = server.project();
    let object = r#"{"apiVersion":"cloud.neuralinverse.com/v1alpha1","kind":"WarmPool",
        "metadata":{"name":"foreign","namespace":"workspaces"},"spec":{"tier":"t","template":"b","size":5}}"#;
    server.kubectl().apply(object).unwrap();
    let text = [
        "WarmPool `workspaces/foreign` exists already",
        "terraform import neuralinverse_warm_pool.NAME us/workspaces/foreign",
    ];
    project.write(&pool("foreign", 1, "")).plan().fails("neuralinverse_warm_pool", &text);
    project.apply().fails("neuralinverse_warm_pool", &text);
    assert_eq!(size(server, "foreign"), 5);
}

#[test]
fn a_manager_that_wants_the_same_is_no_conflict() {
    let server = Server::shared();
    let project = server.project();
    project.write(&pool("same", 1, "")).apply().succeeds();
    patch(server, "same", r#"{"spec":{"size":2}}"#);
    project.write(&pool("same", 2, "")).apply().succeeds();
    assert_eq!(warnings(&project), [""; 0]);
    assert_eq!(size(server, "same"), 2);
}

//! The region: `install` puts in what it needs, destroy takes it out and keeps what users made.

use serde_json::json;

use crate::{
    controller,
    harness::{Project, Server, terraforms},
    offline_plan::EVERY_KIND,
};

/// Nothing runs pods here, so nobody waits for the controller.
fn region(more: &str) -> String {
    format!("resource \"neuralinverse_region\" \"r\" {{\ninstall = {{}}\nwait = false\n{more}\n}}\n")
}

#[test]
fn one_apply_installs_a_region_and_makes_everything_in_it() {
    let server = Server::bare();
    server.run(&["create", "namespace", "workspaces"]);
    controller::start(&server.kubeconfig());
    let project = server.project();
    let everything = EVERY_KIND.replace("install      = {}", "install = {}\n  wait = false");
    let plan = project.write(&everything).plan().succeeds();
    assert!(plan.code == 2 && plan.diagnostics.is_empty(), "{plan:#?}");
    project.apply_settles();
    assert!(server.kubectl().succeeds(&[
        "get",
        "deployment",
        "neuralinverse-controller",
        "-n",
        "neuralinverse-system"
    ]));
    project.destroy().succeeds();
    let crds = server.run(&["get", "crd", "-o", "name"]);
    assert!(crds.contains("workspaces.cloud.neuralinverse.com"), "{crds}");
    let left = server.run(&["get", "clusterroles,deployments,services,serviceaccounts", "-A", "-o", "name"]);
    assert!(!left.contains("neuralinverse"), "{left}");
    assert!(server.kubectl().succeeds(&["get", "namespace", "workspaces"]));
}

#[test]
fn a_piece_that_somebody_removed_or_changed_is_drift_and_comes_back() {
    let server = Server::bare();
    let project = server.project();
    project.write(&region("")).apply_settles();
    let controller = ["deployment", "neuralinverse-controller", "-n", "neuralinverse-system"];
    server.run(&[&["delete"], &controller[..]].concat());
    let plan = project.plan().plans(&["update neuralinverse_region.r"]);
    assert!(plan.code == 2);
    project.apply_settles();
    server.run(&[&["get"], &controller[..]].concat());

    let image = r#"{"spec":{"template":{"spec":{"containers":[{"name":"controller","image":"other:1"}]}}}}"#;
    server.run(&[&["patch"], &controller[..], &["-p", image]].concat());
    project.plan().plans(&["update neuralinverse_region.r"]);
    project.apply().fails(
        "",
        &["Deployment `neuralinverse-system/neuralinverse-controller`", "`kubectl-patch`", "force_conflicts"],
    );
    project.write(&region("force_conflicts = true")).apply_settles();
}

#[test]
fn a_controller_that_does_not_start_tells_why() {
    let server = Server::bare();
    let project = server.project();
    let waiting = region("timeouts = { create = \"3s\" }").replace("wait = false\n", "");
    project.write(&waiting).apply().fails(
        "neuralinverse_region",
        &["The controller does not run", "0 of 1 replicas available after 3 s"],
    );
    // What was made is known, and can be taken out again.
    project.destroy().succeeds();
    assert!(!server.kubectl().succeeds(&[
        "get",
        "deployment",
        "neuralinverse-controller",
        "-n",
        "neuralinverse-system"
    ]));
}

#[test]
fn destroy_is_refused_while_workspaces_exist_unless_the_policy_says_delete() {
    let server = Server::bare();
    let project = server.project();
    project.write(&region("")).apply().succeeds();
    server.run(&["create", "namespace", "workspaces"]);
    server.run(&[
        "label",
        "namespace",
        "workspaces",
        "app.kubernetes.io/managed-by=neuralinverse-controller",
    ]);
    let workspaces: Vec<String> = (0..7)
        .map(|index| {
            json!({ "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "Workspace",
                "metadata": { "name": format!("w{index}"), "namespace": "workspaces" },
                "spec": { "owner": "a", "tier": "t", "template": "b" } })
            .to_string()
        })
        .collect();
    server.kubectl().apply(&workspaces.join("\n---\n")).unwrap();
    project.destroy().fails(
        "",
        &[
            "Region `us` still has workspaces",
            "Workspace `workspaces/w0`",
            "Workspace `workspaces/w4`",
            "and 2 more",
            "deletion_policy = \"Delete\"",
        ],
    );
    assert!(server.kubectl().succeeds(&["get", "region", "cluster"]));

    project.write(&region("deletion_policy = \"Delete\"")).apply().succeeds();
    project.destroy().succeeds();
    assert!(!server.run(&["get", "crd", "-o", "name"]).contains("neuralinverse"));
    assert!(!server.kubectl().succeeds(&["get", "namespace", "workspaces"]));
}

#[test]
fn an_installed_region_is_imported_and_then_managed() {
    let server = Server::bare();
    server.kubectl().apply(&manifest()).unwrap();
    server.run(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
    server.kubectl().apply(r#"{"apiVersion":"cloud.neuralinverse.com/v1alpha1","kind":"Region","metadata":{"name":"cluster"},"spec":{}}"#).unwrap();
    let project = server.project();
    project.write("resource \"neuralinverse_region\" \"r\" {\n}\n");
    let import = project.import("neuralinverse_region.r", "us");
    assert_eq!(import.code, 0, "{}", import.text);
    project.plan().plans_nothing();
    project.write(&region("")).apply_settles();
}

/// `deploy/install.yaml`.
fn manifest() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/install.yaml")).unwrap()
}

#[test]
fn two_regions_have_objects_of_their_own() {
    let (us, eu) = (Server::bare(), Server::bare());
    let project = Project::new(&terraforms()[0]).with_provider(&format!(
        "regions = {{ us = {{ kubeconfig = {:?} }}, eu = {{ kubeconfig = {:?} }} }}",
        us.kubeconfig(),
        eu.kubeconfig()
    ));
    let both = "resource \"neuralinverse_region\" \"r\" {\nfor_each = toset([\"us\", \"eu\"])\nregion = each.key\ndisplay_name = upper(each.key)\ninstall = {}\nwait = false\n}\n";
    project.write(both).apply_settles();
    for (server, name) in [(&us, "US"), (&eu, "EU")] {
        let region = server.kubectl().get(&["region", "cluster"]).unwrap();
        assert_eq!(region["spec"]["displayName"], name);
    }
}

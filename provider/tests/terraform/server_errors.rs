//! API servers that do not do what we want: each a clear error, and the next apply goes through.

use serde_json::json;

use crate::harness::{Project, Server, terraforms};

fn tier(name: &str, more: &str) -> String {
    format!(
        "resource \"neuralinverse_workspace_tier\" \"t\" {{\nname = \"{name}\"\ncpu = \"2\"\nmemory = \"1Gi\"\nnode_pool = \"p\"\n{more}\n}}\n"
    )
}

/// A project whose only region is reached with the token of a service account without rights.
fn powerless(server: &Server, account: &str) -> Project {
    server.run(&["create", "serviceaccount", account]);
    let token = server.run(&["create", "token", account]);
    let config = server.run(&[
        "config",
        "view",
        "--raw",
        "-o",
        "jsonpath={.clusters[0].cluster.certificate-authority-data}",
    ]);
    let project = Project::new(&terraforms()[0]);
    project.with_provider(&format!(
        "regions = {{ us = {{ host = {:?}, cluster_ca_certificate = base64decode({config:?}), token = {:?} }} }}",
        server.url(),
        token.trim(),
    ))
}

#[test]
fn missing_rights_are_a_note_at_plan_and_name_verb_and_resource_at_apply() {
    let server = Server::shared();
    let project = powerless(server, "nobody");
    project.write(&tier("rights", ""));
    let plan = project.plan().plans(&["create neuralinverse_workspace_tier.t"]);
    plan.warns("", &["Planned without a dry run", "cannot create resource \"workspacetiers\""]);
    project.apply().fails(
        "neuralinverse_workspace_tier",
        &[
            "Missing rights for WorkspaceTier `rights`",
            "cannot get resource \"workspacetiers\"",
            "Bind a role",
        ],
    );

    server.run(&[
        "create",
        "clusterrole",
        "tiers",
        "--verb=get,list,watch,create,patch,delete",
        "--resource=workspacetiers",
    ]);
    server.run(&[
        "create",
        "clusterrolebinding",
        "tiers",
        "--clusterrole=tiers",
        "--serviceaccount=default:nobody",
    ]);
    project.apply().succeeds();
    assert_eq!(project.plan().code, 0);
}

#[test]
fn wrong_credentials_are_an_error_at_plan() {
    let server = Server::shared();
    let ca = server.run(&[
        "config",
        "view",
        "--raw",
        "-o",
        "jsonpath={.clusters[0].cluster.certificate-authority-data}",
    ]);
    let project = Project::new(&terraforms()[0]).with_provider(&format!(
        "regions = {{ us = {{ host = {:?}, cluster_ca_certificate = base64decode({ca:?}), token = \"wrong\" }} }}",
        server.url()
    ));
    project
        .write(&tier("credentials", ""))
        .plan()
        .fails("", &["does not accept the credentials", server.url()]);
}

#[test]
fn a_certificate_of_another_authority_is_named_as_the_reason() {
    let server = Server::shared();
    let project = Project::new(&terraforms()[0])
        .with_provider(&format!("regions = {{ us = {{ host = {:?}, token = \"t\" }} }}", server.url()));
    let plan = project.write(&tier("authority", "")).plan();
    plan.warns("", &["Planned without the cluster", server.url(), "certificate"]);
}

#[test]
fn a_refresh_without_the_cluster_names_the_host() {
    let server = Server::shared();
    let project = server.project();
    project.write(&tier("refresh", "")).apply().succeeds();
    let project = project.with_provider(r#"regions = { us = { host = "https://127.0.0.1:1" } }"#);
    let plan = project.write(&tier("refresh", "")).plan();
    plan.fails(
        "",
        &[
            "The API server https://127.0.0.1:1 does not answer",
            "Connection refused",
            "Check that the cluster runs",
        ],
    );
}

#[test]
fn what_only_the_server_can_refuse_shows_at_plan() {
    let server = Server::shared();
    let policy = json!({ "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": { "name": "no-monsters" },
        "spec": { "failurePolicy": "Fail",
            "matchConstraints": { "resourceRules": [{ "apiGroups": ["cloud.neuralinverse.com"], "apiVersions": ["*"],
                "operations": ["CREATE", "UPDATE"], "resources": ["workspacetiers"] }] },
            "validations": [{ "expression": "object.metadata.name != 'monster'", "message": "no monsters here" }] } });
    let binding = json!({ "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": { "name": "no-monsters" }, "spec": { "policyName": "no-monsters", "validationActions": ["Deny"] } });
    server.kubectl().apply(&format!("{policy}\n---\n{binding}")).unwrap();
    let project = server.project();
    // A policy takes effect a moment after it was written.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let refused = loop {
        let plan = project.write(&tier("monster", "")).plan();
        if plan.code == 1 || std::time::Instant::now() > deadline {
            break plan;
        }
    };
    refused.fails("", &["The cluster refuses WorkspaceTier `monster`", "no monsters here"]);
}

#[test]
fn a_namespace_that_does_not_exist_is_named() {
    let project = Server::shared().project();
    let pool = "resource \"neuralinverse_warm_pool\" \"w\" {\nname = \"w\"\nnamespace = \"nowhere\"\ntier = \"t\"\ntemplate = \"b\"\nsize = 1\ntimeouts = { create = \"1s\" }\n}\n";
    project.write(pool).plan().plans(&["create neuralinverse_warm_pool.w"]);
    project
        .apply()
        .fails("", &["Namespace `nowhere` does not exist", "`workspace_namespaces` of the region"]);
}

#[test]
fn a_crd_of_another_version_names_what_is_served() {
    let server = Server::bare();
    let crd = neuralinverse_api::install::crds()
        .into_iter()
        .find(|it| it["spec"]["names"]["kind"] == "WorkspaceTier");
    let mut crd = crd.unwrap();
    crd["spec"]["versions"][0]["name"] = json!("v9");
    server.kubectl().apply(&crd.to_string()).unwrap();
    server.run(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
    let project = server.project();
    let texts =
        ["another version of the CRD", "`cloud.neuralinverse.com` as v9", "this provider speaks `v1alpha1`"];
    project.write(&tier("version", "")).plan().fails("", &texts);
}

#[test]
fn a_kind_that_is_not_installed_plans_and_names_the_fix_at_apply() {
    let server = Server::bare();
    let project = server.project();
    project.write(&tier("absent", "timeouts = { create = \"1s\" }"));
    let plan = project.plan().plans(&["create neuralinverse_workspace_tier.t"]);
    assert!(plan.diagnostics.is_empty(), "{plan:#?}");
    project.apply().fails("", &["does not serve `cloud.neuralinverse.com/v1alpha1`", "`install = {}`"]);
}

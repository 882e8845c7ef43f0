//! The ways to prove who we are, besides a kubeconfig and a token.

use crate::harness::{Project, Server, terraforms};

const TIERS: &str = "data \"neuralinverse_workspace_tier\" \"t\" {\n  name = \"nobody-s\"\n}\n";

/// A project whose region is written out; `more` is beside host and authority.
fn project(server: &Server, more: &str) -> Project {
    let of = |path: &str| server.run(&["config", "view", "--raw", "-o", &format!("jsonpath={{{path}}}")]);
    let authority = of(".clusters[0].cluster.certificate-authority-data");
    let more = more
        .replace("CERTIFICATE", &of(".users[0].user.client-certificate-data"))
        .replace("KEY", &of(".users[0].user.client-key-data"));
    Project::new(&terraforms()[0]).with_provider(&format!(
        "regions = {{ us = {{ host = {:?}, cluster_ca_certificate = base64decode({authority:?}), {more} }} }}",
        server.url()
    ))
}

#[test]
fn a_client_certificate_is_accepted() {
    let more = "client_certificate = base64decode(\"CERTIFICATE\"), client_key = base64decode(\"KEY\")";
    let project = project(Server::shared(), more);
    project.write(TIERS).plan().fails("", &["There is no WorkspaceTier `nobody-s`"]);
}

#[test]
fn a_program_s_credentials_are_used_and_its_complaints_are_told_without_what_it_printed() {
    let server = Server::shared();
    server.run(&["create", "serviceaccount", "program"]);
    server.run(&[
        "create",
        "clusterrolebinding",
        "program",
        "--clusterrole=cluster-admin",
        "--serviceaccount=default:program",
    ]);
    let credential = format!(
        "{{ apiVersion = \"client.authentication.k8s.io/v1\", kind = \"ExecCredential\", status = {{ token = {:?} }} }}",
        server.run(&["create", "token", "program"]).trim()
    );
    let more = format!(
        "exec = {{ command = \"sh\", args = [\"-c\", \"echo \\\"$CREDENTIAL\\\"\"], env = {{ CREDENTIAL = jsonencode({credential}) }} }}"
    );
    project(server, &more).write(TIERS).plan().fails("", &["There is no WorkspaceTier `nobody-s`"]);

    let fails =
        r#"exec = { command = "sh", args = ["-c", "echo a-secret; echo 'log in first' >&2; exit 3"] }"#;
    let plan = project(server, fails).write(TIERS).plan();
    plan.fails("", &["the credentials program ended with exit status: 3: log in first"]);
    assert!(!plan.text.contains("a-secret"), "{plan:#?}");
}

#[test]
fn a_key_that_is_no_pem_is_not_shown() {
    let server = Server::shared();
    let more = "client_certificate = base64decode(\"CERTIFICATE\"), client_key = replace(base64decode(\"KEY\"), \"\\n\", \" \")";
    let plan = project(server, more).write(TIERS).plan();
    plan.fails("", &["not in PEM, with line breaks"]);
}

//! Plans without a cluster.

use crate::harness::{Project, terraforms};

/// One of every kind, each referring to those before.
pub const EVERY_KIND: &str = r#"
resource "neuralinverse_region" "r" {
  display_name = "US"
  install      = {}

  owner_limits        = { running = 2, cpu = "16" }
  owner_exceptions    = { ada = { running = 5, memory = "64Gi" } }
  node_loss_timeout   = "2m"
  workspace_retention = "24h"
}
resource "neuralinverse_node_pool" "p" {
  region = neuralinverse_region.r.region
  name   = "pool"
  static = { node_selector = { pool = "yes" } }
}
resource "neuralinverse_workspace_tier" "t" {
  region    = neuralinverse_region.r.region
  name      = "starter"
  cpu       = "2"
  memory    = "2Gi"
  node_pool = neuralinverse_node_pool.p.name

  hourly_price = "0.96"
}
resource "neuralinverse_workspace_template" "t" {
  region = neuralinverse_region.r.region
  name   = "base"
  image  = "example/base:1"
  env    = { EDITOR = "vi" }
  tiers  = [neuralinverse_workspace_tier.t.name]
}
resource "neuralinverse_warm_pool" "w" {
  region   = neuralinverse_region.r.region
  name     = "base-starter"
  tier     = neuralinverse_workspace_tier.t.name
  template = neuralinverse_workspace_template.t.name
  size     = 2
}
resource "neuralinverse_workspace" "ada" {
  region     = neuralinverse_region.r.region
  name       = "ada"
  owner      = "ada"
  tier       = neuralinverse_workspace_tier.t.name
  template   = neuralinverse_workspace_template.t.name
  repository = { url = "https://git.example/ada/work.git" }
}
"#;

const CREATES: [&str; 6] = [
    "create neuralinverse_node_pool.p",
    "create neuralinverse_region.r",
    "create neuralinverse_warm_pool.w",
    "create neuralinverse_workspace.ada",
    "create neuralinverse_workspace_template.t",
    "create neuralinverse_workspace_tier.t",
];

#[test]
fn everything_plans_where_nobody_answers() {
    for terraform in terraforms() {
        let project =
            Project::new(&terraform).with_provider(r#"regions = { us = { host = "https://127.0.0.1:1" } }"#);
        let plan = project.write(EVERY_KIND).plan().plans(&CREATES);
        plan.warns("", &["Planned without the cluster", "https://127.0.0.1:1", "Connection refused"]);
    }
}

#[test]
fn everything_plans_where_no_cluster_is_configured() {
    let project = Project::new(&terraforms()[0]);
    let plan = project.write(EVERY_KIND).plan().plans(&CREATES);
    plan.warns("", &["Planned without the cluster", "no `KUBECONFIG` and no `~/.kube/config`"]);
}

#[test]
fn everything_plans_while_the_cluster_is_made_in_the_same_apply() {
    for terraform in terraforms() {
        let project = Project::new(&terraform)
            .with_provider("regions = { us = { host = terraform_data.cluster.output, token = \"t\" } }");
        let cluster = "resource \"terraform_data\" \"cluster\" {\n  input = \"https://127.0.0.1:1\"\n}\n";
        let plan = project.write(&format!("{cluster}{EVERY_KIND}")).plan();
        let creates: Vec<&str> = CREATES.into_iter().chain(["create terraform_data.cluster"]).collect();
        assert!(plan.plans(&creates).diagnostics.is_empty());
    }
}

#[test]
fn every_example_is_valid() {
    let examples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/resources");
    let mut count = 0;
    for folder in std::fs::read_dir(examples).unwrap() {
        let project = Project::new(&terraforms()[0]);
        let example = std::fs::read_to_string(folder.unwrap().path().join("resource.tf")).unwrap();
        let run = project.write(&example).validate();
        assert!(run.code == 0, "{run:#?}");
        count += 1;
    }
    assert_eq!(count, neuralinverse_api::Kind::all().len());
}

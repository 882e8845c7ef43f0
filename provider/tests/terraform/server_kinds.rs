//! Every kind on a real API server: create, change, replace, read, drift, remove.

use serde_json::json;

use crate::harness::{Project, Server, terraforms};

/// One of every kind but the region, whose names all begin with `prefix`.
fn kinds(prefix: &str, memory: &str, size: u32) -> String {
    format!(
        r#"
resource "neuralinverse_node_pool" "p" {{
  name   = "{prefix}-pool"
  static = {{ node_selector = {{ pool = "yes" }} }}
}}
resource "neuralinverse_workspace_tier" "t" {{
  name      = "{prefix}-tier"
  cpu       = "2"
  memory    = "{memory}"
  node_pool = neuralinverse_node_pool.p.name
  labels    = {{ "example/team" = "a" }}
}}
resource "neuralinverse_workspace_template" "t" {{
  name  = "{prefix}-base"
  image = "example/base:1"
  env   = {{ EDITOR = "vi" }}
  tiers = [neuralinverse_workspace_tier.t.name]
}}
resource "neuralinverse_warm_pool" "w" {{
  name     = "{prefix}-warm"
  tier     = neuralinverse_workspace_tier.t.name
  template = neuralinverse_workspace_template.t.name
  size     = {size}
}}
resource "neuralinverse_workspace" "ada" {{
  name       = "{prefix}-ada"
  owner      = "ada"
  tier       = neuralinverse_workspace_tier.t.name
  template   = neuralinverse_workspace_template.t.name
  repository = {{ url = "https://git.example/ada/work.git" }}
  env_from   = [{{ name = "secrets" }}]
}}
"#
    )
}

#[test]
fn every_kind_is_made_changed_and_removed_and_settles_after_each_step() {
    let server = Server::shared();
    for (index, terraform) in terraforms().iter().enumerate() {
        let prefix = format!("life{index}");
        let provider = format!("regions = {{ us = {{ kubeconfig = {:?} }} }}", server.kubeconfig());
        let project = Project::new(terraform).with_provider(&provider);

        project.write(&kinds(&prefix, "2Gi", 1)).apply_settles();
        assert_eq!(project.state("neuralinverse_workspace_tier.t", "storage"), json!("10Gi"));
        assert_eq!(project.state("neuralinverse_workspace.ada", "namespace"), json!("workspaces"));
        let status = project.state("neuralinverse_workspace.ada", "status");
        assert_eq!(status["conditions"][0]["type"], "Ready");

        project.write(&kinds(&prefix, "4Gi", 3));
        let changes = ["update neuralinverse_warm_pool.w", "update neuralinverse_workspace_tier.t"];
        project.plan().succeeds().plans(&changes);
        project.apply_settles();
        let pool =
            server.kubectl().get(&["warmpool", &format!("{prefix}-warm"), "-n", "workspaces"]).unwrap();
        assert_eq!(pool["spec"]["size"], 3);

        project.destroy().succeeds();
        assert!(!server.kubectl().succeeds(&["get", "workspacetier", &format!("{prefix}-tier")]));
    }
}

fn tier(name: &str, lines: &str) -> String {
    format!(
        "resource \"neuralinverse_workspace_tier\" \"t\" {{\nname = \"{name}\"\ncpu = \"2\"\nnode_pool = \"pool\"\n{lines}\n}}\n"
    )
}

#[test]
fn another_spelling_of_a_quantity_is_no_change() {
    let project = Server::shared().project();
    project.write(&tier("spelling", "memory = \"1Gi\"")).apply_settles();
    project.write(&tier("spelling", "memory = \"1024Mi\"")).plan().succeeds();
    let plan = project.plan();
    assert!(plan.code == 0 && plan.changes.is_empty(), "{plan:#?}");
}

#[test]
fn an_attribute_that_is_removed_leaves_the_object() {
    let server = Server::shared();
    let project = server.project();
    project
        .write(&tier("removed", "memory = \"1Gi\"\nruntime_class_name = \"gvisor\"\nstorage = \"1Gi\""))
        .apply_settles();
    project.write(&tier("removed", "memory = \"1Gi\"")).apply_settles();
    let spec = server.kubectl().get(&["workspacetier", "removed"]).unwrap()["spec"].take();
    assert_eq!((&spec["runtimeClassName"], &spec["storage"]), (&json!(null), &json!("10Gi")), "{spec}");
}

#[test]
fn what_cannot_change_replaces_the_object() {
    let server = Server::shared();
    let project = server.project();
    let workspace = |owner: &str| {
        format!(
            "resource \"neuralinverse_workspace\" \"w\" {{\nname = \"replaced\"\nowner = \"{owner}\"\ntier = \"t\"\ntemplate = \"b\"\n}}\n"
        )
    };
    project.write(&workspace("ada")).apply().succeeds();
    project.write(&workspace("bob")).plan().succeeds().plans(&["replace neuralinverse_workspace.w"]);
    project.apply().succeeds();
    let object = server.kubectl().get(&["workspace", "replaced", "-n", "workspaces"]).unwrap();
    assert_eq!(object["spec"]["owner"], "bob");
}

#[test]
fn an_object_that_somebody_deleted_is_made_again() {
    let server = Server::shared();
    let project = server.project();
    project.write(&tier("gone", "memory = \"1Gi\"")).apply_settles();
    server.run(&["delete", "workspacetier", "gone"]);
    project.plan().succeeds().plans(&["create neuralinverse_workspace_tier.t"]);
    project.apply_settles();
}

#[test]
fn a_data_source_reads_what_others_made() {
    let server = Server::shared();
    let object = json!({ "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "WorkspaceTier",
        "metadata": { "name": "theirs", "labels": { "team": "b" } },
        "spec": { "cpu": 4, "memory": "8Gi", "nodePool": "p" } });
    server.kubectl().apply(&object.to_string()).unwrap();
    let project = server.project();
    let data = "data \"neuralinverse_workspace_tier\" \"t\" {\n  name = \"theirs\"\n}\noutput \"t\" {\n  value = data.neuralinverse_workspace_tier.t\n}\n";
    project.write(data).apply().succeeds();
    project.plan().plans_nothing();
    project.write(&data.replace("theirs", "nobody-s")).plan().fails(
        "data \"neuralinverse_workspace_tier\" \"t\"",
        &["There is no WorkspaceTier `nobody-s`", "region `us`"],
    );
}

#[test]
fn a_tier_that_nobody_has_heard_of_is_a_warning() {
    let project = Server::shared().project();
    let pool = |tier: &str| {
        format!(
            "resource \"neuralinverse_warm_pool\" \"w\" {{\nname = \"unheard\"\ntier = {tier}\ntemplate = \"unheard-base\"\nsize = 1\n}}\n"
        )
    };
    let plan = project.write(&pool("\"huge\"")).plan().plans(&["create neuralinverse_warm_pool.w"]);
    plan.warns(
        "tier = \"huge\"",
        &[
            "`tier`: \"huge\"",
            "neither in region `us` nor planned",
            "neuralinverse_workspace_tier.LABEL.name",
        ],
    );
    plan.warns("template = ", &["\"unheard-base\"", "WorkspaceTemplate"]);

    let both =
        format!("{}{}", tier("unheard-of", "memory = \"1Gi\""), pool("neuralinverse_workspace_tier.t.name"));
    let plan = project.write(&both).plan().succeeds();
    assert!(!plan.text.contains("There is no WorkspaceTier"), "{plan:#?}");
}

#[test]
fn a_warm_pool_goes_from_a_size_to_following_the_launches_and_back() {
    let server = Server::shared();
    let project = server.project();
    let pool = |lines: &str| {
        format!(
            "resource \"neuralinverse_warm_pool\" \"w\" {{\nname = \"follows\"\ntier = \"t\"\ntemplate = \"b\"\n{lines}\n}}\n"
        )
    };
    let spec = || server.kubectl().get(&["warmpool", "follows", "-n", "workspaces"]).unwrap()["spec"].take();
    project.write(&pool("size = 1")).apply_settles();
    assert_eq!(spec(), json!({ "tier": "t", "template": "b", "size": 1 }));

    let lines = r#"
autoscale = { max = 5 }
schedule = [
  { start = "08:00", end = "18:00", time_zone = "Europe/Berlin", min = 3 },
  { days = ["Saturday"], start = "10:00", end = "12:00", min = 2 },
]"#;
    project.write(&pool(lines)).apply_settles();
    let weekdays = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"];
    let expected = json!({
        "tier": "t", "template": "b",
        "autoscale": { "min": 1, "max": 5, "missProbability": "0.01" },
        "schedule": [
            { "days": weekdays, "start": "08:00", "end": "18:00", "timeZone": "Europe/Berlin", "min": 3 },
            { "days": ["Saturday"], "start": "10:00", "end": "12:00", "timeZone": "UTC", "min": 2 },
        ],
    });
    assert_eq!(spec(), expected);
    project.write(&pool(&lines.replace("max = 5", "max = 5, miss_probability = \"10m\""))).apply_settles();
    project.write(&pool("size = 2")).apply_settles();
    assert_eq!(spec(), json!({ "tier": "t", "template": "b", "size": 2 }));

    let both = project.write(&pool("size = 2\nautoscale = { max = 5 }")).plan();
    assert!(both.text.contains("write exactly one of size and autoscale"), "{both:#?}");
}

#[test]
fn a_node_pool_goes_from_nodes_that_are_there_to_those_of_karpenter() {
    let server = Server::shared();
    let project = server.project();
    let pool = |lines: &str| {
        format!("resource \"neuralinverse_node_pool\" \"p\" {{\nname = \"grows\"\n{lines}\n}}\n")
    };
    let spec = || server.kubectl().get(&["workspacenodepool", "grows"]).unwrap()["spec"].take();
    let there = "static = { node_selector = { pool = \"yes\" } }";
    project.write(&pool(there)).apply_settles();
    assert_eq!(spec(), json!({ "static": { "nodeSelector": { "pool": "yes" } } }));

    let grows = r#"
karpenter = {
  node_class_ref = { group = "karpenter.k8s.aws", kind = "EC2NodeClass", name = "default" }
  requirements   = [{ key = "kubernetes.io/arch", operator = "In", values = ["amd64"] }]
  limits         = { cpu = "100", nodes = 10 }
  disruption     = { budgets = [{ nodes = "1", reasons = ["Drifted"] }] }
}
hourly_prices = { "*" = "0.25" }"#;
    project.write(&pool(grows)).apply_settles();
    let expected = json!({
        "karpenter": {
            "nodeClassRef": { "group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "default" },
            "requirements": [{ "key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"] }],
            "limits": { "cpu": "100", "nodes": 10 },
            "disruption": {
                "consolidationPolicy": "WhenEmpty", "consolidateAfter": "5m",
                "budgets": [{ "nodes": "1", "reasons": ["Drifted"] }],
            },
        },
        "hourlyPrices": { "*": "0.25" },
    });
    assert_eq!(spec(), expected);

    let both = project.write(&pool(&format!("{there}{grows}"))).plan();
    assert!(both.text.contains("write exactly one of static and karpenter"), "{both:#?}");
    let another = project.write(&pool(&grows.replace("EC2NodeClass", "AKSNodeClass"))).plan();
    assert!(another.text.contains("group and kind cannot be changed"), "{another:#?}");
    let no_values = project.write(&pool(&grows.replace("[\"amd64\"]", "[]"))).plan();
    assert!(no_values.text.contains("In and NotIn need values"), "{no_values:#?}");
}

//! What bad input gets at plan, without a cluster: the attribute, the value and the fix.

use crate::harness::{Project, Run, terraforms};

const NOWHERE: &str = r#"regions = { us = { host = "https://127.0.0.1:1" } }"#;

fn plan(provider: &str, resource: &str) -> Vec<Run> {
    let plan = |terraform| Project::new(terraform).with_provider(provider).write(resource).plan();
    terraforms().iter().map(|it| plan(it)).collect()
}

fn tier(line: &str) -> String {
    let keep =
        |name: &str, other: &str| if line.starts_with(name) { String::new() } else { other.to_owned() };
    format!(
        "resource \"neuralinverse_workspace_tier\" \"t\" {{\n{line}\n{}\n{}\n{}\n{}\n}}\n",
        keep("name", "name = \"starter\""),
        keep("cpu", "cpu = \"2\""),
        keep("memory", "memory = \"2Gi\""),
        "node_pool = \"pool\"",
    )
}

#[test]
fn a_memory_that_is_no_quantity() {
    for run in plan(NOWHERE, &tier("memory = \"abc\"")) {
        run.fails(
            "memory = \"abc\"",
            &["`memory`", "\"abc\" is not a quantity", "such as `2`, `500m` or `4Gi`"],
        );
    }
}

#[test]
fn a_negative_pool_size() {
    let pool = "resource \"neuralinverse_warm_pool\" \"w\" {\nname = \"w\"\ntier = \"t\"\ntemplate = \"b\"\nsize = -1\n}\n";
    for run in plan(NOWHERE, pool) {
        run.fails("size = -1", &["`size`", "-1 is too small", "write a number from 0 to 1000"]);
    }
}

#[test]
fn a_name_that_kubernetes_does_not_allow() {
    for run in plan(NOWHERE, &tier("name = \"Starter_1\"")) {
        run.fails("name = \"Starter_1\"", &["`name`", "\"Starter_1\" is not a name", "lower case letters"]);
    }
}

#[test]
fn a_name_that_is_too_long_for_its_kind() {
    let name = "a".repeat(53);
    let workspace = format!(
        "resource \"neuralinverse_workspace\" \"w\" {{\nname = \"{name}\"\nowner = \"a\"\ntier = \"t\"\ntemplate = \"b\"\n}}\n"
    );
    for run in plan(NOWHERE, &workspace) {
        run.fails("name = ", &["`name`", &name, "the name must have at most 52 characters"]);
    }
}

#[test]
fn a_timeout_that_is_no_duration() {
    for run in plan(NOWHERE, &tier("timeouts = { create = \"10 minutes\" }")) {
        run.fails(
            "timeouts",
            &["`timeouts.create`", "\"10 minutes\" is not a duration", "such as `90s` or `10m`"],
        );
    }
}

#[test]
fn all_faults_are_told_at_once() {
    for run in plan(NOWHERE, &tier("memory = \"abc\"\nstorage = \"-1\"")) {
        run.fails("memory", &["\"abc\""]);
        run.fails("storage", &["\"-1\""]);
    }
}

#[test]
fn a_kubeconfig_that_does_not_exist() {
    let provider = "regions = {\n  us = {\n    kubeconfig = \"/nowhere/config\"\n  }\n}";
    for run in plan(provider, &tier("")) {
        run.fails(
            "",
            &[
                "regions[\"us\"].kubeconfig",
                "\"/nowhere/config\"",
                "Write the path of an existing kubeconfig",
            ],
        );
    }
}

#[test]
fn a_region_that_the_provider_does_not_have() {
    let provider =
        r#"regions = { us = { host = "https://127.0.0.1:1" }, eu = { host = "https://127.0.0.1:1" } }"#;
    for run in plan(provider, &tier("region = \"asia\"")) {
        run.fails("region = \"asia\"", &["`region`", "\"asia\" is not a region", "which has `eu`, `us`"]);
    }
    for run in plan(provider, &tier("")) {
        run.fails("", &["`region` is missing", "set `region` to one of `eu`, `us`"]);
    }
}

#[test]
fn two_ways_to_one_cluster() {
    let provider = r#"regions = { us = { host = "https://127.0.0.1:1", kubeconfig = "~/config" } }"#;
    for run in plan(provider, &tier("")) {
        run.fails("", &["\"~/config\"", "\"https://127.0.0.1:1\"", "remove one of them"]);
    }
}

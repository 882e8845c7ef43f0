//! Import, by command and by block.

use serde_json::json;

use crate::harness::with_each_cli;

const THING: &str = "resource \"probe_thing\" \"a\" {\n  name = \"a\"\n  labels = { k = \"v\" }\n}\n";

#[test]
fn an_imported_resource_has_an_empty_plan() {
    with_each_cli(|work| {
        work.apply(THING);
        work.run(&["state", "rm", "probe_thing.a"]).ok();
        work.run(&["import", "probe_thing.a", "a"]).ok();
        work.has_empty_plans();
        work.run(&["import", "probe_thing.b", "b"])
            .fails_with("resource address \"probe_thing.b\" does not exist");
        work.write(&format!("{THING}resource \"probe_thing\" \"b\" {{\n  name = \"b\"\n}}\n"));
        work.run(&["import", "probe_thing.b", "b"]).fails_with("There is no thing `b`");
    });
}

#[test]
fn a_configuration_is_generated_for_an_import_block() {
    with_each_cli(|work| {
        work.apply(THING);
        work.run(&["state", "rm", "probe_thing.a"]).ok();
        work.write("import {\n  to = probe_thing.a\n  id = \"a\"\n}\n");
        work.run(&["plan", "-generate-config-out=generated.tf"])
            .ok()
            .says("1 to import, 0 to add, 0 to change");
        let generated = std::fs::read_to_string(work.path("work/generated.tf")).expect("a file");
        assert!(generated.contains("name") && !generated.contains("uid"), "{generated}");
        work.run(&["apply", "-auto-approve"]).ok().says("1 imported, 0 added, 0 changed");
        assert_eq!(work.state("probe_thing.a")["values"]["labels"], json!({"k": "v"}));
        work.has_empty_plans();
    });
}

#[test]
fn a_type_without_import_says_so() {
    with_each_cli(|work| {
        work.write("resource \"probe_echo\" \"a\" {\n  id = \"a\"\n}\n");
        work.run(&["import", "probe_echo.a", "a"])
            .fails_with("Resources of type `probe_echo` cannot be imported");
    });
}

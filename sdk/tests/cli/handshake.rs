//! Start, schema and end of the process.

use std::process::Command;

use serde_json::{Value as Json, json};

use crate::harness::{Work, probe, with_each_cli};

#[test]
fn a_person_who_starts_it_is_told_what_it_is() {
    let output = Command::new(probe()).env_remove("TF_PLUGIN_MAGIC_COOKIE").output().expect("it starts");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stdout, b"");
    assert!(String::from_utf8_lossy(&output.stderr).contains("not meant to be started by hand"));
}

#[test]
fn the_schema_is_shown_with_and_without_tls() {
    with_each_cli(|work| {
        work.write("");
        let encrypted = work.run(&["providers", "schema", "-json"]).ok().stdout;
        let mut command = work.command(&["providers", "schema", "-json"]);
        let plain = work.run_command(command.env("TF_DISABLE_PLUGIN_TLS", "1")).ok().stdout;
        assert_eq!(encrypted, plain);
        let schemas: Json = serde_json::from_str(&encrypted).expect("JSON");
        let provider = schemas["provider_schemas"].as_object().and_then(|all| all.values().next()).cloned();
        let provider = provider.unwrap_or_default();
        assert_eq!(provider["provider"]["block"]["attributes"]["directory"]["required"], true);
        let thing = &provider["resource_schemas"]["probe_thing"];
        assert_eq!(thing["version"], 1);
        assert_eq!(
            thing["block"]["attributes"]["size"],
            json!({"type": "string", "description": "How large.", "description_kind": "markdown",
                "optional": true, "computed": true})
        );
        assert_eq!(thing["block"]["attributes"]["token"]["write_only"], true);
        assert_eq!(thing["block"]["attributes"]["token_length"]["sensitive"], true);
        let echo = &provider["resource_schemas"]["probe_echo"]["block"]["attributes"];
        assert_eq!(echo["object"]["type"], json!(["object", {"name": "string", "number": "number"}]));
        assert_eq!(echo["some"]["nested_type"]["nesting_mode"], "set");
        assert_eq!(echo["bool"]["deprecated"], true);
        assert!(provider["data_source_schemas"]["probe_thing"].is_object());
    });
}

#[test]
fn logs_come_through_with_their_fields() {
    with_each_cli(|work| {
        work.write("resource \"probe_thing\" \"a\" {\n  name = \"a\"\n}\n");
        let mut command = work.command(&["plan"]);
        command.env("TF_LOG", "").env("TF_LOG_PROVIDER", "debug");
        work.run_command(&mut command).ok();
        let log = std::fs::read_to_string(work.path("log")).expect("a log");
        let line =
            log.lines().find(|line| line.contains("tf_rpc=PlanResourceChange")).expect("a line for the call");
        assert!(line.contains("[DEBUG]") && line.contains("tf_resource_type=probe_thing"), "{line}");
    });
}

/// Two configurations of one provider are two processes.
#[test]
fn aliases_keep_apart() {
    with_each_cli(|work: &Work| {
        std::fs::create_dir(work.path("others")).expect("a directory");
        let other = format!(
            "provider \"probe\" {{\n  alias = \"other\"\n  directory = {:?}\n}}\n",
            work.path("others")
        );
        work.apply(
            &(other
                + "resource \"probe_thing\" \"a\" {\n  name = \"a\"\n}\n"
                + "resource \"probe_thing\" \"b\" {\n  provider = probe.other\n  name = \"b\"\n}\n"),
        );
        assert!(work.path("things/a.json").exists() && work.path("others/b.json").exists());
    });
}

//! What is stored when a call fails half-way.

use serde_json::json;

use crate::harness::with_each_cli;

fn thing(arguments: &str) -> String {
    format!("resource \"probe_thing\" \"a\" {{\n  name = \"a\"\n{arguments}\n}}\n")
}

#[test]
fn a_create_that_made_nothing_stores_nothing() {
    with_each_cli(|work| {
        work.write(&thing("fail = \"create\""));
        let ran = work.run(&["apply", "-auto-approve"]);
        ran.fails_with("`fail` names create. Remove it");
        ran.says("on main.tf line 9");
        assert_eq!(work.state("probe_thing.a"), json!(null));
    });
}

#[test]
fn a_create_that_made_something_is_tainted_and_made_again() {
    with_each_cli(|work| {
        work.write(&thing("fail = \"half\""));
        work.run(&["apply", "-auto-approve"]).fails_with("`fail` names create");
        let state = work.state("probe_thing.a");
        assert_eq!((&state["tainted"], &state["values"]["uid"]), (&json!(true), &json!("uid-of-a")));
        work.apply(&thing("")).says("1 added, 0 changed, 1 destroyed");
    });
}

#[test]
fn an_update_that_failed_stores_what_it_changed() {
    with_each_cli(|work| {
        work.apply(&thing(""));
        work.write(&thing("fail = \"update\"\nlabels = { k = \"v\" }\nsteps = 1"));
        work.run(&["apply", "-auto-approve"]).fails_with("`fail` names update");
        let state = work.state("probe_thing.a");
        assert_eq!(
            (&state["values"]["labels"], &state["values"]["steps"]),
            (&json!({"k": "v"}), &json!(null))
        );
        assert_eq!(state["tainted"], json!(null));
        work.apply(&thing("labels = { k = \"v\" }\nsteps = 1")).says("0 added, 1 changed, 0 destroyed");
    });
}

#[test]
fn a_delete_that_failed_keeps_the_state() {
    with_each_cli(|work| {
        work.apply(&thing("fail = \"delete\""));
        work.run(&["destroy", "-auto-approve"]).fails_with("`fail` names delete");
        assert_eq!(work.state("probe_thing.a")["values"]["uid"], "uid-of-a");
        work.apply(&thing(""));
        work.run(&["destroy", "-auto-approve"]).ok();
    });
}

#[test]
fn a_panic_is_reported_as_a_bug_and_what_was_planned_is_kept() {
    with_each_cli(|work| {
        work.write(&thing("fail = \"panic\""));
        let ran = work.run(&["apply", "-auto-approve"]);
        ran.fails_with("asked to panic. This is a bug in the provider; please report it");
        assert_eq!(work.state("probe_thing.a")["tainted"], true);
        work.apply(&thing(""));
    });
}

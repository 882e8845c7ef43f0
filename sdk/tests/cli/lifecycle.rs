//! A typed resource from create to destroy.

use serde_json::json;

use crate::harness::with_each_cli;

#[test]
fn a_resource_is_made_changed_replaced_and_destroyed() {
    with_each_cli(|work| {
        work.apply("resource \"probe_thing\" \"a\" {\n  name = \"a\"\n}\n");
        let values = work.state("probe_thing.a")["values"].clone();
        let expected = json!({"name": "a", "size": "small", "labels": {}, "token": null, "token_length": null,
            "title": "A", "uid": "uid-of-a", "steps": null, "together": null, "done": 0, "fail": null});
        assert_eq!(values, expected);

        let changed = work.apply("resource \"probe_thing\" \"a\" {\n  name = \"a\"\n  size = \"large\"\n}\n");
        changed.says("0 added, 1 changed, 0 destroyed");
        changed.says("Take care when lifting");

        let replaced =
            work.apply("resource \"probe_thing\" \"a\" {\n  name = \"b\"\n  labels = { k = \"v\" }\n}\n");
        replaced.says("1 added, 0 changed, 1 destroyed");
        replaced.says("# forces replacement");
        assert_eq!((work.remote("a"), work.remote("b").is_some()), (None, true));

        work.run(&["destroy", "-auto-approve"]).ok().says("1 destroyed");
        assert_eq!(work.remote("b"), None);
    });
}

#[test]
fn a_secret_is_given_and_never_stored() {
    with_each_cli(|work| {
        work.apply("resource \"probe_thing\" \"a\" {\n  name = \"a\"\n  token = \"hush-hush\"\n}\n");
        let values = work.state("probe_thing.a")["values"].clone();
        assert_eq!((&values["token"], &values["token_length"]), (&json!(null), &json!(9)));
        let state = std::fs::read_to_string(work.path("work/terraform.tfstate")).expect("state");
        assert!(!state.contains("hush-hush"));
    });
}

#[test]
fn what_others_changed_is_planned_back_and_what_they_deleted_made_again() {
    with_each_cli(|work| {
        let config = "resource \"probe_thing\" \"a\" {\n  name = \"a\"\n}\n";
        work.apply(config);
        let mut remote = work.remote("a").expect("made");
        remote["labels"] = json!({"stray": "x"});
        std::fs::write(work.path("things/a.json"), remote.to_string()).expect("changed");
        work.run(&["plan"]).ok().says("0 to add, 1 to change, 0 to destroy");
        work.apply(config);
        assert_eq!(work.remote("a").expect("made")["labels"], json!({}));

        std::fs::remove_file(work.path("things/a.json")).expect("deleted");
        work.run(&["plan"]).ok().says("1 to add, 0 to change, 0 to destroy");
        work.apply(config);
    });
}

#[test]
fn values_not_known_at_plan_arrive_at_apply() {
    with_each_cli(|work| {
        let applied = work.apply(concat!(
            "resource \"terraform_data\" \"late\" {\n  input = \"late\"\n}\n",
            "resource \"probe_thing\" \"a\" {\n  name = terraform_data.late.output\n",
            "  labels = { k = terraform_data.late.output }\n}\n",
            "data \"probe_thing\" \"a\" {\n  name = probe_thing.a.name\n}\n",
            "output \"uid\" {\n  value = data.probe_thing.a.uid\n}\n",
        ));
        applied.says("(known after apply)");
        applied.says("uid = \"uid-of-late\"");
        assert_eq!(work.state("probe_thing.a")["values"]["title"], "LATE");
    });
}

#[test]
fn mistakes_are_shown_all_at_once_with_file_and_line() {
    with_each_cli(|work| {
        work.write("resource \"probe_thing\" \"a\" {\n  name = \"a b\"\n  size = \"huge\"\n  labels = { k = \"\" }\n}\n");
        let ran = work.run(&["validate"]);
        ran.fails_with("on main.tf line 9, in resource \"probe_thing\" \"a\"");
        ran.says("`size` is `huge`. Use one of `small`, `large`");
        assert!(!ran.stderr.contains("unknown variant"), "{}", ran.stderr);
    });
    with_each_cli(|work| {
        work.write("resource \"probe_thing\" \"a\" {\n  name = \"a b\"\n  labels = { k = \"\" }\n}\n");
        let ran = work.run(&["validate"]);
        ran.fails_with("`name` is `a b`. Leave out the spaces");
        ran.says("The label `k` is ``. Give it a text");
    });
    with_each_cli(|work| {
        work.write("data \"probe_thing\" \"a\" {\n  name = \"a\"\n}\n");
        work.run(&["plan"]).fails_with("There is no thing `a`");
    });
}

#[test]
fn old_state_is_upgraded() {
    with_each_cli(|work| {
        let config = "resource \"probe_thing\" \"a\" {\n  name = \"a\"\n}\n";
        work.apply(config);
        let file = work.path("work/terraform.tfstate");
        let text = std::fs::read_to_string(&file).expect("state");
        let mut state: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let instance = &mut state["resources"][0]["instances"][0];
        instance["schema_version"] = json!(0);
        instance["attributes"] =
            json!({"label": "a", "size": "small", "title": "A", "uid": "uid-of-a", "done": 0});
        std::fs::write(&file, state.to_string()).expect("state");
        work.has_empty_plans();
        work.run(&["apply", "-auto-approve", "-refresh-only"]).ok();
        assert_eq!(work.state("probe_thing.a")["schema_version"], 1);
    });
}

#[test]
fn moving_from_another_type_is_refused_with_the_way_out() {
    with_each_cli(|work| {
        work.apply("resource \"terraform_data\" \"a\" {}\n");
        work.write("moved {\n  from = terraform_data.a\n  to = probe_thing.a\n}\nresource \"probe_thing\" \"a\" {\n  name = \"a\"\n}\n");
        work.run(&["plan"]).fails_with("Use a `removed` block for the old resource");
    });
}

#[test]
fn a_deprecated_attribute_warns_only_who_uses_it() {
    with_each_cli(|work| {
        work.write("resource \"probe_echo\" \"a\" {\n  id = \"a\"\n  bool = true\n}\n");
        let ran = work.run(&["validate"]).ok();
        ran.says("Warning: Attribute is deprecated");
        ran.says("Use `text`.");
        work.write("resource \"probe_echo\" \"a\" {\n  id = \"a\"\n}\n");
        assert!(!work.run(&["validate"]).ok().stdout.contains("deprecated"));
    });
}

#[test]
fn a_provider_can_be_configured_with_what_is_not_known_yet() {
    with_each_cli(|work| {
        let directory = work.path("things");
        work.apply(&format!(
            "resource \"terraform_data\" \"late\" {{\n  input = {directory:?}\n}}\n\
             provider \"probe\" {{\n  alias = \"late\"\n  directory = terraform_data.late.output\n}}\n\
             resource \"probe_thing\" \"a\" {{\n  provider = probe.late\n  name = \"a\"\n}}\n"
        ));
        assert!(work.remote("a").is_some());
    });
}

#[test]
fn resources_are_made_side_by_side() {
    with_each_cli(|work| {
        // Each waits until all are begun, so one after the other would never end.
        let things = "resource \"probe_thing\" \"a\" {\n  count = 4\n  name = \"a${count.index}\"\n  together = 4\n}\n";
        work.apply(things);
        work.run(&["destroy", "-auto-approve"]).ok().says("4 destroyed");
    });
}

//! Values of every type go to the provider and come back the same.

use serde_json::json;

use crate::harness::with_each_cli;

const EVERYTHING: &str = r#"
resource "probe_echo" "a" {
  id       = "a"
  text     = "e\u0301 – ünï 🦀 \"q\" $${x} %%{y}"
  caseless = "MiXeD"
  number   = 0.1
  dynamic  = { a = [1, "x", null], b = { c = true } }
  list     = ["b", "a", "b", ""]
  set      = ["b", "a"]
  map      = { tenth = 0.1, large = 1e30, most = 18446744073709551615, least = -9223372036854775808, half = -0.5 }
  object   = { name = "n", number = null }
  objects  = [{ name = "n", number = 123456789012345678901234567890.12345 }]
  one      = { key = "k" }
  many     = [{ key = "k", caseless = "B" }, { key = "k" }]
  some     = [{ key = "k", caseless = "C" }, { key = "l", weight = 2 }, { key = "k" }]
  named    = { x = { key = "k" } }
}
"#;

#[test]
fn every_type_keeps_its_value() {
    with_each_cli(|work| {
        work.apply(EVERYTHING);
        let values = work.state("probe_echo.a")["values"].clone();
        assert_eq!(values["text"], "é – ünï 🦀 \"q\" ${x} %{y}");
        assert_eq!(values["caseless"], "MiXeD");
        assert_eq!(values["dynamic"], json!({"a": [1, "x", null], "b": {"c": true}}));
        assert_eq!(values["list"], json!(["b", "a", "b", ""]));
        assert_eq!(values["set"], json!(["a", "b"]));
        assert_eq!(values["object"], json!({"name": "n", "number": null}));
        let element = |key: &str, weight: u64, caseless: Option<&str>| json!({"key": key, "weight": weight, "caseless": caseless, "made": "a"});
        assert_eq!(values["one"], element("k", 1, None));
        assert_eq!(values["many"], json!([element("k", 1, Some("B")), element("k", 1, None)]));
        assert_eq!(values["named"], json!({"x": element("k", 1, None)}));
        assert_eq!(values["some"].as_array().map(Vec::len), Some(3));
        let state = std::fs::read_to_string(work.path("work/terraform.tfstate")).expect("state");
        for number in ["18446744073709551615", "-9223372036854775808", "123456789012345678901234567890.12345"]
        {
            assert!(state.contains(number), "{number} is not in {state}");
        }
        // Another spelling is no change, in a set neither.
        work.write(&EVERYTHING.replace("MiXeD", "mixed").replace("\"B\"", "\"b\"").replace("\"C\"", "\"c\""));
        work.has_empty_plans();
        work.run(&["destroy", "-auto-approve"]).ok();
    });
}

#[test]
fn absent_empty_and_null_stay_apart() {
    with_each_cli(|work| {
        for (arguments, list, text) in [
            ("", json!(null), json!(null)),
            ("list = []\ntext = \"\"\n", json!([]), json!("")),
            ("list = [\"x\"]\ntext = \"x\"\n", json!(["x"]), json!("x")),
            ("list = null\ntext = null\n", json!(null), json!(null)),
        ] {
            work.apply(&format!("resource \"probe_echo\" \"a\" {{\nid = \"a\"\n{arguments}}}\n"));
            let values = work.state("probe_echo.a")["values"].clone();
            assert_eq!((&values["list"], &values["text"]), (&list, &text), "{arguments}");
        }
    });
}

#[test]
fn unknown_values_of_every_type_become_known() {
    with_each_cli(|work| {
        work.apply(
            r#"
resource "terraform_data" "late" {
  input = { text = "t", number = 0.1, list = ["a"], element = { key = "k", weight = 3, caseless = null } }
}
locals { late = terraform_data.late.output }
resource "probe_echo" "a" {
  id      = "a"
  text    = local.late.text
  number  = local.late.number
  dynamic = local.late
  list    = local.late.list
  set     = [local.late.text, "b"]
  map     = { k = local.late.number }
  object  = { name = local.late.text, number = 1 }
  one     = { key = local.late.text }
  many    = [local.late.element, { key = "l" }]
  some    = [local.late.element, { key = local.late.text }]
  named   = { x = { key = local.late.text } }
}
"#,
        );
        let values = work.state("probe_echo.a")["values"].clone();
        assert_eq!(values["dynamic"]["number"], json!(0.1));
        assert_eq!(values["set"], json!(["b", "t"]));
        assert_eq!(values["many"][0]["weight"], 3);
        assert_eq!(values["some"].as_array().map(Vec::len), Some(2));
    });
}

#[test]
fn elements_come_go_and_move() {
    with_each_cli(|work| {
        for elements in [
            "[]",
            "[{key=\"a\"}]",
            "[{key=\"b\"},{key=\"a\",weight=2}]",
            "[{key=\"a\",weight=2},{key=\"b\"}]",
            "[{key=\"b\"}]",
            "null",
        ] {
            work.apply(&format!(
                "resource \"probe_echo\" \"a\" {{\nid = \"a\"\nmany = {elements}\nsome = {elements}\n}}\n"
            ));
        }
    });
}

#[test]
fn a_dynamic_value_may_change_its_type() {
    with_each_cli(|work| {
        for value in ["true", "1.5", "\"x\"", "[]", "{}", "null", "[1, [\"x\"]]"] {
            work.apply(&format!("resource \"probe_echo\" \"a\" {{\nid = \"a\"\ndynamic = {value}\n}}\n"));
        }
    });
}

/// gRPC libraries refuse messages over 4 MiB unless told otherwise.
#[test]
fn a_large_value_fits() {
    with_each_cli(|work| {
        std::fs::write(work.path("work/large.txt"), "x".repeat(6 << 20)).expect("a file");
        work.write("resource \"probe_echo\" \"a\" {\nid = \"a\"\ntext = file(\"large.txt\")\n}\n");
        work.run(&["apply", "-auto-approve"]).ok();
        assert_eq!(work.run(&["plan", "-detailed-exitcode"]).code, 0);
    });
}

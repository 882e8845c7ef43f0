//! From a Rust type to a schema, and its values there and back.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::de::{Unknowns, from_value};
use super::ser::to_value;
use super::*;
use crate::{Attribute, Kind, Nesting, Path, Schema, Type, Value};

/// A machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Machine {
    /// Its name.
    name: String,
    #[serde(default = "two")]
    cores: u8,
    share: Option<f64>,
    #[schemars(extend("x-terraform" = {"computed": true, "keep_prior": true}))]
    id: Option<String>,
    #[schemars(extend("x-terraform" = {"computed": true, "optional": true}))]
    zone: Maybe<String>,
    #[schemars(extend("x-terraform" = {"write_only": true, "sensitive": true}))]
    key: Option<String>,
    #[serde(default)]
    class: Class,
    tags: BTreeSet<String>,
    labels: Option<BTreeMap<String, String>>,
    disks: Option<Vec<Disk>>,
    boot: Option<Disk>,
    anything: Option<serde_json::Value>,
    #[schemars(extend("x-terraform" = {"deprecated": "Use `name`."}))]
    title: Option<String>,
}

/// A disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Disk {
    /// GiB.
    size: u32,
    #[schemars(extend("x-terraform" = {"requires_replace": true}))]
    path: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Class {
    /// Slow.
    #[default]
    Economy,
    /// Fast.
    FirstClass,
}

fn two() -> u8 {
    2
}

fn disk() -> Vec<Attribute> {
    vec![
        Attribute::number("size").required().describe("GiB."),
        Attribute::string("path").optional().requires_replace(),
    ]
}

#[test]
fn a_schema_follows_from_the_type() {
    let derived = schema_of::<Machine>();
    assert_eq!(derived.check(), Vec::<String>::new());
    assert_eq!(derived.description, "A machine.");
    let found: BTreeMap<_, _> =
        derived.attributes.iter().map(|attribute| (attribute.name.as_str(), attribute)).collect();
    for mut expected in [
        Attribute::string("name").required().describe("Its name."),
        Attribute::number("cores").default_value(2),
        Attribute::number("share").optional(),
        Attribute::string("id").computed().keep_prior(),
        Attribute::string("zone").optional().computed(),
        Attribute::string("key").optional().write_only().sensitive(),
        Attribute::string("class").default_value("economy"),
        Attribute::new("tags", Type::set(Type::String)).required(),
        Attribute::new("labels", Type::map(Type::String)).optional(),
        Attribute::nested("disks", Nesting::List, disk()).optional(),
        Attribute::nested("boot", Nesting::Single, disk()).optional(),
        Attribute::new("anything", Type::Dynamic).optional(),
        Attribute::string("title").optional().deprecated("Use `name`."),
    ] {
        let mut found = found[expected.name.as_str()].clone();
        for attribute in [&mut found, &mut expected] {
            attribute.validators.clear();
            if let Kind::Nested { attributes, .. } = &mut attribute.kind {
                attributes.iter_mut().for_each(|child| child.validators.clear());
                attributes.sort_by(|a, b| a.name.cmp(&b.name));
            }
            if attribute.name == "boot" || attribute.name == "class" {
                attribute.description.clear(); // schemars takes the type's where the field has none
            }
        }
        assert_eq!(found, expected);
    }
    assert_eq!(derived.attributes.len(), 13);
}

#[test]
fn rules_follow_from_the_type() {
    let schema = schema_of::<Machine>();
    let mut config = schema.null_object();
    config.set(&Path::from("cores"), 256.into());
    config.set(&Path::from("class"), "third".into());
    config.set(&Path::from("disks"), Value::List(vec![Value::object([("size", Value::from(-1))])]));
    let mut found: Vec<_> =
        schema.validate(&config).into_iter().map(|diagnostic| diagnostic.detail).collect();
    found.sort();
    assert_eq!(
        found,
        [
            "`class` is `third`. Use one of `economy`, `first-class`",
            "`cores` is 256. Use a number from 0 to 255",
            "`disks[0].size` is -1. Use a number of at least 0",
        ]
    );
}

#[test]
fn what_has_no_form_is_a_fault_with_its_place() {
    /// An enum with data.
    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema counts")]
    enum Choice {
        One(String),
        Two { x: u8 },
    }
    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema counts")]
    struct Bad {
        choice: Choice,
        #[schemars(extend("x-terraform" = {"computd": true}))]
        typo: String,
    }
    let faults = schema_of::<Bad>().check();
    assert!(
        faults.iter().any(|fault| fault.starts_with("`choice` has a type Terraform has no form for")),
        "{faults:?}"
    );
    assert!(
        faults.iter().any(|fault| fault.starts_with("`typo` has the flag `computd`, which is none of")),
        "{faults:?}"
    );
}

fn machine() -> Machine {
    Machine {
        name: "m".to_owned(),
        cores: 4,
        share: Some(0.1),
        id: None,
        zone: Maybe::Unknown,
        key: None,
        class: Class::FirstClass,
        tags: BTreeSet::from(["a".to_owned()]),
        labels: Some(BTreeMap::from([("k".to_owned(), "v".to_owned())])),
        disks: Some(vec![Disk { size: 1, path: None }]),
        boot: None,
        anything: Some(json!({"x": [1, null]})),
        title: None,
    }
}

#[test]
fn a_model_becomes_a_value_and_comes_back() {
    let value = to_value(&machine(), &schema_of::<Machine>().ty()).expect("a value");
    assert_eq!(value.attr("share"), &Value::Number("0.1".parse().expect("a number")));
    assert_eq!(value.attr("zone"), &Value::Unknown);
    assert_eq!(value.attr("class").as_str(), Some("first-class"));
    assert_eq!(value.attr("tags"), &Value::Set(vec!["a".into()]));
    assert!(matches!(value.attr("labels"), Value::Map(_)));
    assert!(matches!(value.attr("anything"), Value::Dynamic(_)));
    assert_eq!(from_value::<Machine>(&value, Unknowns::Refused).expect("a model"), machine());
}

#[test]
fn unknown_goes_where_there_is_room() {
    let mut value = to_value(&machine(), &schema_of::<Machine>().ty()).expect("a value");
    value.set(&Path::from("id"), Value::Unknown);
    assert_eq!(from_value::<Machine>(&value, Unknowns::AsNone).expect("a model").id, None);
    let refused = from_value::<Machine>(&value, Unknowns::Refused).expect_err("no room");
    assert_eq!((refused.unknown, refused.path()), (true, Path::from("id")));
    value.set(&Path::from("disks").index(0).attribute("size"), Value::Unknown);
    let refused = from_value::<Machine>(&value, Unknowns::AsNone).expect_err("no room");
    assert_eq!(refused.path().to_string(), "disks[0].size");
}

#[test]
fn what_the_author_leaves_alone_keeps_what_the_type_cannot_hold() {
    let model = model::Model::<Machine>::new(|schema: Schema| schema);
    let mut planned = to_value(&machine(), &model.schema.ty()).expect("a value");
    planned.set(&Path::from("share"), Value::Number("0.1000000000000000000001".parse().expect("a number")));
    planned.set(&Path::from("id"), Value::Unknown);
    let mut machine = model.read(&planned).expect("a model");
    let before = model.write(&machine).expect("a value");
    machine.zone = Maybe::Known("z".to_owned());
    let mut expected = planned.clone();
    expected.set(&Path::from("zone"), "z".into());
    assert_eq!(model.changed(&planned, &before, &machine), Ok(expected));
}

#[test]
fn maybe_reads_plain_json_too() {
    for (json, expected) in [(json!("x"), Maybe::Known("x".to_owned())), (json!(null), Maybe::Null)] {
        assert_eq!(serde_json::from_value::<Maybe<String>>(json.clone()).expect("fits"), expected);
        assert_eq!(serde_json::to_value(&expected).expect("fits"), json);
    }
}

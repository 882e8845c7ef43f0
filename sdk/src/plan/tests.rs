//! Tables over the plan steps. `"?"` stands for unknown; every plan must also pass core's own rules.

mod core;

use serde_json::{Value as Json, json};

use super::*;
use crate::{Attribute, Nesting, Type};

/// The value of type `ty` that `json` spells, `"?"` being unknown.
fn value(json: &Json, ty: &Type) -> Value {
    match (json, ty) {
        (Json::String(text), _) if text == "?" => Value::Unknown,
        (Json::Array(elements), Type::List(ty)) => {
            Value::List(elements.iter().map(|json| value(json, ty)).collect())
        }
        (Json::Array(elements), Type::Set(ty)) => {
            Value::Set(elements.iter().map(|json| value(json, ty)).collect())
        }
        (Json::Object(fields), Type::Map(ty)) => {
            Value::map(fields.iter().map(|(key, json)| (key, value(json, ty))))
        }
        (Json::Object(fields), Type::Object(types)) => Value::object(
            types.iter().map(|(name, ty)| (name, value(fields.get(name).unwrap_or(&Json::Null), ty))),
        ),
        (json, ty) => Value::from_json(json, ty).expect("a value of the type"),
    }
}

fn ignoring_case(a: &Value, b: &Value) -> bool {
    a.as_str().zip(b.as_str()).is_some_and(|(a, b)| a.eq_ignore_ascii_case(b))
}

/// Elements of `ports`, in every kind of nesting.
fn port() -> Vec<Attribute> {
    vec![
        Attribute::number("port").required(),
        Attribute::string("protocol").default_value("tcp"),
        Attribute::string("zone").optional().equal(ignoring_case),
        Attribute::string("address").optional().computed(),
    ]
}

fn schema() -> Schema {
    Schema::new([
        Attribute::string("name").optional().requires_replace(),
        Attribute::string("id").computed().keep_prior(),
        Attribute::string("revision").computed(),
        Attribute::string("size").default_value("small"),
        Attribute::string("memory").optional().equal(ignoring_case),
        Attribute::string("region").optional().computed(),
        Attribute::string("token").optional().write_only(),
        Attribute::nested("one", Nesting::Single, port()).optional(),
        Attribute::nested("list", Nesting::List, port()).optional(),
        Attribute::nested("set", Nesting::Set, port()).optional(),
        Attribute::nested("map", Nesting::Map, port()).optional(),
        Attribute::nested("status", Nesting::Single, [Attribute::string("phase").computed()]).computed(),
    ])
}

/// Plans a change, checks it by core's rules, and compares it.
fn check(case: &str, config: Json, prior: Json, proposed: Json, planned: Json, replace: &[&str]) {
    let schema = schema();
    assert_eq!(schema.check(), Vec::<String>::new());
    let of = |json: &Json| value(json, &schema.ty());
    let (config, prior) = (of(&config), of(&prior));
    let (found, paths) = propose(&schema, &config, &prior, of(&proposed));
    assert_eq!(found, of(&planned), "{case}");
    assert_eq!(paths.iter().map(Path::to_string).collect::<Vec<_>>(), replace, "{case}");
    assert_eq!(core::faults(&schema.attributes, &config, &prior, &found), Vec::<String>::new(), "{case}");
}

#[test]
fn a_new_resource_gets_defaults_and_unknowns() {
    check(
        "all by default",
        json!({}),
        json!(null),
        json!({}),
        json!({"id": "?", "revision": "?", "size": "small", "region": "?", "status": "?"}),
        &[],
    );
    check(
        "configured values stand, write-only ones go",
        json!({"name": "a", "size": "?", "region": "r", "token": "secret"}),
        json!(null),
        json!({"name": "a", "size": "?", "region": "r", "token": "secret"}),
        json!({"name": "a", "id": "?", "revision": "?", "size": "?", "region": "r", "status": "?"}),
        &[],
    );
}

#[test]
fn an_unchanged_resource_has_an_empty_plan() {
    let state = json!({"id": "1", "revision": "7", "size": "small", "memory": "1gi", "region": "r",
        "status": {"phase": "on"}, "set": [{"port": 1, "protocol": "tcp", "zone": "A", "address": "x"}]});
    for (case, config, proposed) in [
        (
            "same spelling",
            json!({"memory": "1gi", "set": [{"port": 1, "zone": "A"}]}),
            json!({"id": "1", "revision": "7", "memory": "1gi", "region": "r", "status": {"phase": "on"},
                "set": [{"port": 1, "protocol": "tcp", "zone": "A", "address": "x"}]}),
        ),
        (
            "another spelling, which core takes for another element",
            json!({"memory": "1Gi", "set": [{"port": 1, "zone": "a"}]}),
            json!({"id": "1", "revision": "7", "memory": "1Gi", "region": "r", "status": {"phase": "on"},
                "set": [{"port": 1, "zone": "a"}]}),
        ),
    ] {
        check(case, config, state.clone(), proposed, state.clone(), &[]);
    }
}

#[test]
fn a_change_makes_computed_values_unknown_but_those_that_stay() {
    let prior =
        json!({"id": "1", "revision": "7", "size": "small", "region": "r", "status": {"phase": "on"}});
    check(
        "size",
        json!({"size": "large"}),
        prior.clone(),
        json!({"id": "1", "revision": "7", "size": "large", "region": "r", "status": {"phase": "on"}}),
        json!({"id": "1", "revision": "?", "size": "large", "region": "?", "status": "?"}),
        &[],
    );
    check(
        "back to the default",
        json!({}),
        json!({"id": "1", "revision": "7", "size": "large", "region": "r"}),
        json!({"id": "1", "revision": "7", "size": "large", "region": "r"}),
        json!({"id": "1", "revision": "?", "size": "small", "region": "?", "status": "?"}),
        &[],
    );
    check(
        "a name that is not known yet",
        json!({"name": "?"}),
        prior,
        json!({"name": "?", "id": "1", "revision": "7", "size": "small", "region": "r"}),
        json!({"name": "?", "id": "1", "revision": "?", "size": "small", "region": "?", "status": "?"}),
        &["name"],
    );
    check(
        "an id that was never set is not promised to stay so",
        json!({"size": "large"}),
        json!({"size": "small"}),
        json!({"size": "large"}),
        json!({"id": "?", "revision": "?", "size": "large", "region": "?", "status": "?"}),
        &[],
    );
}

#[test]
fn nested_objects_are_planned_by_the_same_rules() {
    let new = json!({"port": 1, "protocol": "tcp", "address": "?"});
    let rest = |mut nested: Json| {
        nested["id"] = json!("?");
        nested["revision"] = json!("?");
        nested["size"] = json!("small");
        nested["region"] = json!("?");
        nested["status"] = json!("?");
        nested
    };
    for (case, config, planned) in [
        ("single", json!({"one": {"port": 1}}), json!({"one": new})),
        ("list", json!({"list": [{"port": 1}, {"port": 1}]}), json!({"list": [new, new]})),
        ("map", json!({"map": {"k": {"port": 1}}}), json!({"map": {"k": new}})),
        ("set", json!({"set": [{"port": 1}]}), json!({"set": [new]})),
        ("empty list", json!({"list": []}), json!({"list": []})),
        ("unknown list", json!({"list": "?"}), json!({"list": "?"})),
        ("unknown object", json!({"one": "?"}), json!({"one": "?"})),
        ("unknown element", json!({"list": ["?"]}), json!({"list": ["?"]})),
        ("unknown element of a set", json!({"set": ["?", {"port": 1}]}), json!({"set": ["?", new]})),
    ] {
        check(case, config.clone(), json!(null), config, rest(planned), &[]);
    }
}

#[test]
fn defaults_in_a_set_belong_to_the_element_they_were_left_out_of() {
    check(
        "two elements that differ only in what one leaves to the default",
        json!({"set": [{"port": 1}, {"port": 1, "protocol": "udp"}, {"port": 2}]}),
        json!(null),
        json!({"set": [{"port": 2}, {"port": 1}, {"port": 1, "protocol": "udp"}]}),
        json!({"id": "?", "revision": "?", "size": "small", "region": "?", "status": "?", "set": [
            {"port": 1, "protocol": "tcp", "address": "?"},
            {"port": 1, "protocol": "udp", "address": "?"},
            {"port": 2, "protocol": "tcp", "address": "?"},
        ]}),
        &[],
    );
}

#[test]
fn a_nested_default_gets_the_defaults_inside_it() {
    let mut one =
        Attribute::nested("one", Nesting::Single, port()).default_value(Value::object([("port", 1.into())]));
    let schema = Schema::new([one.clone()]);
    assert_eq!(schema.check(), Vec::<String>::new());
    let of = |json: Json| value(&json, &schema.ty());
    let (planned, _) = propose(&schema, &of(json!({})), &Value::Null, of(json!({})));
    assert_eq!(planned, of(json!({"one": {"port": 1, "protocol": "tcp", "address": "?"}})));
    let prior = of(json!({"one": {"port": 1, "protocol": "tcp", "address": "x"}}));
    assert_eq!(propose(&schema, &of(json!({})), &prior, prior.clone()), (prior.clone(), vec![]));
    one.default = Some("text".into());
    assert_eq!(Schema::new([one]).check(), ["`one` has a default of another type"]);
}

#[test]
fn read_keeps_the_spelling_of_what_means_the_same() {
    let schema = schema();
    let of = |json: Json| value(&json, &schema.ty());
    for (case, before, now, kept) in [
        ("spelling", json!({"memory": "1GI"}), json!({"memory": "1gi"}), json!({"memory": "1GI"})),
        ("change", json!({"memory": "1GI"}), json!({"memory": "2gi"}), json!({"memory": "2gi"})),
        ("null for empty", json!({"list": []}), json!({}), json!({"list": []})),
        ("empty for null", json!({}), json!({"map": {}}), json!({})),
        (
            "nested",
            json!({"one": {"port": 1, "zone": "A"}}),
            json!({"one": {"port": 2, "zone": "a"}}),
            json!({"one": {"port": 2, "zone": "A"}}),
        ),
        (
            "set in another order",
            json!({"set": [{"port": 1, "zone": "A"}, {"port": 2, "zone": "B"}]}),
            json!({"set": [{"port": 2, "zone": "b"}, {"port": 3}]}),
            json!({"set": [{"port": 2, "zone": "B"}, {"port": 3}]}),
        ),
        ("planned unknown", json!({"revision": "?"}), json!({"revision": "8"}), json!({"revision": "8"})),
    ] {
        let mut result = of(now);
        keep_spelling(&schema.attributes, &of(before), &mut result);
        assert_eq!(result, of(kept), "{case}");
    }
}

#[test]
fn replacement_is_listed_by_path() {
    let attributes = |replace: Attribute| vec![Attribute::number("port").required(), replace];
    let zone = || Attribute::string("zone").optional().requires_replace();
    let schema = Schema::new([
        Attribute::nested("list", Nesting::List, attributes(zone())).optional(),
        Attribute::nested("map", Nesting::Map, attributes(zone())).optional(),
        Attribute::nested("set", Nesting::Set, attributes(zone())).optional(),
    ]);
    let of = |json: Json| value(&json, &schema.ty());
    for (prior, planned, expected) in [
        (json!({"list": [{"zone": "a"}]}), json!({"list": [{"zone": "b"}]}), &["list[0].zone"][..]),
        (json!({"list": [{"port": 1}]}), json!({"list": [{"port": 2}]}), &[]),
        (json!({"list": [{}]}), json!({"list": [{}, {"zone": "?"}]}), &["list[1].zone"]),
        (json!({"map": {"k": {"zone": "a"}}}), json!({}), &[r#"map["k"].zone"#]),
        (json!({"set": [{"port": 1}]}), json!({"set": [{"port": 2}]}), &["set"]),
    ] {
        let paths = replace::paths(&schema.attributes, &of(prior), &of(planned));
        assert_eq!(paths.iter().map(Path::to_string).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn write_only_values_are_found_removed_and_given_back() {
    let schema = Schema::new([Attribute::nested(
        "list",
        Nesting::List,
        [Attribute::string("user").optional(), Attribute::string("password").optional().write_only()],
    )
    .optional()]);
    let of = |json: Json| value(&json, &schema.ty());
    let config = of(json!({"list": [{"user": "a"}, {"user": "b", "password": "p"}]}));
    let paths = configured_write_only(&schema.attributes, &config, &Path::root());
    assert_eq!(paths.iter().map(Path::to_string).collect::<Vec<_>>(), ["list[1].password"]);
    let mut planned = config.clone();
    remove_write_only(&schema.attributes, &mut planned);
    assert_eq!(planned, of(json!({"list": [{"user": "a"}, {"user": "b"}]})));
    assert_eq!(with_write_only(&schema.attributes, &config, planned), config);
}

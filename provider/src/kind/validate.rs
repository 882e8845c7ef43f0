//! Checks of what a user wrote, without a cluster: each fault names the attribute, the value and the fix.
//!
//! Only known values are looked at; what is unknown now is checked again when it is known.

use neuralinverse_api::{Duration, Quantity};
use regex::Regex;
use tf_provider_sdk::{Diagnostic, Diagnostics, Path, Step, Value};

use super::{
    object::parse_duration,
    schema::Model,
    shape::{Field, Number, Shape, Size, Text},
};
use crate::error::At;

/// The faults of a whole resource.
pub fn resource(model: &Model, config: &Value) -> Diagnostics {
    let mut faults = Diagnostics::new();
    for (attribute, namespace) in [("name", false), ("namespace", true)] {
        if let Some(text) = config.attr(attribute).as_str()
            && let Some(problem) = name_problem(text, namespace)
        {
            let value = config.attr(attribute);
            faults.push(Fault::new(&attribute.into(), value, problem).diagnostic(""));
        }
    }
    fields(&model.spec, config, &Path::root(), &mut faults);
    for operation in ["create", "update", "delete"] {
        let value = config.attr("timeouts").attr(operation);
        if value.as_str().is_some_and(|text| parse_duration(text).is_none()) {
            let path = Path::from("timeouts").attribute(operation);
            let fix =
                "is not a duration: write numbers with the units `h`, `m` and `s`, such as `90s` or `10m`";
            faults.push(Fault::new(&path, value, fix).diagnostic(""));
        }
    }
    faults
}

/// Kubernetes' rules for names, which make up URLs.
fn name_problem(text: &str, namespace: bool) -> Option<String> {
    let (longest, dots) = if namespace { (63, "") } else { (253, ".") };
    let allowed = |letter: char| {
        letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-' || dots.contains(letter)
    };
    let ends = |letter: Option<char>| letter.is_some_and(|it| it.is_ascii_lowercase() || it.is_ascii_digit());
    let fine = text.len() <= longest
        && text.chars().all(allowed)
        && text.split('.').all(|part| ends(part.chars().next()) && ends(part.chars().last()));
    (!fine).then(|| {
        let dots = if namespace { "" } else { ", dots" };
        format!("is not a name: write 1 to {longest} lower case letters, digits{dots} and hyphens, a letter or digit at both ends")
    })
}

/// The faults of an object's fields.
pub fn fields(fields: &[Field], object: &Value, path: &Path, faults: &mut Diagnostics) {
    for field in fields {
        let path = path.attribute(&field.attribute);
        let mut found = Vec::new();
        check(&field.shape, object.attr(&field.attribute), &path, &mut found, faults);
        faults.extend(found.into_iter().map(|fault| fault.diagnostic(&field.description)));
    }
}

/// A value that the schema does not allow.
struct Fault {
    path: Path,
    value: String,
    /// What is wrong with it, and what to write instead.
    problem: String,
}

impl Fault {
    fn new(path: &Path, value: &Value, problem: impl Into<String>) -> Self {
        Self { path: path.clone(), value: show(value), problem: problem.into() }
    }

    fn diagnostic(self, description: &str) -> Diagnostic {
        let Self { path, value, problem } = self;
        let meaning: String = description.split_whitespace().collect::<Vec<_>>().join(" ");
        Diagnostic::error(
            format!("Invalid value for `{}`", name(&path)),
            format!("`{path}`: {value} {problem}.\n\n{meaning}").trim_end().to_owned(),
        )
        .at_line(&path)
    }
}

fn check(shape: &Shape, value: &Value, path: &Path, found: &mut Vec<Fault>, faults: &mut Diagnostics) {
    match (shape, value) {
        (_, Value::Null | Value::Unknown) => {}
        (Shape::Text(rules), Value::String(text)) => {
            found.extend(text_problem(rules, text).map(|problem| Fault::new(path, value, problem)));
        }
        (Shape::Quantity, Value::String(text)) if text.parse::<Quantity>().is_err() => {
            let fix = "is not a quantity: write a number with an optional unit, such as `2`, `500m` or `4Gi`";
            found.push(Fault::new(path, value, fix));
        }
        (Shape::Duration, Value::String(text)) if text.parse::<Duration>().is_err() => {
            let fix = "is not a duration: write hours, minutes and seconds, such as `30m`, `8h` or `1h30m`";
            found.push(Fault::new(path, value, fix));
        }
        (Shape::Number(rules), Value::Number(number)) => {
            let float = number.to_f64().unwrap_or(f64::INFINITY);
            let problem = number_problem(*rules, float, number.to_i64().is_some());
            found.extend(problem.map(|problem| Fault::new(path, value, problem)));
        }
        (Shape::Object(inner), Value::Object(_)) => fields(inner, value, path, faults),
        (Shape::List { item, size, .. }, Value::List(elements) | Value::Set(elements)) => {
            let problem = size_problem(*size, elements.len(), ["element", "elements"]);
            found.extend(problem.map(|problem| Fault::new(path, value, problem)));
            children(item, value, path, found, faults);
        }
        (Shape::Map { value: item, size }, Value::Map(entries)) => {
            let problem = size_problem(*size, entries.len(), ["entry", "entries"]);
            found.extend(problem.map(|problem| Fault::new(path, value, problem)));
            children(item, value, path, found, faults);
        }
        _ => {}
    }
}

fn children(item: &Shape, value: &Value, path: &Path, found: &mut Vec<Fault>, faults: &mut Diagnostics) {
    for (step, child) in value.children() {
        // The protocol has no name for an element of a set.
        let path = step.map_or_else(|| path.clone(), |step: Step| path.step(step));
        if matches!(child, Value::Null) {
            found.push(Fault::new(&path, child, "has no meaning in a list or map: leave it out"));
        }
        check(item, child, &path, found, faults);
    }
}

fn text_problem(rules: &Text, text: &str) -> Option<String> {
    if !rules.one_of.is_empty() {
        let values: Vec<String> = rules.one_of.iter().map(|value| format!("`{value}`")).collect();
        let allowed = rules.one_of.iter().any(|value| value == text);
        return (!allowed).then(|| format!("is not allowed: write one of {}", values.join(", ")));
    }
    size_problem(rules.size, text.chars().count(), ["character", "characters"]).or_else(|| {
        let pattern = rules.pattern.as_deref()?;
        // A pattern that this engine does not know is left to the API server.
        let matches = Regex::new(pattern).map_or(true, |regex| regex.is_match(text));
        (!matches).then(|| format!("must match `{pattern}`"))
    })
}

fn number_problem(rules: Number, number: f64, whole: bool) -> Option<String> {
    if rules.whole && !whole {
        return Some("must be a whole number".to_owned());
    }
    let range = match (rules.min, rules.max) {
        (Some(min), Some(max)) => format!("write a number from {min} to {max}"),
        (Some(min), None) => format!("write {min} or more"),
        (None, Some(max)) => format!("write {max} or less"),
        (None, None) => return None,
    };
    if rules.min.is_some_and(|min| number < min) {
        return Some(format!("is too small: {range}"));
    }
    rules.max.is_some_and(|max| number > max).then(|| format!("is too large: {range}"))
}

fn size_problem(size: Size, count: usize, [one, many]: [&str; 2]) -> Option<String> {
    let of = |count: u64| format!("{count} {}", if count == 1 { one } else { many });
    let count = count as u64;
    let short =
        size.min.filter(|min| count < *min).map(|min| format!("is too short: write at least {}", of(min)));
    let long = || size.max.filter(|max| count > *max);
    short
        .or_else(|| long().map(|max| format!("is too long: it has {}, write at most {}", of(count), of(max))))
}

/// The attribute that a path ends in.
pub fn name(path: &Path) -> &str {
    let attribute = path.steps().iter().rev().find_map(|step| match step {
        Step::Attribute(name) => Some(name.as_str()),
        _ => None,
    });
    attribute.unwrap_or_default()
}

/// A value as a user would write it, cut where it gets long.
pub fn show(value: &Value) -> String {
    let text = match value {
        Value::String(text) => format!("{text:?}"),
        Value::Number(number) => number.to_string(),
        Value::Bool(bool) => bool.to_string(),
        Value::Null => "null".to_owned(),
        Value::List(_) | Value::Set(_) => "the list".to_owned(),
        Value::Map(_) | Value::Object(_) => "the map".to_owned(),
        _ => "the value".to_owned(),
    };
    if text.chars().count() <= 100 { text } else { text.chars().take(100).chain("…".chars()).collect() }
}

#[cfg(test)]
mod tests {
    use neuralinverse_api::Kind;

    use super::*;

    fn faults(kind: &str, object: Value) -> Vec<String> {
        let kind = Kind::all().into_iter().find(|it| it.name() == kind).unwrap();
        let shape = Shape::parse(&kind.spec_schema());
        let mut faults = Diagnostics::new();
        fields(shape.fields(), &object, &Path::root(), &mut faults);
        faults.into_iter().map(|fault| fault.detail.lines().next().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn each_fault_names_attribute_value_and_fix() {
        let long = "x".repeat(64);
        for (kind, attribute, value, text) in [
            (
                "WorkspaceTier",
                "memory",
                Value::from("abc"),
                r#"`memory`: "abc" is not a quantity: write a number with an optional unit, such as `2`, `500m` or `4Gi`."#,
            ),
            ("WarmPool", "size", Value::from(-1), "`size`: -1 is too small: write a number from 0 to 1000."),
            (
                "WarmPool",
                "size",
                Value::Number("1.5".parse().unwrap()),
                "`size`: 1.5 must be a whole number.",
            ),
            (
                "Workspace",
                "run_policy",
                Value::from("Sometimes"),
                r#"`run_policy`: "Sometimes" is not allowed: write one of `Always`, `OnDemand`, `Stopped`."#,
            ),
            (
                "Workspace",
                "repository",
                Value::object([("url", Value::from("git@host:a.git"))]),
                r#"`repository.url`: "git@host:a.git" must match `^https?://[^@\s]+$`."#,
            ),
            (
                "Workspace",
                "env",
                Value::map([("A", Value::Null)]),
                r#"`env["A"]`: null has no meaning in a list or map: leave it out."#,
            ),
            (
                "Workspace",
                "tier",
                Value::from(long.as_str()),
                &format!("`tier`: {long:?} is too long: it has 64 characters, write at most 63 characters."),
            ),
            (
                "WorkspaceNodePool",
                "static",
                Value::object([("node_selector", Value::map::<&str>([]))]),
                "`static.node_selector`: the map is too short: write at least 1 entry.",
            ),
            (
                "Region",
                "workspace_namespaces",
                Value::List(vec!["ok".into(), "Not ok".into()]),
                r#"`workspace_namespaces[1]`: "Not ok" must match `^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`."#,
            ),
        ] {
            let found = faults(kind, Value::object([(attribute, value)]));
            assert_eq!(found, [text]);
        }
    }

    #[test]
    fn names_keep_kubernetes_rules() {
        for (text, namespace, fine) in [
            ("base", false, true),
            ("a.b-c.1", false, true),
            ("a.b", true, false),
            ("Base", false, false),
            ("-a", false, false),
            ("a..b", false, false),
            ("a/b", false, false),
            ("", false, false),
            (&"a".repeat(64), true, false),
        ] {
            assert_eq!(name_problem(text, namespace).is_none(), fine, "{text}");
        }
    }

    #[test]
    fn what_is_unknown_or_left_out_is_no_fault() {
        let object = Value::object([("memory", Value::Unknown), ("cpu", Value::Null)]);
        assert_eq!(faults("WorkspaceTier", object), [""; 0]);
    }

    #[test]
    fn every_pattern_of_a_kind_is_one_that_we_can_check() {
        fn walk(shape: &Shape) {
            match shape {
                Shape::Text(Text { pattern: Some(pattern), .. }) => {
                    Regex::new(pattern).unwrap();
                }
                Shape::List { item: inner, .. } | Shape::Map { value: inner, .. } => walk(inner),
                Shape::Object(fields) => fields.iter().for_each(|field| walk(&field.shape)),
                _ => {}
            }
        }
        Kind::all().iter().for_each(|kind| walk(&Shape::parse(&kind.spec_schema())));
    }
}

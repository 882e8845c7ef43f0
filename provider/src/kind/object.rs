//! Between a resource's attributes and the object in the cluster.

use std::time::Duration;

use neuralinverse_api::Kind;
use serde_json::{Value as Json, json};
use tf_provider_sdk::{Path, Value};

use super::{
    convert::{fields_json, object_of},
    managed_fields,
    schema::{DEFAULT_NAMESPACE, Model},
    shape::{Shape, Size, Text},
};
use crate::address::Address;

/// How long to wait when `timeouts` does not say.
const PATIENCE: Duration = Duration::from_secs(600);

impl Model {
    /// Where the object lives. None as long as its name is not known.
    pub fn address(&self, value: &Value) -> Option<Address> {
        let name = self.kind.singleton.or_else(|| value.attr("name").as_str())?;
        let namespace = match value.attr("namespace") {
            _ if !self.kind.namespaced() => None,
            Value::Null => Some(DEFAULT_NAMESPACE),
            other => Some(other.as_str()?),
        };
        Some(Address::of(&self.kind, namespace, name))
    }

    /// The object to apply: what is declared, defaults included, and nothing else, since all that it names
    /// becomes ours.
    pub fn object(&self, address: &Address, value: &Value) -> Json {
        let mut metadata = json!({ "name": address.name });
        if let Some(namespace) = &address.namespace {
            metadata["namespace"] = json!(namespace);
        }
        for name in ["labels", "annotations"] {
            if let Some(map) = text_map().json_of(value.attr(name)) {
                metadata[name] = map;
            }
        }
        json!({
            "apiVersion": address.api_version,
            "kind": address.kind,
            "metadata": metadata,
            "spec": fields_json(&self.spec, value),
        })
    }

    /// Whether everything that goes into the object is known.
    pub fn is_known(&self, value: &Value) -> bool {
        let known = |name: &str| value.attr(name).is_wholly_known();
        ["name", "namespace", "labels", "annotations"].into_iter().all(known)
            && self.spec.iter().all(|field| known(&field.attribute))
    }

    /// Labels, annotations and spec as they are in the cluster, as far as they are ours.
    pub fn ours(&self, live: &Json, prior: &Value) -> Vec<(String, Value)> {
        let none = Json::Null;
        let owned = managed_fields::owned(live).unwrap_or(&none);
        let metadata = |name: &str| {
            let (live, owned) = (&live["metadata"][name], &owned["f:metadata"][format!("f:{name}")]);
            let value = live.as_object().map_or(Value::Null, |entries| {
                managed_fields::map(&any_text(), entries, prior.attr(name), owned)
            });
            (name.to_owned(), value)
        };
        let spec = managed_fields::fields(&self.spec, &live["spec"], prior, &owned["f:spec"]);
        let spec = spec.as_fields().cloned().unwrap_or_default();
        [metadata("labels"), metadata("annotations")].into_iter().chain(spec).collect()
    }

    /// All of it, for an object that comes under our care.
    pub fn all(&self, live: &Json) -> Vec<(String, Value)> {
        let metadata = |name: &str| {
            let entries = live["metadata"][name].as_object().into_iter().flatten();
            // kubectl's own notes are nobody's wish.
            let entries: Vec<_> = entries
                .filter(|(key, _)| !key.starts_with("kubectl.kubernetes.io/"))
                .map(|(key, value)| (key.clone(), any_text().value_of(value)))
                .collect();
            let value = if entries.is_empty() { Value::Null } else { Value::map(entries) };
            (name.to_owned(), value)
        };
        let spec = object_of(&self.spec, &live["spec"]);
        [metadata("labels"), metadata("annotations")].into_iter().chain(spec).collect()
    }

    /// The status attribute.
    pub fn status(&self, live: &Json) -> Value {
        self.status.value_of(&live["status"])
    }

    /// The attribute that stands for a field of the object, such as `.spec.env["A"]` or `spec.tier`.
    pub fn attribute(&self, field: &str) -> Option<Path> {
        let steps = steps(field);
        let mut steps = steps.iter().map(String::as_str);
        match (steps.next()?, steps.next()) {
            ("metadata", Some(name @ ("name" | "namespace" | "labels" | "annotations"))) => Some(name.into()),
            ("spec", Some(first)) => {
                let field = self.spec.iter().find(|it| it.json == first)?;
                Some(walk(&field.shape, Path::from(field.attribute.as_str()), steps))
            }
            _ => None,
        }
    }
}

/// What the resource sets on top of the object's own attributes.
pub fn timeout(value: &Value, operation: &str) -> Duration {
    let text = value.attr("timeouts").attr(operation);
    text.as_str().and_then(parse_duration).unwrap_or(PATIENCE)
}

/// `1h30m` → 90 minutes.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut seconds = 0_u64;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit())?;
        let unit = match rest.get(digits..=digits)? {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return None,
        };
        seconds = seconds.checked_add(rest[..digits].parse::<u64>().ok()?.checked_mul(unit)?)?;
        rest = &rest[digits + 1..];
    }
    (!text.is_empty()).then(|| Duration::from_secs(seconds))
}

/// The attributes of `base` with those of `changes`.
pub fn with(base: &Value, changes: impl IntoIterator<Item = (String, Value)>) -> Value {
    let mut fields = base.as_fields().cloned().unwrap_or_default();
    fields.extend(changes);
    Value::Object(fields)
}

/// How the kind is called in a command line.
pub fn import_id(kind: &Kind, region: &str, address: &Address) -> String {
    match &address.namespace {
        Some(namespace) => format!("{region}/{namespace}/{}", address.name),
        None if kind.singleton.is_some() => region.to_owned(),
        None => format!("{region}/{}", address.name),
    }
}

fn any_text() -> Shape {
    Shape::Text(Text::default())
}

fn text_map() -> Shape {
    Shape::Map { value: Box::new(any_text()), size: Size::default() }
}

/// `.spec.env["A.B"]` and `spec.tiers[0]` → their names and keys.
fn steps(field: &str) -> Vec<String> {
    let mut steps = Vec::new();
    let (mut step, mut in_brackets) = (String::new(), false);
    for letter in field.chars() {
        match letter {
            '[' | ']' => {
                steps.push(std::mem::take(&mut step));
                in_brackets = letter == '[';
            }
            '.' if !in_brackets => steps.push(std::mem::take(&mut step)),
            '"' => {}
            other => step.push(other),
        }
    }
    steps.push(step);
    steps.retain(|step| !step.is_empty());
    steps
}

fn walk<'a>(shape: &Shape, path: Path, mut steps: impl Iterator<Item = &'a str>) -> Path {
    let Some(step) = steps.next() else { return path };
    match shape {
        Shape::Object(fields) => match fields.iter().find(|field| field.json == step) {
            Some(field) => walk(&field.shape, path.attribute(&field.attribute), steps),
            None => path,
        },
        Shape::Map { value, .. } => walk(value, path.key(step), steps),
        Shape::List { item, set: false, .. } => match step.parse() {
            Ok(index) => walk(item, path.index(index), steps),
            Err(_) => path,
        },
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(name: &str) -> Model {
        Model::new(Kind::all().into_iter().find(|kind| kind.name() == name).unwrap())
    }

    #[test]
    fn fields_that_a_server_names_lead_to_attributes() {
        let workspace = model("Workspace");
        for (field, attribute) in [
            (".spec.runPolicy", "run_policy"),
            ("spec.env[A.B]", r#"env["A.B"]"#),
            (".spec.env[\"A.B\"]", r#"env["A.B"]"#),
            ("spec.envFrom[1].name", "env_from[1].name"),
            ("spec.repository.credentialsSecretRef.name", "repository.credentials_secret_ref.name"),
            ("spec.repository.unheardOf", "repository"),
            (".metadata.labels.app", "labels"),
        ] {
            let path = workspace.attribute(field).map(|path| path.to_string());
            assert_eq!(path.as_deref(), Some(attribute), "{field}");
        }
        assert_eq!(workspace.attribute("status.pod"), None);
        assert_eq!(workspace.attribute("<nil>"), None);
    }

    #[test]
    fn durations_are_read_and_nonsense_is_not() {
        for (text, seconds) in [("90s", 90), ("1h30m", 5400), ("0s", 0)] {
            assert_eq!(parse_duration(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "10", "m", "10 m", "-5s", "1d", "99999999999999999999s"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn an_object_holds_what_is_declared_and_nothing_else() {
        let pool = model("WarmPool");
        let value = Value::object([
            ("name", Value::from("base")),
            ("namespace", Value::from("team")),
            ("labels", Value::map([("a", Value::from("b"))])),
            ("annotations", Value::Null),
            ("tier", "starter".into()),
            ("template", "base".into()),
            ("size", 3.into()),
            ("wait", true.into()),
        ]);
        let address = pool.address(&value).unwrap();
        let expected = json!({
            "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "WarmPool",
            "metadata": { "name": "base", "namespace": "team", "labels": { "a": "b" } },
            "spec": { "tier": "starter", "template": "base", "size": 3 },
        });
        assert_eq!(pool.object(&address, &value), expected);
    }
}

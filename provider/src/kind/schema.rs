//! The Terraform schema of a kind: its spec's fields beside what every kind has.

use std::str::FromStr;

use neuralinverse_api::{Duration, Kind, Quantity};
use tf_provider_sdk::{Attribute, Nesting, Schema, Type, Value};

use super::shape::{Field, Shape};

/// The namespace of objects that name none.
pub const DEFAULT_NAMESPACE: &str = "workspaces";

/// What the provider reads from a kind once.
#[derive(Clone, Debug)]
pub struct Model {
    /// The kind.
    pub kind: Kind,
    /// Fields of the spec.
    pub spec: Vec<Field>,
    /// Fields of the status, without those that only matter to programs.
    pub status: Shape,
}

impl Model {
    /// Reads the kind.
    pub fn new(kind: Kind) -> Self {
        let spec = Shape::parse(&kind.spec_schema()).fields().to_vec();
        let status = status(&Shape::parse(&kind.status_schema()));
        Self { kind, spec, status }
    }

    /// Schema of the managed resource.
    pub fn resource_schema(&self) -> Schema {
        let mut attributes = self.identity(true);
        attributes.extend(metadata().map(Attribute::optional));
        attributes.extend(self.spec.iter().map(attribute));
        attributes.extend(behaviour());
        attributes.push(self.status_attribute());
        Schema::new(attributes).describe(self.description())
    }

    /// Schema of the data source: the same, to be read only.
    pub fn data_source_schema(&self) -> Schema {
        let mut attributes = self.identity(false);
        attributes.extend(metadata().map(Attribute::computed));
        attributes.extend(self.spec.iter().map(read_only));
        attributes.push(self.status_attribute());
        Schema::new(attributes).describe(self.description())
    }

    /// One paragraph on the kind.
    pub fn description(&self) -> String {
        self.kind.spec_schema()["description"].as_str().unwrap_or_default().to_owned()
    }

    fn identity(&self, managed: bool) -> Vec<Attribute> {
        let name = Attribute::string("name");
        let mut attributes = vec![match self.kind.singleton {
            Some(only) => name.computed().keep_prior().describe(format!("Always `{only}`.")),
            None => name.required().describe("Name of the object."),
        }];
        if self.kind.namespaced() {
            let namespace = Attribute::string("namespace").describe("Namespace of the object.");
            attributes.push(namespace.default_value(DEFAULT_NAMESPACE));
        }
        attributes.push(Attribute::string("region").optional().computed().keep_prior().describe(
            "Region that the object lives in: a key of the provider's `regions`. May be left out when there is one.",
        ));
        if managed {
            attributes.iter_mut().for_each(|it| it.requires_replace = true);
        }
        attributes
    }

    fn status_attribute(&self) -> Attribute {
        let children = self.status.fields().iter().map(read_only);
        Attribute::nested("status", Nesting::Single, children)
            .computed()
            .describe("What the controller saw last.")
    }
}

fn metadata() -> impl Iterator<Item = Attribute> {
    [
        Attribute::new("labels", Type::map(Type::String)).describe("Labels of the object."),
        Attribute::new("annotations", Type::map(Type::String)).describe("Annotations of the object."),
    ]
    .into_iter()
}

/// Attributes that tell the provider what to do; they are in no object.
fn behaviour() -> [Attribute; 3] {
    let duration = |name: &str, what: &str| {
        Attribute::string(name)
            .optional()
            .describe(format!("How long to wait {what}, such as `90s` or `10m`."))
    };
    [
        Attribute::bool("wait")
            .default_value(true)
            .describe("Whether to wait until the object is `Ready` after a create or an update. Default: `true`."),
        Attribute::bool("force_conflicts").default_value(false).describe(
            "Whether to take over fields that another manager set to another value, instead of failing. Default: `false`.",
        ),
        Attribute::nested(
            "timeouts",
            Nesting::Single,
            [
                duration("create", "for a new object to be ready"),
                duration("update", "for a changed object to be ready"),
                duration("delete", "for the object to be gone"),
            ],
        )
        .optional()
        .describe("How long to wait; each is 10 minutes when left out."),
    ]
}

/// The attribute of a field as users write it.
pub fn attribute(field: &Field) -> Attribute {
    let mut attribute = plain(&field.attribute, &field.shape);
    attribute.description = describe(field);
    attribute.requires_replace = field.immutable;
    match &field.default {
        Some(default) => attribute.default_value(field.shape.value_of(default)),
        None if field.required => attribute.required(),
        None => attribute.optional(),
    }
}

fn plain(name: &str, shape: &Shape) -> Attribute {
    if let Some((mode, fields)) = objects(shape) {
        return Attribute::nested(name, mode, fields.iter().map(attribute));
    }
    let attribute = Attribute::new(name, ty(shape));
    match shape {
        Shape::Quantity => attribute.equal(same::<Quantity>),
        Shape::Duration => attribute.equal(same::<Duration>),
        _ => attribute,
    }
}

/// How objects are nested, where there are any.
fn objects(shape: &Shape) -> Option<(Nesting, &[Field])> {
    match shape {
        Shape::Object(fields) => Some((Nesting::Single, fields)),
        Shape::Map { value, .. } => match value.as_ref() {
            Shape::Object(fields) => Some((Nesting::Map, fields)),
            _ => None,
        },
        Shape::List { item, set, .. } => match item.as_ref() {
            Shape::Object(fields) if *set => Some((Nesting::Set, fields)),
            Shape::Object(fields) => Some((Nesting::List, fields)),
            _ => None,
        },
        _ => None,
    }
}

fn ty(shape: &Shape) -> Type {
    match shape {
        Shape::Text(_) | Shape::Quantity | Shape::Duration => Type::String,
        Shape::Number(_) => Type::Number,
        Shape::Bool => Type::Bool,
        Shape::List { item, set: true, .. } => Type::set(ty(item)),
        Shape::List { item, .. } => Type::list(ty(item)),
        Shape::Map { value, .. } => Type::map(ty(value)),
        Shape::Object(fields) => {
            Type::object(fields.iter().map(|field| (field.attribute.clone(), ty(&field.shape))))
        }
    }
}

fn describe(field: &Field) -> String {
    let mut text = field.description.clone();
    if let Shape::Text(rules) = &field.shape
        && !rules.one_of.is_empty()
    {
        let values: Vec<String> = rules.one_of.iter().map(|value| format!("`{value}`")).collect();
        text += &format!(" One of {}.", values.join(", "));
    }
    match &field.default {
        // The defaults of an object stand with its own fields.
        Some(default) if !default.is_object() => {
            let default = default.as_str().map_or_else(|| default.to_string(), str::to_owned);
            text += &format!(" Default: `{default}`.");
        }
        _ => {}
    }
    text
}

/// The attribute of a field that only the cluster sets.
fn read_only(field: &Field) -> Attribute {
    let mut attribute = plain(&field.attribute, &field.shape).computed().describe(&field.description);
    attribute.equal = None;
    if let (tf_provider_sdk::Kind::Nested { attributes, .. }, Some((_, fields))) =
        (&mut attribute.kind, objects(&field.shape))
    {
        *attributes = fields.iter().map(read_only).collect();
    }
    attribute
}

/// Whether both mean the same.
fn same<T: FromStr + PartialEq>(one: &Value, other: &Value) -> bool {
    let meaning = |value: &Value| value.as_str().and_then(|text| text.parse::<T>().ok());
    meaning(one).is_some_and(|one| Some(one) == meaning(other))
}

/// Generations and times say nothing to a reader of state and would change it at every refresh.
const NOISE: [&str; 2] = ["observedGeneration", "lastTransitionTime"];

/// Kubernetes' own words on conditions are for those who write controllers.
const CONDITION: [(&str, &str); 4] = [
    ("type", "Which condition."),
    ("status", "`True`, `False` or `Unknown`."),
    ("reason", "Why, for programs."),
    ("message", "Why, for people, with the next step."),
];

fn status(shape: &Shape) -> Shape {
    let kept = |field: &&Field| !NOISE.contains(&field.json.as_str());
    let fields = shape.fields().iter().filter(kept).map(|field| match &field.shape {
        Shape::List { item, set, size } if field.json == "conditions" => {
            let shape = Shape::List { item: Box::new(condition(item)), set: *set, size: *size };
            Field { shape, ..field.clone() }
        }
        _ => field.clone(),
    });
    Shape::Object(fields.collect())
}

fn condition(shape: &Shape) -> Shape {
    let fields = CONDITION.iter().filter_map(|(name, description)| {
        let field = shape.fields().iter().find(|field| field.json == *name)?;
        Some(Field { description: (*description).to_owned(), ..field.clone() })
    });
    Shape::Object(fields.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_is_one_that_the_cli_accepts() {
        for kind in Kind::all() {
            let model = Model::new(kind);
            assert_eq!(model.resource_schema().check(), [""; 0], "{}", model.kind.name());
            assert_eq!(model.data_source_schema().check(), [""; 0], "{}", model.kind.name());
        }
    }

    #[test]
    fn fields_of_a_spec_do_not_collide_with_what_every_kind_has() {
        for kind in Kind::all() {
            let model = Model::new(kind);
            let schema = model.resource_schema();
            let mut names: Vec<_> = schema.attributes.iter().map(|it| it.name.as_str()).collect();
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), count, "{}", model.kind.name());
        }
    }

    #[test]
    fn spellings_of_one_amount_are_equal() {
        assert!(same::<Duration>(&"90m".into(), &"1h30m".into()));
        assert!(!same::<Duration>(&"90m".into(), &"90s".into()));
        assert!(same::<Quantity>(&"1Gi".into(), &"1024Mi".into()));
        assert!(!same::<Quantity>(&"1Gi".into(), &"1G".into()));
        assert!(!same::<Quantity>(&"abc".into(), &"abc".into()));
    }
}

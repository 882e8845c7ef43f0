//! The rules that a kind's CRD states in CEL, checked without a cluster as the API server will check them.

use std::sync::OnceLock;

use kube::core::cel::{CompiledSchema, ErrorKind, ValidationError, compile_schema, validate_compiled};
use tf_provider_sdk::{Diagnostic, Path, Value};

use super::{
    schema::Model,
    validate::{name, show},
};
use crate::error::At;

/// The rules of one kind, compiled when first needed.
#[derive(Default)]
pub struct Rules(OnceLock<CompiledSchema>);

impl Rules {
    /// The rules that a configuration breaks. Only one that is wholly known can be judged; rules about a
    /// change are left to the server, which knows what was before.
    pub fn check(&self, model: &Model, config: &Value) -> Vec<Diagnostic> {
        let Some(address) = model.address(config).filter(|_| model.is_known(config)) else {
            return Vec::new();
        };
        let schema = self.0.get_or_init(|| compile_schema(&model.kind.schema()));
        let errors = validate_compiled(schema, &model.object(&address, config), None);
        let errors = errors.err().map(|errors| errors.into_vec()).unwrap_or_default();
        // What cannot be evaluated here, the server evaluates.
        let broken = errors.into_iter().filter(|error| error.kind == ErrorKind::ValidationFailure);
        broken.map(|error| fault(model, config, &error)).collect()
    }
}

fn fault(model: &Model, config: &Value, error: &ValidationError) -> Diagnostic {
    let message = &error.message;
    let path = match model.attribute(&error.field_path) {
        None if error.rule.contains("self.metadata.name") => Some(Path::from("name")),
        path => path,
    };
    let Some(path) = path else {
        return Diagnostic::error("The resource breaks a rule of its kind", message);
    };
    let value = config.get(&path).map(|value| format!(": {}", show(value))).unwrap_or_default();
    let summary = format!("Invalid value for `{}`", name(&path));
    Diagnostic::error(summary, format!("`{path}`{value}: {message}.")).at_line(&path)
}

#[cfg(test)]
mod tests {
    use neuralinverse_api::Kind;

    use super::*;

    fn broken(name: &str, size: impl Into<Value>) -> Vec<Diagnostic> {
        let kind = Kind::all().into_iter().find(|kind| kind.name() == "Workspace").unwrap();
        let config = Value::object([
            ("name", Value::from(name)),
            ("owner", "ada".into()),
            ("tier", size.into()),
            ("template", "base".into()),
        ]);
        Rules::default().check(&Model::new(kind), &config)
    }

    #[test]
    fn a_rule_about_the_name_names_it() {
        let faults = broken(&"a".repeat(53), "starter");
        assert_eq!(faults[0].attribute, Some(Path::from("name")), "{faults:?}");
        assert!(faults[0].detail.contains("the name must have at most 52 characters"), "{faults:?}");
        assert_eq!(broken("ada", "starter"), []);
    }

    #[test]
    fn what_is_not_known_is_not_judged() {
        assert_eq!(broken(&"a".repeat(53), Value::Unknown), []);
    }
}

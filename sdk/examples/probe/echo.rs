//! `probe_echo`: an attribute of every type. The remote spells differently: it lowers the case of `caseless`
//! and has no empty lists.

use std::collections::BTreeMap;

use tf_provider_sdk::*;

use crate::store::Store;

pub struct Echo(pub Configured<Store>);

/// Kept beside the state, to see that no call loses it.
const PRIVATE: &[u8] = br#"{"made":true}"#;

fn element() -> Vec<Attribute> {
    vec![
        Attribute::string("key").required(),
        Attribute::number("weight").default_value(1),
        Attribute::string("caseless").optional().equal(ignoring_case),
        Attribute::string("made").computed(),
    ]
}

fn ignoring_case(a: &Value, b: &Value) -> bool {
    a.as_str().zip(b.as_str()).is_some_and(|(a, b)| a.eq_ignore_ascii_case(b))
}

#[async_trait]
impl DynResource for Echo {
    fn type_name(&self) -> &str {
        "probe_echo"
    }

    fn schema(&self) -> Schema {
        let pair = Type::object([("name", Type::String), ("number", Type::Number)]);
        Schema::new([
            Attribute::string("id").required().requires_replace(),
            Attribute::string("made").computed().keep_prior(),
            Attribute::string("text").optional().describe("Any *text*."),
            Attribute::string("caseless").optional().equal(ignoring_case),
            Attribute::number("number").optional(),
            Attribute::bool("bool").optional().deprecated("Use `text`."),
            Attribute::new("dynamic", Type::Dynamic).optional(),
            Attribute::new("list", Type::list(Type::String)).optional(),
            Attribute::new("set", Type::set(Type::String)).optional(),
            Attribute::new("map", Type::map(Type::Number)).optional(),
            Attribute::new("object", pair.clone()).optional(),
            Attribute::new("objects", Type::list(pair)).optional(),
            Attribute::nested("one", Nesting::Single, element()).optional(),
            Attribute::nested("many", Nesting::List, element()).optional(),
            Attribute::nested("some", Nesting::Set, element()).optional(),
            Attribute::nested("named", Nesting::Map, element()).optional(),
        ])
        .describe("Gives back what it is given.")
    }

    async fn create(&self, _ctx: &Context, planned: Value, _config: Value, _private: Private) -> Outcome {
        let name = planned.attr("id").as_str().unwrap_or_default().to_owned();
        self.0.get()?.put(&name, &serde_json::Value::Bool(true))?;
        Ok(Saved::from(made(&planned, &name)).with_private(PRIVATE.to_vec()))
    }

    async fn read(
        &self,
        _ctx: &Context,
        state: Value,
        private: Private,
    ) -> Result<Option<Saved>, Diagnostics> {
        if private != PRIVATE {
            return Err(Diagnostic::error("Private bytes are lost", format!("There is {private:?}")).into());
        }
        let there = self.0.get()?.get(state.attr("id").as_str().unwrap_or_default())?;
        Ok(there.map(|_| Saved::from(respelled(&state)).with_private(private)))
    }

    async fn update(
        &self,
        ctx: &Context,
        _: Value,
        planned: Value,
        config: Value,
        private: Private,
    ) -> Outcome {
        self.create(ctx, planned, config, private).await
    }

    async fn delete(&self, _ctx: &Context, prior: Value, _private: Private) -> Result<(), Failure> {
        Ok(self.0.get()?.remove(prior.attr("id").as_str().unwrap_or_default())?)
    }
}

/// Every unknown becomes a text.
fn made(value: &Value, text: &str) -> Value {
    mapped(value, &|_, value| match value {
        Value::Unknown => Some(text.into()),
        _ => None,
    })
}

/// As the remote would tell it.
fn respelled(value: &Value) -> Value {
    mapped(value, &|name, value| match value {
        Value::String(text) if name == "caseless" => Some(text.to_lowercase().into()),
        Value::List(elements) if elements.is_empty() => Some(Value::Null),
        _ => None,
    })
}

fn mapped(value: &Value, change: &impl Fn(&str, &Value) -> Option<Value>) -> Value {
    named("", value, change)
}

fn named(name: &str, value: &Value, change: &impl Fn(&str, &Value) -> Option<Value>) -> Value {
    if let Some(changed) = change(name, value) {
        return changed;
    }
    let fields = |fields: &BTreeMap<String, Value>| {
        fields.iter().map(|(name, value)| (name.clone(), named(name, value, change))).collect()
    };
    let elements = |elements: &[Value]| elements.iter().map(|value| named("", value, change)).collect();
    match value {
        Value::Object(object) => Value::Object(fields(object)),
        Value::Map(map) => Value::Map(fields(map)),
        Value::List(list) => Value::List(elements(list)),
        Value::Set(set) => Value::Set(elements(set)),
        other => other.clone(),
    }
}

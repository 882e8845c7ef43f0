//! `probe_thing`: a typed resource that is slow, fails or panics on request.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tf_provider_sdk::*;

use crate::store::Store;

/// A thing.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct Thing {
    /// Name, and id for import.
    #[schemars(extend("x-terraform" = {"requires_replace": true}))]
    name: String,
    /// How large.
    #[serde(default)]
    size: Size,
    /// Free words about the thing.
    #[serde(default)]
    labels: BTreeMap<String, String>,
    /// A secret; only its length is kept.
    #[schemars(extend("x-terraform" = {"write_only": true}))]
    token: Option<String>,
    /// The length of the secret in bytes.
    #[schemars(extend("x-terraform" = {"computed": true, "sensitive": true}))]
    token_length: Option<u64>,
    /// The name in capital letters, or what the user prefers.
    #[schemars(extend("x-terraform" = {"computed": true, "optional": true}))]
    title: Maybe<String>,
    /// Never changes.
    #[schemars(extend("x-terraform" = {"computed": true, "keep_prior": true}))]
    uid: Option<String>,
    /// Steps of 50 ms that making it takes.
    steps: Option<u64>,
    /// How many things must be there before this one is done.
    together: Option<usize>,
    /// Steps made.
    #[schemars(extend("x-terraform" = {"computed": true}))]
    done: Option<u64>,
    /// Which call fails: `create`, `half` (a create that has made something), `update`, `delete`, or `panic`.
    fail: Option<String>,
}

/// How large a thing is.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Size {
    /// Enough for one.
    #[default]
    Small,
    /// Enough for many.
    Large,
}

pub struct Things(pub Configured<Store>);

fn asked_to_fail(call: &str) -> Diagnostic {
    Diagnostic::error("Asked to fail", format!("`fail` names {call}. Remove it")).at("fail")
}

impl Things {
    fn put(&self, thing: &Thing) -> Result<(), Diagnostics> {
        self.0.get()?.put(
            &thing.name,
            &serde_json::to_value(Thing { token: None, ..thing.clone() }).explain("No JSON")?,
        )
    }

    fn get(&self, name: &str) -> Result<Option<Thing>, Diagnostics> {
        self.0.get()?.get(name)?.map(|json| serde_json::from_value(json).explain("Not a thing")).transpose()
    }
}

#[async_trait]
impl Resource for Things {
    type Model = Thing;
    const NAME: &'static str = "probe_thing";
    const VERSION: i64 = 1;

    async fn validate(&self, ctx: &Context, config: Thing) -> Result<(), Diagnostics> {
        let mut found = Diagnostics::new();
        if config.name.contains(' ') {
            let detail = format!("`name` is `{}`. Leave out the spaces", config.name);
            found.push(Diagnostic::error("Name has spaces", detail).at("name"));
        }
        for (key, label) in config.labels.iter().filter(|(_, label)| label.is_empty()) {
            let detail = format!("The label `{key}` is `{label}`. Give it a text");
            found.push(Diagnostic::error("Label is empty", detail).at(Path::from("labels").key(key)));
        }
        if matches!(config.size, Size::Large) {
            ctx.warn(Diagnostic::warning("Large things are heavy", "Take care when lifting").at("size"));
        }
        found.into_result(())
    }

    async fn plan(&self, _ctx: &Context, plan: &mut TypedPlan<Thing>) -> Result<(), Diagnostics> {
        if plan.planned.title.is_unknown() {
            plan.planned.title = plan.config.name.to_uppercase().into();
        }
        Ok(())
    }

    #[expect(clippy::panic, reason = "to see what becomes of it")]
    async fn create(&self, ctx: &Context, planned: Thing) -> Outcome<Thing> {
        let mut thing = Thing {
            uid: Some(planned.uid.clone().unwrap_or_else(|| format!("uid-of-{}", planned.name))),
            token_length: planned.token.as_ref().map(|token| token.len() as u64),
            done: Some(0),
            ..planned
        };
        match thing.fail.as_deref() {
            Some("create") => return Err(asked_to_fail("create").into()),
            Some("panic") => panic!("asked to panic"),
            _ => self.put(&thing)?,
        }
        if thing.fail.as_deref() == Some("half") {
            return Err(Failure::partial(thing, asked_to_fail("create")));
        }
        while self.0.get()?.count()? < thing.together.unwrap_or_default() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        for step in 1..=thing.steps.unwrap_or_default() {
            tokio::time::sleep(Duration::from_millis(50)).await;
            thing.done = Some(step);
            self.put(&thing)?;
            if ctx.is_stopped() {
                let stopped =
                    Diagnostic::error("Stopped", format!("The thing is made to step {step}. Apply again"));
                return Err(Failure::partial(thing, stopped));
            }
        }
        Ok(thing.into())
    }

    async fn read(&self, _ctx: &Context, state: Thing) -> Result<Option<Thing>, Diagnostics> {
        self.get(&state.name)
    }

    async fn update(&self, ctx: &Context, prior: Thing, planned: Thing) -> Outcome<Thing> {
        if planned.fail.as_deref() == Some("update") {
            // The labels came first, and went well.
            let partial = Thing { labels: planned.labels, ..prior };
            self.put(&partial)?;
            return Err(Failure::partial(partial, asked_to_fail("update")));
        }
        self.create(ctx, planned).await
    }

    async fn delete(&self, _ctx: &Context, state: Thing) -> Result<(), Failure<Thing>> {
        if state.fail.as_deref() == Some("delete") {
            return Err(asked_to_fail("delete").into());
        }
        Ok(self.0.get()?.remove(&state.name)?)
    }

    async fn import(&self, _ctx: &Context, id: &str) -> Result<Thing, Diagnostics> {
        let missing = || Diagnostic::error("No such thing", format!("There is no thing `{id}`"));
        Ok(self.get(id)?.ok_or_else(missing)?)
    }

    /// Version 0 called the name `label`.
    async fn upgrade(
        &self,
        _ctx: &Context,
        _: i64,
        mut json: serde_json::Value,
    ) -> Result<Thing, Diagnostics> {
        json["name"] = json["label"].take();
        json["labels"] = json!({});
        serde_json::from_value(json).explain("State of version 0 cannot be read")
    }
}

#[async_trait]
impl DataSource for Things {
    type Model = Seen;
    const NAME: &'static str = "probe_thing";

    async fn read(&self, _ctx: &Context, config: Seen) -> Result<Seen, Diagnostics> {
        let missing =
            || Diagnostic::error("No such thing", format!("There is no thing `{}`", config.name)).at("name");
        let thing = self.get(&config.name)?.ok_or_else(missing)?;
        Ok(Seen { name: config.name, uid: thing.uid })
    }
}

/// A thing that is there.
#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Seen {
    /// Its name.
    name: String,
    /// Its uid.
    #[schemars(extend("x-terraform" = {"computed": true}))]
    uid: Option<String>,
}

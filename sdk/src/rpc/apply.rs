//! `ApplyResourceChange`: create, update or delete, and what is left when that fails.

use super::app::Shape;
use super::guard::guard;
use super::{App, Rpc, messages};
use crate::wire::{decode_value, encode_value, messages as wire};
use crate::{Context, Diagnostics, DynResource, Failure, Outcome, Private, Saved, Value, plan};

impl Rpc for wire::ApplyResourceChangeRequest {
    type Response = wire::ApplyResourceChangeResponse;

    fn type_name(&self) -> &str {
        &self.type_name
    }

    async fn handle(self, app: &App, ctx: &Context) -> Result<Self::Response, Diagnostics> {
        let (resource, shape) = app.resource(&self.type_name)?;
        let prior = decode_value(self.prior_state.as_ref(), &shape.ty)?;
        let planned = decode_value(self.planned_state.as_ref(), &shape.ty)?;
        let config = decode_value(self.config.as_ref(), &shape.ty)?;
        let change = Change { resource, ctx, prior, planned, config, private: self.planned_private };
        let reference = if change.planned.is_null() { change.prior.clone() } else { change.planned.clone() };
        let (left, diagnostics) = change.run().await;
        reply(shape, &reference, left, diagnostics)
    }
}

struct Change<'a> {
    resource: &'a dyn DynResource,
    ctx: &'a Context,
    prior: Value,
    planned: Value,
    config: Value,
    private: Private,
}

impl Change<'_> {
    /// What is to be stored (none: nothing), and what went wrong.
    async fn run(self) -> (Option<Saved>, Diagnostics) {
        let Self { resource, ctx, prior, planned, config, private } = self;
        let before = Saved { state: prior.clone(), private: private.clone() };
        if planned.is_null() {
            let deleted = guard(resource.delete(ctx, prior, private)).await;
            return match deleted.unwrap_or_else(|bug| Err(bug.into())) {
                Ok(()) => (None, Diagnostics::new()),
                Err(failure) => (failure.partial.or(Some(before)), failure.diagnostics),
            };
        }
        if prior.is_null() {
            let attempt = Saved { state: planned.with_nulls(), private: private.clone() };
            let created = guard(resource.create(ctx, planned, config, private)).await;
            // After a panic nobody knows what was made: what was planned is kept, so that it can be found and
            // deleted.
            let created = created.unwrap_or_else(|bug| Err(Failure::partial(attempt, bug)));
            return left(created, None);
        }
        let updated = guard(resource.update(ctx, prior, planned, config, private)).await;
        left(updated.unwrap_or_else(|bug| Err(bug.into())), Some(before))
    }
}

fn left(outcome: Outcome, before: Option<Saved>) -> (Option<Saved>, Diagnostics) {
    match outcome {
        Ok(saved) => (Some(saved), Diagnostics::new()),
        Err(failure) => (failure.partial.or(before), failure.diagnostics),
    }
}

/// The answer. A failure's state is stored too, so it is made to fit even where the author's is not wholly
/// known.
fn reply(
    shape: &Shape,
    reference: &Value,
    left: Option<Saved>,
    mut diagnostics: Diagnostics,
) -> Result<wire::ApplyResourceChangeResponse, Diagnostics> {
    let Saved { mut state, private } = left.unwrap_or_else(|| Value::Null.into());
    plan::keep_spelling(&shape.schema.attributes, reference, &mut state);
    plan::remove_write_only(&shape.schema.attributes, &mut state);
    if diagnostics.has_errors() {
        state = state.with_nulls();
    }
    let new_state = encode_value(&state, &shape.ty).or_else(|bug| {
        diagnostics.extend(bug);
        encode_value(&reference.with_nulls(), &shape.ty)
    })?;
    Ok(wire::ApplyResourceChangeResponse { new_state, private, diagnostics: messages(diagnostics) })
}

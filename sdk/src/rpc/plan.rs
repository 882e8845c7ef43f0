//! `PlanResourceChange`: what will be, and whether the resource must be replaced for it.

use super::app::Shape;
use super::{App, Rpc};
use crate::wire::{decode_value, encode_value, messages as wire};
use crate::{Context, Diagnostics, DynResource, Plan, PlanRequest, Value, plan};

impl Rpc for wire::PlanResourceChangeRequest {
    type Response = wire::PlanResourceChangeResponse;

    fn type_name(&self) -> &str {
        &self.type_name
    }

    async fn handle(self, app: &App, ctx: &Context) -> Result<Self::Response, Diagnostics> {
        let (resource, shape) = app.resource(&self.type_name)?;
        let prior = decode_value(self.prior_state.as_ref(), &shape.ty)?;
        let proposed = decode_value(self.proposed_new_state.as_ref(), &shape.ty)?;
        if proposed.is_null() {
            let planned_private = resource.plan_destroy(ctx, prior, self.prior_private).await?;
            return Ok(Self::Response { planned_private, ..Default::default() });
        }
        let config = decode_value(self.config.as_ref(), &shape.ty)?;
        let plan = plan_change(resource, shape, ctx, config, prior, proposed, self.prior_private).await?;
        Ok(Self::Response {
            planned_state: encode_value(&plan.planned, &shape.ty)?,
            requires_replace: plan.requires_replace.iter().map(Into::into).collect(),
            planned_private: plan.private,
            diagnostics: Vec::new(),
        })
    }
}

async fn plan_change(
    resource: &dyn DynResource,
    shape: &Shape,
    ctx: &Context,
    config: Value,
    prior: Value,
    proposed: Value,
    private: Vec<u8>,
) -> Result<Plan, Diagnostics> {
    let (proposed, requires_replace) = plan::propose(&shape.schema, &config, &prior, proposed);
    let prior = Some(prior).filter(|prior| !prior.is_null());
    let request = PlanRequest { config, prior, proposed, requires_replace, private };
    let mut plan = resource.plan(ctx, request).await?;
    plan::remove_write_only(&shape.schema.attributes, &mut plan.planned);
    plan.requires_replace.sort();
    plan.requires_replace.dedup();
    Ok(plan)
}

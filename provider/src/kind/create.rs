//! Create: by server-side apply, after a look that the name is free, and a wait until it is ready.

use std::time::Duration;

use serde_json::Value as Json;
use tf_provider_sdk::{Context, Diagnostic, Diagnostics, Failure, Outcome, Value};
use tokio::time::sleep;

use super::{
    KindResource, managed_fields,
    object::{import_id, timeout, with},
    wait::{self, Patience},
};
use crate::{
    address::Address,
    client::{Apply, Cluster},
    error::Problem,
    region::install::Installation,
};

/// How long a CRD or namespace may take to appear that another resource of the same apply makes.
const APPEARS: Duration = Duration::from_secs(60);

/// The pause before the next look.
const PAUSE: Duration = Duration::from_millis(500);

impl KindResource {
    pub(super) async fn create_object(&self, ctx: &Context, planned: Value) -> Outcome {
        let cluster = self.cluster(&planned)?;
        let address = self.address(&planned)?;
        let live = cluster.get(&address).await.map_err(|problem| self.explain(&address, &problem))?;
        if let Some(live) = live
            && managed_fields::owned(&live).is_none()
        {
            return Err(self.exists(&cluster, &address).into());
        }
        let how = Apply { force: planned.attr("force_conflicts").as_bool() == Some(true), dry_run: false };
        self.put(ctx, &cluster, &address, planned, how, "create").await
    }

    /// Applies the object, with what it needs around it, and waits until it is ready.
    pub(super) async fn put(
        &self,
        ctx: &Context,
        cluster: &Cluster,
        address: &Address,
        planned: Value,
        how: Apply,
        operation: &str,
    ) -> Outcome {
        let patience = Patience::new(timeout(&planned, operation));
        let installation = Installation::of(&planned).filter(|_| self.model.installs());
        if let Some(installation) = &installation {
            installation.apply_kinds(ctx, cluster, how, patience).await?;
        }
        let object = self.model.object(address, &planned);
        let written = self.write(ctx, cluster, address, &object, how, patience).await?;
        // From here on the object exists: whatever fails, the state says so.
        let failed =
            |live: &Json, why: Diagnostics| Failure::partial(self.state(cluster, &planned, live), why);
        let waits = planned.attr("wait").as_bool() != Some(false);
        if let Some(installation) = &installation {
            installation
                .apply_controller(ctx, cluster, how, waits.then_some(patience))
                .await
                .map_err(|why| failed(&written, why))?;
        }
        let live = match waits {
            true => wait::ready(cluster, address, ctx, &written, patience)
                .await
                .map_err(|(live, why)| failed(&live, why))?,
            false => written,
        };
        Ok(self.state(cluster, &planned, &live).into())
    }

    /// Server-side apply; tried again while the CRD or the namespace is on its way.
    async fn write(
        &self,
        ctx: &Context,
        cluster: &Cluster,
        address: &Address,
        object: &Json,
        how: Apply,
        patience: Patience,
    ) -> Result<Json, Diagnostics> {
        let appears = Patience::new(APPEARS);
        loop {
            let mut problem = match cluster.apply(address, object, how).await {
                Ok(written) => return Ok(written),
                Err(problem) => problem,
            };
            if problem == Problem::KindAbsent {
                problem = cluster.absent().await;
            }
            if !problem.may_pass() || ctx.is_stopped() || appears.is_over() || patience.is_over() {
                return Err(self.explain(address, &problem));
            }
            tokio::select! {
                () = ctx.stopped() => {}
                () = sleep(PAUSE) => {}
            }
        }
    }

    /// The planned state with what only the cluster knows.
    fn state(&self, cluster: &Cluster, planned: &Value, live: &Json) -> Value {
        let name = live["metadata"]["name"].as_str().map(Value::from);
        with(
            planned,
            [
                ("region".to_owned(), cluster.region.as_str().into()),
                ("name".to_owned(), name.into()),
                ("status".to_owned(), self.model.status(live)),
            ],
        )
    }

    pub(super) fn exists(&self, cluster: &Cluster, address: &Address) -> Diagnostic {
        let id = import_id(&self.model.kind, &cluster.region, address);
        Diagnostic::error(
            format!("{address} exists already"),
            format!(
                "The cluster of region `{}` has it, and Terraform did not make it.\n\nTake it over with `terraform import {}.NAME {id}`, or choose another name.",
                cluster.region, self.type_name
            ),
        )
    }

    pub(super) fn address(&self, value: &Value) -> Result<Address, Diagnostics> {
        let bug = || Diagnostic::bug("The name is not known at apply, where everything is");
        self.model.address(value).ok_or_else(|| bug().into())
    }

    pub(super) fn explain(&self, address: &Address, problem: &Problem) -> Diagnostics {
        problem.explain(&address.to_string(), |field| self.model.attribute(field))
    }
}

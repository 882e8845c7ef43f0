//! Plan: always, also where there is no cluster; where the kind is served, tried out on the API server.

use tf_provider_sdk::{Context, Diagnostic, Diagnostics, Path, Plan, PlanRequest, Severity, Value};

use super::{KindResource, import, managed_fields, object::with, reference};
use crate::{
    address::Address,
    client::{Apply, Cluster},
    error::Problem,
    region::install::Installation,
};

impl KindResource {
    pub(super) async fn plan_change(&self, ctx: &Context, request: PlanRequest) -> Result<Plan, Diagnostics> {
        let PlanRequest { config, prior, proposed, requires_replace, private } = request;
        let regions = self.regions.get()?;
        let region = match (config.attr("region"), &prior) {
            (Value::Null, Some(prior)) => prior.attr("region"),
            (region, _) => region,
        };
        let cluster = regions.find(region)?;
        let planned = self.complete(proposed, cluster.as_deref());
        let change = Change {
            prior: prior.as_ref(),
            planned: &planned,
            replaces: differ(&requires_replace, prior.as_ref(), &planned),
            imported: import::is_fresh(&private),
        };
        if let (Some(cluster), Some(address)) = (cluster, self.model.address(&planned)) {
            cluster.expect(&address.plural, &address.name);
            if change.prior != Some(change.planned) && cluster.is_known() {
                self.try_out(ctx, &cluster, &address, &change).await?;
            }
        }
        Ok(Plan { planned, requires_replace, private })
    }

    /// Fills in what is known now.
    fn complete(&self, proposed: Value, cluster: Option<&Cluster>) -> Value {
        let region = cluster.map(|cluster| ("region".to_owned(), cluster.region.as_str().into()));
        let name = self.model.kind.singleton.map(|only| ("name".to_owned(), only.into()));
        let planned = with(&proposed, region.into_iter().chain(name));
        if !self.model.installs() {
            return planned;
        }
        let install = Installation::plan(&planned);
        with(&planned, [("install".to_owned(), install)])
    }

    async fn try_out(
        &self,
        ctx: &Context,
        cluster: &Cluster,
        address: &Address,
        change: &Change<'_>,
    ) -> Result<(), Diagnostics> {
        match cluster.serves_us().await {
            // Who may not ask what is served may still be allowed to use it.
            Ok(()) | Err(Problem::Forbidden { .. }) => {}
            // The CRDs come in the same apply.
            Err(Problem::KindAbsent) => return Ok(()),
            Err(problem @ (Problem::Unreachable { .. } | Problem::NoCluster { .. })) => {
                ctx.warn(offline(&problem));
                return Ok(());
            }
            Err(problem) => return Err(self.explain(address, &problem)),
        }
        reference::check(&self.model, cluster, ctx, change.planned).await;
        // A replacement cannot be tried out while the old object is there.
        if change.replaces || !self.model.is_known(change.planned) {
            return Ok(());
        }
        self.dry_run(ctx, cluster, address, change).await
    }

    /// Server-side dry run: the API server says now what it would say at apply.
    async fn dry_run(
        &self,
        ctx: &Context,
        cluster: &Cluster,
        address: &Address,
        change: &Change<'_>,
    ) -> Result<(), Diagnostics> {
        let object = self.model.object(address, change.planned);
        let force = change.imported || change.planned.attr("force_conflicts").as_bool() == Some(true);
        let answer = match change.prior {
            Some(_) => cluster.apply(address, &object, Apply { force, dry_run: true }).await,
            None => cluster.try_create(address, &object).await,
        };
        match answer {
            Ok(_) => Ok(()),
            Err(Problem::Exists) => match cluster.get(address).await {
                // Ours: about to be replaced, or left by an apply that was cut off.
                Ok(Some(live)) if managed_fields::owned(&live).is_none() => {
                    Err(self.exists(cluster, address).into())
                }
                _ => Ok(()),
            },
            Err(Problem::KindAbsent | Problem::NamespaceAbsent { .. }) => Ok(()),
            Err(problem) if problem.is_missing_right() => {
                ctx.warn(unchecked(address, &problem.to_string()));
                Ok(())
            }
            // The drift must be seen to be judged; the apply is what fails.
            Err(problem @ Problem::Conflicts(_)) => {
                let warning = |it| Diagnostic { severity: Severity::Warning, ..it };
                self.explain(address, &problem).into_iter().map(warning).for_each(|it| ctx.warn(it));
                Ok(())
            }
            Err(Problem::OlderCrd { message } | Problem::Unreachable { reason: message, .. }) => {
                ctx.warn(unchecked(address, &message));
                Ok(())
            }
            Err(problem) => Err(self.explain(address, &problem)),
        }
    }
}

/// A planned change of one object.
struct Change<'a> {
    prior: Option<&'a Value>,
    planned: &'a Value,
    replaces: bool,
    imported: bool,
}

fn differ(paths: &[Path], prior: Option<&Value>, planned: &Value) -> bool {
    prior.is_some_and(|prior| paths.iter().any(|path| prior.get(path) != planned.get(path)))
}

fn offline(problem: &Problem) -> Diagnostic {
    Diagnostic::warning(
        "Planned without the cluster",
        format!(
            "{problem}.\n\nThe plan rests on the configuration alone: mistakes that only the cluster can find show at apply. Check the region's connection in the provider block if the cluster should be there."
        ),
    )
}

fn unchecked(address: &Address, message: &str) -> Diagnostic {
    Diagnostic::warning(
        "Planned without a dry run",
        format!(
            "{address}: {message}.\n\nThe plan rests on the configuration alone; an apply needs these rights and kinds."
        ),
    )
}

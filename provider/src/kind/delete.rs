//! Delete: in the background, then a wait until the object is gone.

use std::{ops::ControlFlow, time::Duration};

use neuralinverse_api::condition::{ConditionType, Reason};
use serde_json::Value as Json;
use tf_provider_sdk::{Context, Diagnostic, Diagnostics, Value};
use tokio::time::Instant;

use super::{
    KindResource,
    object::timeout,
    wait::{Cut, Patience, condition, follow, told},
};
use crate::{address::Address, client::Cluster, region::uninstall};

/// How long what is deleted may still be used until somebody is told: pods take their time to stop.
const USERS: Duration = Duration::from_secs(30);

impl KindResource {
    pub(super) async fn delete_object(&self, ctx: &Context, prior: Value) -> Result<(), Diagnostics> {
        let cluster = self.cluster(&prior)?;
        let address = self.address(&prior)?;
        let patience = Patience::new(timeout(&prior, "delete"));
        if self.model.installs() {
            uninstall::before(&cluster, ctx, &prior, patience).await?;
        }
        remove(&cluster, &address, ctx, patience).await?;
        if self.model.installs() {
            uninstall::after(&cluster, ctx, &prior, patience).await?;
        }
        Ok(())
    }
}

/// Deletes an object and waits until it is gone.
///
/// # Errors
/// Why it is not, naming what holds it.
pub async fn remove(
    cluster: &Cluster,
    address: &Address,
    ctx: &Context,
    patience: Patience,
) -> Result<(), Diagnostics> {
    let explain = |problem: crate::error::Problem| problem.explain(&address.to_string(), |_| None);
    let Some(live) = cluster.get(address).await.map_err(explain)? else { return Ok(()) };
    let uid = &live["metadata"]["uid"];
    cluster.delete(address, uid).await.map_err(explain)?;
    let start = Instant::now();
    let end = |object: Option<&Json>| match object {
        Some(object) if object["metadata"]["uid"] == *uid => match is_in_use(object) {
            true if start.elapsed() > USERS => ControlFlow::Break(Some(object.clone())),
            _ => ControlFlow::Continue(()),
        },
        _ => ControlFlow::Break(None),
    };
    match follow(cluster, address, ctx, patience, end).await {
        Ok(None) => Ok(()),
        Ok(Some(used)) => Err(in_use(address, &used).into()),
        Err(Cut::TimedOut(last)) => Err(held(address, last.as_ref().unwrap_or(&live), patience).into()),
        Err(Cut::Stopped) => Err(Diagnostic::error(
            format!("Interrupted while waiting for {address} to be gone"),
            "Its deletion goes on in the cluster. Apply again to see it through.",
        )
        .into()),
        Err(Cut::Failed(problem)) => Err(explain(problem)),
    }
}

fn is_in_use(object: &Json) -> bool {
    let ready = condition(object, ConditionType::Ready.as_str());
    ready.is_some_and(|it| it["reason"] == Reason::InUse.as_str())
}

fn in_use(address: &Address, object: &Json) -> Diagnostic {
    Diagnostic::error(
        format!("{address} is in use"),
        format!(
            "{}\n\nIts deletion waits in the cluster and ends when nobody uses it any more. Apply again then.",
            told(object)
        ),
    )
}

fn held(address: &Address, live: &Json, patience: Patience) -> Diagnostic {
    let finalizers: Vec<&str> =
        live["metadata"]["finalizers"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    let by = match finalizers.is_empty() {
        true => "Its dependents are still being deleted.".to_owned(),
        false => format!(
            "These finalizers hold it: {}. Check the programs that set them; a finalizer is removed by who set it.",
            finalizers.join(", ")
        ),
    };
    let told = told(live);
    Diagnostic::error(
        format!("{address} is not gone after {patience}"),
        format!(
            "{by}\n\n{told}\n\nIts deletion goes on in the cluster. Apply again, or give it more time with `timeouts = {{ delete = \"30m\" }}`."
        ),
    )
}

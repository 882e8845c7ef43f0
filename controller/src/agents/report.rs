//! Takes what is heard of a pod and writes it into the status at once, on whichever replica it arrives.
//! So no replica has to remember reports, and a launch needs one write. The pod that
//! has the say wins the status; the write carries the version that this was decided on.

use std::sync::Arc;

use kube::{Api, ResourceExt};
use neuralinverse_api::{Workspace, agent::Report};

use super::{answer::Refusal, assignment::workspace_of};
use crate::{
    context::Context,
    error::{During, Error},
    kubernetes::Pod,
    workspace::{
        observe, pod_state,
        say::{Say, say},
        settle,
        status::{News, Seen},
    },
};

/// Why a pod whose workspace was deleted has no say.
const GONE: &str = "the workspace does not exist any more";

/// How often it is tried again when somebody else wrote to the workspace meanwhile.
const TRIES: usize = 5;

/// Writes what the sidecar of `pod` reports.
pub async fn take(context: &Context, pod: &Pod, report: Report) -> Result<(), Refusal> {
    if report.epoch != pod_state::epoch(pod) {
        return Err(Refusal::OtherEpoch);
    }
    let workspace = workspace_of(context, pod).ok_or(Refusal::NoSay(GONE))?;
    tracing::debug!(pod = pod.name_any(), ?report, "a sidecar reports");
    hear(context, workspace, pod, News::Report(report)).await
}

/// Writes what was heard of `pod` into the status of its workspace.
pub async fn hear(
    context: &Context,
    mut workspace: Arc<Workspace>,
    pod: &Pod,
    news: News,
) -> Result<(), Refusal> {
    for _ in 0..TRIES {
        match say(&workspace, pod, &observe::pods(context, &workspace)) {
            Say::Has => {}
            Say::NotYet => return Err(Refusal::Unavailable("another pod of the workspace runs".to_owned())),
            Say::NoMore => return Err(Refusal::NoSay("the workspace has another pod")),
        }
        match write(context, &workspace, pod, news.clone()).await {
            Err(Error::Conflict { .. }) => workspace = fresh(context, &workspace).await?,
            other => return Ok(other?),
        }
    }
    Err(Refusal::Unavailable("the workspace is being changed all the time".to_owned()))
}

async fn write(context: &Context, workspace: &Workspace, pod: &Pod, news: News) -> Result<(), Error> {
    let seen = Seen {
        references: &observe::references(context, workspace),
        pod: Some(pod),
        going: true,
        volume: None,
        interrupted: None,
        waits_for: None,
        hourly_price: observe::hourly_price(context, pod),
        refused: None,
        suspend: false,
        news,
    };
    settle::settle(context, workspace, &seen).await
}

/// The workspace as it is now. Another one of its name is not the one that the pod was given to.
async fn fresh(context: &Context, workspace: &Workspace) -> Result<Arc<Workspace>, Refusal> {
    let api: Api<Workspace> =
        Api::namespaced(context.client.clone(), &workspace.namespace().unwrap_or_default());
    let fresh = api.get_opt(&workspace.name_any()).await.during("reading a workspace anew")?;
    let fresh = fresh.map(|fresh| context.caches.workspaces.apply(fresh));
    fresh.filter(|fresh| fresh.uid() == workspace.uid()).ok_or(Refusal::NoSay(GONE))
}

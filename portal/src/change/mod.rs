//! What the portal changes in Kubernetes: each change reads the object anew and checks whose it is.

use http::StatusCode;
use jiff::Timestamp;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, Preconditions},
};
use neuralinverse_api::{Owner, Workspace};
use serde_json::json;

mod create;
pub mod manager;
mod wish;

pub use create::{Draft, Fault, create};
use manager::Managed;
pub use wish::Wish;

use crate::{labels::FIELD_MANAGER, portal::Portal};

/// How often a change is tried when somebody else changes the same object.
const ATTEMPTS: usize = 5;

/// Why a change did not come about.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is no such workspace of this owner any more.
    #[error("this workspace does not exist any more")]
    Gone,
    /// Somebody else declares the field.
    #[error(transparent)]
    Managed(#[from] Managed),
    /// What was asked for cannot be made.
    #[error(transparent)]
    Draft(#[from] Fault),
    /// Kubernetes said no, and why.
    #[error("Kubernetes refused this: {0}")]
    Refused(String),
    /// Kubernetes did not answer.
    #[error("Kubernetes does not answer")]
    Unavailable(#[source] kube::Error),
}

impl ChangeError {
    /// As HTTP says it.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Gone => StatusCode::NOT_FOUND,
            Self::Managed(_) => StatusCode::CONFLICT,
            Self::Draft(_) | Self::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The next step, in one sentence.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Gone => "Your list shows all workspaces that you can open.",
            Self::Managed(_) => "Change it where it is declared, for instance in Terraform.",
            Self::Draft(_) => "Go back and change the form.",
            Self::Refused(_) => "The message says what to change; else ask the region's administrators.",
            Self::Unavailable(_) => "Nothing was changed. Try again in a minute.",
        }
    }
}

impl From<kube::Error> for ChangeError {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) if status.is_not_found() => Self::Gone,
            kube::Error::Api(status) if (400..500).contains(&status.code) => {
                Self::Refused(status.message.clone())
            }
            other => Self::Unavailable(other),
        }
    }
}

/// Has the workspace run or stop as its user wishes. Gives the workspace, and whether anything changed.
pub async fn ask(
    portal: &Portal,
    owner: &Owner,
    workspace: &Workspace,
    wish: Wish,
) -> Result<(Workspace, bool), ChangeError> {
    let (api, name) = (api(portal, workspace), workspace.name_any());
    for _ in 0..ATTEMPTS {
        let current = read(&api, owner, workspace).await?;
        let Some(mut patch) = wish.patch(&current, Timestamp::now())? else { return Ok((current, false)) };
        // The version guards what was just checked: whose it is, who declares the field, and what it is now.
        patch["metadata"]["resourceVersion"] = json!(current.resource_version());
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        match api.patch(&name, &params, &Patch::Merge(patch)).await {
            Ok(changed) => {
                portal.workspaces.see(changed.clone());
                return Ok((changed, true));
            }
            Err(kube::Error::Api(status)) if status.is_conflict() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(ChangeError::Refused("the workspace keeps changing".to_owned()))
}

/// Deletes exactly this workspace, not one that was given its name.
pub async fn delete(portal: &Portal, owner: &Owner, workspace: &Workspace) -> Result<(), ChangeError> {
    let api = api(portal, workspace);
    let current = read(&api, owner, workspace).await?;
    let preconditions = Preconditions { uid: current.uid(), resource_version: None };
    let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
    api.delete(&workspace.name_any(), &params).await?;
    Ok(())
}

/// The workspace as the API server has it now, if it is still the same and the owner's.
pub async fn reread(portal: &Portal, owner: &Owner, workspace: &Workspace) -> Result<Workspace, ChangeError> {
    read(&api(portal, workspace), owner, workspace).await
}

async fn read(api: &Api<Workspace>, owner: &Owner, workspace: &Workspace) -> Result<Workspace, ChangeError> {
    let current = api.get(&workspace.name_any()).await?;
    let same = current.uid() == workspace.uid() && current.spec.owner == owner.as_str();
    if same { Ok(current) } else { Err(ChangeError::Gone) }
}

fn api(portal: &Portal, workspace: &Workspace) -> Api<Workspace> {
    Api::namespaced(portal.client.clone(), &workspace.namespace().unwrap_or_default())
}

//! Stopping a workspace. Its volume is kept; opening it starts it again.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    response::Response,
};

use crate::{
    audit::{self, Action},
    change::{self, Wish},
    error::{Error, see_other},
    pages::find,
    portal::Portal,
    posted::{Nothing, Posted},
};

/// `POST /workspaces/{id}/stop`.
pub async fn stop(
    State(portal): State<Arc<Portal>>,
    Path(id): Path<String>,
    Posted { session, form: Nothing {} }: Posted<Nothing>,
) -> Result<Response, Error> {
    let owner = &session.grant.owner;
    let workspace = find(&portal, &session, &id)?;
    let (workspace, changed) = change::ask(&portal, owner, &workspace, Wish::Stop).await?;
    if changed {
        audit::workspace(Action::Stop, owner, &workspace);
    }
    Ok(see_other("/"))
}

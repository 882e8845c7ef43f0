//! Deleting a workspace, after a look at what goes with it.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    response::Response,
};
use maud::Markup;

use crate::{
    audit::{self, Action},
    change,
    error::{Error, see_other},
    pages::find,
    portal::Portal,
    posted::{Nothing, Posted},
    session::SignedIn,
};

mod template;
mod view;

use view::Loss;

/// `GET /workspaces/{id}/delete`.
pub async fn show(
    State(portal): State<Arc<Portal>>,
    SignedIn(session): SignedIn,
    Path(id): Path<String>,
) -> Result<Markup, Error> {
    let workspace = find(&portal, &session, &id)?;
    // With who declares it, which the list in memory leaves out.
    let workspace = change::reread(&portal, &session.grant.owner, &workspace).await?;
    let tier = portal.catalog.tier(&workspace.spec.tier);
    let retention = portal.catalog.region().map(|region| region.spec.workspace_retention.clone());
    Ok(template::confirm(&session, &id, &Loss::of(&workspace, tier.as_deref(), retention.as_ref())))
}

/// `POST /workspaces/{id}/delete`.
pub async fn delete(
    State(portal): State<Arc<Portal>>,
    Path(id): Path<String>,
    Posted { session, form: Nothing {} }: Posted<Nothing>,
) -> Result<Response, Error> {
    let workspace = find(&portal, &session, &id)?;
    change::delete(&portal, &session.grant.owner, &workspace).await?;
    audit::workspace(Action::Delete, &session.grant.owner, &workspace);
    Ok(see_other("/"))
}

//! A new workspace, from a repository or from a template alone.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::StatusCode;

use crate::{
    audit::{self, Action},
    change::{self, ChangeError, Draft, Fault},
    error::{Error, see_other},
    id::WorkspaceId,
    portal::Portal,
    posted::Posted,
    session::{Session, SignedIn},
};

mod template;
mod view;

use view::Choices;

/// `GET /new`.
pub async fn show(State(portal): State<Arc<Portal>>, SignedIn(session): SignedIn) -> Response {
    form(&portal, &session, &Draft::default(), None).into_response()
}

/// `POST /new`.
pub async fn create(
    State(portal): State<Arc<Portal>>,
    Posted { session, form: draft }: Posted<Draft>,
) -> Result<Response, Error> {
    let owner = &session.grant.owner;
    let author = session.identity.git_author.as_ref();
    let workspace = match change::create(&portal, owner, author, &draft).await {
        Ok(workspace) => workspace,
        Err(ChangeError::Draft(fault)) => {
            let page = form(&portal, &session, &draft, Some(fault));
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
        }
        Err(error) => return Err(error.into()),
    };
    audit::workspace(Action::Create, owner, &workspace);
    let id = WorkspaceId::of(&workspace).ok_or(Error::NotFound)?;
    Ok(see_other(&format!("/open/{id}")))
}

fn form(portal: &Portal, session: &Session, draft: &Draft, fault: Option<Fault>) -> maud::Markup {
    template::form(session, &Choices::of(&portal.catalog, draft), draft, fault)
}

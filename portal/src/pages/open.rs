//! The way to a workspace's own origin: a form that the browser sends there by itself.
//!
//! Addressed by id, not by name: a name may be another workspace's tomorrow, and the workspace's origin,
//! which sends people here, must not tell strangers what it is called.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header};
use jiff::Timestamp;
use maud::{Markup, html};

use crate::{
    audit::{self, Action},
    error::Error,
    headers,
    origin::enter,
    pages::{find, layout},
    portal::Portal,
    seal::SealError,
    session::{Session, SignedIn},
};

/// `GET /open/{id}`.
pub async fn open(
    State(portal): State<Arc<Portal>>,
    SignedIn(session): SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    let workspace = find(&portal, &session, &id)?;
    let id = id.parse().map_err(|_| Error::NotFound)?;
    let code = portal.codes.make(&portal.seal, &session.grant, &workspace, Timestamp::now())?;
    let origin = portal.site.workspace_origin(&id);
    audit::workspace(Action::Open, &session.grant.owner, &workspace);
    let policy = headers::policy_with_form_to(&origin).ok_or(SealError)?;
    let headers = [
        (header::CONTENT_SECURITY_POLICY, policy),
        // The workspace's origin wants to know who sent the form.
        (header::REFERRER_POLICY, HeaderValue::from_static("strict-origin")),
    ];
    Ok((headers, template(&session, &format!("{origin}{}", enter::PATH), &code)).into_response())
}

fn template(session: &Session, action: &str, code: &str) -> Markup {
    layout::page(
        "Opening",
        session,
        &html! {
            div.middle {
                form.card method="post" action=(action) data-submit {
                    h1 { "Opening your workspace…" }
                    input type="hidden" name="code" value=(code);
                    noscript { button.primary { "Go on" } }
                }
            }
        },
    )
}

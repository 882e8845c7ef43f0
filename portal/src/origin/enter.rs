//! The way in: a code that came by a form of the portal becomes a cookie of this origin.

use std::sync::Arc;

use axum::{Extension, Form, extract::State, response::Response};
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use serde::Deserialize;

use crate::{
    codes::Pass,
    cookie,
    error::{Error, see_other},
    guard,
    id::WorkspaceId,
    portal::Portal,
    seal::{Purpose, Seal, SealError},
};

/// Where the portal's form goes.
pub const PATH: &str = "/.neuralinverse/enter";

/// What the form holds.
#[derive(Deserialize)]
pub(super) struct Entrance {
    code: String,
}

/// `POST /.neuralinverse/enter`.
pub(super) async fn enter(
    State(portal): State<Arc<Portal>>,
    Extension(id): Extension<WorkspaceId>,
    headers: HeaderMap,
    Form(Entrance { code }): Form<Entrance>,
) -> Result<Response, Error> {
    guard::from(&headers, portal.site.origin())?;
    let now = Timestamp::now();
    let pass = portal.codes.redeem(&portal.seal, &code, now).ok_or(Error::Code)?;
    let here = WorkspaceId::of_uid(&pass.workspace) == id;
    if !here || portal.ended.check(&pass.grant, now).is_err() {
        return Err(Error::Code);
    }
    let mut response = see_other("/");
    cookie::append(response.headers_mut(), Some(pass_cookie(&portal.seal, &pass, now)?));
    Ok(response)
}

pub(super) fn pass_cookie(seal: &Seal, pass: &Pass, now: Timestamp) -> Result<HeaderValue, SealError> {
    let value = seal.seal(Purpose::Pass, pass)?;
    cookie::set(cookie::WORKSPACE, &value, pass.grant.seconds_left(now)).ok_or(SealError)
}

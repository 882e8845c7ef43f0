//! Requests and WebSockets on their way to the workspace's pod and back, streamed in both directions.

use std::sync::Arc;

use axum::{extract::Request, response::Response};
use hyper::upgrade::OnUpgrade;
use jiff::Timestamp;
use tracing::{debug, warn};

use super::{Admitted, enter::pass_cookie, forward};
use crate::{codes::Pass, cookie, error::Error, headers::Relayed, portal::Portal, relay};

/// Passes a request on and the answer back.
pub(super) async fn pass(
    portal: &Arc<Portal>,
    admitted: Admitted,
    mut request: Request,
) -> Result<Response, Error> {
    let Admitted { id, workspace, pass } = admitted;
    let place = portal.pods.find(&workspace).await.map_err(|error| {
        debug!(%error, "no pod");
        Error::NoAnswer
    })?;
    forward::request(request.headers_mut(), portal.site.scheme(), &portal.site.workspace_host(&id));
    let browser = request.extensions_mut().remove::<OnUpgrade>();
    let answer = portal.sidecars.send(&place, request).await.map_err(|error| {
        if error.is_connect() {
            portal.pods.forget(&workspace);
        }
        warn!(pod = place.uid, error = &error as &dyn std::error::Error, "sidecar");
        Error::NoAnswer
    })?;
    let over = portal.over(pass.grant.clone());
    let mut response = relay::answer(answer, browser, over).ok_or(Error::NoAnswer)?;
    forward::response(response.headers_mut());
    keep_pass(portal, pass, &mut response)?;
    response.extensions_mut().insert(Relayed);
    Ok(response)
}

/// Begins the idle time anew: whoever works in the editor does not visit the portal.
fn keep_pass(portal: &Portal, mut pass: Pass, response: &mut Response) -> Result<(), Error> {
    let now = Timestamp::now();
    if let Some(grant) = pass.grant.refreshed(now) {
        pass.grant = grant;
        cookie::append(response.headers_mut(), Some(pass_cookie(&portal.seal, &pass, now)?));
    }
    Ok(())
}

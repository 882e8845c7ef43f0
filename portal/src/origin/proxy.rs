//! Requests and WebSockets on their way to the workspace's pod and back, streamed in both directions.

use std::{future::Future, sync::Arc};

use axum::{body::Body, extract::Request, response::Response};
use futures::StreamExt;
use http::{StatusCode, header};
use hyper::{body::Incoming, upgrade::OnUpgrade};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::io::copy_bidirectional;
use tracing::{debug, warn};

use super::{Admitted, enter::pass_cookie, forward};
use crate::{codes::Pass, cookie, error::Error, headers::FromWorkspace, portal::Portal};

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
    let mut response = if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        switch(answer, browser.ok_or(Error::NoAnswer)?, over)
    } else {
        stream(answer, over)
    };
    keep_pass(portal, pass, &mut response)?;
    response.extensions_mut().insert(FromWorkspace);
    Ok(response)
}

/// The answer, of which a stream without an end stops with the session.
fn stream(answer: http::Response<Incoming>, over: impl Future<Output = ()> + Send + 'static) -> Response {
    let (mut parts, body) = answer.into_parts();
    let endless = !parts.headers.contains_key(header::CONTENT_LENGTH);
    forward::response(&mut parts.headers, false);
    let body = Body::new(body);
    let body =
        if endless { Body::from_stream(body.into_data_stream().take_until(Box::pin(over))) } else { body };
    Response::from_parts(parts, body)
}

/// Connects the two sides until one of them or the session ends.
fn switch(
    mut answer: http::Response<Incoming>,
    browser: OnUpgrade,
    over: impl Future<Output = ()> + Send + 'static,
) -> Response {
    let workspace = hyper::upgrade::on(&mut answer);
    tokio::spawn(async move {
        let (Ok(browser), Ok(workspace)) = tokio::join!(browser, workspace) else { return };
        let (mut browser, mut workspace) = (TokioIo::new(browser), TokioIo::new(workspace));
        tokio::select! {
            // Either side may go away at any time.
            _ = copy_bidirectional(&mut browser, &mut workspace) => {}
            () = over => {}
        }
    });
    let (mut parts, _) = answer.into_parts();
    forward::response(&mut parts.headers, true);
    Response::from_parts(parts, Body::empty())
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

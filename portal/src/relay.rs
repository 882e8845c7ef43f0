//! What goes through to somebody behind us, and back: requests, streams and WebSockets, in both directions.

use std::future::Future;

use axum::{body::Body, response::Response};
use futures::StreamExt;
use http::{StatusCode, header};
use hyper::{body::Incoming, upgrade::OnUpgrade};
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;

pub(crate) mod headers;

/// The answer for the browser. A stream without an end and a WebSocket last until it is `over`. There is
/// none for who switches protocols without having been asked to.
pub(crate) fn answer(
    answer: http::Response<Incoming>,
    browser: Option<OnUpgrade>,
    over: impl Future<Output = ()> + Send + 'static,
) -> Option<Response> {
    let mut response = if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        switch(answer, browser?, over)
    } else {
        stream(answer, over)
    };
    headers::response(&mut response);
    Some(response)
}

fn stream(answer: http::Response<Incoming>, over: impl Future<Output = ()> + Send + 'static) -> Response {
    let (parts, body) = answer.into_parts();
    let endless = !parts.headers.contains_key(header::CONTENT_LENGTH);
    let body = Body::new(body);
    let body =
        if endless { Body::from_stream(body.into_data_stream().take_until(Box::pin(over))) } else { body };
    Response::from_parts(parts, body)
}

/// Connects the two sides until one of them goes or it is over.
fn switch(
    mut answer: http::Response<Incoming>,
    browser: OnUpgrade,
    over: impl Future<Output = ()> + Send + 'static,
) -> Response {
    let behind = hyper::upgrade::on(&mut answer);
    tokio::spawn(async move {
        let (Ok(browser), Ok(behind)) = tokio::join!(browser, behind) else { return };
        let (mut browser, mut behind) = (TokioIo::new(browser), TokioIo::new(behind));
        tokio::select! {
            // Either side may go away at any time.
            _ = copy_bidirectional(&mut browser, &mut behind) => {}
            () = over => {}
        }
    });
    answer.map(|_| Body::empty())
}

//! A request of Git's on its way to Gitea and back, streamed in both directions.

use axum::{
    body::Body,
    extract::Request,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, Method, StatusCode, header, request};
use hyper::body::Incoming;
use neuralinverse_api::agent::gateway::GIT_PATH;

use super::{
    Git,
    accounts::Account,
    call::{Call, Step},
    error::Error,
    gitea::GiteaError,
    headers,
    tokens::Token,
};

/// Passes a request on as `account`, and the answer back.
pub(super) async fn pass(
    git: &Git,
    account: &Account,
    call: &Call,
    request: Request,
) -> Result<Response, Error> {
    let (parts, body) = request.into_parts();
    let token = git.tokens.get(&git.gitea, account).await?;
    let mut answer = match call.step {
        Step::Advertisement => send(git, account, call, &parts, &token, Body::empty()).await?,
        Step::Result => send(git, account, call, &parts, &token, body).await?,
    };
    if answer.status() == StatusCode::UNAUTHORIZED {
        git.tokens.forget(account, &token).await;
        // What Git has sent cannot be sent again, but it asks for an advertisement before.
        if call.step == Step::Result {
            return Err(Error::Again);
        }
        let token = git.tokens.get(&git.gitea, account).await?;
        answer = send(git, account, call, &parts, &token, Body::empty()).await?;
    }
    answered(git, account, call, answer)
}

async fn send(
    git: &Git,
    account: &Account,
    call: &Call,
    asked: &request::Parts,
    token: &Token,
    body: Body,
) -> Result<http::Response<Incoming>, Error> {
    let method = match call.step {
        Step::Advertisement => Method::GET,
        Step::Result => Method::POST,
    };
    let mut request = http::Request::builder()
        .method(method)
        .uri(git.gitea.uri(&call.path()).map_err(GiteaError::from)?)
        .body(body)
        .map_err(GiteaError::from)?;
    *request.headers_mut() = headers::request(&asked.headers);
    if call.step == Step::Advertisement {
        request.headers_mut().remove(header::CONTENT_LENGTH);
    }
    let authorization = token.header(&account.login).ok_or(Error::Again)?;
    request.headers_mut().insert(header::AUTHORIZATION, authorization);
    Ok(git.gitea.send(request).await?)
}

/// What Git gets to see of Gitea's answer. Of an error only the status means something to it, and that of Gitea's
/// own sign-in would make it ask for a password.
fn answered(
    git: &Git,
    account: &Account,
    call: &Call,
    answer: http::Response<Incoming>,
) -> Result<Response, Error> {
    let (parts, body) = answer.into_parts();
    match parts.status {
        StatusCode::OK if is_gits(&parts.headers, call) => {
            let mut response = Response::new(Body::new(body));
            *response.headers_mut() = headers::answer(&parts.headers);
            Ok(response)
        }
        // A page says that the account cannot be used as it is; to Git it would be a broken repository.
        StatusCode::OK | StatusCode::UNAUTHORIZED => Err(Error::Account(account.login.clone())),
        StatusCode::FORBIDDEN => Err(Error::Forbidden { call: call.clone(), login: account.login.clone() }),
        status if status.is_redirection() => {
            let moved = parts.headers.get(header::LOCATION).and_then(|location| git.gitea.below(location));
            let moved = moved.and_then(|uri| Call::of(uri.path(), uri.query()).ok());
            let moved = moved.filter(|to| (to.service, to.step) == (call.service, call.step) && to != call);
            let moved = moved.ok_or_else(|| not_found(account, call))?;
            Ok((status, [(header::LOCATION, format!("{GIT_PATH}{}", moved.path()))]).into_response())
        }
        StatusCode::NOT_FOUND => Err(not_found(account, call)),
        status if status.is_client_error() => Err(Error::Request(status)),
        status => Err(GiteaError::Status("passing on a request of Git's", status).into()),
    }
}

fn is_gits(headers: &HeaderMap, call: &Call) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|it| it.as_bytes() == call.content_type().as_bytes())
}

fn not_found(account: &Account, call: &Call) -> Error {
    Error::NotFound { call: call.clone(), login: account.login.clone() }
}

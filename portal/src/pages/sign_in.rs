//! Signing in and out.

use std::sync::Arc;

use axum::{
    extract::{Query, State},
    response::Response,
};
use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    audit::{self, Action},
    change::ChangeError,
    cookie,
    error::{Error, see_other},
    issuer::Pending,
    portal::Portal,
    posted::{Nothing, Posted},
    seal::{Purpose, SealError},
    session::Session,
};

/// Where the issuer sends people back to.
pub const CALLBACK: &str = "/sign-in/callback";

/// How long somebody may take to sign in.
const LIFE: SignedDuration = SignedDuration::from_mins(10);

#[derive(Serialize, Deserialize)]
struct Attempt {
    pending: Pending,
    to: String,
    until: Timestamp,
}

/// Where to go when signed in.
#[derive(Deserialize)]
pub struct To {
    to: Option<String>,
}

/// What the issuer sends back.
#[derive(Deserialize)]
pub struct Answer {
    code: Option<String>,
    state: Option<String>,
}

/// The path of the sign-in that goes on to `to`.
pub fn url(to: &str) -> String {
    let safe = |it: &char| it.is_ascii_alphanumeric() || "/-_".contains(*it);
    format!("/sign-in?to={}", to.chars().take_while(safe).collect::<String>())
}

/// `GET /sign-in`.
pub async fn begin(
    State(portal): State<Arc<Portal>>,
    Query(To { to }): Query<To>,
) -> Result<Response, Error> {
    let (url, pending) = portal.issuer.begin().await?;
    let to = to.filter(|it| is_own_path(it)).unwrap_or_else(|| "/".to_owned());
    let attempt = Attempt { pending, to, until: Timestamp::now() + LIFE };
    let sealed = portal.seal.seal(Purpose::SignIn, &attempt)?;
    let mut response = see_other(&url);
    cookie::append(response.headers_mut(), cookie::set(cookie::SIGN_IN, &sealed, LIFE.as_secs()));
    Ok(response)
}

/// `GET /sign-in/callback`.
pub async fn callback(
    State(portal): State<Arc<Portal>>,
    headers: HeaderMap,
    Query(answer): Query<Answer>,
) -> Result<Response, Error> {
    let now = Timestamp::now();
    let sealed = cookie::read(&headers, cookie::SIGN_IN);
    let attempt = sealed.and_then(|sealed| portal.seal.open::<Attempt>(Purpose::SignIn, sealed));
    let attempt = attempt.filter(|it| now < it.until);
    let attempt =
        attempt.ok_or(Error::SignInFailed("this sign-in has expired or began in another browser"))?;
    let (Some(code), Some(state)) = (answer.code, answer.state) else {
        return Err(Error::SignInFailed("the sign-in was given up"));
    };
    let identity = portal.issuer.finish(attempt.pending, &state, code).await?;
    let session = Session::begin(identity, now)?;
    audit::session(Action::SignIn, &session.grant.owner);
    let mut response = see_other(&attempt.to);
    cookie::append(response.headers_mut(), Some(session.cookie(&portal.seal, now)?));
    cookie::append(response.headers_mut(), cookie::clear(cookie::SIGN_IN));
    Ok(response)
}

/// `POST /sign-out`.
pub async fn sign_out(
    State(portal): State<Arc<Portal>>,
    Posted { session, form: Nothing {} }: Posted<Nothing>,
) -> Result<Response, Error> {
    portal.ended.end(&session.grant).await.map_err(ChangeError::from)?;
    audit::session(Action::SignOut, &session.grant.owner);
    signed_out()
}

/// `POST /sign-out/everywhere`.
pub async fn sign_out_everywhere(
    State(portal): State<Arc<Portal>>,
    Posted { session, form: Nothing {} }: Posted<Nothing>,
) -> Result<Response, Error> {
    let owner = &session.grant.owner;
    portal.ended.end_all(owner, Timestamp::now()).await.map_err(ChangeError::from)?;
    audit::session(Action::SignOutEverywhere, owner);
    signed_out()
}

fn signed_out() -> Result<Response, Error> {
    let mut response = see_other("/");
    cookie::append(response.headers_mut(), Some(cookie::clear(cookie::SESSION).ok_or(SealError)?));
    Ok(response)
}

/// Whether this is a path on our own origin and nothing else.
fn is_own_path(to: &str) -> bool {
    let safe = |it: u8| it.is_ascii_alphanumeric() || b"/-_".contains(&it);
    to.starts_with('/') && !to.starts_with("//") && to.bytes().all(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_site() {
        for (to, own) in [
            ("/", true),
            ("/open/abcdefghijklmnop2345", true),
            ("", false),
            ("//evil.test", false),
            ("/\\evil.test", false),
            ("https://evil.test", false),
            ("/a?b=c", false),
            ("/a\r\nSet-Cookie: x", false),
        ] {
            assert_eq!(is_own_path(to), own, "{to}");
        }
        assert_eq!(url("/open/abc"), "/sign-in?to=/open/abc");
        assert_eq!(url("/open/a&b=c"), "/sign-in?to=/open/a");
    }
}

//! Who is signed in: from the sealed cookie, checked at every request.

use std::sync::Arc;

use aws_lc_rs::constant_time;
use axum::extract::FromRequestParts;
use http::{HeaderValue, request::Parts};
use jiff::Timestamp;
use neuralinverse_api::Owner;
use serde::{Deserialize, Serialize};

use crate::{
    cookie,
    ended::Over,
    error::Error,
    grant::Grant,
    guard,
    issuer::Identity,
    portal::Portal,
    random,
    seal::{Purpose, Seal, SealError},
};

/// Somebody signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Who it is.
    pub identity: Identity,
    /// What that allows, and for how long.
    pub grant: Grant,
    /// What our own forms carry along: no other site can read it.
    pub form_token: String,
}

impl Session {
    /// A session that begins now.
    pub fn begin(identity: Identity, now: Timestamp) -> Result<Self, SealError> {
        let owner = Owner::of(&identity.issuer, &identity.subject);
        Ok(Self { grant: Grant::new(owner, random::id()?, now), identity, form_token: random::id()? })
    }

    /// Its cookie.
    pub fn cookie(&self, seal: &Seal, now: Timestamp) -> Result<HeaderValue, SealError> {
        let value = seal.seal(Purpose::Session, self)?;
        cookie::set(cookie::SESSION, &value, self.grant.seconds_left(now)).ok_or(SealError)
    }

    /// Whether a form was made for this session.
    pub fn made(&self, token: &str) -> bool {
        constant_time::verify_slices_are_equal(self.form_token.as_bytes(), token.as_bytes()).is_ok()
    }
}

/// The session of a request, if it has one that holds.
pub struct MaybeSignedIn(pub Option<Session>);

impl FromRequestParts<Arc<Portal>> for MaybeSignedIn {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, portal: &Arc<Portal>) -> Result<Self, Error> {
        let sealed = cookie::read(&parts.headers, cookie::SESSION);
        let Some(session) = sealed.and_then(|sealed| portal.seal.open::<Session>(Purpose::Session, sealed))
        else {
            return Ok(Self(None));
        };
        match portal.ended.check(&session.grant, Timestamp::now()) {
            Ok(()) => Ok(Self(Some(session))),
            Err(Over::Expired | Over::SignedOut) => Ok(Self(None)),
            Err(Over::Unknown) => Err(Error::NotReady),
        }
    }
}

/// The session of a request that needs one.
pub struct SignedIn(pub Session);

impl FromRequestParts<Arc<Portal>> for SignedIn {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, portal: &Arc<Portal>) -> Result<Self, Error> {
        let MaybeSignedIn(session) = MaybeSignedIn::from_request_parts(parts, portal).await?;
        session.map(Self).ok_or_else(|| {
            let navigation = guard::is_navigation(&parts.method, &parts.headers);
            Error::SignIn { to: navigation.then(|| parts.uri.path().to_owned()) }
        })
    }
}

//! A form that came from our own page: the session holds and the form carries its token.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Form,
    extract::{FromRequest, FromRequestParts, Request},
};
use serde::de::DeserializeOwned;

use crate::{
    error::Error,
    portal::Portal,
    session::{Session, SignedIn},
};

/// Name of the field that holds the token.
pub const TOKEN: &str = "token";

/// A form and who sent it.
pub struct Posted<T> {
    /// Who sent it.
    pub session: Session,
    /// What it says.
    pub form: T,
}

/// A form without fields of its own.
#[derive(serde::Deserialize)]
pub struct Nothing {}

impl<T: DeserializeOwned> FromRequest<Arc<Portal>> for Posted<T> {
    type Rejection = Error;

    async fn from_request(request: Request, portal: &Arc<Portal>) -> Result<Self, Error> {
        let (mut parts, body) = request.into_parts();
        let SignedIn(session) = SignedIn::from_request_parts(&mut parts, portal).await?;
        let request = Request::from_parts(parts, body);
        let Form(mut fields) =
            Form::<BTreeMap<String, String>>::from_request(request, portal).await.map_err(|_| Error::Form)?;
        let token = fields.remove(TOKEN).unwrap_or_default();
        if !session.made(&token) {
            return Err(Error::StaleForm);
        }
        let fields = serde_json::to_value(fields).map_err(|_| Error::Form)?;
        let form = serde_json::from_value(fields).map_err(|_| Error::Form)?;
        Ok(Self { session, form })
    }
}

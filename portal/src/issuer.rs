//! Sign-in by OpenID Connect: authorization code with PKCE, state and nonce.
//!
//! Of all that the issuer gives, only who it is stays, and how they sign their commits: tokens are dropped as
//! soon as the ID token was verified, so there are none to leak.

use std::time::{Duration, Instant};

use neuralinverse_api::GitAuthor;
use openidconnect::{
    AuthenticationFlow, AuthorizationCode, ClientId, ClientSecret, CsrfToken, IssuerUrl, Nonce,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, TokenResponse,
    core::{CoreClient, CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreResponseType},
};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

mod author;
mod fetch;

pub use fetch::FetchError;
use fetch::{Detour, Fetch};

/// How long what the issuer says of itself is believed, keys included.
const METADATA: Duration = Duration::from_secs(600);

/// How the portal is known to its issuer.
#[derive(Debug)]
pub struct IssuerOptions {
    /// URL of the issuer, exactly as it names itself.
    pub url: String,
    /// Our id there.
    pub client_id: String,
    /// Our secret there.
    pub client_secret: Option<String>,
    /// Scopes besides `openid`.
    pub scopes: Vec<String>,
    /// Where the issuer sends people back to.
    pub redirect: String,
    /// Where the issuer answers us, as `http://host:port`, if its own URL is for browsers only.
    pub upstream: Option<String>,
}

impl IssuerOptions {
    /// The issuer is the region's Gitea, which answers us at `upstream`. It names itself without a slash
    /// at the end, and gives a token that may do everything to whoever asks for no scope of its kind.
    pub fn of_gitea(mut self, upstream: String) -> Self {
        self.url = self.url.trim_end_matches('/').to_owned();
        if !self.scopes.iter().any(|scope| scope == GITEA_SCOPE) {
            self.scopes.push(GITEA_SCOPE.to_owned());
        }
        Self { upstream: Some(upstream), ..self }
    }
}

/// The least that Gitea's tokens can be asked to allow.
const GITEA_SCOPE: &str = "read:user";

/// The issuer.
pub struct Issuer {
    options: IssuerOptions,
    url: IssuerUrl,
    redirect: RedirectUrl,
    fetch: Fetch,
    known: Mutex<Option<(Instant, CoreProviderMetadata)>>,
}

/// A sign-in under way; the browser keeps it sealed.
#[derive(Serialize, Deserialize)]
pub struct Pending {
    state: String,
    nonce: Nonce,
    verifier: PkceCodeVerifier,
}

/// Who signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The issuer.
    pub issuer: String,
    /// Who it is there.
    pub subject: String,
    /// Name for people.
    pub name: String,
    /// How they sign their commits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_author: Option<GitAuthor>,
}

/// Why a sign-in did not come about.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// A URL in the options is none.
    #[error("`{0}` is not a URL")]
    Url(String),
    /// The issuer does not answer as one.
    #[error("the issuer cannot be reached or is none: {0}")]
    Unreachable(String),
    /// The browser brought back something other than what it was sent off with.
    #[error("the answer does not belong to this sign-in")]
    State,
    /// The code was refused.
    #[error("the issuer refused the code: {0}")]
    Code(String),
    /// The ID token is missing or not to be believed.
    #[error("the ID token is not valid: {0}")]
    Token(String),
}

impl Issuer {
    /// Does not reach out yet: the issuer may come up later than we.
    pub fn new(options: IssuerOptions) -> Result<Self, IssuerError> {
        let url = IssuerUrl::new(options.url.clone()).map_err(|_| IssuerError::Url(options.url.clone()))?;
        let redirect = RedirectUrl::new(options.redirect.clone())
            .map_err(|_| IssuerError::Url(options.redirect.clone()))?;
        let detour = options.upstream.as_deref().map(|upstream| Detour::new(&options.url, upstream));
        let detour = detour.transpose().map_err(|error| IssuerError::Url(error.0))?;
        let fetch = Fetch::new(detour).map_err(|error| IssuerError::Unreachable(error.to_string()))?;
        Ok(Self { options, url, redirect, fetch, known: Mutex::default() })
    }

    /// Where to send the browser, and what to remember until it comes back.
    pub async fn begin(&self) -> Result<(String, Pending), IssuerError> {
        let metadata = self.metadata().await?;
        let client = CoreClient::from_provider_metadata(metadata, self.client_id(), self.client_secret())
            .set_redirect_uri(self.redirect.clone());
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let flow = AuthenticationFlow::<CoreResponseType>::AuthorizationCode;
        let (url, state, nonce) = client
            .authorize_url(flow, CsrfToken::new_random, Nonce::new_random)
            .add_scopes(self.options.scopes.iter().cloned().map(Scope::new))
            .set_pkce_challenge(challenge)
            .url();
        Ok((url.into(), Pending { state: state.into_secret(), nonce, verifier }))
    }

    /// Who came back.
    pub async fn finish(&self, pending: Pending, state: &str, code: String) -> Result<Identity, IssuerError> {
        if !same(&pending.state, state) {
            return Err(IssuerError::State);
        }
        let metadata = self.metadata().await?;
        let algorithms = asymmetric(&metadata);
        let client = CoreClient::from_provider_metadata(metadata, self.client_id(), self.client_secret())
            .set_redirect_uri(self.redirect.clone());
        let response = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| IssuerError::Unreachable(error.to_string()))?
            .set_pkce_verifier(pending.verifier)
            .request_async(&self.fetch)
            .await
            .map_err(|error| IssuerError::Code(error.to_string()))?;
        let token = response.id_token().ok_or_else(|| IssuerError::Token("there is none".to_owned()))?;
        let verifier = client.id_token_verifier().set_allowed_algs(algorithms);
        let identity = identify(token.claims(&verifier, &pending.nonce));
        if identity.is_err() {
            // The issuer may have new keys.
            *self.known.lock().await = None;
        }
        identity
    }

    async fn metadata(&self) -> Result<CoreProviderMetadata, IssuerError> {
        let mut known = self.known.lock().await;
        if let Some((_, metadata)) = known.as_ref().filter(|(since, _)| since.elapsed() < METADATA) {
            return Ok(metadata.clone());
        }
        let metadata = CoreProviderMetadata::discover_async(self.url.clone(), &self.fetch)
            .await
            .map_err(|error| IssuerError::Unreachable(error.to_string()))?;
        *known = Some((Instant::now(), metadata.clone()));
        Ok(metadata)
    }

    fn client_id(&self) -> ClientId {
        ClientId::new(self.options.client_id.clone())
    }

    fn client_secret(&self) -> Option<ClientSecret> {
        self.options.client_secret.clone().map(ClientSecret::new)
    }
}

type Claims<'a> = Result<&'a openidconnect::core::CoreIdTokenClaims, openidconnect::ClaimsVerificationError>;

fn identify(claims: Claims<'_>) -> Result<Identity, IssuerError> {
    let claims = claims.map_err(|error| IssuerError::Token(error.to_string()))?;
    let (issuer, subject) = (claims.issuer().as_str(), claims.subject().as_str());
    let given = claims.name().and_then(|name| name.get(None)).map(|name| name.as_str());
    let given = given.filter(|name| !name.trim().is_empty());
    let login = claims.preferred_username().map(|name| name.as_str());
    let email = claims.email().map(|email| email.as_str());
    Ok(Identity {
        // It goes into a cookie.
        name: given.or(login).unwrap_or("You").chars().take(64).collect(),
        git_author: author::of(given, login, email, subject, issuer),
        issuer: issuer.to_owned(),
        subject: subject.to_owned(),
    })
}

/// What the issuer signs with, but for what anybody with our secret could sign, and `none`.
fn asymmetric(metadata: &CoreProviderMetadata) -> Vec<CoreJwsSigningAlgorithm> {
    use CoreJwsSigningAlgorithm::{HmacSha256, HmacSha384, HmacSha512, None};
    let offered = metadata.id_token_signing_alg_values_supported().iter().cloned();
    offered.filter(|it| !matches!(it, HmacSha256 | HmacSha384 | HmacSha512 | None)).collect()
}

fn same(a: &str, b: &str) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(a.as_bytes(), b.as_bytes()).is_ok()
}

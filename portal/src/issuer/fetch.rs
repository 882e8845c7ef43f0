//! How the OpenID Connect library reaches the issuer.

use std::{future::Future, pin::Pin, time::Duration};

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};

/// More than any issuer has to say.
const LIMIT: usize = 1 << 20;

/// A client that follows no redirects: an issuer's endpoints are where it says they are.
pub(super) struct Fetch(reqwest::Client);

/// The issuer gave no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No answer.
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    /// No HTTP message.
    #[error(transparent)]
    Message(#[from] http::Error),
    /// The answer is too long.
    #[error("the answer is longer than 1 MiB")]
    TooLong,
}

impl Fetch {
    pub(super) fn new() -> reqwest::Result<Self> {
        let timeout = Duration::from_secs(10);
        reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(timeout)
            .build()
            .map(Self)
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, FetchError> {
        let mut answer = self.0.execute(request.try_into()?).await?;
        let mut response = http::Response::builder().status(answer.status());
        if let Some(headers) = response.headers_mut() {
            *headers = answer.headers().clone();
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            body.extend_from_slice(&chunk);
            if body.len() > LIMIT {
                return Err(FetchError::TooLong);
            }
        }
        Ok(response.body(body)?)
    }
}

impl<'c> AsyncHttpClient<'c> for Fetch {
    type Error = FetchError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, FetchError>> + Send + Sync + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

//! How the OpenID Connect library reaches the issuer.

use std::{future::Future, pin::Pin, time::Duration};

use http::{HeaderValue, Uri};
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};

/// More than any issuer has to say.
const LIMIT: usize = 1 << 20;

/// A client that follows no redirects: an issuer's endpoints are where it says they are.
pub(super) struct Fetch {
    client: reqwest::Client,
    detour: Option<Detour>,
}

/// The way to an issuer whose own URL does not lead to it from here: the same requests, sent elsewhere.
pub(super) struct Detour {
    issuer: Uri,
    upstream: Uri,
}

/// The text is not a URL with a host.
#[derive(Debug)]
pub(super) struct NotAUrl(pub(super) String);

impl Detour {
    pub(super) fn new(issuer: &str, upstream: &str) -> Result<Self, NotAUrl> {
        let parse = |text: &str| {
            let uri = text.parse::<Uri>().ok().filter(|it| it.scheme().is_some() && it.authority().is_some());
            uri.ok_or_else(|| NotAUrl(text.to_owned()))
        };
        Ok(Self { issuer: parse(issuer)?, upstream: parse(upstream)? })
    }

    /// Where to send a request to `uri`, if that is the issuer's.
    fn of(&self, uri: &Uri) -> Option<Uri> {
        let its = uri.scheme() == self.issuer.scheme() && uri.authority() == self.issuer.authority();
        let mut parts = its.then(|| uri.clone())?.into_parts();
        parts.scheme = self.upstream.scheme().cloned();
        parts.authority = self.upstream.authority().cloned();
        Uri::from_parts(parts).ok()
    }

    /// Sends the request there, as a proxy before the issuer would.
    fn take(&self, request: &mut HttpRequest) {
        let Some(uri) = self.of(request.uri()) else { return };
        *request.uri_mut() = uri;
        let value = |text: Option<&str>| text.and_then(|it| HeaderValue::from_str(it).ok());
        let host = value(self.issuer.authority().map(|it| it.as_str()));
        for (name, value) in [
            ("host", host.clone()),
            ("x-forwarded-host", host),
            ("x-forwarded-proto", value(self.issuer.scheme_str())),
        ] {
            if let Some(value) = value {
                request.headers_mut().insert(name, value);
            }
        }
    }
}

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
    pub(super) fn new(detour: Option<Detour>) -> reqwest::Result<Self> {
        let timeout = Duration::from_secs(10);
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(timeout)
            .build()?;
        Ok(Self { client, detour })
    }

    async fn send(&self, mut request: HttpRequest) -> Result<HttpResponse, FetchError> {
        if let Some(detour) = &self.detour {
            detour.take(&mut request);
        }
        let mut answer = self.client.execute(request.try_into()?).await?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_the_issuers_takes_the_detour() {
        let detour = Detour::new("https://git.example.com", "http://gitea.svc:3000").unwrap();
        for (uri, sent) in [
            (
                "https://git.example.com/login/oauth/keys?a=b",
                Some("http://gitea.svc:3000/login/oauth/keys?a=b"),
            ),
            ("https://GIT.example.com/", Some("http://gitea.svc:3000/")),
            ("http://git.example.com/", None),
            ("https://git.example.com:8443/", None),
            ("https://git.example.com.evil.test/", None),
            ("https://id.example.com/", None),
        ] {
            let mut request = HttpRequest::new(Vec::new());
            *request.uri_mut() = uri.parse().unwrap();
            detour.take(&mut request);
            assert_eq!(request.uri(), sent.unwrap_or(uri), "{uri}");
            let host = request.headers().get("host").map(|it| it.to_str().unwrap());
            assert_eq!(host, sent.map(|_| "git.example.com"), "{uri}");
        }
        assert!(Detour::new("git.example.com", "http://gitea.svc:3000").is_err());
        assert!(Detour::new("https://git.example.com", "/gitea").is_err());
    }
}

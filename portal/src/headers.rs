//! What our own pages tell browsers to refuse. What others answer through us is theirs to protect: Gitea's
//! pages, and those of workspaces but for framing.

use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, header};

/// On an answer that somebody behind us gave.
#[derive(Clone, Copy, Debug)]
pub struct Relayed;

const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; frame-ancestors 'none'; form-action 'self'";

/// Sets what the answer does not say already.
pub async fn protect(mut response: Response) -> Response {
    if response.extensions().get::<Relayed>().is_some() {
        return response;
    }
    let headers = response.headers_mut();
    set(headers, header::CONTENT_SECURITY_POLICY, POLICY);
    // Our own forms need an Origin, which `no-referrer` would turn into `null`.
    set(headers, header::REFERRER_POLICY, "same-origin");
    set(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(headers, HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(headers, HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    set(headers, HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()");
    set(headers, header::CACHE_CONTROL, "no-store");
    response
}

/// The policy of a page whose form goes to another origin.
pub fn policy_with_form_to(origin: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("{POLICY} {origin}")).ok()
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.entry(name).or_insert(HeaderValue::from_static(value));
}

//! What changes in a request and an answer on their way through a workspace's origin, besides what changes
//! on any way: our own secrets stay here, and framing is our business.

use http::{HeaderMap, HeaderValue, header};

use crate::{cookie, relay};

/// Makes a browser's request one for the workspace at `scheme://host`.
pub(super) fn request(headers: &mut HeaderMap, scheme: &str, host: &str) {
    cookie::strip_request(headers);
    headers.remove(header::AUTHORIZATION);
    relay::headers::request(headers, scheme, host);
}

/// Makes a workspace's answer one for the browser.
pub(super) fn response(headers: &mut HeaderMap) {
    cookie::strip_response(headers);
    // On top of what the editor says itself: nobody else may put it into a frame.
    headers.append(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("frame-ancestors 'self'"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::headers::headers;

    #[test]
    fn a_request_carries_nothing_of_ours() {
        let mut sent = headers(&[
            ("host", "evil.test"),
            ("cookie", "__Host-workspace=secret; theme=dark"),
            ("authorization", "Bearer secret"),
            ("accept", "*/*"),
        ]);
        request(&mut sent, "https", "a.ws.example.net");
        let expected = headers(&[
            ("cookie", "theme=dark"),
            ("accept", "*/*"),
            ("x-forwarded-host", "a.ws.example.net"),
            ("x-forwarded-proto", "https"),
            ("host", "a.ws.example.net"),
        ]);
        assert_eq!(sent, expected);
    }

    #[test]
    fn an_answer_cannot_set_our_cookies_and_is_not_framed_elsewhere() {
        let mut answer = headers(&[
            ("set-cookie", "__Host-workspace=x"),
            ("set-cookie", "theme=dark"),
            ("content-security-policy", "default-src 'self'"),
        ]);
        response(&mut answer);
        let expected = headers(&[
            ("set-cookie", "theme=dark"),
            ("content-security-policy", "default-src 'self'"),
            ("content-security-policy", "frame-ancestors 'self'"),
        ]);
        assert_eq!(answer, expected);
    }
}

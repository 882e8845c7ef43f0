//! Which headers pass. A list of those that do: whatever else a workspace sends could mean something to Gitea (`Sudo`,
//! `Cookie`, `X-WEBAUTH-USER`), and whatever else Gitea says is not for Git.

use http::{HeaderMap, HeaderName};

const REQUEST: &[&str] = &[
    "accept",
    "accept-encoding",
    "accept-language",
    "content-encoding",
    "content-length",
    "content-type",
    "git-protocol",
    "user-agent",
];

const ANSWER: &[&str] =
    &["cache-control", "content-encoding", "content-length", "content-type", "expires", "pragma"];

/// What of Git's request reaches Gitea.
pub(super) fn request(headers: &HeaderMap) -> HeaderMap {
    pick(headers, REQUEST)
}

/// What of Gitea's answer reaches Git.
pub(super) fn answer(headers: &HeaderMap) -> HeaderMap {
    pick(headers, ANSWER)
}

fn pick(headers: &HeaderMap, names: &'static [&'static str]) -> HeaderMap {
    let one = |name: &&'static str| Some((HeaderName::from_static(name), headers.get(*name)?.clone()));
    names.iter().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn only_what_git_says_reaches_gitea() {
        let kept = [
            ("accept", "application/x-git-upload-pack-result"),
            ("accept-encoding", "gzip"),
            ("content-encoding", "gzip"),
            ("content-length", "4"),
            ("content-type", "application/x-git-upload-pack-request"),
            ("git-protocol", "version=2"),
            ("user-agent", "git/2.39.5"),
        ];
        let dropped = [
            ("authorization", "Bearer secret"),
            ("connection", "keep-alive, git-protocol"),
            ("cookie", "i_like_gitea=secret"),
            ("expect", "100-continue"),
            ("forwarded", "for=1.2.3.4"),
            ("host", "evil.test"),
            ("origin", "http://evil.test"),
            ("proxy-authorization", "Basic secret"),
            ("sudo", "root"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x-gitea-otp", "123456"),
            ("x-webauth-user", "root"),
        ];
        assert_eq!(request(&headers(&[kept.as_slice(), &dropped].concat())), headers(&kept));
    }

    #[test]
    fn only_what_git_understands_comes_back() {
        let kept = [
            ("cache-control", "no-cache, max-age=0, must-revalidate"),
            ("content-type", "application/x-git-upload-pack-result"),
            ("expires", "Fri, 01 Jan 1980 00:00:00 GMT"),
            ("pragma", "no-cache"),
        ];
        let dropped = [
            ("connection", "close"),
            ("location", "http://elsewhere"),
            ("set-cookie", "i_like_gitea=secret"),
            ("transfer-encoding", "chunked"),
            ("www-authenticate", "Basic realm=\"Gitea\""),
        ];
        assert_eq!(answer(&headers(&[kept.as_slice(), &dropped].concat())), headers(&kept));
    }
}

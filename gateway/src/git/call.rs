//! What is asked of the door, out of method, path and query. Whatever is not exactly one of the three requests of
//! Git's smart HTTP protocol is nothing.

use http::{Method, Uri};
use neuralinverse_api::agent::gateway::GIT_PATH;

/// What Git wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    /// Fetch.
    UploadPack,
    /// Push.
    ReceivePack,
}

/// Which of its requests it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Which references are there.
    Advertisement,
    /// The exchange itself.
    Result,
}

/// A request of Git's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    /// User or organization at the Git host.
    pub owner: String,
    /// Name of the repository, without `.git`.
    pub repository: String,
    pub service: Service,
    pub step: Step,
}

/// Why it is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoCall {
    /// There is no such path.
    #[error("{}", super::SERVED.trim_end())]
    Unserved,
    /// The path asks for another method.
    #[error("only {0} is possible here")]
    Method(&'static str),
}

impl Service {
    const ALL: [Self; 2] = [Self::UploadPack, Self::ReceivePack];

    /// As the protocol names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::UploadPack => "git-upload-pack",
            Self::ReceivePack => "git-receive-pack",
        }
    }

    fn named(name: &str) -> Result<Self, NoCall> {
        Self::ALL.into_iter().find(|it| it.name() == name).ok_or(NoCall::Unserved)
    }
}

impl Call {
    /// What is asked of the gateway.
    pub(super) fn parse(method: &Method, uri: &Uri) -> Result<Self, NoCall> {
        let path = uri.path().strip_prefix(GIT_PATH).ok_or(NoCall::Unserved)?;
        let call = Self::of(path, uri.query())?;
        let expected = match call.step {
            Step::Advertisement => Method::GET,
            Step::Result => Method::POST,
        };
        match *method == expected {
            true => Ok(call),
            false => Err(NoCall::Method(call.step.method())),
        }
    }

    /// What a path at the Git host asks for.
    pub(super) fn of(path: &str, query: Option<&str>) -> Result<Self, NoCall> {
        let path = path.strip_prefix('/').ok_or(NoCall::Unserved)?;
        let segments: Vec<&str> = path.split('/').collect();
        let (owner, repository, service, step) = match (segments.as_slice(), query) {
            ([owner, repository, "info", "refs"], Some(query)) => {
                let service = query.strip_prefix("service=").ok_or(NoCall::Unserved)?;
                (owner, repository, Service::named(service)?, Step::Advertisement)
            }
            ([owner, repository, service], None) => {
                (owner, repository, Service::named(service)?, Step::Result)
            }
            _ => return Err(NoCall::Unserved),
        };
        let repository = repository.strip_suffix(".git").unwrap_or(repository);
        match is_name(owner) && is_name(repository) {
            true => Ok(Self { owner: (*owner).to_owned(), repository: repository.to_owned(), service, step }),
            false => Err(NoCall::Unserved),
        }
    }

    /// Path and query at the Git host.
    pub(super) fn path(&self) -> String {
        let Self { owner, repository, service, step } = self;
        let service = service.name();
        match step {
            Step::Advertisement => format!("/{owner}/{repository}.git/info/refs?service={service}"),
            Step::Result => format!("/{owner}/{repository}.git/{service}"),
        }
    }

    /// The type of an answer that Git takes as such.
    pub(super) fn content_type(&self) -> String {
        let step = match self.step {
            Step::Advertisement => "advertisement",
            Step::Result => "result",
        };
        format!("application/x-{}-{step}", self.service.name())
    }
}

impl Step {
    fn method(self) -> &'static str {
        match self {
            Self::Advertisement => "GET",
            Self::Result => "POST",
        }
    }
}

/// Letters, digits, `-`, `_` and `.`, as the Git host has it; so nothing encoded, and no way up.
fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=100).contains(&name.len()) && name.bytes().all(plain) && !name.bytes().all(|byte| byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(method: Method, uri: &str) -> Result<String, NoCall> {
        let call = Call::parse(&method, &uri.parse::<Uri>().unwrap())?;
        Ok(format!("{} {}", call.step.method(), call.path()))
    }

    #[test]
    fn the_three_requests_of_smart_http_are_known() {
        for (method, uri, expected) in [
            (
                Method::GET,
                "/git/ada/x.git/info/refs?service=git-upload-pack",
                "GET /ada/x.git/info/refs?service=git-upload-pack",
            ),
            (
                Method::GET,
                "/git/ada/x/info/refs?service=git-receive-pack",
                "GET /ada/x.git/info/refs?service=git-receive-pack",
            ),
            (Method::POST, "/git/ada/x.git/git-upload-pack", "POST /ada/x.git/git-upload-pack"),
            (Method::POST, "/git/Ada-1/x_y.z/git-receive-pack", "POST /Ada-1/x_y.z.git/git-receive-pack"),
            (Method::POST, "/git/ada/.github/git-upload-pack", "POST /ada/.github.git/git-upload-pack"),
            (Method::POST, "/git/ada/x.wiki.git/git-upload-pack", "POST /ada/x.wiki.git/git-upload-pack"),
            (Method::POST, "/git/ada/info/git-upload-pack", "POST /ada/info.git/git-upload-pack"),
        ] {
            assert_eq!(parse(method, uri).as_deref(), Ok(expected), "{uri}");
        }
    }

    #[test]
    fn everything_else_is_nothing() {
        for uri in [
            "/git",
            "/git/",
            "/git/ada",
            "/git/ada/x.git",
            "/git/ada/x.git/",
            "/git/ada/x.git/HEAD",
            "/git/ada/x.git/info/refs",
            "/git/ada/x.git/info/refs?",
            "/git/ada/x.git/info/refs?service=",
            "/git/ada/x.git/info/refs?service=git-upload-archive",
            "/git/ada/x.git/info/refs?service=git-upload-pack&go-get=1",
            "/git/ada/x.git/info/refs?go-get=1&service=git-upload-pack",
            "/git/ada/x.git/info/refs?service=git%2Dupload-pack",
            "/git/ada/x.git/info/refs/?service=git-upload-pack",
            "/git/ada/x.git/info/lfs/objects/batch",
            "/git/ada/x.git/git-upload-archive",
            "/git/ada/x.git/git-upload-pack/",
            "/git/ada/x.git/objects/info/packs",
            "/git/ada/sub/x.git/git-upload-pack",
            "/git//x.git/git-upload-pack",
            "/git/ada//git-upload-pack",
            "/git/ada/.git/git-upload-pack",
            "/git/../x.git/git-upload-pack",
            "/git/ada/../git-upload-pack",
            "/git/ada/...git/git-upload-pack",
            "/git/./x.git/git-upload-pack",
            "/git/ada%2Fx.git/git-upload-pack",
            "/git/ada/x%2Egit/git-upload-pack",
            "/git/ada/%2e%2e/git-upload-pack",
            "/git/ada/x%00.git/git-upload-pack",
            "/git/ada;a=b/x.git/git-upload-pack",
            "/git/ada/x.git/git-upload-pack?x=1",
            "/git/../api/v1/users",
            "/gitada/x.git/git-upload-pack",
            "/ada/x.git/git-upload-pack",
            "/api/v1/user",
        ] {
            for method in [Method::GET, Method::POST] {
                assert_eq!(parse(method, uri), Err(NoCall::Unserved), "{uri}");
            }
        }
        let long = format!("/git/ada/{}/git-upload-pack", "x".repeat(101));
        assert_eq!(parse(Method::POST, &long), Err(NoCall::Unserved));
    }

    #[test]
    fn other_methods_are_refused() {
        let refs = "/git/ada/x.git/info/refs?service=git-upload-pack";
        let pack = "/git/ada/x.git/git-receive-pack";
        for method in [Method::HEAD, Method::POST, Method::OPTIONS, Method::DELETE, Method::CONNECT] {
            assert_eq!(parse(method, refs), Err(NoCall::Method("GET")));
        }
        for method in [Method::GET, Method::HEAD, Method::PUT, Method::TRACE] {
            assert_eq!(parse(method, pack), Err(NoCall::Method("POST")));
        }
    }
}

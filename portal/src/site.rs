//! The portal's own origin, those of workspaces and the Git host's, and which of them a request is for.

use http::Uri;

use crate::id::WorkspaceId;

/// Where the portal and the workspaces are found.
#[derive(Clone, Debug)]
pub struct Site {
    scheme: String,
    host: String,
    origin: String,
    workspace_domain: String,
    git_host: Option<String>,
}

/// What a `Host` header names.
#[derive(Debug, PartialEq, Eq)]
pub enum Place {
    /// The portal itself.
    Portal,
    /// A workspace's own origin.
    Workspace(WorkspaceId),
    /// The Git host, if the portal stands before one.
    Git,
    /// Nothing of ours.
    Elsewhere,
}

/// Why a pair of URL and domain cannot be served safely.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SiteError {
    /// Not `http(s)://host[:port]`.
    #[error("`{0}` is not a URL of the form https://host or http://host.localhost:port")]
    Url(String),
    /// Browsers take `Secure` cookies over plain HTTP only from localhost.
    #[error("`{0}` must be https: browsers keep our cookies over plain HTTP only for localhost")]
    Plain(String),
    /// One host could set cookies or documents for the other.
    #[error("`{domain}` and `{host}` must lie in different domains, since workspaces run strangers' code")]
    Shared {
        /// Domain of the workspaces.
        domain: String,
        /// Host of the portal.
        host: String,
    },
}

impl Site {
    /// Takes the portal's URL and the domain of workspaces, with a port where it is not the scheme's own.
    pub fn new(public_url: &str, workspace_domain: &str) -> Result<Self, SiteError> {
        let unusable = || SiteError::Url(public_url.to_owned());
        let url: Uri = public_url.parse().map_err(|_| unusable())?;
        let (Some(scheme), Some(authority)) = (url.scheme_str(), url.authority()) else {
            return Err(unusable());
        };
        let whole = url.path().trim_matches('/').is_empty() && url.query().is_none();
        if !matches!(scheme, "http" | "https") || !whole || authority.as_str().contains('@') {
            return Err(unusable());
        }
        let host = without_default_port(scheme, authority.as_str());
        let workspace_domain = without_default_port(scheme, workspace_domain);
        let (portal, domain) = (without_port(&host), without_port(&workspace_domain));
        if scheme == "http" && !(local(portal) && local(domain)) {
            return Err(SiteError::Plain(public_url.to_owned()));
        }
        if domain.is_empty() || within(portal, domain) || within(domain, portal) {
            return Err(SiteError::Shared { domain: domain.to_owned(), host: portal.to_owned() });
        }
        let origin = format!("{scheme}://{host}");
        Ok(Self { scheme: scheme.to_owned(), origin, host, workspace_domain, git_host: None })
    }

    /// The same with a Git host, at the portal's host with `git.` before it. No workspace can have that
    /// name: a domain that holds it holds the portal's host too, or lies in it.
    pub fn with_git_host(self) -> Self {
        Self { git_host: Some(format!("git.{}", self.host)), ..self }
    }

    /// What a `Host` header names.
    pub fn place(&self, host: &str) -> Place {
        let host = without_default_port(&self.scheme, host);
        if host == self.host {
            return Place::Portal;
        }
        if self.git_host.as_ref() == Some(&host) {
            return Place::Git;
        }
        let label = host.strip_suffix(&self.workspace_domain).and_then(|rest| rest.strip_suffix('.'));
        label.and_then(|label| label.parse().ok()).map_or(Place::Elsewhere, Place::Workspace)
    }

    /// The portal's origin, as browsers write it.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Host, and port if it is not the scheme's own, of the Git host.
    pub fn git_host(&self) -> Option<&str> {
        self.git_host.as_deref()
    }

    /// The origin of the Git host, as browsers write it.
    pub fn git_origin(&self) -> Option<String> {
        self.git_host().map(|host| format!("{}://{host}", self.scheme))
    }

    /// `http` or `https`.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Host, and port if it is not the scheme's own, of a workspace.
    pub fn workspace_host(&self, id: &WorkspaceId) -> String {
        format!("{id}.{}", self.workspace_domain)
    }

    /// The origin of a workspace, as browsers write it.
    pub fn workspace_origin(&self, id: &WorkspaceId) -> String {
        format!("{}://{}", self.scheme, self.workspace_host(id))
    }
}

fn without_default_port(scheme: &str, host: &str) -> String {
    let port = if scheme == "https" { ":443" } else { ":80" };
    let host = host.to_ascii_lowercase();
    host.strip_suffix(port).map(str::to_owned).unwrap_or(host)
}

fn without_port(host: &str) -> &str {
    host.rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|it| it.is_ascii_digit()))
        .map_or(host, |it| it.0)
}

fn local(host: &str) -> bool {
    within(host, "localhost")
}

/// Whether `host` is `domain` or lies in it.
fn within(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "abcdefghijklmnop2345";

    #[test]
    fn hosts_name_places() {
        let demo = Site::new("http://portal.localhost:8080", "ws.localhost:8080").unwrap();
        let real = Site::new("https://Portal.example.com:443/", "Example-Workspaces.com").unwrap();
        let git = real.clone().with_git_host();
        let workspace = || Place::Workspace(ID.parse().unwrap());
        for (site, host, place) in [
            (&demo, "portal.localhost:8080", Place::Portal),
            (&demo, "PORTAL.localhost:8080", Place::Portal),
            (&demo, "portal.localhost", Place::Elsewhere),
            (&demo, "localhost:8080", Place::Elsewhere),
            (&demo, "abcdefghijklmnop2345.ws.localhost:8080", workspace()),
            (&demo, "abcdefghijklmnop2345.ws.localhost:8081", Place::Elsewhere),
            (&demo, "abcdefghijklmnop2345ws.localhost:8080", Place::Elsewhere),
            (&demo, "ws.localhost:8080", Place::Elsewhere),
            (&demo, "x.abcdefghijklmnop2345.ws.localhost:8080", Place::Elsewhere),
            (&demo, "", Place::Elsewhere),
            (&real, "git.portal.example.com", Place::Elsewhere),
            (&git, "git.portal.example.com", Place::Git),
            (&git, "Git.Portal.example.com:443", Place::Git),
            (&git, "git.portal.example.com:80", Place::Elsewhere),
            (&git, "x.git.portal.example.com", Place::Elsewhere),
            (&git, "git.example-workspaces.com", Place::Elsewhere),
            (&git, "portal.example.com", Place::Portal),
            (&real, "portal.example.com", Place::Portal),
            (&real, "portal.example.com:443", Place::Portal),
            (&real, "portal.example.com:80", Place::Elsewhere),
            (&real, "abcdefghijklmnop2345.example-workspaces.com", workspace()),
            (&real, "abcdefghijklmnop2345.example-workspaces.com.evil.test", Place::Elsewhere),
        ] {
            assert_eq!(site.place(host), place, "{host}");
        }
        assert_eq!(real.origin(), "https://portal.example.com");
        assert_eq!(real.git_origin(), None);
        assert_eq!(git.git_origin().as_deref(), Some("https://git.portal.example.com"));
        assert_eq!(
            demo.workspace_origin(&ID.parse().unwrap()),
            "http://abcdefghijklmnop2345.ws.localhost:8080"
        );
    }

    #[test]
    fn unsafe_sites_are_refused() {
        for (url, domain) in [
            ("portal.example.com", "ws.example.net"),
            ("ftp://portal.example.com", "ws.example.net"),
            ("https://user@portal.example.com", "ws.example.net"),
            ("https://portal.example.com/sub", "ws.example.net"),
            ("http://portal.example.com", "ws.example.net"),
            ("http://portal.localhost", "ws.example.net"),
            ("https://example.com", "ws.example.com"),
            ("https://portal.example.com", "example.com"),
            ("https://portal.example.com", "portal.example.com"),
            ("https://portal.example.com", "git.portal.example.com"),
            ("https://portal.example.com", ""),
        ] {
            assert!(Site::new(url, domain).is_err(), "{url} {domain}");
        }
    }
}

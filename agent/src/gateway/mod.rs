//! The way from the pod to the region's gateway.
//!
//! ```text
//!   git, in any container ──HTTP──► localhost ──TLS, with the pod's token──► gateway
//! ```
//!
//! Whatever runs in the pod may use it: what the gateway lets through is what the workspace's owner may do.
//! So no credential is needed in the user's container, and none can leave it.

mod body;
mod forward;
mod head;

use std::{io, net::SocketAddr, sync::Arc};

use http::Uri;
use neuralinverse_api::agent::gateway::GIT_PATH;
use tokio::net::TcpListener;
use tracing::{info, warn};

use crate::{
    identity::Identity,
    listener::{self, listen},
    server::{Server, UrlError},
};

/// Connections at a time, for each address. More of them wait in the system's queue.
const MOST: usize = 64;

/// The gateway of this region.
pub struct Gateway {
    server: Server,
    identity: Arc<Identity>,
}

impl Gateway {
    /// The one at `url`.
    pub fn new(url: &Uri, identity: Arc<Identity>) -> Result<Self, UrlError> {
        Ok(Self { server: Server::new(url)?, identity })
    }
}

/// Passes on what comes to that address, for ever.
pub async fn keep(address: SocketAddr, gateway: Arc<Gateway>) {
    // Not every machine has the newer kind of address.
    if address.is_ipv6() && is_missing(address).await {
        return;
    }
    let listener = listen(address).await;
    info!(%address, "the way to the gateway is open");
    let serve = |stream| Some(forward::serve(stream, address, Arc::clone(&gateway)));
    listener::serve(listener, MOST, serve).await
}

async fn is_missing(address: SocketAddr) -> bool {
    let any_port = SocketAddr::new(address.ip(), 0);
    match TcpListener::bind(any_port).await {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            warn!(%address, %error, "this address is not there; the others do");
            true
        }
        _ => false,
    }
}

/// How the sidecar's own Git gets to the Git host: by the gateway.
pub struct Detour {
    /// Start of the URLs that people know.
    pub known: String,
    /// What is asked instead.
    pub instead: String,
}

impl Detour {
    /// From the Git host at `git_url`, by the address where the gateway is met.
    pub fn new(git_url: &str, address: SocketAddr) -> Self {
        let known = format!("{}/", git_url.trim_end_matches('/'));
        Self { known, instead: format!("http://{address}{GIT_PATH}/") }
    }

    /// Whether that repository is at the Git host.
    pub fn takes(&self, url: &str) -> bool {
        url.starts_with(&self.known)
    }

    /// What Git says, with the URLs that people know.
    pub fn in_known_terms(&self, text: &str) -> String {
        text.replace(&self.instead, &self.known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_detour_is_for_the_git_host_alone() {
        for git_url in ["https://git.example", "https://git.example/"] {
            let detour = Detour::new(git_url, SocketAddr::from(([127, 0, 0, 1], 8445)));
            assert_eq!(detour.instead, "http://127.0.0.1:8445/git/");
            assert!(detour.takes("https://git.example/team/hello.git"));
            assert!(!detour.takes("https://git.example.org/team/hello.git"));
            assert!(!detour.takes("http://git.example/team/hello.git"));
            let said = detour.in_known_terms("'http://127.0.0.1:8445/git/team/hello/' not found");
            assert_eq!(said, "'https://git.example/team/hello/' not found");
        }
    }
}

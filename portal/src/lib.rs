//! Dashboard of workspaces and the proxy that opens them.
//!
//! ```text
//!  browser ── portal's origin ─────► pages: sign-in, list, create, stop, delete, open
//!     │                                │ one-time code in a form
//!     ├────── a workspace's origin ──► the page while it starts, then proxy ──mTLS──► sidecar ─► editor
//!     └────── the Git host's origin ─► proxy ─► Gitea                [where the region has its own]
//! ```
//!
//! Lists come from memory, which follows Kubernetes. Who may see what is decided by the owner alone, and
//! checked at every request: what is somebody else's does not exist.

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::{Request, State},
    middleware,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use tower::ServiceExt;

pub mod access;
pub mod args;
pub mod assets;
pub mod audit;
pub mod catalog;
pub mod change;
pub mod codes;
pub mod cookie;
pub mod ended;
pub mod error;
pub mod git;
pub mod grant;
pub mod guard;
pub mod headers;
pub mod health;
pub mod id;
pub mod issuer;
pub mod labels;
mod live;
pub mod origin;
pub mod pages;
pub mod pods;
pub mod portal;
pub mod posted;
mod random;
mod relay;
pub mod run;
pub mod seal;
pub mod session;
pub mod sidecar;
pub mod site;
pub mod stage;
mod watch;
pub mod workspaces;

use access::Answered;
use portal::Portal;
use site::Place;

/// Everything that the portal answers, on its own origin, on those of workspaces and on the Git host's.
pub fn app(portal: Arc<Portal>) -> Router {
    let doors = Doors {
        pages: pages::routes(&portal).with_state(portal.clone()),
        workspace: origin::routes().with_state(portal.clone()),
        git: git::routes().with_state(portal.clone()),
        portal,
    };
    Router::new()
        .fallback(enter)
        .with_state(doors)
        .layer(middleware::map_response(headers::protect))
        .layer(middleware::from_fn(access::log))
}

#[derive(Clone)]
struct Doors {
    portal: Arc<Portal>,
    pages: Router,
    workspace: Router,
    git: Router,
}

/// Which door a request goes through is decided by its `Host` alone, never by what a proxy adds.
async fn enter(State(doors): State<Doors>, request: Request) -> Response {
    let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (origin, answer) = match doors.portal.site.place(host) {
        Place::Portal => ("portal", doors.pages.oneshot(request).await),
        Place::Workspace(id) => ("workspace", doors.workspace.layer(Extension(id)).oneshot(request).await),
        Place::Git => ("git", doors.git.oneshot(request).await),
        Place::Elsewhere => return (StatusCode::MISDIRECTED_REQUEST, "no such host here\n").into_response(),
    };
    let mut answer = answer.into_response();
    answer.extensions_mut().insert(Answered(origin));
    answer
}

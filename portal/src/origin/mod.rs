//! A workspace's own origin: the way in, the page while it starts, and everything behind that.
//!
//! ```text
//!  portal /open/<id> ──form with a one-time code──► /.neuralinverse/enter ──cookie──► /
//!                                                                                     │
//!                        running ─► proxy to the pod's sidecar      not running ─► starting page
//! ```

use std::sync::Arc;

use axum::{
    Router,
    extract::{FromRequestParts, Request, State},
    response::Response,
    routing::{any, get, post},
};
use http::request::Parts;
use jiff::Timestamp;
use neuralinverse_api::Workspace;

use crate::{
    assets,
    codes::Pass,
    cookie,
    ended::Over,
    error::{Error, see_other},
    guard,
    id::WorkspaceId,
    portal::Portal,
    seal::Purpose,
};

pub mod enter;
mod forward;
mod proxy;
mod start;

/// All routes of a workspace's origin. What does not belong to us is the workspace's.
pub(crate) fn routes() -> Router<Arc<Portal>> {
    Router::new()
        .route(enter::PATH, post(enter::enter))
        .route(start::EVENTS, get(start::events))
        .route(start::AT_ONCE, post(start::at_once))
        .route(&format!("{}/{{name}}", assets::PREFIX), get(assets::get))
        .route("/.neuralinverse/{*rest}", any(async || Error::NotFound))
        .fallback(workspace)
}

/// Everything else: the editor, or the page while it starts.
async fn workspace(
    State(portal): State<Arc<Portal>>,
    mut admitted: Admitted,
    request: Request,
) -> Result<Response, Error> {
    let navigation = guard::is_navigation(request.method(), request.headers());
    if navigation {
        start::give_a_moment(&portal, &mut admitted).await;
    }
    let running = start::is_running(&admitted.workspace);
    if running && navigation && !portal.catalog.has_editor(&admitted.workspace.spec.template) {
        return Err(Error::NoEditor);
    }
    // An editor that is open goes on, whatever becomes of the repository.
    if running && (!navigation || start::opens(&admitted.workspace, &admitted.pass)) {
        return proxy::pass(&portal, admitted, request).await;
    }
    start::show(&portal, admitted, navigation).await
}

/// A request of somebody who may use the workspace that its host names.
pub(crate) struct Admitted {
    id: WorkspaceId,
    workspace: Arc<Workspace>,
    pass: Pass,
}

/// Why a request is not let in.
pub(crate) enum Outside {
    /// It has to come by the portal.
    ByPortal(String),
    /// It gets nothing.
    Error(Error),
}

impl axum::response::IntoResponse for Outside {
    fn into_response(self) -> Response {
        match self {
            Self::ByPortal(url) => see_other(&url),
            Self::Error(error) => error.into_response(),
        }
    }
}

impl FromRequestParts<Arc<Portal>> for Admitted {
    type Rejection = Outside;

    async fn from_request_parts(parts: &mut Parts, portal: &Arc<Portal>) -> Result<Self, Outside> {
        let id = parts.extensions.get::<WorkspaceId>().cloned().ok_or(Outside::Error(Error::NotFound))?;
        guard::check(&parts.method, &parts.headers, &portal.site.workspace_origin(&id))
            .map_err(|refusal| Outside::Error(refusal.into()))?;
        match admit(portal, parts, &id) {
            Some(Ok(admitted)) => Ok(admitted),
            Some(Err(error)) => Err(Outside::Error(error)),
            None if guard::is_navigation(&parts.method, &parts.headers) => {
                Err(Outside::ByPortal(format!("{}/open/{id}", portal.site.origin())))
            }
            None => Err(Outside::Error(Error::SignIn { to: None })),
        }
    }
}

/// Whether the cookie was made for this workspace, its session holds, and the workspace is still the owner's.
fn admit(portal: &Portal, parts: &Parts, id: &WorkspaceId) -> Option<Result<Admitted, Error>> {
    let sealed = cookie::read(&parts.headers, cookie::WORKSPACE)?;
    let pass: Pass = portal.seal.open(Purpose::Pass, sealed)?;
    if WorkspaceId::of_uid(&pass.workspace) != *id {
        return None;
    }
    match portal.ended.check(&pass.grant, Timestamp::now()) {
        Ok(()) if portal.workspaces.ready() => {}
        Ok(()) | Err(Over::Unknown) => return Some(Err(Error::NotReady)),
        Err(Over::Expired | Over::SignedOut) => return None,
    }
    let workspace = portal.workspaces.get(&pass.grant.owner, id);
    Some(workspace.ok_or(Error::NotFound).map(|workspace| Admitted { id: id.clone(), workspace, pass }))
}

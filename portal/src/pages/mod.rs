//! The pages of the portal's own origin: a folder each, with handler, view model and template.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use jiff::Timestamp;
use neuralinverse_api::Workspace;

use crate::{
    assets, cookie,
    error::Error,
    guard,
    portal::Portal,
    session::{MaybeSignedIn, Session},
};

pub mod create;
pub mod delete;
pub mod home;
pub mod layout;
pub mod open;
pub mod sign_in;
pub mod stop;

/// All routes of the portal's origin.
pub(crate) fn routes(portal: &Arc<Portal>) -> Router<Arc<Portal>> {
    Router::new()
        .route("/", get(home::show))
        .route("/new", get(create::show).post(create::create))
        .route("/open/{id}", get(open::open))
        .route("/workspaces/{id}/stop", post(stop::stop))
        .route("/workspaces/{id}/delete", get(delete::show).post(delete::delete))
        .layer(middleware::from_fn_with_state(portal.clone(), keep_session))
        .route("/events", get(home::events))
        .route("/sign-in", get(sign_in::begin))
        .route(sign_in::CALLBACK, get(sign_in::callback))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/sign-out/everywhere", post(sign_in::sign_out_everywhere))
        .route(&format!("{}/{{name}}", assets::PREFIX), get(assets::get))
        .fallback(async || Error::NotFound)
        .layer(middleware::from_fn_with_state(portal.clone(), same_site))
}

/// Refuses what another site may have started.
async fn same_site(State(portal): State<Arc<Portal>>, request: Request, next: Next) -> Response {
    match guard::check(request.method(), request.headers(), portal.site.origin()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => Error::from(refusal).into_response(),
    }
}

/// Begins the idle time of a session anew when a page was looked at.
async fn keep_session(
    State(portal): State<Arc<Portal>>,
    MaybeSignedIn(session): MaybeSignedIn,
    request: Request,
    next: Next,
) -> Response {
    let now = Timestamp::now();
    let mut response = next.run(request).await;
    if let Some(mut session) = session
        && let Some(grant) = session.grant.refreshed(now)
    {
        session.grant = grant;
        if let Ok(value) = session.cookie(&portal.seal, now) {
            cookie::append(response.headers_mut(), Some(value));
        }
    }
    response
}

/// The workspace with this id; to anybody but its owner there is none.
fn find(portal: &Portal, session: &Session, id: &str) -> Result<Arc<Workspace>, Error> {
    if !portal.ready() {
        return Err(Error::NotReady);
    }
    let id = id.parse().map_err(|_| Error::NotFound)?;
    portal.workspaces.get(&session.grant.owner, &id).ok_or(Error::NotFound)
}

//! The list of one's workspaces, which changes while one looks at it.

use std::sync::Arc;

use axum::extract::State;
use maud::Markup;
use neuralinverse_api::Owner;

use crate::{error::Error, portal::Portal, session::MaybeSignedIn};

mod events;
mod template;
mod view;

pub use events::events;
use view::Card;
pub(crate) use view::{bytes, size};

/// `GET /`.
pub async fn show(
    State(portal): State<Arc<Portal>>,
    MaybeSignedIn(session): MaybeSignedIn,
) -> Result<Markup, Error> {
    let Some(session) = session else { return Ok(template::welcome()) };
    if !portal.ready() {
        return Err(Error::NotReady);
    }
    Ok(template::home(&session, &cards(&portal, &session.grant.owner)))
}

fn cards(portal: &Portal, owner: &Owner) -> Vec<Card> {
    portal.workspaces.of(owner).iter().filter_map(|it| Card::of(it, &portal.catalog)).collect()
}

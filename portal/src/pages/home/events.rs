//! The list as a stream: sent at the beginning and whenever it became another.

use std::{convert::Infallible, sync::Arc};

use axum::{
    extract::State,
    response::sse::{Event, Sse},
};
use futures::{Stream, stream};

use super::{cards, template};
use crate::{live, portal::Portal, session::SignedIn, workspaces::Changes};

struct Watcher {
    changes: Changes,
    sent: String,
}

/// `GET /events`.
pub async fn events(
    State(portal): State<Arc<Portal>>,
    SignedIn(session): SignedIn,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let grant = session.grant.clone();
    let start = Watcher { changes: portal.workspaces.changes(&grant.owner), sent: String::new() };
    let shared = portal.clone();
    let lists = stream::unfold(start, move |mut watcher| {
        let (portal, session) = (shared.clone(), session.clone());
        async move {
            loop {
                let list = template::list(&session, &cards(&portal, &session.grant.owner)).into_string();
                if list != watcher.sent {
                    watcher.sent.clone_from(&list);
                    return Some((live::part(&list), watcher));
                }
                watcher.changes.next().await;
            }
        }
    });
    live::stream(&portal, grant, lists)
}

//! The list as a stream: sent at the beginning and whenever it became another.

use std::{convert::Infallible, sync::Arc};

use axum::{
    extract::State,
    response::sse::{Event, KeepAlive, Sse},
};
use futures::{Stream, StreamExt, stream};

use super::{cards, template};
use crate::{error::Error, portal::Portal, session::SignedIn, workspaces::Changes};

struct Watcher {
    changes: Changes,
    sent: String,
}

/// `GET /events`.
pub async fn events(
    State(portal): State<Arc<Portal>>,
    SignedIn(session): SignedIn,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Error> {
    let over = portal.over(session.grant.clone());
    let shutdown = portal.shutdown.clone();
    let start = Watcher { changes: portal.workspaces.changes(&session.grant.owner), sent: String::new() };
    let lists = stream::unfold(start, move |mut watcher| {
        let (portal, session) = (portal.clone(), session.clone());
        async move {
            loop {
                let list = template::list(&session, &cards(&portal, &session.grant.owner)).into_string();
                if list != watcher.sent {
                    watcher.sent.clone_from(&list);
                    return Some((Event::default().event("part").data(list), watcher));
                }
                watcher.changes.next().await;
            }
        }
    });
    // Browsers drop an event without data. At the session's end the page loads anew; at the portal's the browser connects to another replica.
    let end = stream::once(async move {
        (!shutdown.is_cancelled()).then(|| Event::default().event("reload").data("now"))
    });
    let events = lists.take_until(over).chain(end.filter_map(|event| async { event }));
    Ok(Sse::new(events.map(Ok)).keep_alive(KeepAlive::default()))
}

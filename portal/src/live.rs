//! Streams of server-sent events for pages that change while one looks at them.
//!
//! `part` carries the HTML of what changed; `reload` asks the page to load anew.

use std::{convert::Infallible, future::ready, sync::Arc};

use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{Stream, StreamExt, stream};

use crate::{grant::Grant, portal::Portal};

/// A part of the page.
pub fn part(html: &str) -> Event {
    Event::default().event("part").data(html)
}

/// Asks the page to load anew. Browsers drop an event without data.
pub fn reload() -> Event {
    Event::default().event("reload").data("now")
}

/// The events, until the session ends, when the page loads anew, or the portal goes down, when the browser
/// connects to another replica.
pub fn stream<S: Stream<Item = Event> + Send + 'static>(
    portal: &Arc<Portal>,
    grant: Grant,
    events: S,
) -> Sse<impl Stream<Item = Result<Event, Infallible>> + use<S>> {
    let shutdown = portal.shutdown.clone();
    let end = stream::once(async move { (!shutdown.is_cancelled()).then(reload) }).filter_map(ready);
    Sse::new(events.take_until(portal.over(grant)).chain(end).map(Ok)).keep_alive(KeepAlive::default())
}

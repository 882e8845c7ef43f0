//! The door: the way of the portal to the IDE, and of nobody else.
//!
//! ```text
//!   portal ──TLS, both sides prove themselves──► door ──Unix socket──► IDE, in the user's container
//! ```
//!
//! What passes is not changed: HTTP and WebSocket are the same bytes inside as outside. On its way to the IDE it is
//! heard for signs of work. The door is open while the pod has a workspace; a warm pod listens on no port at all.

pub mod certificate;
mod passage;
mod portal;

use std::{net::SocketAddr, path::Path, rc::Rc, sync::Arc};

use neuralinverse_api::agent::Assignment;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tracing::info;

use crate::{
    activity::{Ears, Pulse},
    listener::{self, listen},
};

/// Connections at a time. More of them wait in the system's queue.
const MOST: usize = 256;

/// What the door proves itself with now, if anything yet.
pub type Acceptors = watch::Receiver<Option<TlsAcceptor>>;

/// Opens and closes the door until there are no more assignments.
pub async fn keep(
    address: SocketAddr,
    ide: &Path,
    mut assignments: watch::Receiver<Option<Rc<Assignment>>>,
    acceptors: Acceptors,
    pulse: &Pulse,
) {
    let ide: Arc<Path> = ide.into();
    loop {
        let Ok(of) = assignments.wait_for(Option::is_some).await.map(|now| workspace(&now)) else { return };
        tokio::select! {
            () = open(address, &ide, acceptors.clone(), pulse) => {}
            left = assignments.wait_for(|now| workspace(now) != of) => if left.is_err() {
                return;
            },
        }
        info!("the door is closed");
    }
}

fn workspace(assignment: &Option<Rc<Assignment>>) -> Option<String> {
    assignment.as_ref().map(|assignment| assignment.workspace_uid.clone())
}

/// Lets the portal in until dropped; with it, all connections end.
async fn open(address: SocketAddr, ide: &Arc<Path>, mut acceptors: Acceptors, pulse: &Pulse) {
    if acceptors.wait_for(Option::is_some).await.is_err() {
        return;
    }
    let listener = listen(address).await;
    info!(%address, "the door is open");
    let serve = |stream| {
        // The newest one: a renewal concerns connections that come, not those that are open.
        let acceptor = acceptors.borrow().clone()?;
        Some(passage::serve(acceptor, stream, Arc::clone(ide), Ears::new(pulse.clone())))
    };
    listener::serve(listener, MOST, serve).await
}

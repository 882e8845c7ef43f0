//! What all reconcilers have in common: they are woken by changes, look at the whole, and are tried
//! again when they fail.

use std::{sync::Arc, time::Duration};

use tokio::{sync::broadcast::error::RecvError, time::timeout};
use tracing::Instrument;

use crate::{
    caches::Caches,
    change::Change,
    error::{Error, Result},
    hash,
    key::Key,
    queue::{Next, Queue},
};

/// How long one look at an object may take. The client repeats requests by itself for minutes; being cut
/// off is as harmless as being killed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Makes the objects of one kind what their spec asks for.
pub trait Reconciler: Send + Sync + 'static {
    /// Name of the kind, for logs.
    const KIND: &'static str;

    /// How many objects are worked on at once. Each may hold one connection.
    const PARALLEL: usize = 4;

    /// How long changes are gathered before an object is looked at.
    const GATHER: Duration = Duration::ZERO;

    /// All objects that may need something, at the start and after changes were missed.
    fn all(&self) -> Vec<Key>;

    /// The objects that a change concerns, beside changes of a status of this kind.
    fn wakes(&self, change: &Change) -> Vec<Key>;

    /// Whether somebody waits for what comes of a change: then its objects pass by all others.
    fn is_awaited(&self, _: &Change) -> bool {
        false
    }

    /// Brings one object a step on, from whatever state it is in.
    fn reconcile(&self, key: &Key) -> impl Future<Output = Result<Next>> + Send;
}

/// Runs a reconciler until dropped.
pub async fn run<R: Reconciler>(reconciler: Arc<R>, caches: &Caches) {
    let queue = Arc::new(Queue::default());
    // Subscribed before the first look at all, so that nothing falls in between.
    let mut changes = caches.changes.subscribe();
    let push_all = || reconciler.all().into_iter().for_each(|key| queue.push(key, Duration::ZERO));
    push_all();
    let feed = async {
        loop {
            match changes.recv().await {
                Ok(change) => {
                    let awaited = reconciler.is_awaited(&change);
                    woken(reconciler.as_ref(), &change).into_iter().for_each(|key| match awaited {
                        true => queue.push_first(key),
                        false => queue.push(key, R::GATHER),
                    });
                }
                Err(RecvError::Lagged(_)) => push_all(),
                Err(RecvError::Closed) => return,
            }
        }
    };
    let work = queue.clone().run(R::PARALLEL, |key| {
        let span = tracing::info_span!("reconcile", kind = R::KIND, object = %key);
        let reconciler = reconciler.clone();
        async move {
            tracing::debug!("looking");
            let result = timeout(PATIENCE, reconciler.reconcile(&key)).await;
            settle(result.unwrap_or(Err(Error::TooSlow)))
        }
        .instrument(span)
    });
    tokio::join!(feed, work);
}

/// The objects that a change concerns: a status also whoever writes it, since somebody else may have.
fn woken<R: Reconciler>(reconciler: &R, change: &Change) -> Vec<Key> {
    match change {
        Change::Status(kind, key) if *kind == R::KIND => vec![key.clone()],
        change => reconciler.wakes(change),
    }
}

fn settle(result: Result<Next>) -> Next {
    result.unwrap_or_else(|error| {
        match &error {
            Error::Conflict { .. } => tracing::debug!(%error, "looking again"),
            _ => tracing::warn!(%error, "trying again later"),
        }
        error.next()
    })
}

/// When an object is looked at again although nothing happened: every five to ten minutes, spread by
/// name. Only a net, for changes that a watch missed.
pub fn resync(key: &Key) -> Next {
    Next::After(hash::spread(key, 300))
}

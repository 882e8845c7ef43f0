//! Region: prepares the namespaces that workspaces live in, and keeps the programs of the region: Gitea, the
//! gateway and the portal.

mod certificates;
mod git_host;
mod namespace;
mod network_policy;
mod object;
pub mod part;
mod parts;
mod secrets;
mod sign_in;
mod status;
mod workload;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use neuralinverse_api::Region;
use tokio::time::Instant;

use self::{
    certificates::Kept,
    object::Objects,
    parts::Parts,
    status::{Seen, status},
};
use crate::{
    change::Change,
    config::Config,
    context::Context,
    error::{Error, Result, refused, text},
    key::Key,
    names::REGION,
    queue::Next,
    reconciler::{Reconciler, resync},
    write,
};

/// How long after a look at all objects of the region the next one may only count workspaces.
const FRESH: Duration = Duration::from_secs(240);

/// When a program that is not there yet is looked at again, though its own changes wake us too.
const WAITING: Duration = Duration::from_secs(2);

/// Reconciles the Region.
pub struct Regions {
    context: Arc<Context>,
    /// Namespace of the controller.
    namespace: String,
    gitea_url: Option<String>,
    last: Mutex<Last>,
}

/// What was seen at the last look at everything, unless something has changed since it began. It only saves
/// requests: a burst of workspaces changes the count and nothing else.
#[derive(Default)]
struct Last {
    changes: u64,
    seen: Option<(Instant, Seen)>,
}

impl Reconciler for Regions {
    const KIND: &'static str = "Region";
    /// The count of workspaces follows a burst with one write.
    const GATHER: Duration = Duration::from_secs(2);

    fn all(&self) -> Vec<Key> {
        let mut last = self.last();
        *last = Last { changes: last.changes + 1, seen: None };
        vec![Key::cluster(REGION)]
    }

    fn wakes(&self, change: &Change) -> Vec<Key> {
        match change {
            Change::Region | Change::Part => self.all(),
            Change::Workspace(_) => vec![Key::cluster(REGION)],
            _ => Vec::new(),
        }
    }

    async fn reconcile(&self, key: &Key) -> Result<Next> {
        let Context { client, caches, .. } = &*self.context;
        let region = caches.regions.get(key).filter(|region| region.metadata.deletion_timestamp.is_none());
        let Some(region) = region else { return Ok(Next::Never) };
        let seen = match self.fresh() {
            Some(seen) => seen,
            None => self.look(&region).await?,
        };
        let status = status(&region, &seen, caches.workspaces.count(), self.context.now());
        write::status(client, &caches.regions, &region, region.status.as_ref(), &status).await?;
        Ok(match (&seen.refusal, seen.waits()) {
            (Some(_), _) => Next::Retry,
            (None, true) => Next::After(WAITING),
            (None, false) => resync(key),
        })
    }
}

impl Regions {
    /// Reconciles with what `context` knows.
    pub fn new(context: Arc<Context>, config: &Config) -> Self {
        let (namespace, gitea_url) = (config.namespace.clone(), config.gitea_url.clone());
        Self { context, namespace, gitea_url, last: Mutex::default() }
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fresh(&self) -> Option<Seen> {
        let last = self.last();
        last.seen.as_ref().filter(|(at, _)| at.elapsed() < FRESH).map(|(_, seen)| seen.clone())
    }

    /// Makes everything what it is to be, and says how it is.
    async fn look(&self, region: &Region) -> Result<Seen> {
        let Context { client, caches, authority, .. } = &*self.context;
        let changes = self.last().changes;
        let objects = Objects(client);
        let mut seen = Seen::default();
        let resolvers = network_policy::resolvers();
        let common = namespace::Common {
            controller_namespace: &self.namespace,
            authority: &authority.certificate,
            egress: &region.spec.egress,
            resolvers: &resolvers,
        };
        for namespace in &region.spec.workspace_namespaces {
            for object in namespace::all(namespace, common) {
                if let Err(error) = objects.ensure(object).await {
                    let refusal = refused_by(error)?;
                    seen.refusal = Some(format!("namespace `{namespace}` cannot be prepared: {refusal}"));
                }
            }
        }
        for kept in [Kept::portal(), Kept::gateway(part::gateway::hosts(&self.namespace))] {
            if let Err(error) = kept.keep(client, &self.namespace, authority).await {
                seen.refusal = Some(format!("a certificate cannot be kept: {}", refused_by(error)?));
            }
        }
        let place = part::Place { region, namespace: &self.namespace };
        if let Err(error) = objects.ensure(network_policy::controller(place)).await {
            seen.refusal =
                Some(format!("the controller's NetworkPolicy cannot be kept: {}", refused_by(error)?));
        }
        let gitea_url = self.gitea_url.as_deref();
        let parts = Parts { objects, caches, place, resolvers: &resolvers, gitea_url };
        parts.keep(&mut seen).await?;
        let mut last = self.last();
        if last.changes == changes && seen.refusal.is_none() && !seen.waits() {
            last.seen = Some((Instant::now(), seen.clone()));
        }
        Ok(seen)
    }
}

/// What the cluster said when it refused; any other error is handed on.
fn refused_by(error: Error) -> Result<String> {
    match error {
        Error::Api { source, .. } if refused(&source) => Ok(text(&source)),
        other => Err(other),
    }
}

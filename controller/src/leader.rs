//! Which replica reconciles. The Lease only saves work: each write carries its own precondition, so two
//! that lead for a moment do no harm.
//!
//! As in client-go, a Lease is judged by how long *we* have seen it unchanged, never by comparing clocks.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use tokio::time::{Instant, sleep, timeout};

use crate::config::Config;

/// How long a leader that says nothing stays one.
const DURATION: Duration = Duration::from_secs(15);

/// How often a leader says that it lives.
const RENEW: Duration = Duration::from_secs(5);

/// How often others look.
const RETRY: Duration = Duration::from_secs(2);

/// One that may lead.
pub struct Candidate {
    leases: Api<Lease>,
    lease: String,
    name: String,
    seen: Option<(LeaseSpec, Instant)>,
}

impl Candidate {
    /// This replica.
    pub fn new(client: &Client, config: &Config) -> Self {
        let leases = Api::namespaced(client.clone(), &config.namespace);
        Self { leases, lease: config.lease.clone(), name: config.replica.clone(), seen: None }
    }

    /// Waits until we lead.
    pub async fn lead(&mut self) {
        loop {
            match self.attempt().await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "cannot read or write the Lease"),
            }
            sleep(RETRY).await;
        }
    }

    /// Renews until we do not lead any more: somebody else took over, or it could not be renewed in time.
    pub async fn keep(&mut self) {
        let mut renewed = Instant::now();
        loop {
            sleep(RENEW.min(RETRY.max(RENEW.saturating_sub(renewed.elapsed())))).await;
            match self.attempt().await {
                Ok(true) => renewed = Instant::now(),
                Ok(false) => return,
                Err(error) => tracing::warn!(%error, "cannot renew the Lease"),
            }
            if renewed.elapsed() + RENEW >= DURATION {
                return;
            }
        }
    }

    /// Lets the next one lead at once.
    pub async fn release(&mut self) {
        if let Ok(Some(mut lease)) = self.leases.get_opt(&self.lease).await
            && holder(&lease) == Some(&self.name)
        {
            lease.spec.get_or_insert_default().holder_identity = None;
            // Whoever waits takes over a little later if this fails.
            let _ = self.leases.replace(&self.lease, &PostParams::default(), &lease).await;
        }
    }

    /// As `try_attempt`, without the patience of the client.
    async fn attempt(&mut self) -> Result<bool, String> {
        match timeout(RENEW, self.try_attempt()).await {
            Ok(result) => result.map_err(|error| error.to_string()),
            Err(_) => Err("the API server took too long".to_owned()),
        }
    }

    /// Takes or renews the Lease, if it is ours, free or silent for too long. Says whether it is ours.
    async fn try_attempt(&mut self) -> Result<bool, kube::Error> {
        let Some(mut lease) = self.leases.get_opt(&self.lease).await? else {
            let lease = Lease {
                metadata: ObjectMeta { name: Some(self.lease.clone()), ..Default::default() },
                spec: Some(self.spec(None)),
            };
            return won(self.leases.create(&PostParams::default(), &lease).await);
        };
        if !self.may_take(&lease) {
            return Ok(false);
        }
        lease.spec = Some(self.spec(lease.spec.as_ref()));
        // The version in it makes the server refuse this when somebody else was faster.
        won(self.leases.replace(&self.lease, &PostParams::default(), &lease).await)
    }

    fn may_take(&mut self, lease: &Lease) -> bool {
        let spec = lease.spec.clone().unwrap_or_default();
        if holder(lease).is_none_or(|holder| *holder == self.name) {
            return true;
        }
        match &self.seen {
            Some((seen, since)) if *seen == spec => since.elapsed() >= DURATION,
            _ => {
                self.seen = Some((spec, Instant::now()));
                false
            }
        }
    }

    fn spec(&self, old: Option<&LeaseSpec>) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        let same = old.filter(|old| old.holder_identity.as_deref() == Some(&self.name));
        let transitions = old.and_then(|old| old.lease_transitions).unwrap_or_default();
        LeaseSpec {
            holder_identity: Some(self.name.clone()),
            lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
            acquire_time: same.and_then(|old| old.acquire_time.clone()).or(Some(now.clone())),
            renew_time: Some(now),
            lease_transitions: Some(if same.is_some() || old.is_none() {
                transitions
            } else {
                transitions + 1
            }),
            ..Default::default()
        }
    }
}

fn holder(lease: &Lease) -> Option<&String> {
    lease.spec.as_ref()?.holder_identity.as_ref().filter(|holder| !holder.is_empty())
}

fn won(written: Result<Lease, kube::Error>) -> Result<bool, kube::Error> {
    match written {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.is_conflict() || status.is_already_exists() => Ok(false),
        Err(error) => Err(error),
    }
}

//! Keeping the programs of a region: each in turn, those first that others need.

use std::{collections::BTreeSet, net::IpAddr};

use neuralinverse_api::{
    Gitea,
    install::{GITEA_ADMIN_SECRET, GITEA_KEYS_SECRET, PORTAL_SESSION_SECRET},
};

use super::{
    git_host::GitHost,
    network_policy,
    object::Objects,
    part::{self, Part, Place},
    refused_by, secrets, sign_in,
    status::{Seen, State},
    workload,
};
use crate::{caches::Caches, error::Result};

/// What is needed for it.
pub struct Parts<'a> {
    /// Writes objects.
    pub objects: Objects<'a>,
    /// Knows whether the programs run.
    pub caches: &'a Caches,
    /// Where they run.
    pub place: Place<'a>,
    /// Whom they ask for names.
    pub resolvers: &'a BTreeSet<IpAddr>,
    /// Where we reach the managed Gitea, if not by its Service.
    pub gitea_url: Option<&'a str>,
}

impl Parts<'_> {
    /// Keeps all of them, and takes away those that are declared no more.
    pub async fn keep(&self, seen: &mut Seen) -> Result<()> {
        let spec = &self.place.region.spec;
        let host = match &spec.gitea {
            Some(gitea) => {
                let (state, host) = self.git_host(gitea).await?;
                seen.git = Some(state);
                host
            }
            None => None,
        };
        if spec.gitea.as_ref().is_none_or(|gitea| gitea.managed.is_none()) {
            self.remove(Part::Gitea).await?;
        }
        seen.gateway = match &spec.gitea {
            Some(_) => Some(self.apply(Part::Gateway, part::gateway::objects(self.place)).await?),
            None => self.remove(Part::Gateway).await?,
        };
        seen.portal = match &spec.url {
            Some(url) => Some(self.portal(url, host.as_ref()).await?),
            None => self.remove(Part::Portal).await?,
        };
        Ok(())
    }

    async fn git_host(&self, gitea: &Gitea) -> Result<(State, Option<GitHost>)> {
        let (client, namespace) = (self.objects.0, self.place.namespace);
        if let (Some(managed), Some(url)) = (&gitea.managed, self.place.region.spec.git_url()) {
            let admin =
                || Ok(vec![("username", "neuralinverse".to_owned()), ("password", secrets::random()?)]);
            secrets::keep(client, namespace, GITEA_ADMIN_SECRET, admin).await?;
            let keys = || part::KEY_FILES.into_iter().map(|file| Ok((file, secrets::random()?))).collect();
            secrets::keep(client, namespace, GITEA_KEYS_SECRET, keys).await?;
            let objects = part::gitea::objects(self.place, managed, &url);
            let state = self.apply(Part::Gitea, objects).await?;
            if state != State::Ready {
                return Ok((state, None));
            }
        }
        let host = match GitHost::open(client, namespace, gitea, self.gitea_url).await? {
            Ok(host) => host,
            Err(refusal) => return Ok((State::Unavailable(refusal.to_string()), None)),
        };
        Ok(match host.check().await {
            Ok(()) => (State::Ready, Some(host)),
            Err(refusal) => (State::Unavailable(refusal.to_string()), None),
        })
    }

    async fn portal(&self, url: &str, host: Option<&GitHost>) -> Result<State> {
        let (client, namespace) = (self.objects.0, self.place.namespace);
        let spec = &self.place.region.spec;
        let registered = match (&spec.sign_in, host, spec.git_url()) {
            (Some(sign_in), ..) => sign_in::declared(sign_in),
            (None, Some(host), Some(issuer)) => {
                match sign_in::keep(client, namespace, host, &issuer, url).await? {
                    Ok(registered) => registered,
                    Err(refusal) => return Ok(State::Unavailable(refusal.to_string())),
                }
            }
            (None, ..) => return Ok(State::Waiting("waiting for Gitea, which signs people in".to_owned())),
        };
        let keys = || Ok(vec![("keys", secrets::session_key()?)]);
        secrets::keep(client, namespace, PORTAL_SESSION_SECRET, keys).await?;
        self.apply(Part::Portal, part::portal::objects(self.place, &registered)).await
    }

    async fn apply(&self, part: Part, objects: Vec<serde_json::Value>) -> Result<State> {
        let policy = network_policy::part(self.place, part, self.resolvers);
        for object in std::iter::once(policy).chain(objects) {
            if let Err(error) = self.objects.ensure(object).await {
                return Ok(State::Refused(refused_by(error)?));
            }
        }
        Ok(workload::state(self.caches, part, self.place.namespace))
    }

    async fn remove(&self, part: Part) -> Result<Option<State>> {
        for (api_version, kind) in part.kinds() {
            self.objects.remove(api_version, kind, self.place.namespace, part.name()).await?;
        }
        Ok(None)
    }
}

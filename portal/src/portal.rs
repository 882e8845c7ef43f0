//! What all handlers share.

use std::{future::Future, sync::Arc};

use kube::Client;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    catalog::Catalog, codes::Codes, ended::Ended, git::GitHost, grant::Grant, issuer::Issuer, pods::Pods,
    seal::Seal, sidecar::Sidecars, site::Site, workspaces::Workspaces,
};

/// The portal of one region.
pub struct Portal {
    /// Where it and the workspaces are found.
    pub site: Site,
    /// What opens and closes cookies.
    pub seal: Seal,
    /// Who signs people in.
    pub issuer: Issuer,
    /// Sessions that were ended.
    pub ended: Ended,
    /// All workspaces.
    pub workspaces: Workspaces,
    /// What new ones are made of.
    pub catalog: Catalog,
    /// One-time codes that were used.
    pub codes: Codes,
    /// Where pods are.
    pub pods: Pods,
    /// The way to them.
    pub sidecars: Sidecars,
    /// The way to the region's Gitea, if it has one.
    pub git: Option<GitHost>,
    /// Kubernetes.
    pub client: Client,
    /// Ends what lasts when the portal goes down.
    pub shutdown: CancellationToken,
}

/// What a portal is made of.
pub struct Parts {
    /// Where it and the workspaces are found.
    pub site: Site,
    /// Keys of cookies.
    pub seal: Seal,
    /// Who signs people in.
    pub issuer: Issuer,
    /// The way to pods.
    pub sidecars: Sidecars,
    /// The way to the region's Gitea, if it has one.
    pub git: Option<GitHost>,
    /// Kubernetes.
    pub client: Client,
    /// The portal's own namespace.
    pub namespace: String,
}

impl Portal {
    /// Puts the parts together and follows Kubernetes in `tasks`, which never end by themselves.
    pub fn start(parts: Parts, tasks: &mut JoinSet<()>) -> Arc<Self> {
        let Parts { site, seal, issuer, sidecars, git, client, namespace } = parts;
        let portal = Arc::new(Self {
            site,
            seal,
            issuer,
            ended: Ended::new(client.clone(), &namespace),
            workspaces: Workspaces::default(),
            catalog: Catalog::follow(&client, tasks),
            codes: Codes::default(),
            pods: Pods::new(client.clone()),
            sidecars,
            git,
            client,
            shutdown: CancellationToken::new(),
        });
        let (ended, workspaces, sidecars) = (portal.clone(), portal.clone(), portal.clone());
        tasks.spawn(async move { ended.ended.run().await });
        tasks.spawn(async move { workspaces.workspaces.run(workspaces.client.clone()).await });
        tasks.spawn(async move { sidecars.sidecars.keep_fresh().await });
        portal
    }

    /// Whether everything that answers come from has been read.
    pub fn ready(&self) -> bool {
        self.ended.ready() && self.workspaces.ready()
    }

    /// Returns at the session's end or the portal's, whichever comes first.
    pub fn over(self: &Arc<Self>, grant: Grant) -> impl Future<Output = ()> + Send + use<> {
        let portal = self.clone();
        async move {
            tokio::select! {
                () = portal.ended.over(&grant) => {}
                () = portal.shutdown.cancelled() => {}
            }
        }
    }
}

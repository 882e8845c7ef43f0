//! An API server, a Gitea, and a gateway between them.

use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use neuralinverse_api::agent::gateway::AUDIENCE;
use neuralinverse_local::{
    ControlPlane, ControlPlaneOptions,
    gitea::{Gitea, GiteaOptions},
};

use super::{
    gateway::{Gateway, Options},
    git::Git,
    kubernetes::{self, NAMESPACE},
    raw::{Answer, Connection},
    relay::Relay,
    users::Users,
};

/// What people know the Git host by.
pub const GIT_URL: &str = "http://git.example.test";

/// Everything that a case needs.
pub struct Stage {
    /// Kubernetes as administrator.
    pub client: Client,
    /// Gitea as administrator.
    pub users: Users,
    /// The gateway that cases share.
    pub gateway: Gateway,
    /// The wire between the two.
    pub relay: Relay,
    /// Gitea.
    pub gitea: Gitea,
    /// Kubernetes.
    pub control_plane: ControlPlane,
    tokens: Mutex<Vec<String>>,
}

impl Stage {
    /// Starts all of it.
    pub async fn start() -> Result<Self> {
        let gitea = Gitea::start(GiteaOptions::default().with_root_url(GIT_URL));
        let (control_plane, gitea) =
            tokio::try_join!(ControlPlane::start(ControlPlaneOptions::default()), gitea)?;
        kubernetes::install(&control_plane)?;
        let kubeconfig = Kubeconfig::from_yaml(&control_plane.kubeconfig()?)?;
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        let relay = Relay::start(gitea.url()).await?;
        let mut gateway = Gateway::start(
            &control_plane,
            &Options {
                replica: "shared",
                namespaces: &[NAMESPACE],
                gitea_url: &relay.url,
                admin: gitea.admin(),
                git_url: GIT_URL,
            },
        )
        .await?;
        gateway.ready().await?;
        Ok(Self {
            client: Client::try_from(config)?,
            users: Users::of(&gitea, GIT_URL),
            gateway,
            relay,
            gitea,
            control_plane,
            tokens: Mutex::default(),
        })
    }

    /// Another gateway.
    pub async fn replica(&self, name: &str, namespaces: &[&str], gitea_url: &str) -> Result<Gateway> {
        let options =
            Options { replica: name, namespaces, gitea_url, admin: self.gitea.admin(), git_url: GIT_URL };
        Gateway::start(&self.control_plane, &options).await
    }

    /// A pod that acts for somebody, and its token.
    pub async fn pod(&self, owner: &str) -> Result<(Pod, String)> {
        let pod = kubernetes::make_pod(&self.client, NAMESPACE, Some(owner)).await?;
        let token = self.token(&pod, AUDIENCE).await?;
        Ok((pod, token))
    }

    /// A token of a pod.
    pub async fn token(&self, pod: &Pod, audience: &str) -> Result<String> {
        let token = kubernetes::token(&self.client, pod, audience).await?;
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).push(token.clone());
        Ok(token)
    }

    /// Every token that was made so far.
    pub fn tokens(&self) -> Vec<String> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The terminal of a new workspace of somebody's.
    pub async fn terminal(&self, owner: &str) -> Result<Git> {
        Git::new(&self.gateway, GIT_URL, &self.pod(owner).await?.1)
    }

    /// One request.
    pub async fn ask(&self, method: &str, path: &str, token: &str) -> Result<Answer> {
        let authorization = format!("Bearer {token}");
        let headers = [("authorization", authorization.as_str())];
        Connection::open(&self.gateway).await?.request(method, path, &headers).await
    }
}

/// URL of a repository, as people know it.
pub fn url(owner: &str, repository: &str) -> String {
    format!("{GIT_URL}/{owner}/{repository}.git")
}

/// Path of a repository's advertisement at the gateway.
pub fn refs(owner: &str, repository: &str) -> String {
    format!("/git/{owner}/{repository}.git/info/refs?service=git-upload-pack")
}

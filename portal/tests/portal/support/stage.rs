//! An API server, an issuer and a portal.

use std::{path::Path, sync::Arc};

use anyhow::{Context, Result};
use kube::{
    Client, Config, ResourceExt,
    config::{KubeConfigOptions, Kubeconfig},
};
use neuralinverse_api::{Owner, Workspace, condition::Reason};
use neuralinverse_local::{ControlPlane, ControlPlaneOptions};
use neuralinverse_portal::{
    git,
    id::WorkspaceId,
    issuer::{Issuer as Oidc, IssuerOptions},
    pages::sign_in::CALLBACK,
    portal::{Parts, Portal},
    run,
    seal::Seal,
    sidecar::Sidecars,
    site::Site,
};
use tokio::{net::TcpListener, task::JoinSet};

use super::{
    issuer::Issuer,
    kubernetes,
    pki::Authority,
    sidecar::{GitHost, Sidecar, Vacancy},
    until,
    visitor::Visitor,
};

/// The key that seals all cookies here.
pub const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// Everything that a case needs.
pub struct Stage {
    /// Kubernetes as administrator.
    pub client: Client,
    /// Where the portal is.
    pub site: Site,
    /// The portal itself.
    pub portal: Arc<Portal>,
    /// By which sidecars are known.
    pub authority: Authority,
    /// The issuer.
    pub issuer: Issuer,
    /// The Git host behind the portal.
    pub git: GitHost,
    /// Where the portal listens.
    pub port: u16,
    /// Certificates of the portal.
    pub folder: tempfile::TempDir,
    _tasks: JoinSet<()>,
    /// Kubernetes.
    pub control_plane: ControlPlane,
}

impl Stage {
    /// Starts all of it.
    pub async fn start() -> Result<Self> {
        let control_plane = ControlPlane::start(ControlPlaneOptions::default()).await?;
        kubernetes::install(&control_plane)?;
        let kubeconfig = Kubeconfig::from_yaml(&control_plane.kubeconfig()?)?;
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        let client = Client::try_from(config)?;

        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let site = Site::new(&format!("http://portal.localhost:{port}"), &format!("ws.localhost:{port}"))?;
        let (site, git) = (site.with_git_host(), GitHost::start().await?);
        let issuer = Issuer::start(&format!("{}{CALLBACK}", site.origin()))?;
        let (authority, folder) = (Authority::new()?, tempfile::tempdir()?);
        authority.write_client(folder.path())?;
        let mut tasks = JoinSet::new();
        let parts = parts(&site, options(&site, &issuer), &git.url, &client, folder.path())?;
        let portal = start(parts, listener, &mut tasks).await?;
        Ok(Self { client, site, portal, authority, issuer, git, port, folder, _tasks: tasks, control_plane })
    }

    /// Another replica, which has read everything.
    pub async fn replica(&self, tasks: &mut JoinSet<()>) -> Result<Arc<Portal>> {
        let options = options(&self.site, &self.issuer);
        let parts = parts(&self.site, options, &self.git.url, &self.client, self.folder.path())?;
        let portal = Portal::start(parts, tasks);
        ready(&portal).await?;
        Ok(portal)
    }

    /// A portal of its own on the same Kubernetes, with another issuer and Git host.
    pub async fn another(
        &self,
        site: &Site,
        issuer: IssuerOptions,
        git: &str,
        listener: TcpListener,
        tasks: &mut JoinSet<()>,
    ) -> Result<Arc<Portal>> {
        start(parts(site, issuer, git, &self.client, self.folder.path())?, listener, tasks).await
    }

    /// A URL of the portal.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.site.origin())
    }

    /// Somebody who has signed in.
    pub async fn visitor(&self, login: &str) -> Result<Visitor> {
        let visitor = Visitor::new()?;
        visitor.sign_in(&self.url("/sign-in"), login).await?;
        Ok(visitor)
    }

    /// The owner id of somebody.
    pub fn owner(&self, login: &str) -> Owner {
        Owner::of(&self.issuer.url, login)
    }

    /// A workspace of somebody, made through the form.
    pub async fn create(&self, visitor: &Visitor, name: &str) -> Result<Workspace> {
        self.create_from(visitor, name, "").await
    }

    /// The same from a repository.
    pub async fn create_from(&self, visitor: &Visitor, name: &str, repository: &str) -> Result<Workspace> {
        let form = [
            ("template", "debian"),
            ("tier", "starter"),
            ("repository", repository),
            ("branch", ""),
            ("name", name),
        ];
        let answer = visitor.submit(&self.url("/new"), &self.url("/new"), &form).await?;
        let id = answer.location().and_then(|it| it.strip_prefix("/open/")).context("no way to open")?;
        self.by_id(id).await
    }

    /// The workspace with this id.
    pub async fn by_id(&self, id: &str) -> Result<Workspace> {
        let all = kubernetes::api(&self.client).list(&Default::default()).await?;
        let found = all.into_iter().find(|it| WorkspaceId::of(it).is_some_and(|own| own.as_str() == id));
        found.with_context(|| format!("no workspace {id}"))
    }

    /// Gives the workspace a pod with a sidecar, and waits until the portal knows.
    pub async fn run(&self, workspace: &Workspace) -> Result<Sidecar> {
        let vacancy = Vacancy::find().await?;
        let pod = kubernetes::make_pod(&self.client, workspace, &vacancy.address.to_string()).await?;
        let sidecar = vacancy.serve(&self.authority, &pod)?;
        kubernetes::set_ready(&self.client, &workspace.name_any(), true, Reason::Available, "").await?;
        self.wait_until_running(workspace).await?;
        Ok(sidecar)
    }

    /// Waits until the portal knows that the workspace runs.
    pub async fn wait_until_running(&self, workspace: &Workspace) -> Result<()> {
        use neuralinverse_portal::stage::Stage::Running;
        let id = WorkspaceId::of(workspace).context("no id")?;
        let owner: Owner = serde_json::from_value(workspace.spec.owner.clone().into())?;
        until("the portal to see it run", async || {
            let found = self.portal.workspaces.get(&owner, &id);
            Ok(found.filter(|it| neuralinverse_portal::stage::Stage::of(it) == Running).map(drop))
        })
        .await
    }

    /// Somebody with a running workspace; gives its origin too.
    pub async fn running(&self, login: &str) -> Result<(Visitor, Workspace, String, Sidecar)> {
        let visitor = self.visitor(login).await?;
        let workspace = self.create(&visitor, &format!("{login}s")).await?;
        let sidecar = self.run(&workspace).await?;
        let origin = self.origin(&workspace)?;
        Ok((visitor, workspace, origin, sidecar))
    }

    /// The workspace's own origin.
    pub fn origin(&self, workspace: &Workspace) -> Result<String> {
        Ok(self.site.workspace_origin(&WorkspaceId::of(workspace).context("no id")?))
    }

    /// Goes from the portal into the workspace.
    pub async fn enter(&self, visitor: &Visitor, workspace: &Workspace) -> Result<()> {
        let (action, code) = self.code(visitor, workspace).await?;
        let answer = visitor.post(&action, self.site.origin(), &[("code", &code)]).await?;
        anyhow::ensure!(answer.status == 303 && answer.location() == Some("/"), "{answer:?}");
        Ok(())
    }

    /// Where the form of the portal's page leads, and its code.
    pub async fn code(&self, visitor: &Visitor, workspace: &Workspace) -> Result<(String, String)> {
        let id = WorkspaceId::of(workspace).context("no id")?;
        let page = visitor.get(&self.url(&format!("/open/{id}"))).await?;
        Ok((page.attribute("data-submit", "action")?, page.hidden("code")?))
    }
}

fn options(site: &Site, issuer: &Issuer) -> IssuerOptions {
    IssuerOptions {
        url: issuer.url.clone(),
        client_id: "portal".to_owned(),
        client_secret: Some("a-secret-of-the-tests".to_owned()),
        scopes: vec!["profile".to_owned(), "email".to_owned()],
        redirect: format!("{}{CALLBACK}", site.origin()),
        upstream: None,
    }
}

fn parts(site: &Site, issuer: IssuerOptions, git: &str, client: &Client, folder: &Path) -> Result<Parts> {
    Ok(Parts {
        site: site.clone(),
        seal: Seal::from_lines(KEY)?,
        issuer: Oidc::new(issuer)?,
        sidecars: Sidecars::from_folder(folder)?,
        git: Some(git::GitHost::new(git)?),
        client: client.clone(),
        namespace: "portal".to_owned(),
    })
}

/// Starts a portal, and returns when it has read everything.
async fn start(parts: Parts, listener: TcpListener, tasks: &mut JoinSet<()>) -> Result<Arc<Portal>> {
    let portal = Portal::start(parts, tasks);
    let serving = run::serve(listener, portal.clone());
    tasks.spawn(async move { drop(serving.await) });
    ready(&portal).await?;
    Ok(portal)
}

async fn ready(portal: &Portal) -> Result<()> {
    portal.catalog.wait().await;
    until("the portal", async || Ok(portal.ready().then_some(()))).await
}

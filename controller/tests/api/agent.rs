//! Speaks with the controller as the sidecar of a pod does.

use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::{Api, Client, ResourceExt};
use neuralinverse_api::agent::{
    ASSIGNMENT_PATH, AUDIENCE, Assignment, CA_KEY, CERTIFICATE_PATH, CertificateRequest, REPORT_PATH, Report,
    RepositoryState,
};
use reqwest::StatusCode;
use serde_json::json;
use tokio::time::sleep;

use crate::world::token;

/// The sidecar of one pod.
pub struct Agent {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl Agent {
    /// With the pod's token and the authority that the pod would see.
    pub async fn of(client: &Client, url: &str, pod: &Pod) -> Result<Self> {
        Self::with_audience(client, url, pod, AUDIENCE).await
    }

    /// With a token for somebody else.
    pub async fn with_audience(client: &Client, url: &str, pod: &Pod, audience: &str) -> Result<Self> {
        let namespace = pod.namespace().context("a namespace")?;
        let maps: Api<ConfigMap> = Api::namespaced(client.clone(), &namespace);
        let authority =
            maps.get("neuralinverse-ca").await?.data.context("data")?.remove(CA_KEY).context("a key")?;
        let spec = json!({
            "audiences": [audience], "expirationSeconds": 3600,
            "boundObjectRef": { "kind": "Pod", "apiVersion": "v1", "name": pod.name_any(), "uid": pod.uid() },
        });
        let token = token(client, &namespace, "neuralinverse-workspace", spec).await?;
        let http = reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(authority.as_bytes())?])
            .timeout(Duration::from_secs(70))
            .build()?;
        Ok(Self { http, url: url.to_owned(), token })
    }

    /// Asks once.
    pub async fn ask(&self, known: &str) -> Result<reqwest::Response> {
        let url = format!("{}{ASSIGNMENT_PATH}?known={known}", self.url);
        Ok(self.http.get(url).bearer_auth(&self.token).send().await?)
    }

    /// Waits for an assignment.
    pub async fn assignment(&self) -> Result<Assignment> {
        loop {
            let answer = self.ask("").await?.error_for_status()?;
            if answer.status() == StatusCode::OK {
                return Ok(answer.json().await?);
            }
        }
    }

    /// Reports.
    pub async fn report(&self, epoch: i64, repository: RepositoryState) -> Result<StatusCode> {
        self.send(&Report { epoch, ready: true, repository, idle_seconds: None }).await
    }

    /// Reports that nobody has used the workspace for so long.
    pub async fn report_idle(&self, epoch: i64, seconds: u64) -> Result<StatusCode> {
        let repository = RepositoryState::NotDeclared;
        self.send(&Report { epoch, ready: true, repository, idle_seconds: Some(seconds) }).await
    }

    async fn send(&self, report: &Report) -> Result<StatusCode> {
        let request = self.http.post(format!("{}{REPORT_PATH}", self.url)).bearer_auth(&self.token);
        Ok(request.json(report).send().await?.status())
    }

    /// Asks for the certificate of its door.
    pub async fn certificate(&self, public_key: &[u8]) -> Result<reqwest::Response> {
        let request = self.http.post(format!("{}{CERTIFICATE_PATH}", self.url)).bearer_auth(&self.token);
        Ok(request.json(&CertificateRequest { public_key: public_key.to_vec() }).send().await?)
    }

    /// Does for ever what a sidecar does for workspaces without a repository: it asks until it is given something, and
    /// says that it is ready until that is taken.
    pub async fn serve_all(&self) {
        let mut revision = String::new();
        loop {
            match self.ask(&revision).await {
                Ok(answer) if answer.status() == StatusCode::OK => {
                    // Whoever answers may be killed half-way.
                    let Ok(given) = answer.json::<Assignment>().await else { continue };
                    let taken = self.report(given.epoch, RepositoryState::NotDeclared).await;
                    if taken.is_ok_and(|taken| taken == StatusCode::NO_CONTENT) {
                        revision = given.revision;
                    }
                }
                Ok(answer) if answer.status() == StatusCode::NO_CONTENT => {}
                _ => sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Does what a sidecar does for a workspace without a repository.
    pub async fn serve(&self) -> Result<Assignment> {
        let assignment = self.assignment().await?;
        let taken = self.report(assignment.epoch, RepositoryState::NotDeclared).await?;
        anyhow::ensure!(taken == StatusCode::NO_CONTENT, "the report was answered with {taken}");
        Ok(assignment)
    }
}

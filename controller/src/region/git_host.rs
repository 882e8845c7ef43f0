//! The Git host, managed or external, as the controller meets it: over its API, as administrator.

use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use neuralinverse_api::{Gitea, install::GITEA_ADMIN_SECRET};
use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::part::gitea;
use crate::{
    error::{During, Result},
    secret,
};

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Name of the portal among Gitea's applications.
const APPLICATION: &str = "Neural Inverse Cloud portal";

/// Why the Git host does not do what is asked.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// There are no credentials for it.
    #[error("there is no Secret `{name}` with the key `{key}` in namespace `{namespace}`: make it")]
    Credentials {
        /// Name of the Secret.
        name: String,
        /// What it must hold.
        key: &'static str,
        /// Where it must be.
        namespace: String,
    },
    /// It does not answer, or not as Gitea does.
    #[error("{url} cannot be reached or is no Gitea: {reason}")]
    Unreachable {
        /// Its URL.
        url: String,
        /// Why.
        reason: String,
    },
    /// It says no.
    #[error("{url} refused `{what}` with status {status}: {hint}")]
    Status {
        /// Its URL.
        url: String,
        /// What was asked.
        what: &'static str,
        /// Its answer.
        status: StatusCode,
        /// What may help.
        hint: &'static str,
    },
}

/// The administrator's way to the Git host.
pub struct GitHost {
    http: reqwest::Client,
    url: String,
    user: String,
    password: String,
}

/// An application that people sign in to with Gitea.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    #[serde(default)]
    id: u64,
    name: String,
    redirect_uris: Vec<String>,
    confidential_client: bool,
    skip_secondary_authorization: bool,
    /// Its id in OpenID Connect.
    #[serde(default)]
    pub client_id: String,
    /// Its secret: told only when it is made or changed.
    #[serde(default)]
    pub client_secret: String,
}

impl GitHost {
    /// Reads the credentials. `managed_url` is where we reach the managed one, if not by its Service.
    pub async fn open(
        client: &Client,
        namespace: &str,
        declared: &Gitea,
        managed_url: Option<&str>,
    ) -> Result<Result<Self, Refusal>> {
        let (url, name, key) = match &declared.external {
            Some(external) => (external.url.clone(), external.token_secret_ref.name.as_str(), "token"),
            None => {
                let url = managed_url.map_or_else(|| gitea::upstream(namespace), str::to_owned);
                (url, GITEA_ADMIN_SECRET, "password")
            }
        };
        let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
        let secret = secrets.get_opt(name).await.during("reading the credentials of the Git host")?;
        let password = secret.as_ref().and_then(|secret| secret::text(secret, key));
        let Some(password) = password else {
            let (name, namespace) = (name.to_owned(), namespace.to_owned());
            return Ok(Err(Refusal::Credentials { name, key, namespace }));
        };
        // Gitea takes a token for a password whatever the user's name is.
        let user = secret.as_ref().and_then(|secret| secret::text(secret, "username"));
        let user = user.unwrap_or_else(|| "token".to_owned());
        let http = reqwest::Client::builder().timeout(PATIENCE).build();
        let http = http.map_err(|error| Refusal::Unreachable { url: url.clone(), reason: error.to_string() });
        Ok(http.map(|http| Self { http, url, user, password: password.trim().to_owned() }))
    }

    /// Whether it answers to our credentials.
    pub async fn check(&self) -> Result<(), Refusal> {
        self.ask::<serde_json::Value>("who am I", Method::GET, "/api/v1/user", None).await.map(drop)
    }

    /// Makes the portal known to it, or gives the one that is known a new secret.
    pub async fn register(&self, redirect: &str) -> Result<Application, Refusal> {
        let path = "/api/v1/user/applications/oauth2";
        let known: Vec<Application> = self.ask("list applications", Method::GET, path, None).await?;
        let body = json!({
            "name": APPLICATION, "redirect_uris": [redirect], "confidential_client": true,
            "skip_secondary_authorization": true,
        });
        match known.iter().find(|application| application.name == APPLICATION) {
            Some(known) => {
                let path = format!("{path}/{}", known.id);
                self.ask("change an application", Method::PATCH, &path, Some(body)).await
            }
            None => self.ask("make an application", Method::POST, path, Some(body)).await,
        }
    }

    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        what: &'static str,
        method: Method,
        path: &str,
        body: Option<serde_json::Value>,
    ) -> Result<T, Refusal> {
        let unreachable = |error: reqwest::Error| {
            let error = error.without_url();
            let cause = std::error::Error::source(&error).map(|it| format!(": {it}")).unwrap_or_default();
            Refusal::Unreachable { url: self.url.clone(), reason: format!("{error}{cause}") }
        };
        let url = format!("{}{path}", self.url.trim_end_matches('/'));
        let mut request = self.http.request(method, url).basic_auth(&self.user, Some(&self.password));
        if let Some(body) = &body {
            request = request.json(body);
        }
        let answer = request.send().await.map_err(unreachable)?;
        let status = answer.status();
        if !status.is_success() {
            let hint = match status {
                StatusCode::UNAUTHORIZED => "its credentials are not valid there",
                StatusCode::FORBIDDEN => {
                    "the token must be an administrator's, with the scopes write:admin, write:user and write:repository"
                }
                _ => "its log may say why",
            };
            return Err(Refusal::Status { url: self.url.clone(), what, status, hint });
        }
        answer.json().await.map_err(unreachable)
    }
}

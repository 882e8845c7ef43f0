//! What an administrator does at Gitea.

use anyhow::{Context, Result, ensure};
use neuralinverse_api::Owner;
use neuralinverse_local::gitea::Gitea;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// The administrator.
pub struct Users {
    http: reqwest::Client,
    url: String,
    admin: (String, String),
    git_url: String,
}

impl Users {
    /// Of this Gitea, which people know by `git_url`.
    pub fn of(gitea: &Gitea, git_url: &str) -> Self {
        let (name, password) = gitea.admin();
        Self {
            http: reqwest::Client::new(),
            url: gitea.url().to_owned(),
            admin: (name.to_owned(), password.to_owned()),
            git_url: git_url.to_owned(),
        }
    }

    /// Makes a user; gives the owner that its workspaces have when Gitea signs people in.
    pub async fn make(&self, login: &str) -> Result<Owner> {
        let user = json!({
            "username": login, "email": format!("{login}@example.test"), "password": format!("{login}-Secret-1"),
            "must_change_password": false,
        });
        let made = self.call(Method::POST, "/admin/users", Some(user)).await?;
        Ok(Owner::of(&self.git_url, &made["id"].to_string()))
    }

    /// Makes a private repository with a first commit.
    pub async fn make_repository(&self, login: &str, name: &str) -> Result<()> {
        let repository =
            json!({ "name": name, "private": true, "auto_init": true, "default_branch": "main" });
        self.call(Method::POST, &format!("/admin/users/{login}/repos"), Some(repository)).await?;
        Ok(())
    }

    /// Asks the API; an answer that is no success is an error.
    pub async fn call(&self, method: Method, path: &str, content: Option<Value>) -> Result<Value> {
        let mut request = self.http.request(method, format!("{}/api/v1{path}", self.url));
        request = request.basic_auth(&self.admin.0, Some(&self.admin.1));
        if let Some(content) = content {
            request = request.json(&content);
        }
        let answer = request.send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "{path}: {status}: {text}");
        match status {
            StatusCode::NO_CONTENT => Ok(Value::Null),
            _ => Ok(serde_json::from_str(&text).unwrap_or(Value::Null)),
        }
    }

    /// Names of somebody's access tokens.
    pub async fn tokens(&self, login: &str) -> Result<Vec<String>> {
        let tokens = self.call(Method::GET, &format!("/users/{login}/tokens"), None).await?;
        let name = |token: &Value| Some(token["name"].as_str()?.to_owned());
        let mut names: Vec<String> =
            tokens.as_array().context("tokens")?.iter().map(name).collect::<Option<_>>().context("names")?;
        names.sort();
        Ok(names)
    }
}

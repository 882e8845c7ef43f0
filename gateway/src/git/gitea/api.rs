//! What the gateway asks of Gitea's API as administrator.

use std::time::Duration;

use axum::body::{self, Body};
use http::{Method, Request, StatusCode, header};
use jiff::Timestamp;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{Gitea, GiteaError};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// More than an answer has to say.
const LIMIT: usize = 4 << 20;

/// As many of anything as Gitea gives at once.
const PAGE: usize = 50;

/// A user of Gitea's.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(in super::super) struct User {
    /// Never changes.
    pub id: i64,
    /// Name, by which repositories are found.
    pub login: String,
    /// Name at the source that signs the user in. Without such a source, what an administrator wrote.
    #[serde(default)]
    pub login_name: String,
    /// The source; 0 is none.
    #[serde(default)]
    pub source_id: i64,
    /// Whether the account is in use.
    pub active: bool,
    /// Whether it is locked.
    pub prohibit_login: bool,
}

/// An access token of a user's, which itself is not told any more.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(in super::super) struct Listed {
    /// By which it is deleted.
    pub id: i64,
    /// Unique for the user.
    pub name: String,
    /// When it was made or last used.
    pub last_used_at: Timestamp,
}

/// An access token just made.
#[derive(Deserialize)]
pub(in super::super) struct Made {
    /// The token itself.
    pub sha1: String,
}

impl Gitea {
    /// Id of the user that the credentials belong to.
    pub(in super::super) async fn own_id(&self) -> Result<i64, GiteaError> {
        #[derive(Deserialize)]
        struct Own {
            id: i64,
        }
        let own: Own = self.read("asking who we are", "/user").await?;
        Ok(own.id)
    }

    /// All users, without organizations.
    pub(in super::super) async fn users(&self) -> Result<Vec<User>, GiteaError> {
        // By id: who comes or goes meanwhile moves nobody to another page before it.
        self.pages("listing users", "/admin/users?sort=id").await
    }

    /// Makes a user that nobody can sign in as, `None` if the name is taken or is none for Gitea.
    pub(in super::super) async fn make_user(
        &self,
        login: &str,
        login_name: &str,
        password: &str,
    ) -> Result<Option<User>, GiteaError> {
        let what = "making a user";
        let user = json!({
            "username": login, "login_name": login_name, "password": password, "must_change_password": false,
            "email": format!("{login}@neuralinverse.invalid"), "visibility": "private", "send_notify": false,
        });
        let (status, answer) = self.call(what, Method::POST, "/admin/users", Some(user)).await?;
        match status {
            StatusCode::CREATED => parse(what, &answer).map(Some),
            StatusCode::UNPROCESSABLE_ENTITY => Ok(None),
            status => Err(GiteaError::Status(what, status)),
        }
    }

    /// A user's access tokens.
    pub(in super::super) async fn tokens(&self, login: &str) -> Result<Vec<Listed>, GiteaError> {
        self.pages("listing a user's access tokens", &format!("/users/{login}/tokens?")).await
    }

    /// Makes an access token with which the user's repositories can be read and written.
    pub(in super::super) async fn make_token(&self, login: &str, name: &str) -> Result<Made, GiteaError> {
        let what = "making an access token";
        let token = json!({ "name": name, "scopes": ["write:repository"] });
        let path = format!("/users/{login}/tokens");
        let (status, answer) = self.call(what, Method::POST, &path, Some(token)).await?;
        match status {
            StatusCode::CREATED => parse(what, &answer),
            status => Err(GiteaError::Status(what, status)),
        }
    }

    /// Deletes an access token, if it is there.
    pub(in super::super) async fn delete_token(&self, login: &str, id: i64) -> Result<(), GiteaError> {
        let what = "deleting an access token";
        let path = format!("/users/{login}/tokens/{id}");
        match self.call(what, Method::DELETE, &path, None).await? {
            (StatusCode::NO_CONTENT | StatusCode::NOT_FOUND, _) => Ok(()),
            (status, _) => Err(GiteaError::Status(what, status)),
        }
    }

    async fn pages<T: DeserializeOwned>(&self, what: &'static str, path: &str) -> Result<Vec<T>, GiteaError> {
        let mut all = Vec::new();
        for page in 1.. {
            // Its administrator may allow fewer at once, so only an empty page is the last one.
            let next: Vec<T> = self.read(what, &format!("{path}&page={page}&limit={PAGE}")).await?;
            if next.is_empty() {
                break;
            }
            all.extend(next);
        }
        Ok(all)
    }

    async fn read<T: DeserializeOwned>(&self, what: &'static str, path: &str) -> Result<T, GiteaError> {
        match self.call(what, Method::GET, path, None).await? {
            (StatusCode::OK, answer) => parse(what, &answer),
            (status, _) => Err(GiteaError::Status(what, status)),
        }
    }

    async fn call(
        &self,
        what: &'static str,
        method: Method,
        path: &str,
        content: Option<Value>,
    ) -> Result<(StatusCode, body::Bytes), GiteaError> {
        let request = Request::builder()
            .method(method)
            .uri(self.uri(&format!("/api/v1{path}"))?)
            .header(header::AUTHORIZATION, self.credentials.header()?)
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/json")
            .body(content.map_or_else(Body::empty, |content| Body::from(content.to_string())))?;
        let answer = async {
            let (parts, answer) = self.send(request).await?.into_parts();
            let answer = body::to_bytes(Body::new(answer), LIMIT).await;
            Ok((parts.status, answer.map_err(|error| GiteaError::Answer(what, error.into()))?))
        };
        timeout(PATIENCE, answer).await.unwrap_or(Err(GiteaError::Late(what)))
    }
}

fn parse<T: DeserializeOwned>(what: &'static str, answer: &[u8]) -> Result<T, GiteaError> {
    serde_json::from_slice(answer).map_err(|error| GiteaError::Answer(what, error.into()))
}

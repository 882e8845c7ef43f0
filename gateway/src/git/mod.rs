//! The Git host's door: Git's smart HTTP protocol, as the owner of the pod that calls.
//!
//! Gitea itself decides what the owner may read and write, and whose push it is: requests are passed on with an
//! access token of the owner's user, which the gateway makes and keeps in memory. Nothing else of Gitea is served:
//! no pages, no API, and no LFS, whose answers hold tokens and URLs that a workspace could not use.

mod accounts;
mod call;
mod error;
mod gitea;
mod headers;
mod pass;
mod tokens;

use std::{path::PathBuf, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::any,
};
use neuralinverse_api::agent::gateway::GIT_PATH;

pub use self::gitea::SetupError;
use self::{accounts::Accounts, call::Call, error::Error, gitea::Gitea, tokens::Tokens};
use crate::{access::Answered, caller::Caller, gateway::Gateway, pods::Pod};

/// What the gateway says where nothing is.
pub(crate) const SERVED: &str =
    "the gateway serves git clone, fetch and push of /git/<owner>/<repository>.git, and nothing else\n";

/// Where the Git host is.
pub struct GitOptions {
    /// URL at which the gateway reaches it.
    pub gitea_url: String,
    /// Folder with the credentials of its administrator.
    pub credentials: PathBuf,
    /// File with the certificate authorities of its certificate; without it, the public ones.
    pub authorities: Option<PathBuf>,
    /// URL as people know it.
    pub git_url: String,
    /// Name of this replica of the gateway.
    pub replica: String,
}

/// The Git host.
pub struct Git {
    gitea: Gitea,
    accounts: Accounts,
    tokens: Tokens,
}

impl Git {
    /// Knows nothing yet: users and tokens are asked for when they are needed.
    pub fn new(options: GitOptions) -> Result<Self, SetupError> {
        let GitOptions { gitea_url, credentials, authorities, git_url, replica } = options;
        Ok(Self {
            gitea: Gitea::new(&gitea_url, credentials, authorities.as_deref())?,
            accounts: Accounts::new(&git_url),
            tokens: Tokens::new(&replica),
        })
    }

    async fn answer(&self, pod: &Pod, call: &Call, request: Request) -> Result<Response, Error> {
        let account = self.accounts.find(&self.gitea, &pod.owner).await?;
        pass::pass(self, &account, call, request).await
    }
}

/// The routes of this room.
pub(crate) fn routes() -> Router<Arc<Gateway>> {
    Router::new().route(&format!("{GIT_PATH}/{{*path}}"), any(door))
}

async fn door(State(gateway): State<Arc<Gateway>>, Caller(pod): Caller, request: Request) -> Response {
    let call = Call::parse(request.method(), request.uri());
    let (service, answer) = match &call {
        Ok(call) => (call.service.name(), gateway.git.answer(&pod, call, request).await),
        Err(error) => ("none", Err(Error::from(*error))),
    };
    let mut response = answer.into_response();
    response.extensions_mut().insert(Answered { pod, service });
    response
}

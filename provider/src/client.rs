//! One region's API server: connected to when first needed, every call with a deadline.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures::{StreamExt, stream::BoxStream};
use http::{Method, Request, header};
use kube::{Client, core::WatchEvent};
use neuralinverse_api::{GROUP, VERSION, labels};
use serde_json::{Value as Json, json};
use tokio::{sync::OnceCell, time::timeout};

use crate::{address::Address, connection::Connection, error::Problem};

/// How long the server may take to answer one call.
const DEADLINE: Duration = Duration::from_secs(10);

/// How long to try to connect, so that a plan without a cluster does not hang.
const CONNECT: Duration = Duration::from_secs(5);

/// What answers is something else.
const NO_API_SERVER: &str = "what answers there is no Kubernetes API server";

/// A region of the provider block.
pub struct Cluster {
    /// Its key in the provider's `regions`.
    pub region: String,
    connection: Connection,
    client: OnceCell<Result<(Client, String), Problem>>,
    served: OnceCell<Result<(), Problem>>,
    expected: Mutex<BTreeSet<(String, String)>>,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("region", &self.region).finish_non_exhaustive()
    }
}

/// How to apply an object.
#[derive(Clone, Copy, Debug, Default)]
pub struct Apply {
    /// Take over fields of others.
    pub force: bool,
    /// Only say what would happen.
    pub dry_run: bool,
}

impl Cluster {
    /// A region that nobody has talked to yet.
    pub fn new(region: String, connection: Connection) -> Self {
        let (client, served) = (OnceCell::new(), OnceCell::new());
        Self { region, connection, client, served, expected: Mutex::default() }
    }

    /// Whether the way to the API server is known already; it is not when the cluster is made in the same apply.
    pub fn is_known(&self) -> bool {
        !matches!(self.connection, Connection::Unknown)
    }

    /// Whether the server serves our kinds. Asked once a process, so that a plan of many objects without
    /// a cluster waits once.
    ///
    /// # Errors
    /// Why not.
    pub async fn serves_us(&self) -> Result<(), Problem> {
        self.served.get_or_init(|| self.discover()).await.clone()
    }

    async fn discover(&self) -> Result<(), Problem> {
        let group = match self.call(Method::GET, &format!("/apis/{GROUP}"), "", None).await {
            Err(Problem::KindAbsent) => return Err(self.without_us().await),
            answer => answer?,
        };
        let served: Vec<String> = group["versions"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|version| version["version"].as_str().map(str::to_owned))
            .collect();
        match served.iter().any(|version| version == VERSION) {
            true => Ok(()),
            false => Err(Problem::OtherVersion { served }),
        }
    }

    /// What it means that the server does not know our group: any web server would say so, and taking one
    /// for a cluster without our kinds would lose the state of everything in it.
    async fn without_us(&self) -> Problem {
        match self.call(Method::GET, "/version", "", None).await {
            Ok(version) if version["gitVersion"].is_string() => Problem::KindAbsent,
            Err(Problem::Forbidden { .. }) => Problem::KindAbsent,
            Err(problem @ (Problem::Unreachable { .. } | Problem::Unauthorized { .. })) => problem,
            Ok(_) | Err(_) => match self.client().await {
                Ok((_, host)) => {
                    Problem::Unreachable { host: host.clone(), reason: NO_API_SERVER.to_owned() }
                }
                Err(problem) => problem,
            },
        }
    }

    /// Why a kind is absent: the group is there in another version, or not at all.
    pub async fn absent(&self) -> Problem {
        match self.discover().await {
            Ok(()) => Problem::KindAbsent,
            Err(problem) => problem,
        }
    }

    /// Remembers that this object is there, or will be after the apply.
    pub fn expect(&self, plural: &str, name: &str) {
        let mut expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner);
        expected.insert((plural.to_owned(), name.to_owned()));
    }

    /// Whether this object is remembered.
    pub fn is_expected(&self, plural: &str, name: &str) -> bool {
        let expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner);
        expected.contains(&(plural.to_owned(), name.to_owned()))
    }

    /// The object, if it is there. A kind that is not served has no objects.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub async fn get(&self, address: &Address) -> Result<Option<Json>, Problem> {
        match self.call(Method::GET, &address.url(), "", None).await {
            Ok(object) => Ok(Some(object)),
            Err(Problem::KindAbsent) => Ok(None),
            Err(problem) => Err(problem),
        }
    }

    /// The objects at a collection's URL.
    ///
    /// # Errors
    /// Why they cannot be read.
    pub async fn list(&self, collection: &str, query: &str) -> Result<Vec<Json>, Problem> {
        match self.call(Method::GET, collection, query, None).await {
            Ok(mut list) => Ok(list["items"].as_array_mut().map(std::mem::take).unwrap_or_default()),
            Err(Problem::KindAbsent) => Ok(Vec::new()),
            Err(problem) => Err(problem),
        }
    }

    /// Server-side apply with our field manager.
    ///
    /// # Errors
    /// Why the server refuses it.
    pub async fn apply(&self, address: &Address, object: &Json, how: Apply) -> Result<Json, Problem> {
        let Apply { force, dry_run } = how;
        let dry_run = if dry_run { "&dryRun=All" } else { "" };
        let query =
            format!("fieldManager={}&fieldValidation=Strict&force={force}{dry_run}", labels::TERRAFORM);
        let body = Some(("application/apply-patch+yaml", object));
        self.call(Method::PATCH, &address.url(), &query, body).await
    }

    /// Whether the object could be created, were it not there.
    ///
    /// # Errors
    /// Why not; [`Problem::Exists`] when it is there.
    pub async fn try_create(&self, address: &Address, object: &Json) -> Result<Json, Problem> {
        let query = format!("fieldManager={}&fieldValidation=Strict&dryRun=All", labels::TERRAFORM);
        let body = Some(("application/json", object));
        self.call(Method::POST, &address.collection(), &query, body).await
    }

    /// Replaces the record of who manages what, unless the object changed since it was read.
    ///
    /// # Errors
    /// Why the server refuses it.
    pub async fn set_managers(
        &self,
        address: &Address,
        object: &Json,
        managers: Json,
    ) -> Result<(), Problem> {
        let version = &object["metadata"]["resourceVersion"];
        let patch = json!({ "metadata": { "resourceVersion": version, "managedFields": managers } });
        let body = Some(("application/merge-patch+json", &patch));
        self.call(Method::PATCH, &address.url(), "", body).await.map(drop)
    }

    /// Asks for the deletion of exactly this object, dependents in the background. Gone already is fine.
    ///
    /// # Errors
    /// Why the server refuses it.
    pub async fn delete(&self, address: &Address, uid: &Json) -> Result<(), Problem> {
        let options = json!({
            "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background",
            "preconditions": { "uid": uid },
        });
        match self.call(Method::DELETE, &address.url(), "", Some(("application/json", &options))).await {
            // Another object has the name by now: ours is gone.
            Ok(_) | Err(Problem::KindAbsent | Problem::Changed { .. }) => Ok(()),
            Err(problem) => Err(problem),
        }
    }

    /// Changes of one object after `version`; ends when the server ends it.
    ///
    /// # Errors
    /// Why it cannot be watched.
    pub async fn watch(
        &self,
        address: &Address,
        version: &str,
    ) -> Result<BoxStream<'static, Event>, Problem> {
        let (client, host) = self.client().await?;
        let query = format!(
            "watch=true&fieldSelector=metadata.name%3D{}&resourceVersion={version}&timeoutSeconds=60",
            address.name
        );
        let request = request(Method::GET, &address.collection(), &query, None);
        let events = timeout(DEADLINE, client.request_events::<Json>(request)).await;
        let events = events.map_err(|_| late(host))?.map_err(|error| Problem::from_kube(&error, host))?;
        Ok(events
            .map(|event| match event {
                Ok(WatchEvent::Added(object) | WatchEvent::Modified(object)) => Event::Is(object),
                Ok(WatchEvent::Deleted(_)) => Event::Gone,
                Ok(WatchEvent::Bookmark(_)) => Event::Nothing,
                Ok(WatchEvent::Error(_)) | Err(_) => Event::Lost,
            })
            .boxed())
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        query: &str,
        body: Option<(&str, &Json)>,
    ) -> Result<Json, Problem> {
        let (client, host) = self.client().await?;
        let request = request(method, path, query, body);
        // kube tries again by itself where that may help; the deadline holds for all tries together.
        match timeout(DEADLINE, client.request(request)).await {
            Ok(answer) => answer.map_err(|error| Problem::from_kube(&error, host)),
            Err(_) => Err(late(host)),
        }
    }

    async fn client(&self) -> Result<&(Client, String), Problem> {
        let client = self.client.get_or_init(|| async {
            let mut config = self.connection.kube_config().await?;
            config.connect_timeout = Some(CONNECT);
            let host = config.cluster_url.to_string().trim_end_matches('/').to_owned();
            let client = Client::try_from(config).map_err(|error| Problem::from_kube(&error, &host))?;
            Ok((client, host))
        });
        client.await.as_ref().map_err(Clone::clone)
    }
}

/// What a watch says of the one object.
#[derive(Debug)]
pub enum Event {
    /// It is like this now.
    Is(Json),
    /// It was deleted.
    Gone,
    /// Nothing happened to it.
    Nothing,
    /// The watch cannot go on: read the object and watch again.
    Lost,
}

fn late(host: &str) -> Problem {
    Problem::Unreachable {
        host: host.to_owned(),
        reason: format!("no answer within {} s", DEADLINE.as_secs()),
    }
}

fn request(method: Method, path: &str, query: &str, body: Option<(&str, &Json)>) -> Request<Vec<u8>> {
    let mut request = Request::new(body.map(|(_, body)| body.to_string().into_bytes()).unwrap_or_default());
    *request.method_mut() = method;
    let uri = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
    // Paths are made of names that were checked; a bad one gives the root, which answers 404 to all we ask.
    *request.uri_mut() = uri.parse().unwrap_or_default();
    if let Some((content, _)) = body
        && let Ok(content) = content.parse()
    {
        request.headers_mut().insert(header::CONTENT_TYPE, content);
    }
    request
}

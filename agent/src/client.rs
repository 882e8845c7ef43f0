//! HTTP to the controller, over few connections that are kept.
//!
//! After an answer a connection waits for the next request. So the report of a launch goes out on the
//! connection that its assignment came in on, without another handshake.

use std::{cell::RefCell, future::poll_fn, pin::Pin, sync::Arc, time::Duration};

use http::{
    HeaderValue, Method, Request, Response,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST},
};
use hyper::{
    body::{Body, Incoming},
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use rustls::RootCertStore;
use tokio::time::timeout;

use crate::{
    identity::{self, Identity},
    server::{self, Server},
};

/// Largest answer that is read: an environment that no process could take is not worth memory.
const ANSWER_LIMIT: usize = 4 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The pod's token or authority cannot be used.
    #[error(transparent)]
    Identity(#[from] identity::Error),
    /// No connection, or none to the true controller.
    #[error("the controller: {0}")]
    Connect(#[from] server::Error),
    /// The connection failed in the midst of it.
    #[error("the connection to the controller failed: {0}")]
    Http(#[from] hyper::Error),
    /// The request cannot be written; the token has characters that no token has.
    #[error("the request cannot be sent: {0}")]
    Request(#[from] http::Error),
    /// The controller did not answer in time.
    #[error("the controller did not answer within {} s", .0.as_secs())]
    Late(Duration),
    /// The answer is too large.
    #[error("the controller's answer is larger than {ANSWER_LIMIT} bytes")]
    Large,
}

/// A connection that waits for a request.
pub struct Connection(SendRequest<String>);

/// Speaks to the controller.
pub struct Client {
    server: Server,
    identity: Arc<Identity>,
    waiting: RefCell<Vec<Connection>>,
}

impl Client {
    /// A client of the controller there.
    pub fn new(server: Server, identity: Arc<Identity>) -> Self {
        Self { server, identity, waiting: RefCell::default() }
    }

    /// A connection that waits, or a new one.
    pub async fn connection(&self) -> Result<Connection, Error> {
        while let Some(mut connection) = self.take() {
            if connection.0.ready().await.is_ok() {
                return Ok(connection);
            }
        }
        let tls = self.server.connect(&self.identity).await?;
        let (sender, connection) = handshake(TokioIo::new(tls)).await?;
        // It ends with its sender; what it fails with, the sender says too.
        tokio::spawn(connection);
        Ok(Connection(sender))
    }

    /// Sends a request, and reads the answer. The token is read anew, since the kubelet renews it.
    pub async fn exchange(
        &self,
        mut connection: Connection,
        (method, target, body): (Method, &str, String),
        within: Duration,
    ) -> Result<Response<Vec<u8>>, Error> {
        let mut token =
            HeaderValue::try_from(format!("Bearer {}", self.identity.token()?)).map_err(http::Error::from)?;
        token.set_sensitive(true);
        let request = Request::builder()
            .method(method)
            .uri(target)
            .header(HOST, self.server.authority())
            .header(AUTHORIZATION, token)
            .header(CONTENT_TYPE, "application/json")
            .body(body)?;
        let answered = async {
            let (head, body) = connection.0.send_request(request).await?.into_parts();
            Ok(Response::from_parts(head, read(body).await?))
        };
        let answer = timeout(within, answered).await.unwrap_or(Err(Error::Late(within)))?;
        self.waiting.borrow_mut().push(connection);
        Ok(answer)
    }

    /// The authority that vouches for the controller, and for the portal.
    pub fn authority(&self) -> Result<RootCertStore, identity::Error> {
        self.identity.authority()
    }

    fn take(&self) -> Option<Connection> {
        self.waiting.borrow_mut().pop()
    }
}

async fn read(mut body: Incoming) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        if let Ok(data) = frame?.into_data() {
            bytes.extend_from_slice(&data);
        }
        if bytes.len() > ANSWER_LIMIT {
            return Err(Error::Large);
        }
    }
    Ok(bytes)
}

//! WebSockets as a browser or somebody else would open them.

use anyhow::{Context, Result};
use http::HeaderValue;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, client::IntoClientRequest},
};

/// Opens a WebSocket at `ws://host/path`, or gives the status with which that was refused.
pub async fn connect(
    url: &str,
    origin: Option<&str>,
    cookies: &str,
) -> Result<Result<WebSocketStream<TcpStream>, u16>> {
    let mut request = url.into_client_request()?;
    let port = request.uri().port_u16().context("port")?;
    if let Some(origin) = origin {
        request.headers_mut().insert("origin", HeaderValue::from_str(origin)?);
    }
    request.headers_mut().insert("cookie", HeaderValue::from_str(cookies)?);
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    match client_async(request, stream).await {
        Ok((socket, _)) => Ok(Ok(socket)),
        Err(Error::Http(response)) => Ok(Err(response.status().as_u16())),
        Err(error) => Err(error.into()),
    }
}

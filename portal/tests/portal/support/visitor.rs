//! A browser without a screen: keeps cookies by host, sends forms with their origin, follows nothing by itself.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use anyhow::{Context, Result, bail, ensure};
use http::{HeaderMap, Method, StatusCode, Uri, header};
use reqwest::{
    Client,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::Policy,
};

/// Somebody.
pub struct Visitor {
    client: Client,
    jar: Mutex<HashMap<String, BTreeMap<String, String>>>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: String,
}

/// All names lead to this machine, as `*.localhost` does in browsers.
struct Here;

impl Resolve for Here {
    fn resolve(&self, _: Name) -> Resolving {
        Box::pin(async { Ok(Box::new([SocketAddr::from(([127, 0, 0, 1], 0))].into_iter()) as Addrs) })
    }
}

impl Visitor {
    /// Somebody new.
    pub fn new() -> Result<Self> {
        let client =
            Client::builder().redirect(Policy::none()).no_proxy().dns_resolver(Arc::new(Here)).build()?;
        Ok(Self { client, jar: Mutex::default() })
    }

    /// Looks at a page.
    pub async fn get(&self, url: &str) -> Result<Answer> {
        self.send(Method::GET, url, &[("accept", "text/html")], String::new()).await
    }

    /// Sends a form from a page of this origin.
    pub async fn post(&self, url: &str, origin: &str, fields: &[(&str, &str)]) -> Result<Answer> {
        let headers = [("origin", origin), ("content-type", "application/x-www-form-urlencoded")];
        let body: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        self.send(Method::POST, url, &headers, body.join("&")).await
    }

    /// Opens `page`, takes its token and sends the fields to `action`.
    pub async fn submit(&self, page: &str, action: &str, fields: &[(&str, &str)]) -> Result<Answer> {
        let token = self.get(page).await?.hidden("token")?;
        self.post(action, &origin(page)?, &[fields, &[("token", &token)]].concat()).await
    }

    /// Sends anything, with the cookies that belong to the host.
    pub async fn send(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Result<Answer> {
        let mut response = self.open(method, url, headers, body).await?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            body.extend_from_slice(&chunk);
        }
        let body = String::from_utf8_lossy(&body).into_owned();
        Ok(Answer { status: response.status(), headers: response.headers().clone(), body })
    }

    /// As [`send`](Self::send), for answers without an end.
    pub async fn open(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Result<reqwest::Response> {
        let mut request =
            self.client.request(method, url).header(header::COOKIE, self.cookies(url)?).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await?;
        for value in response.headers().get_all(header::SET_COOKIE) {
            self.keep(url, value.to_str()?)?;
        }
        Ok(response)
    }

    /// The `Cookie` header for a URL.
    pub fn cookies(&self, url: &str) -> Result<String> {
        let jar = self.jar.lock().map_err(|_| anyhow::anyhow!("jar"))?;
        let cookies = jar.get(&host(url)?).into_iter().flatten();
        Ok(cookies.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; "))
    }

    /// Puts a cookie into the jar.
    pub fn keep(&self, url: &str, set_cookie: &str) -> Result<()> {
        let (pair, attributes) = set_cookie.split_once(';').unwrap_or((set_cookie, ""));
        let (name, value) = pair.split_once('=').context("no cookie")?;
        let gone = attributes.contains("Max-Age=0") || attributes.contains("01 Jan 1970");
        let mut jar = self.jar.lock().map_err(|_| anyhow::anyhow!("jar"))?;
        let cookies = jar.entry(host(url)?).or_default();
        if gone {
            cookies.remove(name)
        } else {
            cookies.insert(name.to_owned(), value.to_owned())
        };
        Ok(())
    }

    /// Goes through the issuer's forms until it is back; gives the page it ends at and the URLs on the way.
    pub async fn sign_in(&self, start: &str, login: &str) -> Result<(Answer, Vec<String>)> {
        let mut way = vec![start.to_owned()];
        let mut answer = self.get(start).await?;
        for _ in 0..20 {
            let here = way.last().context("no start")?.clone();
            if let Some(location) = answer.location() {
                let next = if location.starts_with('/') {
                    format!("{}{location}", origin(&here)?)
                } else {
                    location.to_owned()
                };
                answer = self.get(&next).await?;
                way.push(next);
            } else if let Ok(prompt) = answer.hidden("prompt") {
                let fields = [("prompt", prompt.as_str()), ("login", login), ("password", "any")];
                answer = self.post(&here, &origin(&here)?, &fields).await?;
            } else {
                ensure!(answer.status == 200, "{answer:?}");
                return Ok((answer, way));
            }
        }
        bail!("signing in does not end: {way:?}")
    }
}

impl Answer {
    /// Where it leads.
    pub fn location(&self) -> Option<&str> {
        self.headers.get(header::LOCATION)?.to_str().ok()
    }

    /// Value of the hidden field of this name.
    pub fn hidden(&self, name: &str) -> Result<String> {
        self.attribute(&format!("name=\"{name}\""), "value")
    }

    /// An attribute of the first element that contains `mark`.
    pub fn attribute(&self, mark: &str, attribute: &str) -> Result<String> {
        let found = self.body.split('<').find(|element| element.contains(mark));
        let element = found.with_context(|| format!("no {mark} in {} {}", self.status, self.body))?;
        let value = element.split_once(&format!("{attribute}=\"")).and_then(|(_, rest)| rest.split_once('"'));
        Ok(value.with_context(|| format!("no {attribute} in {element}"))?.0.to_owned())
    }
}

/// The origin of a URL.
pub fn origin(url: &str) -> Result<String> {
    let uri: Uri = url.parse()?;
    Ok(format!("{}://{}", uri.scheme_str().context("scheme")?, uri.authority().context("host")?))
}

fn host(url: &str) -> Result<String> {
    Ok(url.parse::<Uri>()?.authority().context("host")?.to_string())
}

fn encode(text: &str) -> String {
    text.bytes()
        .map(
            |byte| {
                if byte.is_ascii_alphanumeric() {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            },
        )
        .collect()
}

//! The provider block: regions and the ways to their API servers.

use std::{
    collections::BTreeMap,
    env,
    path::{Path as File, PathBuf},
    sync::Arc,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use kube::{
    Config,
    config::{
        AuthInfo, Cluster as NamedServer, Context, ExecConfig, KubeConfigOptions, Kubeconfig, NamedAuthInfo,
        NamedCluster, NamedContext,
    },
};
use tf_provider_sdk::{Attribute, Diagnostic, Diagnostics, Nesting, Path, Schema, Type, Value};

use crate::{client::Cluster, error::Problem};

/// The region of a provider without a block.
const ONLY: &str = "default";

/// What the provider block declares.
#[derive(Debug)]
pub struct Regions {
    clusters: BTreeMap<String, Arc<Cluster>>,
    /// The block itself is not known yet, so any name may turn out to be a region.
    unknown: bool,
}

/// The way to an API server.
#[derive(Clone, Debug)]
pub enum Connection {
    /// Known after apply.
    Unknown,
    /// Nothing says where a cluster is.
    Missing,
    /// A kubeconfig, read already, and the context to use.
    Kubeconfig(Box<Kubeconfig>, Option<String>),
}

/// Schema of the provider block.
pub fn schema() -> Schema {
    let text = |name: &str, description: &str| Attribute::string(name).optional().describe(description);
    let region = [
        text(
            "kubeconfig",
            "Path of a kubeconfig file. Without it and without `host`: `KUBECONFIG`, then `~/.kube/config`.",
        ),
        text("context", "Context of the kubeconfig. Without it, its current context."),
        text("host", "URL of the API server, instead of a kubeconfig."),
        text("cluster_ca_certificate", "PEM certificates of the API server's authority."),
        text("token", "Bearer token.").sensitive(),
        text("client_certificate", "PEM client certificate."),
        text("client_key", "PEM private key of the client certificate.").sensitive(),
        Attribute::nested("exec", Nesting::Single, exec_schema())
            .optional()
            .describe("Program that prints credentials, as in a kubeconfig."),
    ];
    let regions = Attribute::nested("regions", Nesting::Map, region).optional().describe(
        "Regions by name: each is one Kubernetes cluster. Without it there is one region, the cluster of `KUBECONFIG` or `~/.kube/config`, and `region` may be left out everywhere.",
    );
    Schema::new([regions]).describe("Declares cloud development workspaces on Kubernetes.")
}

fn exec_schema() -> [Attribute; 4] {
    [
        Attribute::string("api_version")
            .optional()
            .describe("Version of the protocol. Without it, `client.authentication.k8s.io/v1`."),
        Attribute::string("command").required().describe("The program."),
        Attribute::new("args", Type::list(Type::String)).optional().describe("Its arguments."),
        Attribute::new("env", Type::map(Type::String)).optional().describe("Environment variables for it."),
    ]
}

impl Regions {
    /// Reads the provider block. Files are read, nothing is dialled.
    ///
    /// # Errors
    /// Files and contexts that are not there, each with its attribute.
    pub fn new(config: &Value) -> Result<Self, Diagnostics> {
        let regions = config.attr("regions");
        let mut clusters = BTreeMap::new();
        let mut faults = Diagnostics::new();
        let mut add = |name: &str, connection: Result<Connection, Diagnostic>| match connection {
            Ok(it) => drop(clusters.insert(name.to_owned(), Arc::new(Cluster::new(name.to_owned(), it)))),
            Err(fault) => faults.push(fault),
        };
        for (name, region) in regions.as_fields().into_iter().flatten() {
            add(name, connection(region, &Path::from("regions").key(name)));
        }
        if regions.as_fields().is_none_or(BTreeMap::is_empty) && regions.is_known() {
            add(ONLY, from_files(None, &Value::Null, None));
        }
        faults.into_result(Self { clusters, unknown: !regions.is_known() })
    }

    /// The region that `region` names, or the only one. None when that is not known yet.
    ///
    /// # Errors
    /// A name that is not among the regions, or none where there are several.
    pub fn find(&self, region: &Value) -> Result<Option<Arc<Cluster>>, Diagnostics> {
        if self.unknown || !region.is_known() {
            return Ok(None);
        }
        let names: Vec<String> = self.clusters.keys().map(|name| format!("`{name}`")).collect();
        let names = names.join(", ");
        let fault = |summary: String, detail: String| Diagnostic::error(summary, detail).at("region").into();
        match region.as_str() {
            Some(name) => self.clusters.get(name).cloned().map(Some).ok_or_else(|| {
                fault(
                    format!("Unknown region `{name}`"),
                    format!("`region`: \"{name}\" is not a region of the provider block, which has {names}."),
                )
            }),
            None if self.clusters.len() == 1 => Ok(self.clusters.values().next().cloned()),
            None => Err(fault(
                "`region` is missing".to_owned(),
                format!("The provider block has several regions: set `region` to one of {names}."),
            )),
        }
    }

    /// Whether this is the name of a region.
    pub fn has(&self, name: &str) -> bool {
        self.clusters.contains_key(name)
    }
}

fn connection(region: &Value, path: &Path) -> Result<Connection, Diagnostic> {
    if !region.is_wholly_known() {
        return Ok(Connection::Unknown);
    }
    let Some(host) = region.attr("host").as_str() else {
        let file = region.attr("kubeconfig");
        return from_files(file.as_str(), region.attr("context"), Some(path));
    };
    if let Some(file) = region.attr("kubeconfig").as_str() {
        return Err(Diagnostic::error(
            "Two ways to one cluster",
            format!("`{path}` has `kubeconfig` = {file:?} and `host` = {host:?}: remove one of them."),
        )
        .at(path.attribute("kubeconfig")));
    }
    Ok(Connection::Kubeconfig(Box::new(explicit(host, region)), None))
}

fn from_files(file: Option<&str>, context: &Value, path: Option<&Path>) -> Result<Connection, Diagnostic> {
    let at = |fault: Diagnostic, name: &str| match path {
        Some(path) => fault.at(path.attribute(name)),
        None => fault,
    };
    let named = file
        .map(expand_home)
        .or_else(|| env::var_os("KUBECONFIG").filter(|it| !it.is_empty()).map(Into::into));
    let file = named.clone().unwrap_or_else(|| expand_home("~/.kube/config"));
    // KUBECONFIG may list several files, of which kube reads those that exist.
    let files: Vec<PathBuf> = env::split_paths(&file).filter(|file| file.exists()).collect();
    if files.is_empty() {
        return match named {
            None => Ok(Connection::Missing),
            Some(file) => Err(at(no_file(&file, path), "kubeconfig")),
        };
    }
    let fault = |error: &dyn std::fmt::Display| {
        let text = format!(
            "{}: {error}.\n\nWrite the path of a kubeconfig that `kubectl --kubeconfig` accepts.",
            file.display()
        );
        at(Diagnostic::error("The kubeconfig cannot be read", text), "kubeconfig")
    };
    let mut merged = Kubeconfig::default();
    for file in &files {
        let read = Kubeconfig::read_from(file).map_err(|error| fault(&error))?;
        merged = merged.merge(read).map_err(|error| fault(&error))?;
    }
    let context = context.as_str().map(str::to_owned);
    let known: Vec<&str> = merged.contexts.iter().map(|it| it.name.as_str()).collect();
    match &context {
        Some(name) if !known.contains(&name.as_str()) => Err(at(
            Diagnostic::error(
                format!("Unknown context `{name}`"),
                format!("\"{name}\" is not a context of {}, which has {}.", file.display(), known.join(", ")),
            ),
            "context",
        )),
        _ => Ok(Connection::Kubeconfig(Box::new(merged), context)),
    }
}

fn no_file(file: &File, path: Option<&Path>) -> Diagnostic {
    let who = path.map_or("`KUBECONFIG`".to_owned(), |path| format!("`{}`", path.attribute("kubeconfig")));
    Diagnostic::error(
        "The kubeconfig does not exist",
        format!(
            "{who}: there is no file \"{}\".\n\nWrite the path of an existing kubeconfig; where the cluster is made in the same apply, take the path from the resource that makes it, or use `host` and `token`.",
            file.display()
        ),
    )
}

fn expand_home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

/// The kubeconfig that says what the attributes say, so that there is one way to connect.
fn explicit(host: &str, region: &Value) -> Kubeconfig {
    let text = |name: &str| region.attr(name).as_str().map(str::to_owned);
    let pem = |name: &str| text(name).map(|pem| STANDARD.encode(pem));
    let server = NamedServer {
        server: Some(host.to_owned()),
        certificate_authority_data: pem("cluster_ca_certificate"),
        ..NamedServer::default()
    };
    let user = AuthInfo {
        token: text("token").map(Into::into),
        client_certificate_data: pem("client_certificate"),
        client_key_data: pem("client_key").map(Into::into),
        exec: exec(region.attr("exec")),
        ..AuthInfo::default()
    };
    let context = Context { cluster: ONLY.to_owned(), user: Some(ONLY.to_owned()), ..Context::default() };
    Kubeconfig {
        clusters: vec![NamedCluster {
            name: ONLY.to_owned(),
            cluster: Some(server),
            ..NamedCluster::default()
        }],
        auth_infos: vec![NamedAuthInfo {
            name: ONLY.to_owned(),
            auth_info: Some(user),
            ..NamedAuthInfo::default()
        }],
        contexts: vec![NamedContext {
            name: ONLY.to_owned(),
            context: Some(context),
            ..NamedContext::default()
        }],
        current_context: Some(ONLY.to_owned()),
        ..Kubeconfig::default()
    }
}

fn exec(exec: &Value) -> Option<ExecConfig> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let env = exec.attr("env").as_fields().into_iter().flatten().filter_map(|(name, value)| {
        Some([("name".to_owned(), name.clone()), ("value".to_owned(), text(value)?)].into())
    });
    Some(ExecConfig {
        command: Some(text(exec.attr("command"))?),
        api_version: text(exec.attr("api_version")).or(Some("client.authentication.k8s.io/v1".to_owned())),
        args: exec.attr("args").as_elements().map(|args| args.iter().filter_map(text).collect()),
        env: Some(env.collect()),
        ..ExecConfig::default()
    })
}

impl Connection {
    /// As kube's client wants it.
    ///
    /// # Errors
    /// Why it leads nowhere.
    pub async fn kube_config(&self) -> Result<Config, Problem> {
        let unusable = |host: &str, reason: String| Problem::Unreachable { host: host.to_owned(), reason };
        let (kubeconfig, context) = match self {
            Self::Unknown => {
                let reason = "its address is known only after apply".to_owned();
                return Err(unusable("of this region", reason));
            }
            Self::Missing => {
                let reason = "no cluster is configured: there is no `regions` in the provider block, no `KUBECONFIG` and no `~/.kube/config`".to_owned();
                return Err(unusable("of this region", reason));
            }
            Self::Kubeconfig(kubeconfig, context) => (kubeconfig.as_ref().clone(), context.clone()),
        };
        let options = KubeConfigOptions { context, ..KubeConfigOptions::default() };
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
        config.map_err(|error| unusable("of this region", error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(attributes: &[(&str, &str)]) -> Value {
        Value::object(attributes.iter().map(|(name, value)| (*name, Value::from(*value))))
    }

    fn regions(all: &[(&str, Value)]) -> Result<Regions, Diagnostics> {
        Regions::new(&Value::object([("regions", Value::map(all.iter().cloned()))]))
    }

    #[test]
    fn a_kubeconfig_that_does_not_exist_is_named_with_its_attribute() {
        let faults = regions(&[("us", region(&[("kubeconfig", "/nowhere/config")]))]).unwrap_err();
        let fault = faults.iter().next().unwrap();
        assert_eq!(fault.attribute.as_ref().unwrap().to_string(), r#"regions["us"].kubeconfig"#);
        assert!(fault.detail.contains("\"/nowhere/config\""), "{}", fault.detail);
        assert!(fault.detail.contains("Write the path of an existing kubeconfig"), "{}", fault.detail);
    }

    #[test]
    fn the_only_region_needs_no_name_and_of_several_one_must_be_named() {
        let host = || region(&[("host", "https://one.example")]);
        let one = regions(&[("us", host())]).unwrap();
        assert_eq!(one.find(&Value::Null).unwrap().unwrap().region, "us");

        let two = regions(&[("us", host()), ("eu", host())]).unwrap();
        let fault = |value: &Value| two.find(value).unwrap_err().iter().next().unwrap().detail.clone();
        assert!(fault(&Value::Null).contains("one of `eu`, `us`"));
        assert!(
            fault(&"asia".into())
                .contains("\"asia\" is not a region of the provider block, which has `eu`, `us`")
        );
        assert_eq!(two.find(&"eu".into()).unwrap().unwrap().region, "eu");
        assert!(two.find(&Value::Unknown).unwrap().is_none());
    }

    #[test]
    fn a_connection_that_is_not_known_yet_is_no_fault() {
        let unknown = Value::object([("host", Value::Unknown)]);
        let one = regions(&[("us", unknown)]).unwrap();
        assert!(!one.find(&Value::Null).unwrap().unwrap().is_known());
        let all = Regions::new(&Value::object([("regions", Value::Unknown)])).unwrap();
        assert!(all.find(&"us".into()).unwrap().is_none());
    }

    #[tokio::test]
    async fn attributes_say_as_much_as_a_kubeconfig() {
        let us = region(&[("host", "https://one.example"), ("token", "secret")]);
        let connection = connection(&us, &Path::root()).unwrap();
        let config = connection.kube_config().await.unwrap();
        assert_eq!(config.cluster_url.to_string(), "https://one.example/");
        assert!(config.auth_info.token.is_some());
    }
}

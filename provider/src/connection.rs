//! The way to an API server: a kubeconfig file, or attributes that say as much.

use std::{
    env,
    path::{Path as File, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use kube::{
    Config,
    config::{
        AuthInfo, Cluster, Context, ExecConfig, ExecInteractiveMode, KubeConfigOptions, Kubeconfig,
        NamedAuthInfo, NamedCluster, NamedContext,
    },
};
use tf_provider_sdk::{Diagnostic, Path, Value};

use crate::error::{At, Problem};

/// Cluster, user and context of a kubeconfig that stands in no file.
const ONLY: &str = "default";

/// Why there is no cluster where nobody named one.
const NOTHING: &str = "there is no `regions` in the provider block, no `KUBECONFIG` and no `~/.kube/config`";

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

/// The connection of a region of the provider block, which stands at `path`.
///
/// # Errors
/// What cannot work, with its attribute.
pub fn of_region(region: &Value, path: &Path) -> Result<Connection, Diagnostic> {
    if !region.is_wholly_known() {
        return Ok(Connection::Unknown);
    }
    let (host, file) = (region.attr("host").as_str(), region.attr("kubeconfig").as_str());
    match (host, file) {
        (Some(host), Some(file)) => Err(Diagnostic::error(
            "Two ways to one cluster",
            format!("`{path}` has `kubeconfig` = {file:?} and `host` = {host:?}: remove one of them."),
        )
        .at_line(path)),
        (Some(host), None) => Ok(Connection::Kubeconfig(Box::new(explicit(host, region)), None)),
        (None, file) => from_files(file, region.attr("context").as_str(), Some(path)),
    }
}

/// The connection without a provider block.
///
/// # Errors
/// What cannot work.
pub fn of_environment() -> Result<Connection, Diagnostic> {
    from_files(None, None, None)
}

fn from_files(
    file: Option<&str>,
    context: Option<&str>,
    path: Option<&Path>,
) -> Result<Connection, Diagnostic> {
    let variable = || env::var_os("KUBECONFIG").filter(|it| !it.is_empty()).map(PathBuf::from);
    let named = file.map(expand_home).or_else(variable);
    let list = named.clone().unwrap_or_else(|| expand_home("~/.kube/config"));
    // KUBECONFIG may list several files, of which those count that exist.
    let files: Vec<PathBuf> = env::split_paths(&list).filter(|file| file.exists()).collect();
    if files.is_empty() && named.is_none() {
        return Ok(Connection::Missing);
    }
    let who = |attribute: &str| {
        path.map_or("`KUBECONFIG`".to_owned(), |it| format!("`{}`", it.attribute(attribute)))
    };
    let at = |diagnostic: Diagnostic| match path {
        Some(path) => diagnostic.at_line(path),
        None => diagnostic,
    };
    if files.is_empty() {
        return Err(at(no_file(&who("kubeconfig"), &list)));
    }
    let kubeconfig = read(&files).map_err(|reason| at(unreadable(&who("kubeconfig"), &list, &reason)))?;
    let known: Vec<&str> = kubeconfig.contexts.iter().map(|it| it.name.as_str()).collect();
    match context {
        Some(name) if !known.contains(&name) => Err(at(no_context(&who("context"), name, &list, &known))),
        _ => Ok(Connection::Kubeconfig(Box::new(kubeconfig), context.map(str::to_owned))),
    }
}

fn read(files: &[PathBuf]) -> Result<Kubeconfig, String> {
    let mut merged = Kubeconfig::default();
    for file in files {
        let read = Kubeconfig::read_from(file).map_err(|error| error.to_string())?;
        merged = merged.merge(read).map_err(|error| error.to_string())?;
    }
    Ok(merged)
}

fn no_file(who: &str, file: &File) -> Diagnostic {
    Diagnostic::error(
        "The kubeconfig does not exist",
        format!(
            "{who}: there is no file \"{}\".\n\nWrite the path of an existing kubeconfig; where the cluster is made in the same apply, take the path from the resource that makes it, or use `host` and `token`.",
            file.display()
        ),
    )
}

fn unreadable(who: &str, file: &File, reason: &str) -> Diagnostic {
    Diagnostic::error(
        "The kubeconfig cannot be read",
        format!(
            "{who}: \"{}\": {reason}.\n\nWrite the path of a kubeconfig that `kubectl --kubeconfig` accepts.",
            file.display()
        ),
    )
}

fn no_context(who: &str, name: &str, file: &File, known: &[&str]) -> Diagnostic {
    Diagnostic::error(
        format!("Unknown context `{name}`"),
        format!(
            "{who}: {name:?} is not a context of \"{}\": write one of {}.",
            file.display(),
            known.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ")
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
    let server = Cluster {
        server: Some(host.to_owned()),
        certificate_authority_data: pem("cluster_ca_certificate"),
        ..Cluster::default()
    };
    let user = AuthInfo {
        token: text("token").map(Into::into),
        client_certificate_data: pem("client_certificate"),
        client_key_data: pem("client_key").map(Into::into),
        exec: exec(region.attr("exec")),
        ..AuthInfo::default()
    };
    let context = Context { cluster: ONLY.to_owned(), user: Some(ONLY.to_owned()), ..Context::default() };
    let name = || ONLY.to_owned();
    Kubeconfig {
        clusters: vec![NamedCluster { name: name(), cluster: Some(server), ..NamedCluster::default() }],
        auth_infos: vec![NamedAuthInfo { name: name(), auth_info: Some(user), ..NamedAuthInfo::default() }],
        contexts: vec![NamedContext { name: name(), context: Some(context), ..NamedContext::default() }],
        current_context: Some(name()),
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
        let (kubeconfig, context) = match self {
            Self::Unknown => {
                return Err(Problem::NoCluster { reason: "its address is not known yet".to_owned() });
            }
            Self::Missing => return Err(Problem::NoCluster { reason: NOTHING.to_owned() }),
            Self::Kubeconfig(kubeconfig, context) => (kubeconfig.as_ref().clone(), context.clone()),
        };
        let options = KubeConfigOptions { context, ..KubeConfigOptions::default() };
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
        let mut config = config.map_err(|error| Problem::NoCluster { reason: error.to_string() })?;
        if let Some(exec) = &mut config.auth_info.exec {
            // Our standard input is the terminal, which belongs to Terraform.
            exec.interactive_mode = Some(ExecInteractiveMode::Never);
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn attributes_say_as_much_as_a_kubeconfig() {
        let us = Value::object([
            ("host", Value::from("https://one.example")),
            ("token", "secret".into()),
            (
                "exec",
                Value::object([
                    ("command", Value::from("login")),
                    ("env", Value::map([("A", Value::from("1"))])),
                ]),
            ),
        ]);
        let config = of_region(&us, &Path::root()).unwrap().kube_config().await.unwrap();
        assert_eq!(config.cluster_url.to_string(), "https://one.example/");
        assert!(config.auth_info.token.is_some());
        let exec = config.auth_info.exec.unwrap();
        assert_eq!(exec.command.as_deref(), Some("login"));
        assert_eq!(exec.env.unwrap()[0]["value"], "1");
    }

    #[test]
    fn a_context_that_is_not_in_the_file_is_named_with_those_that_are() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        let text = "apiVersion: v1\nkind: Config\ncontexts:\n- name: one\n  context: {cluster: c, user: u}\n";
        std::fs::write(&file, text).unwrap();
        let region =
            Value::object([("kubeconfig", Value::from(file.to_str().unwrap())), ("context", "two".into())]);
        let fault = of_region(&region, &Path::from("regions").key("us")).unwrap_err();
        for text in [r#"`regions["us"].context`"#, "\"two\" is not a context", "write one of `one`"] {
            assert!(fault.detail.contains(text), "{}", fault.detail);
        }
    }
}

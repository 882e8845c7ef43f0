//! The provider block: regions and the ways to their API servers.

use std::{collections::BTreeMap, sync::Arc};

use tf_provider_sdk::{Attribute, Diagnostic, Diagnostics, Nesting, Path, Schema, Type, Value};

use crate::{
    client::Cluster,
    connection::{self, Connection},
};

/// The region of a provider without a block.
const ONLY: &str = "default";

/// What the provider block declares.
#[derive(Debug)]
pub struct Regions {
    clusters: BTreeMap<String, Arc<Cluster>>,
    /// The block itself is not known yet, so any name may turn out to be a region.
    unknown: bool,
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
            add(name, connection::of_region(region, &Path::from("regions").key(name)));
        }
        if regions.as_fields().is_none_or(BTreeMap::is_empty) && regions.is_known() {
            add(ONLY, connection::of_environment());
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
        assert_eq!(fault.attribute.as_ref().unwrap().to_string(), r#"regions["us"]"#);
        assert!(fault.detail.contains(r#"`regions["us"].kubeconfig`"#), "{}", fault.detail);
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
}

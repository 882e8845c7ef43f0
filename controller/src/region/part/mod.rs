//! The programs of a region that the controller runs beside itself: what each consists of, as pure
//! functions of what is declared.

pub mod gateway;
pub mod gitea;
mod gitea_ini;
pub mod portal;

pub use gitea_ini::KEY_FILES;
use kube::Resource;
use neuralinverse_api::{
    Images, Region,
    install::{
        self,
        program::{self, extend, pull_secrets},
    },
    labels,
};
use serde_json::{Value, json};

/// `apiVersion` and `kind` of a NetworkPolicy.
pub const NETWORK_POLICY: (&str, &str) = ("networking.k8s.io/v1", "NetworkPolicy");

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The managed Gitea.
    Gitea,
    /// The gateway.
    Gateway,
    /// The portal.
    Portal,
}

impl Part {
    /// Name of its objects.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gitea => install::GITEA,
            Self::Gateway => install::GATEWAY,
            Self::Portal => install::PORTAL,
        }
    }

    /// What it is called among people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Gitea => "Gitea",
            Self::Gateway => "the gateway",
            Self::Portal => "the portal",
        }
    }

    /// Kinds of its objects, as `apiVersion` and `kind`: all of them go when it is declared no more.
    pub fn kinds(self) -> &'static [(&'static str, &'static str)] {
        match self {
            // Its volume stays, and its Secrets.
            Self::Gitea => {
                &[("apps/v1", "StatefulSet"), ("v1", "Service"), ("v1", "ConfigMap"), NETWORK_POLICY]
            }
            Self::Gateway | Self::Portal => &[("apps/v1", "Deployment"), ("v1", "Service"), NETWORK_POLICY],
        }
    }

    fn component(self) -> &'static str {
        match self {
            Self::Gitea => "gitea",
            Self::Gateway => "gateway",
            Self::Portal => "portal",
        }
    }

    /// Labels of its pods.
    pub fn labels(self) -> Value {
        install::labels_of(self.component())
    }
}

/// Where the parts run, and for whom.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The Region: its objects go with it.
    pub region: &'a Region,
    /// Namespace of the controller.
    pub namespace: &'a str,
}

impl Place<'_> {
    /// An object of a program, of this `apiVersion` and `kind`, without its spec.
    pub fn object(&self, part: Part, kind: (&str, &str)) -> Value {
        self.named(part.name(), part.labels(), kind)
    }

    /// An object of this name, without its spec.
    pub fn named(&self, name: &str, mut labels: Value, (api_version, kind): (&str, &str)) -> Value {
        labels[labels::MANAGED_BY] = labels::CONTROLLER.into();
        json!({
            "apiVersion": api_version, "kind": kind,
            "metadata": {
                "name": name, "namespace": self.namespace, "labels": labels,
                "ownerReferences": [{
                    "apiVersion": Region::api_version(&()), "kind": Region::kind(&()),
                    "name": self.region.metadata.name, "uid": self.region.metadata.uid,
                }],
            },
        })
    }

    fn service(&self, part: Part, port: Value, more: Value) -> Value {
        let mut service = self.object(part, ("v1", "Service"));
        service["spec"] = json!({ "selector": part.labels(), "ports": [port] });
        extend(&mut service["spec"], more);
        service
    }

    /// A Deployment of our service image.
    fn deployment(&self, part: Part, replicas: i32, mut pod: Value) -> Value {
        let images = &self.region.spec.images;
        let labels = json!({ "matchLabels": part.labels() });
        extend(
            &mut pod["spec"],
            json!({
                "serviceAccountName": part.name(),
                "securityContext": pod_security(program::USER),
                "topologySpreadConstraints": program::spread(&part.labels()),
            }),
        );
        if !images.pull_secrets.is_empty() {
            pod["spec"]["imagePullSecrets"] = pull_secrets(images);
        }
        pod["metadata"]["labels"] = part.labels();
        let mut deployment = self.object(part, ("apps/v1", "Deployment"));
        deployment["spec"] = json!({ "replicas": replicas, "selector": labels, "template": pod });
        deployment
    }
}

/// A container of our service image that runs `program`.
fn container(part: Part, images: &Images, program: &str, more: Value) -> Value {
    let mut container = program::container(part.component(), images, program, more);
    // Nodes hear of a pod's end after the pod itself, and send it connections until then.
    container["lifecycle"] = json!({ "preStop": { "sleep": { "seconds": 3 } } });
    container
}

/// For a pod that writes to volumes.
fn pod_security(user: i64) -> Value {
    let mut security = program::pod_security(user);
    security["fsGroup"] = user.into();
    security
}

/// An environment variable with the name of the pod.
fn pod_name() -> Value {
    json!({ "name": "POD_NAME", "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } } })
}

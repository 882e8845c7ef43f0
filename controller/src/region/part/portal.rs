//! The portal: dashboard of workspaces, and the proxy that opens them.

use neuralinverse_api::{
    ServiceType,
    install::{PORTAL_SECRET, PORTAL_SESSION_SECRET, PORTAL_SIGN_IN_SECRET},
};
use serde_json::{Value, json};

use super::{Part, Place, container, gitea};

const PROGRAM: &str = "neuralinverse-portal";
const TLS: &str = "/etc/neuralinverse/tls";
const SESSION: &str = "/etc/neuralinverse/session";
const SIGN_IN: &str = "/etc/neuralinverse/sign-in";

/// The portal at its issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its id.
    pub id: String,
    /// Secret whose key `clientSecret` proves it; none for a public client.
    pub secret: Option<String>,
    /// Scopes besides `openid`.
    pub scopes: Vec<String>,
    /// Changes with the secret: the portal reads it at start only.
    pub revision: String,
}

impl Client {
    /// The one that the controller registers at Gitea. Without a scope of Gitea's own, the token that it
    /// makes (and the portal drops) could do everything.
    pub fn at_gitea(id: String, revision: String) -> Self {
        let scopes = ["profile", "email", "read:user"].map(str::to_owned).to_vec();
        Self { id, secret: Some(PORTAL_SIGN_IN_SECRET.to_owned()), scopes, revision }
    }
}

/// All its objects; none where it has no URL.
pub fn objects(place: Place, client: &Client) -> Vec<Value> {
    let spec = &place.region.spec;
    let (Some(url), Some(domain), Some(issuer)) = (&spec.url, &spec.workspace_domain, spec.issuer()) else {
        return Vec::new();
    };
    let mut args = vec![
        format!("--public-url={url}"),
        format!("--workspace-domain={domain}"),
        format!("--issuer={issuer}"),
        format!("--client-id={}", client.id),
        format!("--scopes={}", client.scopes.join(" ")),
        format!("--session-key-file={SESSION}/keys"),
        format!("--tls-dir={TLS}"),
    ];
    if spec.gitea.as_ref().is_some_and(|host| host.managed.is_some()) {
        args.push(format!("--git-upstream={}", gitea::upstream(place.namespace)));
    }
    let mut volumes = vec![volume("tls", PORTAL_SECRET), volume("session", PORTAL_SESSION_SECRET)];
    let mut mounts = vec![mount("tls", TLS), mount("session", SESSION)];
    if let Some(secret) = &client.secret {
        args.push(format!("--client-secret-file={SIGN_IN}/clientSecret"));
        volumes.push(volume("sign-in", secret));
        mounts.push(mount("sign-in", SIGN_IN));
    }
    let more = json!({
        "args": args,
        "env": [{ "name": "POD_NAMESPACE", "valueFrom": { "fieldRef": { "fieldPath": "metadata.namespace" } } }],
        "ports": [{ "name": "http", "containerPort": 8080 }, { "name": "health", "containerPort": 8081 }],
        "resources": { "requests": { "cpu": "50m", "memory": "64Mi" }, "limits": { "memory": "512Mi" } },
        "volumeMounts": mounts,
    });
    let annotations = json!({ "cloud.neuralinverse.com/sign-in": client.revision });
    let pod = json!({ "metadata": { "annotations": annotations }, "spec": {
        "containers": [container(Part::Portal, &spec.images, PROGRAM, more)],
        "volumes": volumes,
    } });
    vec![service(place), place.deployment(Part::Portal, spec.portal.replicas, pod)]
}

fn service(place: Place) -> Value {
    let service = &place.region.spec.portal.service;
    let type_ = match service.r#type {
        ServiceType::ClusterIP => "ClusterIP",
        ServiceType::NodePort => "NodePort",
        ServiceType::LoadBalancer => "LoadBalancer",
    };
    let mut port = json!({ "name": "http", "port": 80, "targetPort": "http" });
    if let Some(node_port) = service.node_port.filter(|_| service.r#type != ServiceType::ClusterIP) {
        port["nodePort"] = node_port.into();
    }
    place.service(Part::Portal, port, json!({ "type": type_ }))
}

fn volume(name: &str, secret: &str) -> Value {
    json!({ "name": name, "secret": { "secretName": secret } })
}

fn mount(name: &str, path: &str) -> Value {
    json!({ "name": name, "mountPath": path, "readOnly": true })
}

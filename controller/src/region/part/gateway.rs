//! The gateway: the one door of workspaces to Git.

use neuralinverse_api::{
    agent::gateway::PORT,
    install::{GATEWAY, GATEWAY_SECRET, GITEA_ADMIN_SECRET},
};
use serde_json::{Value, json};

use super::{Part, Place, container, gitea, pod_name};

const PROGRAM: &str = "neuralinverse-gateway";
const TLS: &str = "/etc/neuralinverse/tls";
const CREDENTIALS: &str = "/etc/neuralinverse/gitea";

/// All its objects; none where there is no Git host.
pub fn objects(place: Place) -> Vec<Value> {
    let spec = &place.region.spec;
    let (Some(host), Some(url)) = (&spec.gitea, spec.git_url()) else { return Vec::new() };
    let (upstream, secret) = match &host.external {
        Some(external) => (external.url.clone(), external.token_secret_ref.name.as_str()),
        None => (gitea::upstream(place.namespace), GITEA_ADMIN_SECRET),
    };
    let args = json!([
        format!("--tls-dir={TLS}"),
        format!("--gitea-url={upstream}"),
        format!("--gitea-credentials={CREDENTIALS}"),
        format!("--git-url={url}"),
        format!("--namespace={}", spec.workspace_namespaces.join(",")),
    ]);
    let more = json!({
        "args": args,
        "env": [pod_name()],
        "ports": [{ "name": "https", "containerPort": PORT }, { "name": "health", "containerPort": 8080 }],
        "resources": { "requests": { "cpu": "20m", "memory": "32Mi" }, "limits": { "memory": "512Mi" } },
        "volumeMounts": [
            { "name": "tls", "mountPath": TLS, "readOnly": true },
            { "name": "gitea", "mountPath": CREDENTIALS, "readOnly": true },
        ],
    });
    let pod = json!({ "spec": {
        "terminationGracePeriodSeconds": 60,
        "containers": [container(Part::Gateway, &spec.images, PROGRAM, more)],
        "volumes": [
            { "name": "tls", "secret": { "secretName": GATEWAY_SECRET } },
            { "name": "gitea", "secret": { "secretName": secret } },
        ],
    } });
    let port = json!({ "name": "https", "port": PORT, "targetPort": "https" });
    vec![
        place.service(Part::Gateway, port, json!({})),
        place.deployment(Part::Gateway, spec.gateway.replicas, pod),
    ]
}

/// The names that workspaces know it by.
pub fn hosts(namespace: &str) -> Vec<String> {
    vec![format!("{GATEWAY}.{namespace}.svc")]
}

/// Where workspaces reach it.
pub fn url(namespace: &str) -> String {
    format!("https://{GATEWAY}.{namespace}.svc:{PORT}")
}

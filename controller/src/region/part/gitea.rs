//! The managed Gitea: a StatefulSet of one, with SQLite on its volume. A second one could not share them.

use neuralinverse_api::{
    ManagedGitea,
    install::{
        GITEA, GITEA_ADMIN_SECRET, GITEA_KEYS_SECRET, GITEA_PORT,
        program::{container_security, extend, pull_secrets},
    },
};
use serde_json::{Value, json};

use super::{Part, Place, gitea_ini, pod_security};
use crate::hash;

/// User in the public rootless image.
const USER: i64 = 1000;

/// Migrates the database, and gives the administrator the password of its Secret: an account that is there
/// already may have another one.
const PREPARE: &str = r#"set -eu
gitea migrate --config "$CONFIG"
if gitea admin user list --config "$CONFIG" | awk '{ print $2 }' | grep -qxF "$ADMIN"; then
  gitea admin user change-password --config "$CONFIG" --username "$ADMIN" --password "$PASSWORD" --must-change-password=false
else
  gitea admin user create --config "$CONFIG" --admin --username "$ADMIN" --password "$PASSWORD" --email "$ADMIN@localhost.invalid" --must-change-password=false
fi
"#;

const CONFIG: &str = "/etc/gitea/app.ini";

/// All its objects; `url` is where browsers find it.
pub fn objects(place: Place, gitea: &ManagedGitea, url: &str) -> Vec<Value> {
    let ini = gitea_ini::text(url);
    let port = json!({ "name": "http", "port": GITEA_PORT, "targetPort": "http" });
    let mut config = place.object(Part::Gitea, ("v1", "ConfigMap"));
    config["data"] = json!({ "app.ini": ini });
    vec![config, place.service(Part::Gitea, port, json!({})), stateful_set(place, gitea, &ini)]
}

/// Where programs of the cluster reach it.
pub fn upstream(namespace: &str) -> String {
    format!("http://{GITEA}.{namespace}.svc:{GITEA_PORT}")
}

fn stateful_set(place: Place, gitea: &ManagedGitea, ini: &str) -> Value {
    let mut set = place.object(Part::Gitea, ("apps/v1", "StatefulSet"));
    let mut claim = json!({
        "accessModes": ["ReadWriteOnce"],
        "resources": { "requests": { "storage": gitea.storage.to_string() } },
    });
    if let Some(class) = &gitea.storage_class_name {
        claim["storageClassName"] = class.as_str().into();
    }
    set["spec"] = json!({
        "replicas": 1,
        "serviceName": GITEA,
        "selector": { "matchLabels": Part::Gitea.labels() },
        "template": {
            "metadata": {
                "labels": Part::Gitea.labels(),
                // It reads its configuration at start only.
                "annotations": { "cloud.neuralinverse.com/config": hash::short(ini, 16) },
            },
            "spec": pod(place, gitea),
        },
        "volumeClaimTemplates": [{ "metadata": { "name": "data" }, "spec": claim }],
    });
    set
}

fn pod(place: Place, gitea: &ManagedGitea) -> Value {
    let mut pod = json!({
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "securityContext": pod_security(USER),
        // It hands what is under way to its successor within a minute.
        "terminationGracePeriodSeconds": 70,
        "initContainers": [prepare(gitea)],
        "containers": [serve(gitea)],
        "volumes": [
            { "name": "config", "configMap": { "name": GITEA } },
            { "name": "keys", "secret": { "secretName": GITEA_KEYS_SECRET } },
            { "name": "tmp", "emptyDir": {} },
        ],
    });
    pod["securityContext"]["fsGroupChangePolicy"] = "OnRootMismatch".into();
    let images = &place.region.spec.images;
    if !images.pull_secrets.is_empty() {
        pod["imagePullSecrets"] = pull_secrets(images);
    }
    pod
}

fn prepare(gitea: &ManagedGitea) -> Value {
    let admin = |name: &str, key: &str| {
        let secret = json!({ "secretKeyRef": { "name": GITEA_ADMIN_SECRET, "key": key } });
        json!({ "name": name, "valueFrom": secret })
    };
    let env = [admin("ADMIN", "username"), admin("PASSWORD", "password")];
    container(gitea, "prepare", &["sh", "-c", PREPARE], &env, json!({}))
}

fn serve(gitea: &ManagedGitea) -> Value {
    let healthy = json!({ "path": "/api/healthz", "port": "http" });
    let more = json!({
        "ports": [{ "name": "http", "containerPort": GITEA_PORT }],
        // A migration may take minutes; killing it half-way would be worse.
        "startupProbe": { "httpGet": healthy, "periodSeconds": 1, "failureThreshold": 600 },
        "readinessProbe": { "httpGet": healthy, "periodSeconds": 5, "timeoutSeconds": 5 },
        "livenessProbe": { "tcpSocket": { "port": "http" }, "periodSeconds": 10, "failureThreshold": 6 },
    });
    container(gitea, "gitea", &["gitea", "web", "--config", CONFIG], &[], more)
}

fn container(gitea: &ManagedGitea, name: &str, command: &[&str], env: &[Value], more: Value) -> Value {
    let mut variables = vec![
        json!({ "name": "CONFIG", "value": CONFIG }),
        json!({ "name": "HOME", "value": "/tmp" }),
        json!({ "name": "TMPDIR", "value": "/tmp" }),
        // Its user need not have a name in the image.
        json!({ "name": "USER", "value": "git" }),
    ];
    variables.extend_from_slice(env);
    let mut container = json!({
        "name": name,
        "image": gitea.image,
        "command": command,
        "env": variables,
        "resources": {
            "requests": { "cpu": "50m", "memory": "256Mi" }, "limits": { "memory": gitea.memory.to_string() },
        },
        "volumeMounts": [
            { "name": "data", "mountPath": "/var/lib/gitea" },
            { "name": "config", "mountPath": CONFIG, "subPath": "app.ini" },
            { "name": "keys", "mountPath": gitea_ini::KEYS },
            { "name": "tmp", "mountPath": "/tmp" },
        ],
        "securityContext": container_security(),
    });
    extend(&mut container, more);
    container
}

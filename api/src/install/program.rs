//! What the pods of our service image have alike, whoever makes them: the installation the controller's, the
//! controller those of the region's programs.

use serde_json::{Value, json};

use super::SERVICE_IMAGE;
use crate::Images;

/// User and group of the programs in the service image.
pub const USER: i64 = 65532;

/// A container of the service image that runs `/<program>` and answers the kubelet at its port `health`.
pub fn container(name: &str, images: &Images, program: &str, more: Value) -> Value {
    let mut container = json!({
        "name": name,
        "image": images.image(SERVICE_IMAGE),
        "imagePullPolicy": images.pull_policy.as_str(),
        "command": [format!("/{program}")],
        "readinessProbe": { "httpGet": { "path": "/readyz", "port": "health" }, "periodSeconds": 2 },
        "livenessProbe": {
            "httpGet": { "path": "/livez", "port": "health" }, "periodSeconds": 10, "failureThreshold": 6,
        },
        "securityContext": container_security(),
    });
    extend(&mut container, more);
    container
}

/// For a whole pod whose programs run as `user`.
pub fn pod_security(user: i64) -> Value {
    json!({
        "runAsNonRoot": true, "runAsUser": user, "runAsGroup": user,
        "seccompProfile": { "type": "RuntimeDefault" },
    })
}

/// For a container whose files nobody changes.
pub fn container_security() -> Value {
    json!({
        "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
        "capabilities": { "drop": ["ALL"] },
    })
}

/// Replicas with these labels run on different nodes where there are some.
pub fn spread(labels: &Value) -> Value {
    json!([{
        "maxSkew": 1, "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": { "matchLabels": labels },
    }])
}

/// The Secrets with which a pod's images are pulled.
pub fn pull_secrets(images: &Images) -> Value {
    images.pull_secrets.iter().map(|name| json!({ "name": name })).collect()
}

/// Puts the fields of `more` into `object`.
pub fn extend(object: &mut Value, more: Value) {
    if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
}

//! Pods without a node, and their tokens.

use anyhow::{Context, Result};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{EncodingKey, Header, encode};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use neuralinverse_api::labels;
use neuralinverse_local::ControlPlane;
use rcgen::KeyPair;
use serde_json::{Value, json};

/// Namespace of all workspaces here.
pub const NAMESPACE: &str = "workspaces";

/// A namespace that the gateway may not read.
pub const UNREADABLE: &str = "unreadable";

/// The gateway's service account.
pub const ACCOUNT: &str = "system:serviceaccount:gateway:neuralinverse-gateway";

/// Namespaces, accounts and the gateway's rights.
pub fn install(control_plane: &ControlPlane) -> Result<()> {
    let namespace =
        |name: &str| json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
    let account = |name: &str, namespace: &str| json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": name, "namespace": namespace } });
    let items = [
        namespace(NAMESPACE),
        namespace(UNREADABLE),
        namespace("gateway"),
        account("default", NAMESPACE),
        account("default", UNREADABLE),
        account("neuralinverse-gateway", "gateway"),
    ];
    let all = [items.as_slice(), &rights()].concat();
    control_plane
        .kubectl()
        .apply(&json!({ "apiVersion": "v1", "kind": "List", "items": all }).to_string())?;
    Ok(())
}

/// All that the gateway may do, besides reading the cluster's token keys, which every service account may.
fn rights() -> [Value; 2] {
    let metadata = json!({ "name": "neuralinverse-gateway", "namespace": NAMESPACE });
    [
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata,
            "rules": [{ "apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"] }],
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": metadata,
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "neuralinverse-gateway" },
            "subjects": [{ "kind": "ServiceAccount", "name": "neuralinverse-gateway", "namespace": "gateway" }],
        }),
    ]
}

/// A pod that acts for `owner`, if anybody.
pub async fn make_pod(client: &Client, namespace: &str, owner: Option<&str>) -> Result<Pod> {
    let labels = owner.map(|owner| json!({ (labels::OWNER): owner }));
    let pod: Pod = serde_json::from_value(json!({
        "metadata": { "generateName": "ws-", "labels": labels },
        "spec": { "automountServiceAccountToken": false, "containers": [{ "name": "workspace", "image": "debian" }] },
    }))?;
    Ok(pods(client, namespace).create(&PostParams::default(), &pod).await?)
}

/// Takes a pod away at once.
pub async fn delete_pod(client: &Client, pod: &Pod) -> Result<()> {
    let api = pods(client, &pod.namespace().context("a namespace")?);
    api.delete(&pod.name_any(), &DeleteParams::default().grace_period(0)).await?;
    Ok(())
}

/// Keeps a pod from going, or lets it go.
pub async fn hold_pod(client: &Client, pod: &Pod, hold: bool) -> Result<()> {
    let finalizers = if hold { json!(["example.com/hold"]) } else { json!([]) };
    let patch = Patch::Merge(json!({ "metadata": { "finalizers": finalizers } }));
    let api = pods(client, &pod.namespace().context("a namespace")?);
    api.patch(&pod.name_any(), &PatchParams::default(), &patch).await?;
    Ok(())
}

/// The pod's token, as kubelet would mount it.
pub async fn token(client: &Client, pod: &Pod, audience: &str) -> Result<String> {
    let namespace = pod.namespace().context("a namespace")?;
    let body = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": {
            "audiences": [audience], "expirationSeconds": 3600,
            "boundObjectRef": { "kind": "Pod", "apiVersion": "v1", "name": pod.name_any(), "uid": pod.uid() },
        },
    });
    let request =
        http::Request::post(format!("/api/v1/namespaces/{namespace}/serviceaccounts/default/token"))
            .header("content-type", "application/json")
            .body(serde_json::to_vec(&body)?)?;
    let answer: Value = client.request(request).await?;
    Ok(answer["status"]["token"].as_str().context("a token")?.to_owned())
}

/// The same token, had it expired an hour ago: signed with the cluster's own key.
pub fn expired(control_plane: &ControlPlane, token: &str) -> Result<String> {
    let folder = control_plane.kubeconfig_path().parent().context("a folder")?.to_owned();
    let key = KeyPair::from_pem(&std::fs::read_to_string(folder.join("pki/service-accounts.key"))?)?;
    let payload = token.split('.').nth(1).context("a payload")?;
    let mut claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload)?)?;
    let now = claims["iat"].as_i64().context("a time")?;
    for (claim, before) in [("iat", 7200), ("nbf", 7200), ("exp", 3600)] {
        claims[claim] = json!(now - before);
    }
    let mut header = Header::new(jsonwebtoken::decode_header(token)?.alg);
    header.kid = jsonwebtoken::decode_header(token)?.kid;
    Ok(encode(&header, &claims, &EncodingKey::from_ec_der(&key.serialize_der()))?)
}

fn pods(client: &Client, namespace: &str) -> Api<Pod> {
    Api::namespaced(client.clone(), namespace)
}

//! The objects as a whole, as they reach the API server.

use neuralinverse_api::{Ide, LaunchSource, WarmPool};
use serde_json::{Value, json};

use super::{
    pod::{self, Difference, Launched},
    volume,
};
use crate::{
    context::Urls,
    fixtures::{self, seen},
};

/// Where pods of these tests reach controller and gateway.
fn urls() -> Urls {
    fixtures::urls()
}

fn spec(volume: &str) -> Value {
    let locked = json!({ "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } });
    let mut read_only = locked.clone();
    read_only["readOnlyRootFilesystem"] = json!(true);
    let ours = format!("ghcr.io/neuralinverse/agent:{}", env!("CARGO_PKG_VERSION"));
    let small = json!({ "requests": { "cpu": "5m", "memory": "24Mi" }, "limits": { "memory": "512Mi" } });
    json!({
        "serviceAccountName": "neuralinverse-workspace",
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "nodeSelector": { "workspace-tier": "default" },
        "tolerations": [
            { "key": "workspace-tier", "operator": "Equal", "value": "default", "effect": "NoSchedule" },
        ],
        "securityContext": {
            "runAsNonRoot": true, "runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 1000,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": { "type": "RuntimeDefault" },
        },
        "terminationGracePeriodSeconds": 30,
        "volumes": [
            { "name": "work", "persistentVolumeClaim": { "claimName": volume } },
            { "name": "run", "emptyDir": { "medium": "Memory", "sizeLimit": "1Mi" } },
            { "name": "bin", "emptyDir": { "sizeLimit": "64Mi" } },
            { "name": "tmp", "emptyDir": { "sizeLimit": "1Gi" } },
            { "name": "identity", "projected": { "sources": [
                { "serviceAccountToken": {
                    "audience": "neuralinverse-controller", "expirationSeconds": 3600, "path": "token",
                } },
                { "configMap": { "name": "neuralinverse-ca", "items": [{ "key": "ca.crt", "path": "ca.crt" }] } },
            ] } },
        ],
        "initContainers": [
            {
                "name": "agent", "image": ours, "imagePullPolicy": "IfNotPresent", "restartPolicy": "Always",
                "command": ["/usr/local/bin/neuralinverse-agent", "run"],
                "env": [
                    { "name": "CONTROLLER_URL", "value": "https://controller:8443" },
                    { "name": "POD_NAME", "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } } },
                ],
                "ports": [{ "name": "door", "containerPort": 8444 }],
                "resources": small, "securityContext": read_only,
                "lifecycle": { "postStart": { "exec": { "command": [
                    "/usr/local/bin/neuralinverse-agent", "install", "/opt/neuralinverse",
                ] } } },
                "volumeMounts": [
                    { "name": "work", "mountPath": "/volume" },
                    { "name": "run", "mountPath": "/run/neuralinverse" },
                    { "name": "bin", "mountPath": "/opt/neuralinverse" },
                    { "name": "identity", "mountPath": "/etc/neuralinverse/identity", "readOnly": true },
                    { "name": "tmp", "mountPath": "/tmp" },
                ],
            },
        ],
        "containers": [{
            "name": "workspace", "image": "rust:1", "imagePullPolicy": "IfNotPresent",
            "command": ["/opt/neuralinverse/launcher", "run", "--ide", "code-server"],
            "workingDir": "/home/developer",
            "env": [{ "name": "HOME", "value": "/home/developer" }],
            "resources": {
                "limits": { "cpu": "2", "memory": "2Gi" },
                "requests": { "cpu": "1", "memory": "1073741824" },
            },
            "resizePolicy": [
                { "resourceName": "cpu", "restartPolicy": "NotRequired" },
                { "resourceName": "memory", "restartPolicy": "NotRequired" },
            ],
            "startupProbe": {
                "exec": { "command": ["/opt/neuralinverse/launcher", "ready"] },
                "periodSeconds": 1, "failureThreshold": 300,
            },
            "securityContext": locked,
            "volumeMounts": [
                { "name": "work", "mountPath": "/home/developer", "subPath": "home" },
                { "name": "run", "mountPath": "/run/neuralinverse" },
                { "name": "bin", "mountPath": "/opt/neuralinverse", "readOnly": true },
            ],
        }],
    })
}

fn pool() -> WarmPool {
    fixtures::from(json!({
        "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "WarmPool",
        "metadata": { "namespace": "workspaces", "name": "pool", "uid": "uid-of-pool" },
        "spec": { "tier": "standard", "template": "rust", "size": 1 },
    }))
}

fn owner(kind: &str, name: &str) -> Value {
    json!([{
        "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": kind, "name": name,
        "uid": format!("uid-of-{name}"), "controller": true,
    }])
}

#[test]
fn a_warm_pod_is_complete_but_for_its_user() {
    let references = fixtures::references();
    let pod = pod::warm(&pool(), "pool-1", &references, &urls());
    let expected = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "namespace": "workspaces", "name": "pool-1",
            "labels": {
                "app.kubernetes.io/managed-by": "neuralinverse-controller",
                "cloud.neuralinverse.com/warm-pool": "pool",
                "cloud.neuralinverse.com/revision": pod::revision(&references, &urls()),
                "cloud.neuralinverse.com/offer": pod::offer(&references, &urls()),
            },
            "annotations": { "kubectl.kubernetes.io/default-container": "workspace" },
            "ownerReferences": owner("WarmPool", "pool"),
        },
        "spec": spec("pool-1"),
    });
    assert_eq!(serde_json::to_value(pod).unwrap(), expected);
}

#[test]
fn a_pod_that_is_started_for_a_workspace_differs_in_its_metadata_only() {
    let references = fixtures::references();
    let since = jiff::Timestamp::from_millisecond(1_500).unwrap();
    let launched = Launched { epoch: 3, source: LaunchSource::Resume, since };
    let workspace = fixtures::workspace(json!({}), Value::Null);
    let pod = pod::started(&workspace, &launched, "mine-1", &references, &urls());
    let expected = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "namespace": "workspaces", "name": super::name(&workspace, 3),
            "labels": {
                "app.kubernetes.io/managed-by": "neuralinverse-controller",
                "cloud.neuralinverse.com/revision": pod::revision(&references, &urls()),
                "cloud.neuralinverse.com/offer": pod::offer(&references, &urls()),
                "cloud.neuralinverse.com/workspace": "mine",
                "cloud.neuralinverse.com/workspace-uid": "uid-of-mine",
                "cloud.neuralinverse.com/owner": "ada",
                "cloud.neuralinverse.com/epoch": "3",
            },
            "annotations": {
                "kubectl.kubernetes.io/default-container": "workspace",
                "karpenter.sh/do-not-disrupt": "true",
                "cloud.neuralinverse.com/tier": "standard",
                "cloud.neuralinverse.com/launch-source": "Resume",
                "cloud.neuralinverse.com/launch-since": "1970-01-01T00:00:01.5Z",
            },
            "ownerReferences": owner("Workspace", "mine"),
        },
        "spec": spec("mine-1"),
    });
    assert_eq!(serde_json::to_value(pod).unwrap(), expected);
}

#[test]
fn a_pod_knows_the_gateway_where_there_is_one() {
    let mut references = fixtures::references();
    references.region.gitea = fixtures::from(json!({
        "external": { "url": "https://git.test", "tokenSecretRef": { "name": "gitea" } },
    }));
    let made = serde_json::to_value(pod::warm(&pool(), "pool-1", &references, &urls())).unwrap();
    let mut wanted = spec("pool-1");
    let variable = |name: &str, value: &str| json!({ "name": name, "value": value });
    let sidecar = wanted["initContainers"][0]["env"].as_array_mut().unwrap();
    sidecar.push(variable("GATEWAY_URL", "https://gateway:8443"));
    sidecar.push(variable("GIT_URL", "https://git.test"));
    let user = wanted["containers"][0]["env"].as_array_mut().unwrap();
    user.push(variable("GIT_CONFIG_COUNT", "2"));
    user.push(variable("GIT_CONFIG_KEY_0", "url.http://localhost:8445/git/.insteadOf"));
    user.push(variable("GIT_CONFIG_VALUE_0", "https://git.test/"));
    user.push(variable("GIT_CONFIG_KEY_1", "http.http://localhost:8445/git/.proxy"));
    user.push(variable("GIT_CONFIG_VALUE_1", ""));
    let identity = wanted["volumes"][4]["projected"]["sources"].as_array_mut().unwrap();
    identity.push(json!({ "serviceAccountToken": {
        "audience": "neuralinverse-gateway", "expirationSeconds": 3600, "path": "gateway-token",
    } }));
    assert_eq!(made["spec"], wanted);
}

#[test]
fn an_image_without_an_editor_has_terminals_only() {
    let mut references = fixtures::references();
    references.template.ide = Ide::None;
    let made = serde_json::to_value(pod::warm(&pool(), "pool-1", &references, &urls())).unwrap();
    assert_eq!(made["spec"]["containers"][0]["command"], json!(["/opt/neuralinverse/launcher", "run"]));
}

#[test]
fn a_volume_has_no_owner_and_says_whose_work_it_holds() {
    let references = fixtures::references();
    let spec = json!({
        "accessModes": ["ReadWriteOnce"], "storageClassName": "fast",
        "resources": { "requests": { "storage": "5Gi" } },
    });
    let warm = serde_json::to_value(volume::warm(&pool(), "pool-1", &references)).unwrap();
    assert_eq!((&warm["spec"], &warm["metadata"]["ownerReferences"]), (&spec, &Value::Null));
    let workspace = fixtures::workspace(json!({}), Value::Null);
    let cold = serde_json::to_value(volume::cold(&workspace, "mine-1", &references)).unwrap();
    assert_eq!((&cold["spec"], &cold["metadata"]["ownerReferences"]), (&spec, &Value::Null));
    let labels = json!({
        "app.kubernetes.io/managed-by": "neuralinverse-controller",
        "cloud.neuralinverse.com/workspace": "mine",
        "cloud.neuralinverse.com/workspace-uid": "uid-of-mine",
        "cloud.neuralinverse.com/owner": "ada",
    });
    assert_eq!(cold["metadata"]["labels"], labels);
}

#[test]
fn the_revision_changes_with_all_that_pods_and_volumes_are_made_from() {
    let first = pod::revision(&fixtures::references(), &urls());
    assert_eq!(first, pod::revision(&fixtures::references(), &urls()));
    let changes: [fn(&mut crate::references::References); 6] = [
        |it| it.template.image = "rust:2".into(),
        |it| it.tier.memory = "4Gi".parse().unwrap(),
        |it| it.tier.storage = "6Gi".parse().unwrap(),
        |it| it.tier.node_pool = "other".into(),
        |it| it.region.storage_class_name = None,
        |it| it.region.images.tag = Some("next".into()),
    ];
    for change in changes {
        let mut references = fixtures::references();
        change(&mut references);
        assert_ne!(first, pod::revision(&references, &urls()));
    }
}

#[test]
fn another_release_of_ours_offers_the_same_and_another_template_or_volume_does_not() {
    let first = pod::offer(&fixtures::references(), &urls());
    let changed = |change: fn(&mut crate::references::References)| {
        let mut references = fixtures::references();
        change(&mut references);
        pod::offer(&references, &urls())
    };
    assert_eq!(first, changed(|it| it.region.images.tag = Some("next".into())));
    assert_ne!(first, changed(|it| it.template.image = "rust:2".into()));
    assert_ne!(first, changed(|it| it.tier.memory = "4Gi".parse().unwrap()));
    assert_ne!(first, changed(|it| it.tier.storage = "6Gi".parse().unwrap()));
}

#[test]
fn a_running_pod_differs_by_tier_or_template_but_not_by_our_release() {
    let references = fixtures::references();
    let pod = seen(pod::warm(&pool(), "pool-1", &references, &urls()));
    let none = Difference::default();
    type Case = (fn(&mut crate::references::References), Difference);
    let cases: [Case; 6] = [
        (|it| it.region.images.tag = Some("next".into()), none),
        // As the API server would spell it.
        (|it| it.tier.cpu = "2000m".parse().unwrap(), none),
        (|it| it.tier.storage = "6Gi".parse().unwrap(), none),
        (|it| it.tier.cpu = "4".parse().unwrap(), Difference { size: true, ..none }),
        (|it| it.template.image = "rust:2".into(), Difference { image: true, ..none }),
        (|it| it.tier.node_pool = "other".into(), Difference { place: true, ..none }),
    ];
    for (change, expected) in cases {
        let mut references = references.clone();
        change(&mut references);
        assert_eq!(pod::difference(&pod, &references), expected);
    }
}

#[test]
fn a_share_of_memory_is_whole_bytes() {
    let mut references = fixtures::references();
    references.region.requests_percent = 5;
    let pod = serde_json::to_value(pod::warm(&pool(), "pool-1", &references, &urls())).unwrap();
    let requests = &pod["spec"]["containers"][0]["resources"]["requests"];
    assert_eq!(*requests, json!({ "cpu": "100m", "memory": "107374183" }));
}

#[test]
fn a_priority_is_part_of_the_pod_and_a_clusters_default_is_no_difference() {
    let mut references = fixtures::references();
    let mut running = seen(pod::warm(&pool(), "pool-1", &references, &urls()));
    running.spec.priority_class_name = Some("the-clusters-default".to_owned());
    assert!(!pod::difference(&running, &references).place);

    references.tier.priority_class_name = Some("developers".to_owned());
    assert!(pod::difference(&running, &references).place);
    let made = pod::warm(&pool(), "pool-2", &references, &urls());
    assert_eq!(made.spec.unwrap().priority_class_name.as_deref(), Some("developers"));
}

#[test]
fn a_tier_gives_its_pods_users_of_their_own() {
    let mut references = fixtures::references();
    let running = seen(pod::warm(&pool(), "pool-1", &references, &urls()));
    references.tier.user_namespaces = true;
    assert!(pod::difference(&running, &references).place);
    let made = pod::warm(&pool(), "pool-2", &references, &urls());
    assert_eq!(made.spec.as_ref().unwrap().host_users, Some(false));
    assert!(!pod::difference(&seen(made), &references).place);
}

//! The pod of a workspace. A warm one and one that is started for a workspace differ in their
//! metadata only, so that nobody can tell afterwards.
//!
//! ```text
//!  install ─► bin ──────────────┐ (read-only)
//!  agent (native sidecar)       ├─► workspace (the user's image)
//!    identity: token and CA     │     launcher
//!    run: the launcher's socket ┤
//!    work: /home/developer ─────┘
//! ```

use k8s_openapi::{
    api::core::v1::{
        ConfigMapProjection, Container, ContainerResizePolicy, EmptyDirVolumeSource, EnvVar, ExecAction,
        KeyToPath, LocalObjectReference, PersistentVolumeClaimVolumeSource, Pod, PodSpec, Probe,
        ProjectedVolumeSource, ResourceRequirements, ServiceAccountTokenProjection, Toleration, Volume,
        VolumeMount, VolumeProjection,
    },
    apimachinery::pkg::api::resource::Quantity,
};
use kube::{ResourceExt, api::ObjectMeta};
use neuralinverse_api::{
    LaunchSource, WarmPool, Workspace,
    agent::{self, paths},
    install::AGENT_IMAGE,
    labels,
};
use sha2::{Digest, Sha256};

use super::{managed, owned_by, security, workspace_labels};
use crate::{
    names::{CA_CONFIG_MAP, SERVICE_ACCOUNT},
    references::References,
};

/// Name of the user's container.
pub const WORKSPACE: &str = "workspace";

/// Name of the sidecar.
pub const AGENT: &str = "agent";

/// Name of the volume with the work.
pub const WORK: &str = "work";

/// How long the user's programs and the sidecar have to end.
const GRACE_SECONDS: i64 = 30;

/// How a pod came to its workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launched {
    /// How often the workspace has been given a pod.
    pub epoch: i64,
    /// Where the pod came from.
    pub source: LaunchSource,
    /// When the start was wished for.
    pub since: jiff::Timestamp,
}

/// A pod that waits for a user. Its volume has the same name.
pub fn warm(pool: &WarmPool, name: &str, references: &References, controller_url: &str) -> Pod {
    let mut labels = managed();
    labels.insert(labels::WARM_POOL.to_owned(), pool.name_any());
    labels.insert(labels::REVISION.to_owned(), revision(references, controller_url));
    let metadata = ObjectMeta {
        name: Some(name.to_owned()),
        namespace: pool.namespace(),
        labels: Some(labels),
        annotations: Some([default_container()].into()),
        owner_references: Some(vec![owned_by(pool)]),
        ..Default::default()
    };
    Pod { metadata, spec: Some(spec(references, controller_url, name)), status: None }
}

/// A pod that is started for a workspace, on this volume.
pub fn started(
    workspace: &Workspace,
    launched: &Launched,
    volume: &str,
    references: &References,
    controller_url: &str,
) -> Pod {
    let mut labels = managed();
    labels.insert(labels::REVISION.to_owned(), revision(references, controller_url));
    labels.extend(workspace_labels(workspace));
    labels.insert(labels::EPOCH.to_owned(), launched.epoch.to_string());
    let mut annotations = claimed_annotations(launched);
    annotations.push(default_container());
    let metadata = ObjectMeta {
        name: Some(name(workspace, launched.epoch)),
        namespace: workspace.namespace(),
        labels: Some(labels),
        annotations: Some(annotations.into_iter().collect()),
        owner_references: Some(vec![owned_by(workspace)]),
        ..Default::default()
    };
    Pod { metadata, spec: Some(spec(references, controller_url, volume)), status: None }
}

/// Name of a pod or volume that is made for a workspace.
pub fn name(workspace: &Workspace, epoch: i64) -> String {
    format!("{}-{epoch}", workspace.name_any())
}

/// Annotations of a pod that has a user.
pub fn claimed_annotations(launched: &Launched) -> Vec<(String, String)> {
    vec![
        // Nothing that only tidies up nodes may end somebody's work.
        ("karpenter.sh/do-not-disrupt".to_owned(), "true".to_owned()),
        (labels::LAUNCH_SOURCE.to_owned(), format!("{:?}", launched.source)),
        (labels::LAUNCH_SINCE.to_owned(), launched.since.to_string()),
    ]
}

/// Hash of all that decides how a pod and its volume are made: a warm pod of another one is stale.
pub fn revision(references: &References, controller_url: &str) -> String {
    let made_from = (
        spec(references, controller_url, ""),
        &references.tier.storage,
        &references.region.storage_class_name,
    );
    // Serialising our own types into memory cannot fail.
    let json = serde_json::to_vec(&made_from).unwrap_or_default();
    Sha256::digest(json).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn default_container() -> (String, String) {
    ("kubectl.kubernetes.io/default-container".to_owned(), WORKSPACE.to_owned())
}

fn spec(references: &References, controller_url: &str, volume: &str) -> PodSpec {
    let References { region, tier, template } = references;
    let pull_secrets = &region.images.pull_secrets;
    PodSpec {
        service_account_name: Some(SERVICE_ACCOUNT.to_owned()),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        runtime_class_name: tier.runtime_class_name.clone(),
        node_selector: Some([(labels::NODE_POOL.to_owned(), tier.node_pool.clone())].into()),
        tolerations: Some(vec![toleration(&tier.node_pool)]),
        image_pull_secrets: (!pull_secrets.is_empty())
            .then(|| pull_secrets.iter().map(|name| LocalObjectReference { name: name.clone() }).collect()),
        security_context: Some(security::pod()),
        termination_grace_period_seconds: Some(GRACE_SECONDS),
        volumes: Some(volumes(volume)),
        init_containers: Some(vec![install(references), sidecar(references, controller_url)]),
        containers: vec![user(references, &template.image)],
        ..Default::default()
    }
}

fn toleration(pool: &str) -> Toleration {
    Toleration {
        key: Some(labels::NODE_POOL.to_owned()),
        operator: Some("Equal".to_owned()),
        value: Some(pool.to_owned()),
        effect: Some("NoSchedule".to_owned()),
        toleration_seconds: None,
    }
}

/// Puts the launcher where the user's container finds it.
fn install(references: &References) -> Container {
    Container {
        name: "install".to_owned(),
        command: Some(words(&[paths::AGENT, "install", paths::BIN])),
        resources: Some(small()),
        volume_mounts: Some(vec![mount("bin", paths::BIN)]),
        security_context: Some(security::read_only()),
        ..ours(references)
    }
}

/// Speaks with the controller, and runs Git.
fn sidecar(references: &References, controller_url: &str) -> Container {
    Container {
        name: AGENT.to_owned(),
        command: Some(words(&[paths::AGENT, "run"])),
        restart_policy: Some("Always".to_owned()),
        env: Some(vec![
            env("CONTROLLER_URL", controller_url),
            EnvVar { name: "POD_NAME".to_owned(), value_from: Some(pod_name()), ..Default::default() },
        ]),
        resources: Some(small()),
        volume_mounts: Some(vec![
            mount(WORK, paths::HOME),
            mount("run", paths::RUN),
            VolumeMount { read_only: Some(true), ..mount("identity", paths::IDENTITY) },
            mount("tmp", "/tmp"),
        ]),
        security_context: Some(security::read_only()),
        ..ours(references)
    }
}

fn pod_name() -> k8s_openapi::api::core::v1::EnvVarSource {
    use k8s_openapi::api::core::v1::{EnvVarSource, ObjectFieldSelector};
    let field = ObjectFieldSelector { field_path: "metadata.name".to_owned(), api_version: None };
    EnvVarSource { field_ref: Some(field), ..Default::default() }
}

/// The user's programs, of any image.
fn user(references: &References, image: &str) -> Container {
    let size = |percent| {
        let (cpu, memory) = (references.tier.cpu.scaled(percent), references.tier.memory.scaled(percent));
        Some([("cpu".to_owned(), cpu.to_kubernetes()), ("memory".to_owned(), memory.to_kubernetes())].into())
    };
    Container {
        name: WORKSPACE.to_owned(),
        image: Some(image.to_owned()),
        image_pull_policy: Some(references.region.images.pull_policy.as_str().to_owned()),
        command: Some(words(&[paths::LAUNCHER, "run"])),
        working_dir: Some(paths::HOME.to_owned()),
        env: Some(vec![env("HOME", paths::HOME)]),
        resources: Some(ResourceRequirements {
            limits: size(100),
            requests: size(references.region.requests_percent),
            claims: None,
        }),
        resize_policy: Some(["cpu", "memory"].map(resized_in_place).to_vec()),
        startup_probe: Some(ready()),
        volume_mounts: Some(vec![
            mount(WORK, paths::HOME),
            mount("run", paths::RUN),
            VolumeMount { read_only: Some(true), ..mount("bin", paths::BIN) },
        ]),
        security_context: Some(security::container()),
        ..Default::default()
    }
}

/// A startup probe costs nothing once it has succeeded. It is the user's container's and not the
/// sidecar's, since Kubernetes starts the former only after the latter's.
fn ready() -> Probe {
    Probe {
        exec: Some(ExecAction { command: Some(words(&[paths::LAUNCHER, "ready"])) }),
        period_seconds: Some(1),
        failure_threshold: Some(300),
        ..Default::default()
    }
}

fn ours(references: &References) -> Container {
    let images = &references.region.images;
    Container {
        image: Some(images.image(AGENT_IMAGE)),
        image_pull_policy: Some(images.pull_policy.as_str().to_owned()),
        ..Default::default()
    }
}

/// Git may need memory for a moment; the sidecar itself does not.
fn small() -> ResourceRequirements {
    let quantity = |text: &str| Quantity(text.to_owned());
    ResourceRequirements {
        requests: Some([("cpu".to_owned(), quantity("5m")), ("memory".to_owned(), quantity("24Mi"))].into()),
        limits: Some([("memory".to_owned(), quantity("512Mi"))].into()),
        claims: None,
    }
}

fn volumes(work: &str) -> Vec<Volume> {
    let named = |name: &str| Volume { name: name.to_owned(), ..Default::default() };
    let folder = |medium: Option<&str>, limit: &str| EmptyDirVolumeSource {
        medium: medium.map(str::to_owned),
        size_limit: Some(Quantity(limit.to_owned())),
    };
    vec![
        Volume {
            persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
                claim_name: work.to_owned(),
                read_only: None,
            }),
            ..named(WORK)
        },
        Volume { empty_dir: Some(folder(Some("Memory"), "1Mi")), ..named("run") },
        Volume { empty_dir: Some(folder(None, "64Mi")), ..named("bin") },
        Volume { empty_dir: Some(folder(None, "1Gi")), ..named("tmp") },
        Volume { projected: Some(identity()), ..named("identity") },
    ]
}

/// Who the pod is, and how it knows the controller. Only the sidecar sees it.
fn identity() -> ProjectedVolumeSource {
    let token = ServiceAccountTokenProjection {
        audience: Some(agent::AUDIENCE.to_owned()),
        expiration_seconds: Some(3600),
        path: "token".to_owned(),
    };
    let authority = ConfigMapProjection {
        name: CA_CONFIG_MAP.to_owned(),
        items: Some(vec![KeyToPath {
            key: agent::CA_KEY.to_owned(),
            path: agent::CA_KEY.to_owned(),
            mode: None,
        }]),
        optional: None,
    };
    ProjectedVolumeSource {
        default_mode: None,
        sources: Some(vec![
            VolumeProjection { service_account_token: Some(token), ..Default::default() },
            VolumeProjection { config_map: Some(authority), ..Default::default() },
        ]),
    }
}

fn resized_in_place(resource: &str) -> ContainerResizePolicy {
    ContainerResizePolicy { resource_name: resource.to_owned(), restart_policy: "NotRequired".to_owned() }
}

fn mount(volume: &str, path: &str) -> VolumeMount {
    VolumeMount { name: volume.to_owned(), mount_path: path.to_owned(), ..Default::default() }
}

fn env(name: &str, value: &str) -> EnvVar {
    EnvVar { name: name.to_owned(), value: Some(value.to_owned()), value_from: None }
}

fn words(command: &[&str]) -> Vec<String> {
    command.iter().map(|word| (*word).to_owned()).collect()
}

/// Whether a pod that runs has another image, size, runtime or nodes than its tier and template ask for
/// now. Other releases of our own images do not count.
pub fn differs(pod: &Pod, references: &References) -> bool {
    let wanted = spec(references, "", "");
    let Some(actual) = &pod.spec else { return false };
    let user = |spec: &PodSpec| {
        let container = spec.containers.iter().find(|container| container.name == WORKSPACE)?;
        let limits = container.resources.as_ref()?.limits.clone();
        Some((container.image.clone(), limits))
    };
    user(actual) != user(&wanted)
        || actual.node_selector != wanted.node_selector
        || actual.runtime_class_name != wanted.runtime_class_name
}

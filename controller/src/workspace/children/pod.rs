//! The pod of a workspace. A warm one and one that is started for a workspace differ in their
//! metadata only, so that nobody can tell afterwards.
//!
//! ```text
//!  agent (native sidecar)       ┌─► workspace (the user's image)
//!    identity: token and CA     │     launcher
//!    bin: the launcher ─────────┤ (read-only)
//!    run: the launcher's socket ┤
//!    work: /home/developer ─────┘
//! ```

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{LocalObjectReference, Pod, PodSpec, Toleration};
use kube::{ResourceExt, api::ObjectMeta};
use neuralinverse_api::{Images, LaunchSource, Quantity, WarmPool, Workspace, labels};

use super::{containers, managed, name, owned_by, security, volumes, workspace_labels};
use crate::{context::Urls, hash, kubernetes, names::SERVICE_ACCOUNT, references::References};

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
pub fn warm(pool: &WarmPool, name: &str, references: &References, urls: &Urls) -> Pod {
    let mut labels = managed();
    labels.insert(labels::WARM_POOL.to_owned(), pool.name_any());
    labels.extend(made_from(references, urls));
    let metadata = ObjectMeta {
        name: Some(name.to_owned()),
        namespace: pool.namespace(),
        labels: Some(labels),
        annotations: Some([default_container()].into()),
        owner_references: Some(vec![owned_by(pool)]),
        ..Default::default()
    };
    Pod { metadata, spec: Some(spec(references, urls, name)), status: None }
}

/// A pod that is started for a workspace, on this volume.
pub fn started(
    workspace: &Workspace,
    launched: &Launched,
    volume: &str,
    references: &References,
    urls: &Urls,
) -> Pod {
    let mut labels = managed();
    labels.extend(made_from(references, urls));
    labels.extend(claimed_labels(workspace, launched));
    let mut annotations = claimed_annotations(workspace, launched);
    annotations.push(default_container());
    let metadata = ObjectMeta {
        name: Some(name(workspace, launched.epoch)),
        namespace: workspace.namespace(),
        labels: Some(labels),
        annotations: Some(annotations.into_iter().collect()),
        owner_references: Some(vec![owned_by(workspace)]),
        ..Default::default()
    };
    Pod { metadata, spec: Some(spec(references, urls, volume)), status: None }
}

/// Labels of a pod that has a user, for whom it acts at the gateway.
pub fn claimed_labels(workspace: &Workspace, launched: &Launched) -> BTreeMap<String, String> {
    let mut labels = workspace_labels(workspace);
    labels.insert(labels::OWNER.to_owned(), workspace.spec.owner.clone());
    labels.insert(labels::EPOCH.to_owned(), launched.epoch.to_string());
    labels
}

/// Annotations of a pod that has a user.
pub fn claimed_annotations(workspace: &Workspace, launched: &Launched) -> Vec<(String, String)> {
    vec![
        (labels::TIER.to_owned(), workspace.spec.tier.clone()),
        // Nothing that only tidies up nodes may end somebody's work.
        (labels::DO_NOT_DISRUPT.to_owned(), "true".to_owned()),
        (labels::LAUNCH_SOURCE.to_owned(), format!("{:?}", launched.source)),
        (labels::LAUNCH_SINCE.to_owned(), launched.since.to_string()),
    ]
}

/// Hash of all that decides how a pod and its volume are made: a warm pod of another one is stale.
pub fn revision(references: &References, urls: &Urls) -> String {
    let made_from =
        (spec(references, urls, ""), &references.tier.storage, &references.region.storage_class_name);
    // Serialising our own types into memory cannot fail.
    let json = serde_json::to_vec(&made_from).unwrap_or_default();
    hash::short(json, 8)
}

/// Hash of what a user gets: all of the revision but the release of our own images. The sidecar of another
/// release is understood, as that of a workspace that runs is.
pub fn offer(references: &References, urls: &Urls) -> String {
    let mut references = references.clone();
    references.region.images = Images { tag: Some("any".to_owned()), ..Images::default() };
    revision(&references, urls)
}

fn made_from(references: &References, urls: &Urls) -> [(String, String); 2] {
    [
        (labels::REVISION.to_owned(), revision(references, urls)),
        (labels::OFFER.to_owned(), offer(references, urls)),
    ]
}

fn default_container() -> (String, String) {
    ("kubectl.kubernetes.io/default-container".to_owned(), containers::WORKSPACE.to_owned())
}

fn spec(references: &References, urls: &Urls, volume: &str) -> PodSpec {
    let References { region, tier, template: _, grows: _ } = references;
    let pull_secrets = &region.images.pull_secrets;
    PodSpec {
        service_account_name: Some(SERVICE_ACCOUNT.to_owned()),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        host_users: tier.user_namespaces.then_some(false),
        runtime_class_name: tier.runtime_class_name.clone(),
        priority_class_name: tier.priority_class_name.clone(),
        node_selector: Some([(labels::NODE_POOL.to_owned(), tier.node_pool.clone())].into()),
        tolerations: Some(vec![toleration(&tier.node_pool)]),
        image_pull_secrets: (!pull_secrets.is_empty())
            .then(|| pull_secrets.iter().map(|name| LocalObjectReference { name: name.clone() }).collect()),
        security_context: Some(security::pod()),
        termination_grace_period_seconds: Some(GRACE_SECONDS),
        volumes: Some(volumes::volumes(volume, region.gitea.is_some())),
        init_containers: Some(vec![containers::sidecar(references, urls)]),
        containers: vec![containers::user(references)],
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

/// In what a pod that runs is another one than its tier and template ask for now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// CPU or memory of the user's container, which a running pod can get.
    pub size: bool,
    /// Nodes, runtime, users or priority, which it cannot.
    pub place: bool,
    /// The image.
    pub image: bool,
}

/// In what a pod that runs differs from what its tier and template ask for now. Other releases of our own images do
/// not count.
pub fn difference(pod: &kubernetes::Pod, references: &References) -> Difference {
    let wanted = kubernetes::PodSpec::from(spec(references, &Urls::default(), ""));
    let actual = &pod.spec;
    let place = actual.node_selector != wanted.node_selector
        || actual.runtime_class_name != wanted.runtime_class_name
        || actual.host_users != wanted.host_users
        // A cluster may have a default class: only one that the tier names counts.
        || (wanted.priority_class_name.is_some() && actual.priority_class_name != wanted.priority_class_name);
    Difference {
        size: limits(actual) != limits(&wanted),
        place,
        image: user(actual).map(|it| &it.image) != user(&wanted).map(|it| &it.image),
    }
}

fn user(spec: &kubernetes::PodSpec) -> Option<&kubernetes::Container> {
    spec.containers.iter().find(|container| container.name == containers::WORKSPACE)
}

/// The API server spells amounts in its own way.
fn limits(spec: &kubernetes::PodSpec) -> Option<[Option<Quantity>; 2]> {
    let limits = &user(spec)?.resources.limits;
    Some([&limits.cpu, &limits.memory].map(|amount| amount.as_ref()?.0.parse().ok()))
}

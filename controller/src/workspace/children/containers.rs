//! The containers of a pod: the user's, and the sidecar.

use k8s_openapi::{
    api::core::v1::{
        Container, ContainerPort, ContainerResizePolicy, EnvVar, EnvVarSource, ExecAction, Lifecycle,
        LifecycleHandler, ObjectFieldSelector, Probe, ResourceRequirements, VolumeMount,
    },
    apimachinery::pkg::api::resource,
};
use neuralinverse_api::{
    Ide, Quantity,
    agent::{door, gateway, paths},
    install::AGENT_IMAGE,
};

use super::{
    security,
    volumes::{BIN, IDENTITY, RUN, TMP, WORK},
};
use crate::{context::Urls, references::References};

/// Name of the user's container.
pub const WORKSPACE: &str = "workspace";

/// Name of the sidecar.
pub const AGENT: &str = "agent";

/// Speaks with the controller, runs Git, and lets the portal in. Before the user's container starts, it puts the
/// launcher where that finds it.
pub fn sidecar(references: &References, urls: &Urls) -> Container {
    let mut variables = vec![
        env("CONTROLLER_URL", &urls.controller),
        EnvVar { name: "POD_NAME".to_owned(), value_from: Some(pod_name()), ..Default::default() },
    ];
    if let Some(git_url) = references.region.git_url() {
        variables.extend([env("GATEWAY_URL", &urls.gateway), env("GIT_URL", &git_url)]);
    }
    Container {
        name: AGENT.to_owned(),
        command: Some(words(&[paths::AGENT, "run"])),
        restart_policy: Some("Always".to_owned()),
        env: Some(variables),
        ports: Some(vec![ContainerPort {
            name: Some("door".to_owned()),
            container_port: door::PORT.into(),
            ..Default::default()
        }]),
        resources: Some(small()),
        lifecycle: Some(Lifecycle { post_start: Some(install()), ..Default::default() }),
        volume_mounts: Some(vec![
            mount(WORK, paths::VOLUME),
            mount(RUN, paths::RUN),
            mount(BIN, paths::BIN),
            VolumeMount { read_only: Some(true), ..mount(IDENTITY, paths::IDENTITY) },
            mount(TMP, "/tmp"),
        ]),
        security_context: Some(security::read_only()),
        ..ours(references)
    }
}

/// A kubelet goes on only when this is done. An init container of its own would take it a second more.
fn install() -> LifecycleHandler {
    LifecycleHandler { exec: Some(run(&[paths::AGENT, "install", paths::BIN])), ..Default::default() }
}

fn pod_name() -> EnvVarSource {
    let field = ObjectFieldSelector { field_path: "metadata.name".to_owned(), api_version: None };
    EnvVarSource { field_ref: Some(field), ..Default::default() }
}

/// The user's programs, of any image.
pub fn user(references: &References) -> Container {
    let mut command = words(&[paths::LAUNCHER, "run"]);
    if references.template.ide == Ide::CodeServer {
        command.extend(words(&["--ide", "code-server"]));
    }
    let mut variables = vec![env("HOME", paths::HOME)];
    let git_url = references.region.git_url();
    let to_gateway = git_url.iter().flat_map(|url| gateway::git_environment(url));
    variables.extend(to_gateway.map(|(name, value)| env(name, &value)));
    Container {
        name: WORKSPACE.to_owned(),
        image: Some(references.template.image.clone()),
        image_pull_policy: Some(references.region.images.pull_policy.as_str().to_owned()),
        command: Some(command),
        working_dir: Some(paths::HOME.to_owned()),
        env: Some(variables),
        resources: Some(size(references)),
        resize_policy: Some(["cpu", "memory"].map(resized_in_place).to_vec()),
        startup_probe: Some(ready()),
        volume_mounts: Some(vec![
            VolumeMount { sub_path: Some(paths::HOME_FOLDER.to_owned()), ..mount(WORK, paths::HOME) },
            mount(RUN, paths::RUN),
            VolumeMount { read_only: Some(true), ..mount(BIN, paths::BIN) },
        ]),
        security_context: Some(security::container()),
        ..Default::default()
    }
}

/// What the user's container may use, and what the scheduler keeps for it.
pub fn size(references: &References) -> ResourceRequirements {
    let (cpu, memory) = (&references.tier.cpu, &references.tier.memory);
    let share = references.region.requests_percent;
    let size = |cpu: &Quantity, memory: &Quantity| {
        [("cpu".to_owned(), cpu.to_kubernetes()), ("memory".to_owned(), memory.to_kubernetes())].into()
    };
    ResourceRequirements {
        limits: Some(size(cpu, memory)),
        // A kubelet never gets done with a resize to a part of a byte.
        requests: Some(size(&cpu.scaled(share), &memory.scaled(share).whole())),
        claims: None,
    }
}

/// A startup probe costs nothing once it has succeeded. It is the user's container's and not the
/// sidecar's, since Kubernetes starts the former only after the latter's.
fn ready() -> Probe {
    Probe {
        exec: Some(run(&[paths::LAUNCHER, "ready"])),
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
    let quantity = |text: &str| resource::Quantity(text.to_owned());
    ResourceRequirements {
        requests: Some([("cpu".to_owned(), quantity("5m")), ("memory".to_owned(), quantity("24Mi"))].into()),
        limits: Some([("memory".to_owned(), quantity("512Mi"))].into()),
        claims: None,
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

fn run(command: &[&str]) -> ExecAction {
    ExecAction { command: Some(words(command)) }
}

fn words(command: &[&str]) -> Vec<String> {
    command.iter().map(|word| (*word).to_owned()).collect()
}

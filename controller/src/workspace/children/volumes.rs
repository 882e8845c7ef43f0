//! The volumes of a pod.

use k8s_openapi::{
    api::core::v1::{
        ConfigMapProjection, EmptyDirVolumeSource, KeyToPath, PersistentVolumeClaimVolumeSource,
        ProjectedVolumeSource, ServiceAccountTokenProjection, Volume, VolumeProjection,
    },
    apimachinery::pkg::api::resource::Quantity,
};
use neuralinverse_api::agent;

use crate::names::CA_CONFIG_MAP;

/// The work: the developer's home.
pub const WORK: &str = "work";

/// Where the launcher and the sidecar meet.
pub const RUN: &str = "run";

/// The launcher itself.
pub const BIN: &str = "bin";

/// What the sidecar writes for a moment.
pub const TMP: &str = "tmp";

/// The token and the authority.
pub const IDENTITY: &str = "identity";

/// All of them; `work` is the claim with the user's work. Only where there is a gateway has the pod a token for it.
pub fn volumes(work: &str, gateway: bool) -> Vec<Volume> {
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
        Volume { empty_dir: Some(folder(Some("Memory"), "1Mi")), ..named(RUN) },
        Volume { empty_dir: Some(folder(None, "64Mi")), ..named(BIN) },
        Volume { empty_dir: Some(folder(None, "1Gi")), ..named(TMP) },
        Volume { projected: Some(identity(gateway)), ..named(IDENTITY) },
    ]
}

/// Who the pod is, and how it knows controller and gateway. Only the sidecar sees it.
fn identity(gateway: bool) -> ProjectedVolumeSource {
    let token = |audience: &str, path: &str| VolumeProjection {
        service_account_token: Some(ServiceAccountTokenProjection {
            audience: Some(audience.to_owned()),
            expiration_seconds: Some(3600),
            path: path.to_owned(),
        }),
        ..Default::default()
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
    let mut sources = vec![
        token(agent::AUDIENCE, "token"),
        VolumeProjection { config_map: Some(authority), ..Default::default() },
    ];
    if gateway {
        sources.push(token(agent::gateway::AUDIENCE, agent::paths::GATEWAY_TOKEN));
    }
    ProjectedVolumeSource { default_mode: None, sources: Some(sources) }
}

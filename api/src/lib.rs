//! The types that users declare, and what is derived from them.
//!
//! A field is declared here and nowhere else. Its CRD schema, Terraform attribute, default,
//! validation and reference page come from the Rust type: name, doc comment, type, `serde(default)`
//! and validation attributes.
//!
//! ```text
//!  Region ── one a cluster: images, namespaces, storage
//!    WorkspaceNodePool ── nodes with the label and taint workspace-tier=<pool>, there or from Karpenter
//!      WorkspaceTier ── size of a workspace, on one node pool
//!    WorkspaceTemplate ── image and environment
//!        WarmPool ── pods of one tier and template, started before anybody asks
//!        Workspace ── one developer's: takes a warm pod or starts its own
//! ```

pub mod agent;
pub mod base32;
pub mod condition;
pub mod duration;
pub mod erlang;
pub mod install;
pub mod kind;
pub mod labels;
pub mod money;
pub mod owner;
pub mod quantity;
pub mod region;
pub mod wanted;
pub mod warm_pool;
pub mod workspace;
pub mod workspace_node_pool;
pub mod workspace_template;
pub mod workspace_tier;

pub use duration::Duration;
pub use kind::{GROUP, Kind, VERSION};
pub use money::Money;
pub use owner::Owner;
pub use quantity::Quantity;
pub use region::{
    DeletionPolicy, Egress, ExternalGitea, Gateway, Gitea, Images, LocalObject, ManagedGitea, Oidc,
    OwnerLimits, Portal, PortalService, PullPolicy, Region, RegionSpec, RegionStatus, ServiceType, SignIn,
};
pub use wanted::{Wanted, Why};
pub use warm_pool::{Autoscale, Day, WarmPool, WarmPoolSpec, WarmPoolStatus, Window};
pub use workspace::{
    GitAuthor, Launch, LaunchSource, LocalSecret, Repository, Run, RunPolicy, Suspended, Workspace,
    WorkspaceSpec, WorkspaceStatus,
};
pub use workspace_node_pool::{
    Budget, ConsolidationPolicy, Disruption, KarpenterNodes, Limits, NodeClassRef, Requirement, Resources,
    StaticNodes, WorkspaceNodePool, WorkspaceNodePoolSpec, WorkspaceNodePoolStatus,
};
pub use workspace_template::{Ide, WorkspaceTemplate, WorkspaceTemplateSpec, WorkspaceTemplateStatus};
pub use workspace_tier::{WorkspaceTier, WorkspaceTierSpec, WorkspaceTierStatus};

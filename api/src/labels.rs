//! Labels, annotations and names that the programs agree on.

/// Node label and taint key; the value is the name of the [`crate::WorkspaceNodePool`].
pub const NODE_POOL: &str = "workspace-tier";

/// On a free warm pod: the name of its [`crate::WarmPool`]. Taken off by the claim.
pub const WARM_POOL: &str = "cloud.neuralinverse.com/warm-pool";

/// On a pod or volume: hash of what it was made from. Differs from the wanted one = stale.
pub const REVISION: &str = "cloud.neuralinverse.com/revision";

/// On a pod: hash of what its user gets, whichever release of our own images is in it. A stale warm pod that
/// offers what is wanted is taken when there is no other.
pub const OFFER: &str = "cloud.neuralinverse.com/offer";

/// Annotation of a free warm pod: how many before it, in a row, did not become ready, and why the last one did
/// not, such as `2 PodFailed no such file`.
pub const FAILED_BEFORE: &str = "cloud.neuralinverse.com/failed-before";

/// On a claimed pod and its volume: the name of the [`crate::Workspace`].
pub const WORKSPACE: &str = "cloud.neuralinverse.com/workspace";

/// On a claimed pod and its volume: the UID of the [`crate::Workspace`].
pub const WORKSPACE_UID: &str = "cloud.neuralinverse.com/workspace-uid";

/// On a claimed pod: how often the workspace has been given a pod, to fence an older one.
pub const EPOCH: &str = "cloud.neuralinverse.com/epoch";

/// Annotation of a claimed pod: where it came from, a [`crate::LaunchSource`].
pub const LAUNCH_SOURCE: &str = "cloud.neuralinverse.com/launch-source";

/// Annotation of a claimed pod: when the start was wished for. Creation times know only seconds.
pub const LAUNCH_SINCE: &str = "cloud.neuralinverse.com/launch-since";

/// On a ConfigMap with what an owner's workspaces have used: the month, such as `2026-11`.
pub const USAGE: &str = "cloud.neuralinverse.com/usage";

/// Annotation of a volume whose workspace is gone: until when it is kept (RFC 3339). Whoever may change the volume
/// may write another time, or take the annotation away to begin anew.
pub const RETAINED_UNTIL: &str = "cloud.neuralinverse.com/retained-until";

/// Annotation of a claimed pod: the name of the [`crate::WorkspaceTier`] that it was made for, or last resized to.
pub const TIER: &str = "cloud.neuralinverse.com/tier";

/// Annotation of a Workspace with runPolicy `OnDemand`: when somebody wished that it runs (RFC 3339). Whoever may
/// change the Workspace may write it; a value that is new wakes a workspace that was stopped because nobody used
/// it, and counts as use. A time that lies ahead keeps it running until then.
pub const WAKE_REQUESTED_AT: &str = "cloud.neuralinverse.com/wake-requested-at";

/// Annotation of a Workspace with runPolicy `OnDemand`: when its user wished that it stops (RFC 3339). It stays
/// stopped as long as this is there and no wish to wake is later. Who writes one of the two wishes takes the other
/// away.
pub const STOP_REQUESTED_AT: &str = "cloud.neuralinverse.com/stop-requested-at";

/// Annotation of a node that the controller labelled and tainted: the name of the pool.
pub const LABELLED_FOR: &str = "cloud.neuralinverse.com/labelled-for";

/// Finalizer of a [`crate::WorkspaceNodePool`]: it stays until nothing uses it any more.
pub const NODE_POOL_IN_USE: &str = "cloud.neuralinverse.com/node-pool-in-use";

/// On a node, and only there if Karpenter made it: the name of Karpenter's NodePool.
pub const KARPENTER_NODE_POOL: &str = "karpenter.sh/nodepool";

/// Annotation of a pod that nothing may end which only tidies up nodes.
pub const DO_NOT_DISRUPT: &str = "karpenter.sh/do-not-disrupt";

/// On a Secret that workspaces may use: the owner whose workspaces may. On a claimed pod: the owner that it
/// acts for at the gateway. On its volume: the owner whose work it holds.
pub const OWNER: &str = "cloud.neuralinverse.com/owner";

/// Annotation of a Secret with a certificate that the controller keeps: when it is due to be renewed.
pub const RENEW_AT: &str = "cloud.neuralinverse.com/renew-at";

/// On everything that the controller makes.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// Value of [`MANAGED_BY`], and the field manager of the controller.
pub const CONTROLLER: &str = "neuralinverse-controller";

/// Field manager of the Terraform provider. Never changes, or fields would get a second owner.
pub const TERRAFORM: &str = "terraform-provider-neuralinverse";

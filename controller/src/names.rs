//! Names of objects that we look for, make, and that pods refer to.

pub use neuralinverse_api::install::WORKSPACE_ACCOUNT as SERVICE_ACCOUNT;

/// Name of the Region of a cluster.
pub const REGION: &str = "cluster";

/// ConfigMap with the certificate authority of the controller, in each workspace namespace.
pub const CA_CONFIG_MAP: &str = "neuralinverse-ca";

/// Secret with that authority and its key, in the controller's namespace.
pub const CA_SECRET: &str = "neuralinverse-controller-tls";

/// Lease of the replica that leads.
pub const LEASE: &str = "neuralinverse-controller";

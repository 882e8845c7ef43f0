//! Names of objects that we make and that pods refer to.

pub use neuralinverse_api::install::WORKSPACE_ACCOUNT as SERVICE_ACCOUNT;

/// ConfigMap with the certificate authority of the controller, in each workspace namespace.
pub const CA_CONFIG_MAP: &str = "neuralinverse-ca";

/// Secret with that authority and its key, in the controller's namespace.
pub const CA_SECRET: &str = "neuralinverse-controller-tls";

/// Lease of the replica that leads.
pub const LEASE: &str = "neuralinverse-controller";

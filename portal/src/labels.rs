//! Names under which the portal acts and keeps things.

/// Field manager of everything that the portal writes.
pub const FIELD_MANAGER: &str = "neuralinverse-portal";

/// Label of what the portal keeps in its namespace.
pub const COMPONENT: &str = "app.kubernetes.io/component";

/// Value of [`COMPONENT`]: sessions that were ended.
pub const SESSIONS: &str = "portal-sessions";

//! Dashboard of workspaces and the proxy that opens them.
//!
//! ```text
//!  browser ── portal's origin ─────► pages: sign-in, list, create, stop, delete, open
//!     │                                │ one-time code in a form
//!     └────── a workspace's origin ──► the page while it starts, then proxy ──mTLS──► sidecar ─► editor
//! ```
//!
//! Lists come from memory, which follows Kubernetes. Who may see what is decided by the owner alone, and
//! checked at every request: what is somebody else's does not exist.

mod base32;
pub mod cookie;
pub mod grant;
pub mod guard;
pub mod id;
pub mod owner;
pub mod seal;
pub mod site;

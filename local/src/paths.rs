//! Where things are kept: what is costly to make in the cache, what a cluster holds in the state.

use std::{env, path::PathBuf};

/// The folder of built programs and images, outside the clone: `$NEURALINVERSE_CACHE`, else
/// `$XDG_CACHE_HOME/neuralinverse`, else `~/.cache/neuralinverse`.
pub fn cache() -> PathBuf {
    folder("NEURALINVERSE_CACHE")
        .or_else(|| folder("XDG_CACHE_HOME").map(|xdg| xdg.join("neuralinverse")))
        .unwrap_or_else(|| home().join(".cache/neuralinverse"))
}

/// The folder of running clusters: `$NEURALINVERSE_STATE`, else `/var/lib/neuralinverse-local`. Root's, as clusters are.
pub fn clusters() -> PathBuf {
    folder("NEURALINVERSE_STATE").unwrap_or_else(|| PathBuf::from("/var/lib/neuralinverse-local"))
}

/// The folder of running control planes: that of clusters for root, else `~/.local/state/neuralinverse-local`.
pub fn state() -> PathBuf {
    if nix::unistd::geteuid().is_root() {
        return clusters();
    }
    folder("NEURALINVERSE_STATE").unwrap_or_else(|| home().join(".local/state/neuralinverse-local"))
}

/// A folder with `etcd`, `kube-apiserver` and `kubectl` that the user has already.
pub(crate) fn assets() -> Option<PathBuf> {
    folder("KUBEBUILDER_ASSETS")
}

fn home() -> PathBuf {
    folder("HOME").unwrap_or_else(|| PathBuf::from("/root"))
}

fn folder(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}

//! Sidecar of a workspace pod.

fn main() {}

//! Dashboard of workspaces and the proxy that opens them.

fn main() {}

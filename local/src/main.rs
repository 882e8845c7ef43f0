//! A real Kubernetes on one machine without a container engine, for tests and the demo.

fn main() {}

//! In-cluster controller of Neural Inverse Cloud.

fn main() {}

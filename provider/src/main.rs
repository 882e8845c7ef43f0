//! Terraform provider of Neural Inverse Cloud.

fn main() {}

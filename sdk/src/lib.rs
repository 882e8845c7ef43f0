//! Terraform plugin protocol 6 for provider authors in Rust.

//! Images without a container engine: OCI archives, written by a few lines of our own.
//!
//! An OCI archive is a tar of JSON files and layers, and a layer is a tar again. Writing them directly takes as long as
//! copying the files: a tool that keeps its own storage unpacks the base first and packs it again after each step,
//! which takes tens of seconds, and needs a container to run steps in. What it costs us is `RUN`, see [`build()`]:
//! what has to be installed belongs to the base, which [`base_image`] makes from Debian packages.
//! Who has a container engine builds the same Containerfiles with it.

mod base;
mod build;
mod containerfile;
mod layer;
pub(crate) mod oci;
pub mod small;

pub use base::{BaseOptions, base_image};
pub use build::{BuildOptions, build};

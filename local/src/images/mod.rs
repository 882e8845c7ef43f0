//! Images without a container engine: OCI archives, written by a few lines of our own.
//!
//! An OCI archive is a tar of JSON files and layers, and a layer is a tar again. Writing them directly takes as long as
//! copying the files: a tool that keeps its own storage unpacks the base first and packs it again after each step,
//! which takes tens of seconds, and needs a container to run steps in. What it costs us is `RUN`: see [`build`].

pub(crate) mod oci;
pub mod small;

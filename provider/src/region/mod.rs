//! What a region has beyond its object: the CRDs, rights and controller that `install` puts in.

mod apply;
mod drift;
pub mod install;
pub mod uninstall;

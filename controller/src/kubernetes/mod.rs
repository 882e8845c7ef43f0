//! Kinds of Kubernetes of which there are as many as workspaces, as far as they are read here. What a field is not
//! declared for is passed over when an answer is decoded: of ten thousand pods the rest would be most of our memory.
//! Lists are boxed, since a Vec keeps room for more.
//!
//! What we make is declared in full, by k8s-openapi's types of the same names.

mod persistent_volume_claim;
mod pod;

pub use self::{
    persistent_volume_claim::PersistentVolumeClaim,
    pod::{ConditionStatus, Container, Pod, PodCondition, PodConditionType, PodSpec},
};

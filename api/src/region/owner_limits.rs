//! What one owner's workspaces may be and use together.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Quantity;

/// What the workspaces of one owner may be and use together, in all namespaces of the region. Without a figure there
/// is no limit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnerLimits {
    /// How many workspaces there may be, stopped ones included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub workspaces: Option<i32>,

    /// How many may run at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub running: Option<i32>,

    /// CPUs that the tiers of those that run may have in sum, such as `16`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Quantity>,

    /// Memory in bytes that the tiers of those that run may have in sum, such as `64Gi`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Quantity>,
}

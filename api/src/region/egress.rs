//! What workspaces reach.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// What workspaces reach besides DNS and the region's own programs. The managed Gitea is bound by it, too: it
/// fetches what people name.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.allow) || self.allow.all(it, isCIDR(it) && cidr(it) == cidr(it).masked())")
        .message("allow is a list of networks, such as `10.20.0.0/16`: after its bits, an address has only zeros"),
    validation = Rule::new("!has(self.deny) || self.deny.all(it, isCIDR(it) && cidr(it) == cidr(it).masked())")
        .message("deny is a list of networks, such as `10.20.0.0/16`: after its bits, an address has only zeros"),
)]
pub struct Egress {
    /// Whether they reach the Internet: all addresses but private ones.
    #[serde(default = "yes")]
    pub internet: bool,

    /// Networks that they reach also where they are private or `internet` is off, such as `10.20.30.0/24`
    /// with a company's registry in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 100),
        inner(length(min = 4, max = 43), regex(pattern = r"^[0-9a-fA-F.:]+/[0-9]{1,3}$"))
    )]
    pub allow: Vec<String>,

    /// Networks that they never reach, such as public addresses of the cluster's own nodes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 100),
        inner(length(min = 4, max = 43), regex(pattern = r"^[0-9a-fA-F.:]+/[0-9]{1,3}$"))
    )]
    pub deny: Vec<String>,
}

impl Default for Egress {
    fn default() -> Self {
        Self { internet: yes(), allow: Vec::new(), deny: Vec::new() }
    }
}

fn yes() -> bool {
    true
}

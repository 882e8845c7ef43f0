//! Disks of the node, there before anybody asks for one, as a provisioner of local disks declares them. The embedded
//! cluster's own makes a volume by a pod, and one a second at most: a warm pool could not refill faster, whosever it is.

use std::{fs, os::unix::fs::PermissionsExt};

use anyhow::Result;
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::{
    core::v1::{Node, PersistentVolume},
    storage::v1::StorageClass,
};
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, PostParams},
};
use serde_json::json;
use tempfile::TempDir;

/// Their class.
pub const CLASS: &str = "disks";

/// Free pods, launches, and pods that refill: more than one round takes.
const A_ROUND: usize = 320;

/// They are removed when dropped.
pub struct Disks {
    client: Client,
    folder: TempDir,
}

impl Disks {
    /// None yet.
    pub async fn new(client: Client) -> Result<Self> {
        let class = json!({
            "metadata": { "name": CLASS },
            "provisioner": "kubernetes.io/no-provisioner", "volumeBindingMode": "WaitForFirstConsumer",
        });
        let classes: Api<StorageClass> = Api::all(client.clone());
        classes.create(&PostParams::default(), &serde_json::from_value(class)?).await?;
        Ok(Self { client, folder: tempfile::tempdir()? })
    }

    /// Enough for one more round.
    pub async fn add(&self) -> Result<()> {
        let nodes: Api<Node> = Api::all(self.client.clone());
        let of_workspaces = ListParams::default().labels("workspace-tier");
        let nodes: Vec<_> = nodes.list(&of_workspaces).await?.iter().map(ResourceExt::name_any).collect();
        let volumes: Api<PersistentVolume> = Api::all(self.client.clone());
        let add = async |_: usize| -> Result<()> {
            let disk = tempfile::Builder::new().prefix("disk-").tempdir_in(self.folder.path())?.keep();
            fs::set_permissions(&disk, fs::Permissions::from_mode(0o777))?;
            let on_the_node = json!({
                "matchExpressions": [{ "key": "kubernetes.io/hostname", "operator": "In", "values": nodes }],
            });
            let volume = json!({
                "metadata": { "generateName": "disk-" },
                "spec": {
                    "capacity": { "storage": "100Gi" }, "accessModes": ["ReadWriteOnce"],
                    "storageClassName": CLASS, "persistentVolumeReclaimPolicy": "Retain",
                    "local": { "path": disk },
                    "nodeAffinity": { "required": { "nodeSelectorTerms": [on_the_node] } },
                },
            });
            volumes.create(&PostParams::default(), &serde_json::from_value(volume)?).await?;
            Ok(())
        };
        stream::iter(0..A_ROUND).map(add).buffer_unordered(8).try_collect().await
    }
}

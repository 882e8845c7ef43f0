//! A machine that dies with a workspace on it.

use anyhow::{Result, ensure};
use neuralinverse_api::labels::RETAINED_UNTIL;
use neuralinverse_local::NodeOptions;
use neuralinverse_tests::Demo;
use serde_json::json;

use crate::objects::{condition, remove, workspace};

/// The node that dies. It is there for nothing else.
const NODE: &str = "mortal";

/// The workspace on it.
const NAME: &str = "stray";

pub fn a_workspace_whose_node_dies_starts_elsewhere_and_its_volume_is_kept(demo: &Demo) -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let cluster = demo.cluster().await?;
        cluster.add_node(NodeOptions::workspace(NODE)).await?;
        for archive in demo.image_archives()?.values() {
            cluster.load_image(archive).await?;
        }
        demo.kubectl(&["cordon", "workspace-1"])?;
        node_loss_timeout(demo, "5s")?;
        // No pool has a warm pod of this tier, so it starts where there is room.
        demo.apply(&workspace(NAME, json!({ "tier": "standard" })))?;
        let before = demo.wait_for_condition(NAME, "Ready", "True")?["status"].clone();
        ensure!(before["node"] == NODE, "{before}");
        demo.shell(NAME, &["sh", "-c", "echo precious > draft.txt"])?;
        demo.kubectl(&["uncordon", "workspace-1"])?;

        cluster.stop_node(NODE).await?;
        demo.wait("the workspace to have its next pod", || {
            let status = demo.get(&["workspace", NAME])?["status"].clone();
            ensure!(status["epoch"] == 2, "{status}");
            Ok(())
        })?;
        let after = demo.wait_for_condition(NAME, "Ready", "True")?;
        let status = &after["status"];
        ensure!(status["node"] == "workspace-1" && status["volume"] != before["volume"], "{status}");
        ensure!(status["lostVolume"] == before["volume"], "{status}");
        let restored = condition(&after, "Restored").map(|it| (&it["status"], &it["reason"]));
        ensure!(restored == Some((&json!("False"), &json!("RestorePending"))), "{status}");
        demo.shell(NAME, &["true"])?;
        let volume = before["volume"].as_str().unwrap_or_default();
        demo.wait("the lost volume to be kept", || {
            let volume = demo.get(&["pvc", volume])?;
            ensure!(volume["metadata"]["annotations"][RETAINED_UNTIL].is_string(), "{volume}");
            ensure!(volume["metadata"]["deletionTimestamp"].is_null(), "{volume}");
            Ok(())
        })?;
        // The dead node cannot say that its pod has ended: it is left behind, without a say.
        let left = demo.get(&["pod", before["pod"].as_str().unwrap_or_default()])?;
        ensure!(left["metadata"]["deletionTimestamp"].is_string(), "{left}");

        // Kubernetes takes away what was on a node that does not exist any more.
        demo.kubectl(&["delete", "node", NODE])?;
        node_loss_timeout(demo, "5m")?;
        demo.kubectl(&[
            "delete",
            "pod",
            left["metadata"]["name"].as_str().unwrap_or_default(),
            "--force",
            "--grace-period=0",
        ])?;
        remove(demo, NAME)
    })
}

fn node_loss_timeout(demo: &Demo, timeout: &str) -> Result<()> {
    let patch = json!({ "spec": { "nodeLossTimeout": timeout } }).to_string();
    demo.kubectl(&["patch", "region", "cluster", "--type=merge", "-p", &patch]).map(drop)
}

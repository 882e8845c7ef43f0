//! A control plane without nodes: it answers, several live side by side, none outlives its owner.

use anyhow::Result;
use neuralinverse_local::{ControlPlane, ControlPlaneOptions};

#[tokio::test(flavor = "multi_thread")]
async fn two_start_side_by_side_and_answer_apart() -> Result<()> {
    let options = ControlPlaneOptions::default();
    let (one, two) = tokio::try_join!(
        ControlPlane::start(options.clone().with_controller_manager()),
        ControlPlane::start(options)
    )?;
    assert_ne!(one.server(), two.server());
    one.kubectl().run(&["create", "configmap", "mark"])?;
    assert!(one.kubectl().succeeds(&["get", "configmap", "mark"]));
    assert!(!two.kubectl().succeeds(&["get", "configmap", "mark"]));
    assert!(one.kubectl().succeeds(&["get", "serviceaccount", "default"]));
    assert!(two.kubectl().run(&["get", "--raw", "/openid/v1/jwks"])?.contains("keys"));
    Ok(())
}

#[tokio::test]
async fn a_dropped_one_is_gone() -> Result<()> {
    let control_plane = ControlPlane::start(ControlPlaneOptions::default()).await?;
    let (kubectl, kubeconfig) = (control_plane.kubectl().clone(), control_plane.kubeconfig_path());
    assert!(kubectl.succeeds(&["get", "namespaces"]));
    drop(control_plane);
    assert!(!kubectl.succeeds(&["get", "namespaces", "--request-timeout=2s"]));
    assert!(!kubeconfig.exists());
    Ok(())
}

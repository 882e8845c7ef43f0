//! Taking a region out. Nothing that users made is deleted unless `deletion_policy` says so.

use neuralinverse_api::{Kind, labels};
use serde_json::Value as Json;
use tf_provider_sdk::{Context, Diagnostic, Diagnostics, Value};

use super::install::{CRD, Installation};
use crate::{
    address::Address,
    client::Cluster,
    kind::{delete::remove, wait::Patience},
};

/// Kinds whose objects hold pods and volumes.
const WORKLOADS: [&str; 2] = ["Workspace", "WarmPool"];

/// How many workspaces an error names.
const NAMED: usize = 5;

/// Before the Region goes: workspaces stand in the way, or go first, as its policy says.
///
/// # Errors
/// Which workspaces stand in the way.
pub async fn before(
    cluster: &Cluster,
    ctx: &Context,
    region: &Value,
    patience: Patience,
) -> Result<(), Diagnostics> {
    for kind in Kind::all().iter().filter(|kind| WORKLOADS.contains(&kind.name())) {
        let anywhere = Address::of(kind, None, "");
        let explain =
            |problem: crate::error::Problem| problem.explain(&format!("{}s", kind.name()), |_| None);
        let objects = cluster.list(&anywhere.collection(), "").await.map_err(explain)?;
        let addresses: Vec<Address> = objects.iter().map(|object| in_cluster(kind, object)).collect();
        if !deletes(region) {
            match kind.name() {
                "Workspace" if !addresses.is_empty() => return Err(refusal(cluster, &addresses).into()),
                _ => continue,
            }
        }
        for address in &addresses {
            remove(cluster, address, ctx, patience).await?;
        }
    }
    Ok(())
}

/// After the Region went: the controller and its rights, and with the policy `Delete` the CRDs and the
/// namespaces that the controller made.
///
/// # Errors
/// Why something cannot be deleted.
pub async fn after(
    cluster: &Cluster,
    ctx: &Context,
    region: &Value,
    patience: Patience,
) -> Result<(), Diagnostics> {
    let objects = Installation::of(region).map(|it| it.objects()).unwrap_or_default();
    let addresses: Vec<Address> = objects.into_iter().map(|(address, _)| address).collect();
    let of_kind = |kinds: &'static [&str]| move |it: &&Address| kinds.contains(&it.kind.as_str());
    // CRDs while the controller runs: it may have to release their objects.
    if deletes(region) {
        ask_for_each_kind(cluster).await;
        for address in addresses.iter().filter(of_kind(&[CRD])) {
            remove(cluster, address, ctx, patience).await?;
        }
    }
    for address in addresses.iter().rev().filter(|it| !of_kind(&[CRD, "Namespace"])(it)) {
        remove(cluster, address, ctx, patience).await?;
    }
    if !deletes(region) {
        return Ok(());
    }
    for address in addresses.iter().filter(of_kind(&["Namespace"])) {
        remove(cluster, address, ctx, patience).await?;
    }
    remove_workspace_namespaces(cluster, ctx, region, patience).await
}

/// Kubernetes looks for objects of a kind before it lets its CRD go. A server that was never asked for them may answer
/// that it is not ready yet, and does not look again for five minutes: its finalizer takes the change of its own
/// condition for a conflict (`crd_finalizer.go`, 1.36).
async fn ask_for_each_kind(cluster: &Cluster) {
    for kind in Kind::all() {
        // Who may not ask still may delete.
        let _ = cluster.list(&Address::of(&kind, None, "").collection(), "limit=1").await;
    }
}

async fn remove_workspace_namespaces(
    cluster: &Cluster,
    ctx: &Context,
    region: &Value,
    patience: Patience,
) -> Result<(), Diagnostics> {
    let names = region.attr("workspace_namespaces").as_elements().unwrap_or_default();
    for name in names.iter().filter_map(Value::as_str) {
        let namespace =
            serde_json::json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
        let address = Address::of_object(&namespace);
        let live = cluster.get(&address).await.map_err(|it| it.explain(&address.to_string(), |_| None))?;
        // One that was there before the region is not ours to delete.
        if live.is_some_and(|live| live["metadata"]["labels"][labels::MANAGED_BY] == labels::CONTROLLER) {
            remove(cluster, &address, ctx, patience).await?;
        }
    }
    Ok(())
}

fn deletes(region: &Value) -> bool {
    region.attr("deletion_policy").as_str() == Some("Delete")
}

fn in_cluster(kind: &Kind, object: &Json) -> Address {
    let metadata = &object["metadata"];
    Address::of(kind, metadata["namespace"].as_str(), metadata["name"].as_str().unwrap_or_default())
}

fn refusal(cluster: &Cluster, workspaces: &[Address]) -> Diagnostic {
    let named: Vec<String> = workspaces.iter().take(NAMED).map(|it| format!("  {it}")).collect();
    let more = match workspaces.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("\n  and {more} more"),
    };
    Diagnostic::error(
        format!("Region `{}` still has workspaces", cluster.region),
        format!("These would be left without a controller:\n{}{more}\n\nDelete them first, or set `deletion_policy = \"Delete\"`, apply, and destroy again: then they go with the region, with their volumes.", named.join("\n")),
    )
    .at("deletion_policy")
}

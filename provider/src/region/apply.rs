//! Putting in what a region needs: CRDs first, the controller last, each awaited.

use std::ops::ControlFlow;

use serde_json::Value as Json;
use tf_provider_sdk::{Context, Diagnostic, Diagnostics};

use super::install::{CRD, Installation};
use crate::{
    address::Address,
    client::{Apply, Cluster},
    kind::wait::{Cut, Patience, follow},
};

impl Installation {
    /// Applies the CRDs and waits until the API server serves them.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn apply_kinds(
        &self,
        ctx: &Context,
        cluster: &Cluster,
        how: Apply,
        patience: Patience,
    ) -> Result<(), Diagnostics> {
        let crds: Vec<_> = self.objects().into_iter().filter(|(address, _)| address.kind == CRD).collect();
        for (address, object) in &crds {
            apply(cluster, address, object, how).await?;
        }
        for (address, _) in &crds {
            let end = follow(cluster, address, ctx, patience, |crd| holds(crd, "Established")).await;
            end.map_err(|cut| cut_off(address, cut, patience, "is not established"))?;
        }
        Ok(())
    }

    /// Applies the controller and its rights, and waits until it runs when there is patience for it.
    ///
    /// # Errors
    /// Why it does not run, in the words of its pods.
    pub async fn apply_controller(
        &self,
        ctx: &Context,
        cluster: &Cluster,
        how: Apply,
        patience: Option<Patience>,
    ) -> Result<(), Diagnostics> {
        let objects = self.objects();
        for (address, object) in objects.iter().filter(|(address, _)| address.kind != CRD) {
            apply(cluster, address, object, how).await?;
        }
        let deployment = objects.iter().find(|(address, _)| address.kind == "Deployment");
        let (Some((address, _)), Some(patience)) = (deployment, patience) else { return Ok(()) };
        match follow(cluster, address, ctx, patience, rolled_out).await {
            Ok(()) => Ok(()),
            Err(Cut::TimedOut(Some(deployment))) => {
                Err(not_running(cluster, address, &deployment, patience).await.into())
            }
            Err(cut) => Err(cut_off(address, cut, patience, "does not run")),
        }
    }

    /// Deletes what this installation has and its successor has not, such as a controller that moved to
    /// another namespace. CRDs and namespaces stay.
    ///
    /// # Errors
    /// Why something cannot be deleted.
    pub async fn remove_what_is_not_in(
        &self,
        successor: &Self,
        cluster: &Cluster,
    ) -> Result<(), Diagnostics> {
        let kept: Vec<Address> = successor.objects().into_iter().map(|(address, _)| address).collect();
        for (address, _) in self.objects().into_iter().rev() {
            if kept.contains(&address) || [CRD, "Namespace"].contains(&address.kind.as_str()) {
                continue;
            }
            let explain = |problem: crate::error::Problem| problem.explain(&address.to_string(), |_| None);
            if let Some(live) = cluster.get(&address).await.map_err(explain)? {
                cluster.delete(&address, &live["metadata"]["uid"]).await.map_err(explain)?;
            }
        }
        Ok(())
    }
}

async fn apply(cluster: &Cluster, address: &Address, object: &Json, how: Apply) -> Result<(), Diagnostics> {
    let applied = cluster.apply(address, object, how).await;
    applied.map(drop).map_err(|problem| problem.explain(&address.to_string(), |_| None))
}

fn holds(object: Option<&Json>, condition: &str) -> ControlFlow<()> {
    let conditions = object.and_then(|it| it["status"]["conditions"].as_array()).into_iter().flatten();
    match conditions.into_iter().any(|it| it["type"] == condition && it["status"] == "True") {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    }
}

fn rolled_out(deployment: Option<&Json>) -> ControlFlow<()> {
    let Some(deployment) = deployment else { return ControlFlow::Continue(()) };
    let number = |value: &Json| value.as_i64().unwrap_or_default();
    let (status, wanted) = (&deployment["status"], number(&deployment["spec"]["replicas"]));
    let seen = number(&status["observedGeneration"]) >= number(&deployment["metadata"]["generation"]);
    let current = number(&status["updatedReplicas"]) >= wanted && number(&status["replicas"]) <= wanted;
    match seen && current && number(&status["availableReplicas"]) >= wanted {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    }
}

fn cut_off(address: &Address, cut: Cut, patience: Patience, what: &str) -> Diagnostics {
    match cut {
        Cut::Failed(problem) => problem.explain(&address.to_string(), |_| None),
        Cut::Stopped => Diagnostic::error(
            format!("Interrupted while waiting for {address}"),
            "What was applied so far is in the cluster. Apply again to go on.",
        )
        .into(),
        Cut::TimedOut(_) => Diagnostic::error(
            format!("{address} {what} after {patience}"),
            "Look at its status with `kubectl describe`, and apply again when the cause is removed.",
        )
        .into(),
    }
}

async fn not_running(
    cluster: &Cluster,
    address: &Address,
    deployment: &Json,
    patience: Patience,
) -> Diagnostic {
    let namespace = address.namespace.as_deref().unwrap_or_default();
    let pods = format!("/api/v1/namespaces/{namespace}/pods");
    let labels = &deployment["spec"]["selector"]["matchLabels"];
    let labels: Vec<String> = labels
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some(format!("{}%3D{}", name.replace('/', "%2F"), value.as_str()?)))
        .collect();
    let pods =
        cluster.list(&pods, &format!("labelSelector={}", labels.join("%2C"))).await.unwrap_or_default();
    let mut reasons: Vec<String> = pods.iter().flat_map(pod_reasons).collect();
    reasons.extend(reasons_of(&deployment["status"]["conditions"], "False", "Deployment"));
    reasons.dedup();
    if reasons.is_empty() {
        reasons.push(
            "Nothing starts its pods: check that the cluster has nodes with room and runs its controllers."
                .to_owned(),
        );
    }
    Diagnostic::error(
        "The controller does not run",
        format!(
            "{address} has {} of {} replicas available after {patience}.\n\n{}\n\nThe region is in the cluster and in the state. Apply again when the cause is removed; images come from `images` of the region.",
            deployment["status"]["availableReplicas"].as_i64().unwrap_or_default(),
            deployment["spec"]["replicas"],
            reasons.join("\n"),
        ),
    )
}

/// Why a pod does not run: what its containers wait for or died of, and why it is on no node.
fn pod_reasons(pod: &Json) -> Vec<String> {
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let containers = pod["status"]["containerStatuses"].as_array().into_iter().flatten();
    let states = containers.flat_map(|container| {
        [&container["state"]["waiting"], &container["lastState"]["terminated"]]
            .map(|state| (container, state))
    });
    let mut reasons: Vec<String> = states
        .filter(|(_, state)| state.is_object())
        .map(|(container, state)| {
            let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
            let exit =
                state["exitCode"].as_i64().map(|code| format!("exit code {code} ")).unwrap_or_default();
            format!(
                "Pod {name}, image {}: {}: {exit}{}",
                text(&container["image"]),
                text(&state["reason"]),
                text(&state["message"]),
            )
        })
        .collect();
    reasons.extend(
        reasons_of(&pod["status"]["conditions"], "False", &format!("Pod {name}"))
            .into_iter()
            .filter(|reason| reason.contains("Unschedulable")),
    );
    reasons
}

fn reasons_of(conditions: &Json, status: &str, whose: &str) -> Vec<String> {
    let conditions = conditions.as_array().into_iter().flatten();
    conditions
        .filter(|condition| condition["status"] == status)
        .map(|condition| {
            let text = |name: &str| condition[name].as_str().unwrap_or_default();
            format!("{whose}: {}: {}", text("reason"), text("message"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_deployment_is_rolled_out_when_all_replicas_are_new_and_available() {
        let deployment = |status: Json| json!({ "metadata": { "generation": 2 }, "spec": { "replicas": 2 }, "status": status });
        let done =
            json!({ "observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2 });
        assert!(rolled_out(Some(&deployment(done.clone()))).is_break());
        for (field, value) in
            [("observedGeneration", 1), ("replicas", 3), ("updatedReplicas", 1), ("availableReplicas", 1)]
        {
            let mut status = done.clone();
            status[field] = json!(value);
            assert!(rolled_out(Some(&deployment(status))).is_continue(), "{field}");
        }
    }

    #[test]
    fn a_pod_says_why_it_does_not_run() {
        let pod = json!({ "metadata": { "name": "p" }, "status": {
            "conditions": [
                { "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes" },
                { "type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": "noise" },
            ],
            "containerStatuses": [{ "image": "r/service:1",
                "state": { "waiting": { "reason": "ImagePullBackOff", "message": "not found" } } }],
        } });
        assert_eq!(
            pod_reasons(&pod),
            ["Pod p, image r/service:1: ImagePullBackOff: not found", "Pod p: Unschedulable: 0/1 nodes"]
        );
    }
}

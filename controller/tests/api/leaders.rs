//! Several replicas: one leads, another takes over, and two that lead at once do no harm.

use std::collections::{BTreeMap, HashSet};

use anyhow::{Result, ensure};
use k8s_openapi::api::{coordination::v1::Lease, core::v1::Pod};
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams},
};
use neuralinverse_api::{WarmPool, Workspace, labels};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    agent::Agent,
    world::{Cluster, SYSTEM, declare, eventually, pods_of, run_pod},
};

const COUNT: usize = 20;
pub const NAMESPACE: &str = "workspaces";

/// Applies an object in the namespace that the Region begins with.
pub async fn apply(client: &Client, kind: &str, plural: &str, name: &str, spec: &Value) -> Result<()> {
    let resource = kube::discovery::ApiResource {
        group: neuralinverse_api::GROUP.into(),
        version: neuralinverse_api::VERSION.into(),
        api_version: format!("{}/{}", neuralinverse_api::GROUP, neuralinverse_api::VERSION),
        kind: kind.into(),
        plural: plural.into(),
    };
    let api: Api<kube::api::DynamicObject> = Api::namespaced_with(client.clone(), NAMESPACE, &resource);
    let object = json!({
        "apiVersion": resource.api_version, "kind": kind, "metadata": { "name": name }, "spec": spec,
    });
    api.patch(name, &PatchParams::apply("test"), &Patch::Apply(object)).await?;
    Ok(())
}

/// Declares a warm pool there, as soon as the controller has made the namespace.
pub async fn pool(client: &Client, name: &str, size: usize) -> Result<()> {
    let spec = json!({ "tier": "standard", "template": "rust", "size": size });
    eventually("the namespace is there", || async {
        apply(client, "WarmPool", "warmpools", name, &spec).await.map(Some)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_lead_at_once_give_each_workspace_one_pod_and_each_pod_one_workspace() -> Result<()> {
    let cluster = Cluster::start().await?;
    let client = cluster.admin()?;
    declare(&client).await?;
    let stop = CancellationToken::new();
    tokio::try_join!(
        cluster.controller_with_lease("one", "one", stop.clone()),
        cluster.controller_with_lease("two", "two", stop.clone())
    )?;

    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    pool(&client, "pool", COUNT).await?;
    let running = eventually("the pool's pods run", || async {
        let all = pods.list(&Default::default()).await?.items;
        for pod in all.iter().filter(|pod| pod.status.as_ref().is_none_or(|it| it.conditions.is_none())) {
            run_pod(&client, pod).await?;
        }
        Ok((all.len() >= COUNT).then_some(all))
    })
    .await?;
    let before: HashSet<_> = running.iter().filter_map(ResourceExt::uid).collect();

    let spec = json!({ "owner": "ada", "tier": "standard", "template": "rust" });
    let names: Vec<_> = (0..COUNT).map(|number| format!("w{number}")).collect();
    futures::future::try_join_all(
        names.iter().map(|name| apply(&client, "Workspace", "workspaces", name, &spec)),
    )
    .await?;

    let workspaces: Api<Workspace> = Api::namespaced(client.clone(), NAMESPACE);
    let settled = eventually("each workspace has exactly the pod that its status names", || async {
        let (all, pods) =
            (workspaces.list(&Default::default()).await?, pods.list(&Default::default()).await?);
        let mut theirs: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for pod in &pods {
            if let Some(workspace) = pod.labels().get(labels::WORKSPACE) {
                theirs.entry(workspace.clone()).or_default().push(pod.name_any());
            }
        }
        for workspace in &all {
            let named = workspace.status.as_ref().and_then(|status| status.pod.clone());
            let theirs = theirs.get(&workspace.name_any());
            let one = theirs.is_some_and(|theirs| named.iter().eq(theirs));
            ensure!(one, "`{}` has {theirs:?}, its status names {named:?}", workspace.name_any());
        }
        Ok((theirs.len() == COUNT).then_some(pods.items))
    })
    .await?;
    let owned = settled.iter().filter(|pod| pod.labels().contains_key(labels::WORKSPACE));
    let warm = owned.filter(|pod| pod.uid().is_some_and(|uid| before.contains(&uid))).count();
    eprintln!("{warm} of {COUNT} workspaces kept a pod of the first fill");
    for pod in &settled {
        assert_eq!(pod.owner_references().len(), 1, "{}", pod.name_any());
    }
    stop.cancel();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_replica_answers_sidecars_and_leads_when_the_leader_ends() -> Result<()> {
    let cluster = Cluster::start().await?;
    let client = cluster.admin()?;
    declare(&client).await?;
    let (first, second) = (CancellationToken::new(), CancellationToken::new());
    cluster.controller("first", first.clone()).await?;
    let leases: Api<Lease> = Api::namespaced(client.clone(), SYSTEM);
    let holder = |name: &'static str| {
        let leases = &leases;
        eventually("it leads", move || async move {
            let lease = leases.get_opt("neuralinverse-controller").await?;
            Ok(lease.and_then(|lease| lease.spec?.holder_identity).filter(|holder| holder == name))
        })
    };
    holder("first").await?;
    let standby = cluster.controller("second", second.clone()).await?;
    let spec = json!({ "owner": "ada", "tier": "standard", "template": "rust" });
    // A pool without pods: each launch asks it in vain.
    pool(&client, "empty", 0).await?;
    let pools: Api<WarmPool> = Api::namespaced(client.clone(), NAMESPACE);
    let missed = |count: i64| {
        let pools = &pools;
        eventually("the pool counts the launches", move || async move {
            let status = pools.get("empty").await?.status;
            Ok(status.filter(|status| status.misses == count && status.launches_per_hour > 0))
        })
    };
    eventually("the pool is known", || async { Ok(pools.get("empty").await?.status) }).await?;
    apply(&client, "Workspace", "workspaces", "before", &spec).await?;
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let pod = eventually("it has a pod", async || Ok(pods_of(&pods, "before").await?.pop())).await?;
    run_pod(&client, &pod).await?;
    // The one that does not lead tells sidecars whose they are, and writes what they report.
    Agent::of(&client, &standby, &pod).await?.serve().await?;
    let workspaces: Api<Workspace> = Api::namespaced(client.clone(), NAMESPACE);
    eventually("the workspace is launched", || async {
        Ok(workspaces.get("before").await?.status.and_then(|status| status.launch))
    })
    .await?;
    missed(1).await?;
    first.cancel();
    holder("second").await?;
    apply(&client, "Workspace", "workspaces", "after", &spec).await?;
    eventually("the workspace has a pod", async || Ok(pods_of(&pods, "after").await?.pop())).await?;
    missed(2).await?;
    second.cancel();
    Ok(())
}

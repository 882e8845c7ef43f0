//! What goes wrong around the controller: an API server that hangs, refuses or is started anew, and people who change
//! what is not theirs.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    fmt::Debug,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt, future::join_all};
use hyper::body::{Body, Bytes, Frame};
use k8s_openapi::api::{
    core::v1::{ConfigMap, Event, PersistentVolumeClaim, Pod},
    flowcontrol::v1::{FlowSchema, PriorityLevelConfiguration},
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams},
};
use neuralinverse_api::{
    Region, WarmPool, Workspace, WorkspaceNodePool, WorkspaceStatus, WorkspaceTemplate, WorkspaceTier,
    install::CONTROLLER,
    labels::{self, NODE_POOL_IN_USE},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    agent::Agent,
    leaders::{NAMESPACE, apply, pool},
    world::{Cluster, SYSTEM, World, apply_cluster, declare, eventually, pods_of, run_pod},
};

/// Who writes what is the controller's.
const SOMEBODY: &str = "somebody";

/// Longer than a Lease holds.
const SILENCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_hangs_and_one_that_is_started_anew_are_waited_for() -> Result<()> {
    let mut cluster = Cluster::start().await?;
    let client = cluster.admin()?;
    declare(&client).await?;
    let stop = CancellationToken::new();
    let url = cluster.controller("only", stop.clone()).await?;
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let workspaces: Api<Workspace> = Api::namespaced(client.clone(), NAMESPACE);
    let spec = json!({ "owner": "ada", "tier": "standard", "template": "rust" });
    pool(&client, "pool", 1).await?;
    // Takes the warm pod, and gives the workspace's status when its sidecar has reported.
    let launch = async |name: &'static str| {
        let free = ListParams::default().labels(&format!("{}=pool", labels::WARM_POOL));
        let warm = eventually("there is a warm pod", || async {
            let pods = pods.list(&free).await?.items;
            Ok(pods.into_iter().find(|pod| pod.metadata.deletion_timestamp.is_none()))
        })
        .await?;
        let warm = run_pod(&client, &warm).await?;
        let pools: Api<WarmPool> = Api::namespaced(client.clone(), NAMESPACE);
        eventually("the pool knows", || async {
            Ok(pools.get("pool").await?.status.filter(|status| status.ready == 1))
        })
        .await?;
        apply(&client, "Workspace", "workspaces", name, &spec).await?;
        Agent::of(&client, &url, &warm).await?.serve().await?;
        let status: WorkspaceStatus = eventually("it is launched", || async {
            Ok(workspaces.get(name).await?.status.filter(|status| status.launch.is_some()))
        })
        .await?;
        ensure!(status.pod == Some(warm.name_any()), "{name}: {status:?}");
        anyhow::Ok((warm.uid(), status.epoch))
    };

    let before = launch("before").await?;
    cluster.control_plane.freeze_api_server()?;
    sleep(SILENCE).await;
    cluster.control_plane.thaw_api_server()?;
    let between = launch("between").await?;
    let seen = pods.list(&ListParams::default()).await?.metadata.resource_version.unwrap_or_default();
    forget_history(&cluster, &client).await?;
    cluster.control_plane.restart_api_server()?;
    // No watch goes on from where it was.
    let since = pods.watch(&WatchParams::default(), &seen).await?.boxed().next().await;
    ensure!(matches!(&since, Some(Ok(WatchEvent::Error(status))) if status.code == 410), "{since:?}");
    let after = launch("after").await?;

    for (name, (uid, epoch)) in [("before", before), ("between", between), ("after", after)] {
        let status = workspaces.get(name).await?.status.context("a status")?;
        let theirs: Vec<_> = pods_of(&pods, name).await?.iter().map(ResourceExt::uid).collect();
        ensure!(status.epoch == epoch && theirs == [uid], "{name}: {status:?}, {theirs:?}");
    }
    stop.cancel();
    Ok(())
}

/// Lets etcd forget what was before now.
async fn forget_history(cluster: &Cluster, client: &Client) -> Result<()> {
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), "default");
    let map = serde_json::from_value(json!({ "metadata": { "name": "now" } }))?;
    let now = maps.create(&PostParams::default(), &map).await?.resource_version().context("a revision")?;
    let url = format!("{}/v3/kv/compaction", cluster.control_plane.etcd());
    let revision = json!({ "revision": now }).to_string();
    reqwest::Client::new().post(url).body(revision).send().await?.error_for_status()?;
    Ok(())
}

/// What a client sends that does not get on.
struct Endless;

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

/// Has the API server answer 429 to all that the controller asks, until dropped: by its own priority and fairness
/// the controller gets one place, and a request that does not end has it. Watches that are there go on.
async fn refuse_the_controller(cluster: &Cluster, client: &Client) -> Result<JoinSet<()>> {
    let object = |kind: &str, spec: Value| {
        json!({
            "apiVersion": "flowcontrol.apiserver.k8s.io/v1", "kind": kind,
            "metadata": { "name": "one-place" }, "spec": spec,
        })
    };
    let one_place = json!({
        "nominalConcurrencyShares": 0, "lendablePercent": 0, "borrowingLimitPercent": 0,
        "limitResponse": { "type": "Reject" },
    });
    let level = object("PriorityLevelConfiguration", json!({ "type": "Limited", "limited": one_place }));
    apply_cluster::<PriorityLevelConfiguration>(client, level).await?;
    let everything = json!({
        "subjects": [{ "kind": "ServiceAccount", "serviceAccount": { "name": CONTROLLER, "namespace": SYSTEM } }],
        "resourceRules": [{
            "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "clusterScope": true, "namespaces": ["*"],
        }],
    });
    let schema = json!({
        "matchingPrecedence": 2, "priorityLevelConfiguration": { "name": "one-place" }, "rules": [everything],
    });
    apply_cluster::<FlowSchema>(client, object("FlowSchema", schema)).await?;
    let url = format!("{}/api/v1/namespaces/{NAMESPACE}/pods", cluster.control_plane.server());
    let token = cluster.controller_token().await?;
    let user = reqwest::Client::builder().danger_accept_invalid_certs(true).build()?;
    let mut place = JoinSet::new();
    place.spawn(async move {
        loop {
            // It is refused until it has the place, and ended when it took too long.
            let request = user.post(&url).bearer_auth(&token).header("content-type", "application/json");
            let _ = request.body(reqwest::Body::wrap(Endless)).send().await;
        }
    });
    Ok(place)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_has_no_time_for_the_controller_is_waited_for() -> Result<()> {
    let cluster = Cluster::start().await?;
    let client = cluster.admin()?;
    declare(&client).await?;
    let stop = CancellationToken::new();
    let url = cluster.controller("only", stop.clone()).await?;
    pool(&client, "pool", 1).await?;
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let ours = ListParams::default().labels(labels::MANAGED_BY);
    let warm =
        eventually("there is a warm pod", || async { Ok(pods.list(&ours).await?.items.pop()) }).await?;
    let warm = run_pod(&client, &warm).await?;

    let place = refuse_the_controller(&cluster, &client).await?;
    eventually("the controller is refused", || async {
        Ok(cluster.answers(None)?.contains(&429).then_some(()))
    })
    .await?;
    let spec = json!({ "owner": "ada", "tier": "standard", "template": "rust" });
    apply(&client, "Workspace", "workspaces", "patient", &spec).await?;
    sleep(SILENCE).await;
    let workspaces: Api<Workspace> = Api::namespaced(client.clone(), NAMESPACE);
    ensure!(workspaces.get("patient").await?.status.is_none(), "somebody wrote its status");

    drop(place);
    Api::<FlowSchema>::all(client.clone()).delete("one-place", &DeleteParams::default()).await?;
    let assigned = async { Agent::of(&client, &url, &warm).await?.serve().await };
    ensure!(assigned.await?.epoch == 1);
    eventually("it is launched", || async {
        let status = workspaces.get("patient").await?.status;
        Ok(status.filter(|status| status.launch.is_some() && status.pod == Some(warm.name_any())))
    })
    .await?;
    stop.cancel();
    Ok(())
}

/// Changes every object of a kind again and again, so that what anybody read of it is old.
async fn change_all<K>(api: Api<K>) -> Result<()>
where
    K: kube::Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    for times in 0.. {
        let patch = Patch::Merge(json!({ "metadata": { "annotations": { "storm": times.to_string() } } }));
        let objects = api.list_metadata(&ListParams::default()).await?.items;
        // One that is gone by now needs nothing.
        join_all(objects.iter().map(async |object| {
            let _ = api.patch_metadata(&object.name_any(), &PatchParams::default(), &patch).await;
        }))
        .await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_that_change_all_the_time_are_launched_from_and_stopped_all_the_same() -> Result<()> {
    const COUNT: usize = 4;
    let world = World::new().await?;
    let pool = json!({ "tier": "standard", "template": "rust", "size": COUNT });
    world.apply::<WarmPool>("WarmPool", "pool", pool).await?;
    let mut sidecars = JoinSet::new();
    let mut warm = BTreeSet::new();
    for pod in world.free_pods("pool", COUNT).await? {
        let pod = world.run_pod(&pod).await?;
        let agent = Agent::of(&world.client, &world.url, &pod).await?;
        sidecars.spawn(async move { agent.serve_all().await });
        warm.insert(Some(pod.name_any()));
    }
    world
        .until("pool", "all are ready", |pool: &WarmPool| (pool.status.as_ref()?.ready == 4).then_some(()))
        .await?;

    let mut storm = JoinSet::new();
    storm.spawn(change_all(world.api::<Pod>()));
    storm.spawn(change_all(world.api::<PersistentVolumeClaim>()));
    storm.spawn(change_all(world.api::<Workspace>()));
    let names: Vec<_> = (0..COUNT).map(|number| format!("busy-{number}")).collect();
    for name in &names {
        world.workspace(name, json!({})).await?;
    }
    let mut taken = BTreeSet::new();
    for name in &names {
        world.until_reason(name, "Ready", "Available").await?;
        taken.insert(world.api::<Workspace>().get(name).await?.status.and_then(|status| status.pod));
        world.workspace(name, json!({ "runPolicy": "Stopped" })).await?;
    }
    for name in &names {
        world.until_reason(name, "Running", "Stopped").await?;
    }
    assert_eq!(taken, warm);
    ensure!(storm.try_join_next().is_none(), "there was no storm");
    ensure!(
        world.answers()?.contains(&409),
        "nothing was changed while the controller was about to: this test shows nothing"
    );
    Ok(())
}

async fn say(world: &World, name: &str, status: Value) -> Result<()> {
    let patch = Patch::Merge(json!({ "status": status }));
    world.api::<Workspace>().patch_status(name, &somebody(), &patch).await?;
    Ok(())
}

/// As whom statuses are written that are not so.
fn somebody() -> PatchParams {
    PatchParams { field_manager: Some(SOMEBODY.to_owned()), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_somebody_else_wrote_is_corrected_and_costs_nobody_their_work() -> Result<()> {
    let world = World::new().await?;
    let (pod, agent) = world.running("told", None, json!({})).await?;
    // As a sidecar does: whatever it is given, it answers.
    let mut sidecar = JoinSet::new();
    sidecar.spawn(async move { agent.serve_all().await });
    let volume = world.volume_of("told").await?;
    for wrong in [
        json!({ "volume": "nobodys" }),
        json!({ "observedGeneration": 4711 }),
        json!({ "node": "nowhere", "launch": null }),
        // As after a restore from a backup without status.
        Value::Null,
    ] {
        say(&world, "told", wrong.clone()).await?;
        world
            .until("told", &format!("{wrong} is corrected"), |workspace: &Workspace| {
                let status = workspace.status.as_ref()?;
                let ready = status.conditions.iter().find(|it| it.type_ == "Ready")?;
                let right = status.pod == Some(pod.name_any())
                    && status.volume.as_ref() == Some(&volume)
                    && status.lost_volume.is_none()
                    && status.observed_generation == workspace.metadata.generation;
                (right && ready.status == "True").then_some(())
            })
            .await?;
    }
    is_told(&world.client, "Workspace", "told").await?;
    let pods = world.pods_of("told").await?;
    assert_eq!(pods.iter().map(ResourceExt::uid).collect::<Vec<_>>(), [pod.uid()]);

    // Epoch and pod are what fences: whom they do not name has no say any more, and the work goes to the next.
    say(&world, "told", json!({ "pod": "nobodys" })).await?;
    let next = world.run_pod(&world.pod_of("told", Some(&pod)).await?).await?;
    assert_eq!(Agent::of(&world.client, &world.url, &next).await?.serve().await?.epoch, 2);
    world.until_reason("told", "Ready", "Available").await?;
    assert_eq!(world.volume_of("told").await?, volume);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_somebody_else_wrote_is_corrected_on_whatever_is_declared() -> Result<()> {
    let world = World::new().await?;
    let pool = json!({ "tier": "standard", "template": "rust", "size": 1 });
    world.apply::<WarmPool>("WarmPool", "pool", pool).await?;
    is_corrected::<Region>(Api::all(world.client.clone()), "cluster").await?;
    is_corrected::<WorkspaceNodePool>(Api::all(world.client.clone()), "default").await?;
    is_corrected::<WorkspaceTier>(Api::all(world.client.clone()), "standard").await?;
    is_corrected::<WorkspaceTemplate>(Api::all(world.client.clone()), "rust").await?;
    is_corrected::<WarmPool>(world.api(), "pool").await
}

/// Says in the status of an object that another spec has been seen, and waits until that is not said any more.
async fn is_corrected<K>(api: Api<K>, name: &str) -> Result<()>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Serialize,
{
    let seen = || async {
        let object = serde_json::to_value(api.get_status(name).await?)?;
        let right = object["status"]["observedGeneration"] == object["metadata"]["generation"];
        Ok(right.then_some(()))
    };
    eventually(&format!("{} {name} is seen", K::kind(&())), seen).await?;
    let wrong = Patch::Merge(json!({ "status": { "observedGeneration": 4711 } }));
    api.patch_status(name, &somebody(), &wrong).await?;
    eventually(&format!("the status of {} {name} is corrected", K::kind(&())), seen).await?;
    is_told(&api.into_client(), &K::kind(&()), name).await
}

/// Waits until people hear who wrote the status of an object.
async fn is_told(client: &Client, kind: &str, name: &str) -> Result<()> {
    let events: Api<Event> = Api::all(client.clone());
    let told = |event: &Event| {
        event.reason.as_deref() == Some("StatusOverwritten")
            && event.involved_object.kind.as_deref() == Some(kind)
            && event.involved_object.name.as_deref() == Some(name)
            && event.message.as_ref().is_some_and(|message| message.contains(&format!("`{SOMEBODY}`")))
    };
    eventually(&format!("people hear who wrote the status of {kind} {name}"), || async {
        Ok(events.list(&ListParams::default()).await?.items.into_iter().find(told))
    })
    .await
    .map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_that_somebody_deleted_is_missed_aloud_and_the_workspace_starts_on_another() -> Result<()> {
    let world = World::new().await?;
    world.running("bare", None, json!({})).await?;
    let volume = world.volume_of("bare").await?;
    let volumes = world.api::<PersistentVolumeClaim>();
    // Kubernetes keeps it as long as the pod is there.
    volumes.delete(&volume, &DeleteParams::default()).await?;
    world.workspace("bare", json!({ "runPolicy": "Stopped" })).await?;
    world.until_reason("bare", "Running", "Stopped").await?;
    eventually("the volume is gone", || async {
        Ok(volumes.get_opt(&volume).await?.is_none().then_some(()))
    })
    .await?;
    world.workspace("bare", json!({ "runPolicy": "Always" })).await?;
    world.run_pod(&world.pod_of("bare", None).await?).await?;
    let (restored, message) = world.until_reason("bare", "Restored", "RestorePending").await?;
    ensure!(restored == "False" && message.contains(&volume), "{restored} {message}");
    ensure!(world.volume_of("bare").await? != volume);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finalizer_that_somebody_removed_is_put_back_and_a_pool_that_went_so_is_missed_aloud() -> Result<()>
{
    const NAME: &str = "unheld";
    let world = World::new().await?;
    let object = |kind: &str, spec: Value| {
        json!({
            "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": kind,
            "metadata": { "name": NAME }, "spec": spec,
        })
    };
    let pool = object("WorkspaceNodePool", json!({ "static": { "nodeSelector": { "pool": NAME } } }));
    let pools: Api<WorkspaceNodePool> = Api::all(world.client.clone());
    let held = || {
        eventually("the pool is held", || async {
            Ok(pools.get(NAME).await?.finalizers().contains(&NODE_POOL_IN_USE.to_owned()).then_some(()))
        })
    };
    let let_go = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
    apply_cluster::<WorkspaceNodePool>(&world.client, pool.clone()).await?;
    held().await?;
    pools.patch(NAME, &PatchParams::default(), &let_go).await?;
    held().await?;

    let tier = object("WorkspaceTier", json!({ "cpu": "1", "memory": "1Gi", "nodePool": NAME }));
    apply_cluster::<WorkspaceTier>(&world.client, tier).await?;
    let (pod, _agent) = world.running("stranded", None, json!({ "tier": NAME })).await?;
    pools.delete(NAME, &DeleteParams::default()).await?;
    pools.patch(NAME, &PatchParams::default(), &let_go).await?;
    let (_, message) = world.until_reason("stranded", "Accepted", "NodePoolNotFound").await?;
    ensure!(message.contains(NAME), "{message}");

    apply_cluster::<WorkspaceNodePool>(&world.client, pool).await?;
    world.until_reason("stranded", "Accepted", "Valid").await?;
    held().await?;
    let pods = world.pods_of("stranded").await?;
    assert_eq!(pods.iter().map(ResourceExt::uid).collect::<Vec<_>>(), [pod.uid()]);
    Ok(())
}

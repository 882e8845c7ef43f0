//! What the README does with Terraform and kubectl, and workspaces as a cluster's administrator sees them.

use anyhow::{Context, Result, ensure};
use neuralinverse_tests::{Demo, writes};
use serde_json::{Value, json};

use crate::objects::{condition, remove, workspace};

pub fn the_demo_ends_with_a_workspace_that_has_its_repository(demo: &Demo) -> Result<()> {
    demo.wait_for_condition("hello", "Ready", "True")?;
    let workspace = demo.wait_for_condition("hello", "RepositoryReady", "True")?;
    ensure!(
        workspace["status"]["node"].as_str().is_some_and(|node| node.contains("workspace")),
        "{workspace}"
    );
    let log = demo.shell("hello", &["git", "log", "--oneline"])?;
    ensure!(log.lines().count() >= 2, "{log}");
    let env = demo.shell("hello", &["env"])?;
    ensure!(env.contains("EDITOR=nano") && env.contains("HOME=/home/developer"), "{env}");
    Ok(())
}

pub fn a_second_plan_is_empty(demo: &Demo) -> Result<()> {
    demo.run(&["terraform", "plan", "-input=false", "-detailed-exitcode"]).map(drop)
}

pub fn the_demo_can_be_run_twice(demo: &Demo) -> Result<()> {
    let printed = demo.up_again()?;
    ensure!(printed.contains("0 added, 0 changed, 0 destroyed"), "{printed}");
    Ok(())
}

pub fn a_tier_reaches_the_pod(demo: &Demo) -> Result<()> {
    let pod = demo.get(&["pod", &demo.pod_of("hello")?])?;
    let container = &pod["spec"]["containers"][0];
    ensure!(container["resources"]["limits"] == json!({ "cpu": "2", "memory": "2Gi" }), "{container}");
    ensure!(pod["spec"]["nodeSelector"]["workspace-tier"] == "workspaces", "{}", pod["spec"]);
    let limit = demo.shell(
        "hello",
        &[
            "sh",
            "-c",
            "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null || true",
        ],
    )?;
    ensure!(limit.lines().any(|line| line == "2147483648"), "the kernel's limit: {limit}");
    Ok(())
}

pub fn the_users_container_is_restricted_and_holds_no_token(demo: &Demo) -> Result<()> {
    let namespace = demo.get(&["namespace", "workspaces"])?;
    ensure!(
        namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted",
        "{namespace}"
    );
    ensure!(demo.shell("hello", &["id", "-u"])?.trim() == "1000");
    let found = demo.shell(
        "hello",
        &[
            "sh",
            "-c",
            "ls -d /var/run/secrets /run/neuralinverse/identity /etc/neuralinverse 2>/dev/null || true",
        ],
    )?;
    ensure!(found.trim().is_empty(), "{found}");
    Ok(())
}

pub fn a_workspace_takes_a_warm_pod_and_the_pool_is_refilled(demo: &Demo) -> Result<()> {
    let ready = || pool_ready(demo, 1);
    demo.wait("a warm pod", ready)?;
    demo.apply(&workspace(
        "warm",
        json!({ "owner": "ada", "env": { "GREETING": "hi" }, "repository": { "url": demo.repository()? } }),
    ))?;
    let object = demo.wait_for_condition("warm", "Ready", "True")?;
    ensure!(object["status"]["launch"]["source"] == "Warm", "{}", object["status"]);
    ensure!(demo.shell("warm", &["env"])?.contains("GREETING=hi"));
    demo.wait_for_condition("warm", "RepositoryReady", "True")?;
    demo.wait("a refilled pool", ready)
}

pub fn a_warm_launch_takes_at_most_five_writes(demo: &Demo) -> Result<()> {
    let ready = || pool_ready(demo, 1);
    demo.wait("a warm pod", ready)?;
    let written = || writes(&demo.run(&["kubectl", "get", "--raw", "/metrics"])?);
    let before = written()?;
    demo.apply(&workspace("counted", json!({ "env": { "GREETING": "hi" } })))?;
    let object = demo.wait_for_condition("counted", "Ready", "True")?;
    ensure!(object["status"]["launch"]["source"] == "Warm", "{}", object["status"]);
    demo.wait("the volume to say whose it is", || {
        let volumes = demo.get(&["pvc", "-l", "cloud.neuralinverse.com/workspace=counted"])?;
        ensure!(volumes["items"].as_array().is_some_and(|it| it.len() == 1), "{volumes}");
        Ok(())
    })?;
    demo.wait("a refilled pool", ready)?;
    let spent = written()?.since(&before);
    // The pool tells of the launch once; what it tells of its new pod is a cost of that. Tiers and node pools sum
    // up what runs at a pace of their own, whatever is launched.
    let touched = ["pods PATCH", "persistentvolumeclaims PATCH", "workspaces/status PATCH"];
    // Each new pod is patched once, to make it cheaper.
    let new = spent.of("pods POST");
    let launch = touched.into_iter().map(|key| spent.of(key)).sum::<f64>() + 1.0 - new;
    let refill = spent.of_refill() + new + spent.of("warmpools/status PATCH") - 1.0;
    eprintln!("a warm launch: {launch} writes; the refill: {refill}");
    ensure!((1.0..=5.0).contains(&launch), "{spent:?}");
    // Nor is anything written along with each of them that nobody asks for.
    let pod = demo.pod_of("counted")?;
    let pod = demo.kubectl(&["get", "pod", &pod, "-o", "json", "--show-managed-fields"])?;
    ensure!(!pod.contains("managedFields"), "{pod}");
    remove(demo, "counted")
}

fn pool_ready(demo: &Demo, count: i64) -> Result<()> {
    let pool = demo.get(&["warmpool", "starter-debian"])?;
    ensure!(pool["status"]["ready"] == count, "{}", pool["status"]);
    // The pool tells of what it has a little later.
    let free = demo.get(&["pods", "-l", "cloud.neuralinverse.com/warm-pool=starter-debian"])?;
    let conditions = |pod: &Value| pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let is_ready =
        |pod: &&Value| conditions(pod).iter().any(|it| it["type"] == "Ready" && it["status"] == "True");
    let ready = free["items"].as_array().into_iter().flatten().filter(is_ready).count();
    ensure!(i64::try_from(ready)? == count, "{free}");
    Ok(())
}

pub fn an_empty_pool_means_a_cold_start(demo: &Demo) -> Result<()> {
    demo.apply(&workspace("cold", json!({ "tier": "standard" })))?;
    let object = demo.wait_for_condition("cold", "Ready", "True")?;
    ensure!(object["status"]["launch"]["source"] == "Cold", "{}", object["status"]);
    Ok(())
}

pub fn stopping_by_terraform_keeps_the_volume(demo: &Demo) -> Result<()> {
    demo.shell("hello", &["sh", "-c", "echo precious > draft.txt"])?;
    let volume = demo.get(&["workspace", "hello"])?["status"]["volume"].clone();
    demo.run(&["terraform", "apply", "-auto-approve", "-input=false", "-var", "run_policy=Stopped"])?;
    let stopped = demo.wait_for_condition("hello", "Running", "False")?;
    ensure!(stopped["status"]["pod"].is_null(), "{}", stopped["status"]);
    let pods = demo.get(&["pods", "-l", "cloud.neuralinverse.com/workspace=hello"])?;
    ensure!(
        pods["items"]
            .as_array()
            .is_some_and(|it| it.iter().all(|pod| !pod["metadata"]["deletionTimestamp"].is_null()))
    );

    demo.run(&["terraform", "apply", "-auto-approve", "-input=false"])?;
    let resumed = demo.wait_for_condition("hello", "Running", "True")?;
    ensure!(resumed["status"]["volume"] == volume, "{}", resumed["status"]);
    ensure!(demo.shell("hello", &["cat", "draft.txt"])?.trim() == "precious");
    Ok(())
}

pub fn a_deleted_pod_comes_back_with_the_same_volume(demo: &Demo) -> Result<()> {
    let before = demo.get(&["workspace", "hello"])?;
    demo.kubectl(&["delete", "pod", &demo.pod_of("hello")?, "--wait=false"])?;
    let after = demo.wait("the next epoch", || {
        let object = demo.get(&["workspace", "hello"])?;
        ensure!(
            object["status"]["epoch"].as_i64() > before["status"]["epoch"].as_i64(),
            "{}",
            object["status"]
        );
        demo.shell("hello", &["cat", "draft.txt"])?;
        Ok(object)
    })?;
    ensure!(after["status"]["volume"] == before["status"]["volume"], "{}", after["status"]);
    Ok(())
}

pub fn a_larger_tier_reaches_the_running_pod_in_place(demo: &Demo) -> Result<()> {
    let before = demo.get(&["pod", &demo.pod_of("cold")?])?;
    demo.apply(&workspace("cold", json!({ "tier": "pro" })))?;
    let of_user = |pod: &serde_json::Value| {
        let containers = pod["status"]["containerStatuses"].as_array().into_iter().flatten();
        containers.into_iter().find(|it| it["name"] == "workspace").cloned().unwrap_or_default()
    };
    demo.wait("the kubelet to have given the new size", || {
        let pod = demo.get(&["pod", &demo.pod_of("cold")?])?;
        let (old, new) = (of_user(&before), of_user(&pod));
        ensure!(pod["metadata"]["uid"] == before["metadata"]["uid"], "another pod: {pod}");
        ensure!(new["resources"]["limits"] == json!({ "cpu": "8", "memory": "32Gi" }), "{new}");
        ensure!(new["restartCount"] == old["restartCount"], "{new}");
        Ok(())
    })?;
    let object = demo.wait_for_condition("cold", "UpToDate", "True")?;
    ensure!(object["status"]["epoch"] == 1, "{}", object["status"]);
    demo.shell("cold", &["true"]).map(drop)
}

pub fn a_repository_that_cannot_be_cloned_is_reported_and_recovers(demo: &Demo) -> Result<()> {
    let with = |url: &str| workspace("clone", json!({ "owner": "ada", "repository": { "url": url } }));
    demo.apply(&with(&demo.repository()?.replace("hello", "no-such")))?;
    let object = demo.wait_for_condition("clone", "RepositoryReady", "False")?;
    let failed = demo.wait("the reason", || {
        let object = demo.get(&["workspace", "clone"])?;
        condition(&object, "RepositoryReady")
            .filter(|it| it["reason"] == "CloneFailed")
            .cloned()
            .context("no reason yet")
    })?;
    ensure!(failed["message"].as_str().is_some_and(|it| it.contains("no-such.git")), "{failed} {object}");
    demo.wait_for_condition("clone", "Ready", "True")?;
    demo.apply(&with(&demo.repository()?))?;
    demo.wait_for_condition("clone", "RepositoryReady", "True")?;
    Ok(())
}

pub fn a_missing_tier_is_reported_and_recovers(demo: &Demo) -> Result<()> {
    demo.apply(&workspace("homeless", json!({ "tier": "gigantic" })))?;
    let object = demo.wait_for_condition("homeless", "Accepted", "False")?;
    let accepted = condition(&object, "Accepted").context("Accepted")?;
    ensure!(accepted["reason"] == "TierNotFound", "{accepted}");
    ensure!(accepted["message"].as_str().is_some_and(|it| it.contains("gigantic")), "{accepted}");
    demo.apply(&workspace("homeless", json!({})))?;
    demo.wait_for_condition("homeless", "Ready", "True")?;
    Ok(())
}

pub fn workspaces_launch_while_the_controller_is_killed(demo: &Demo) -> Result<()> {
    let names: Vec<String> = (0..6).map(|number| format!("storm-{number}")).collect();
    for name in &names {
        demo.apply(&workspace(name, json!({})))?;
        let kill = [
            "kubectl",
            "-n",
            "neuralinverse-system",
            "delete",
            "pod",
            "-l",
            "app.kubernetes.io/component=controller",
            "--grace-period=0",
            "--force",
        ];
        if name.ends_with(['1', '3']) {
            demo.run(&kill)?;
        }
    }
    for name in &names {
        demo.wait_for_condition(name, "Ready", "True")?;
    }
    let pods = demo.get(&["pods", "-l", "cloud.neuralinverse.com/workspace-uid"])?;
    for name in &names {
        let mine = pods["items"].as_array().into_iter().flatten().filter(|pod| {
            pod["metadata"]["labels"]["cloud.neuralinverse.com/workspace"] == name.as_str()
                && pod["metadata"]["deletionTimestamp"].is_null()
        });
        ensure!(mine.count() == 1, "{name} has not exactly one pod");
        demo.kubectl(&["delete", "workspace", name])?;
    }
    Ok(())
}

pub fn a_deleted_workspace_leaves_no_pod_and_its_volume_for_a_time(demo: &Demo) -> Result<()> {
    ["warm", "cold", "clone", "homeless"].iter().try_for_each(|name| remove(demo, name))
}

pub fn destroy_is_refused_while_somebody_elses_workspaces_exist(demo: &Demo) -> Result<()> {
    demo.apply(&workspace("guest", json!({})))?;
    demo.wait_for_condition("guest", "Ready", "True")?;
    let pod = demo.pod_of("guest")?;
    let output = demo.output(&["terraform", "destroy", "-auto-approve", "-input=false", "-no-color"])?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(!output.status.success() && text.contains("guest"), "{text}");
    // What it is made of is gone, and the workspace says so, but it runs on.
    demo.wait_for_condition("guest", "Accepted", "False")?;
    ensure!(demo.pod_of("guest")? == pod);
    demo.shell("guest", &["true"]).map(drop)
}

//! Another release takes over: the same programs under another tag, brought by `terraform apply` as an upgrade is.
//! (No earlier release exists whose code could be installed.)

use std::{collections::BTreeMap, fs, process::Command};

use anyhow::{Context, Result, ensure};
use neuralinverse_tests::Demo;
use serde_json::{Value, json};

use crate::objects::{condition, remove, workspace};

/// Tag of the other release.
const NEXT: &str = "next";

/// A workspace that begins under the other release.
const NEWCOMER: &str = "newcomer";

pub fn another_release_takes_over_and_no_workspace_restarts(demo: &Demo) -> Result<()> {
    for image in ["service", "agent"] {
        load_as_next(demo, image)?;
    }
    let before = running(demo)?;
    ensure!(!before.is_empty(), "nothing runs");
    upgrade(demo, NEXT)?;
    ensure!(running(demo)? == before, "before {before:?}, after {:?}", running(demo)?);
    // Who runs goes on: the sidecar of the release before is heard, and its pod is kept.
    let hello = demo.wait_for_condition("hello", "Ready", "True")?;
    let accepted = condition(&hello, "Accepted").context("no condition")?;
    ensure!(accepted["status"] == "True", "{accepted}");
    demo.apply(&workspace(NEWCOMER, json!({})))?;
    demo.wait_for_condition(NEWCOMER, "Ready", "True")?;
    let pod = demo.get(&["pod", &demo.pod_of(NEWCOMER)?])?;
    ensure!(images(&pod["spec"]).any(|image| image.ends_with(&format!("/agent:{NEXT}"))), "{}", pod["spec"]);
    Ok(())
}

pub fn and_back_again(demo: &Demo) -> Result<()> {
    let before = running(demo)?;
    ensure!(before.contains_key(NEWCOMER), "{before:?}");
    let tag = demo.images()?["tag"].as_str().context("no tag")?.to_owned();
    upgrade(demo, &tag)?;
    ensure!(running(demo)? == before, "before {before:?}, after {:?}", running(demo)?);
    demo.run(&["terraform", "plan", "-input=false", "-detailed-exitcode"])?;
    remove(demo, NEWCOMER)
}

/// Installs the release of this tag, and waits until it runs and the warm pool consists of its pods.
fn upgrade(demo: &Demo, tag: &str) -> Result<()> {
    let mut release = demo.images()?;
    release["tag"] = json!(tag);
    let variable = format!("images={release}");
    demo.run(&["terraform", "apply", "-auto-approve", "-input=false", "-var", &variable])?;
    for program in ["controller", "gateway", "portal"] {
        let name = format!("deployment/neuralinverse-{program}");
        demo.wait(&format!("the {program} of {tag}"), || {
            let system = ["kubectl", "-n", "neuralinverse-system"];
            let deployment = demo.run(&[&system[..], &["get", &name, "-o", "json"]].concat())?;
            let deployment: Value = serde_json::from_str(&deployment)?;
            let template = &deployment["spec"]["template"]["spec"];
            ensure!(images_are(template, tag), "{template}");
            demo.run(&[&system[..], &["rollout", "status", &name, "--timeout=5s"]].concat())
        })?;
    }
    demo.wait(&format!("warm pods of {tag}"), || {
        let free = demo.get(&["pods", "-l", "cloud.neuralinverse.com/warm-pool=starter-debian"])?;
        let pods = free["items"].as_array().context("no list")?;
        let pool = demo.get(&["warmpool", "starter-debian"])?;
        let new =
            pods.iter().all(|pod| images(&pod["spec"]).any(|it| it.ends_with(&format!("/agent:{tag}"))));
        ensure!(new && pool["status"]["ready"] == 1, "{} {}", pool["status"], free["items"]);
        Ok(())
    })
}

/// UID of each workspace's pod, and how often its containers were restarted.
fn running(demo: &Demo) -> Result<BTreeMap<String, (String, i64)>> {
    let pods = demo.get(&["pods", "-l", "cloud.neuralinverse.com/workspace-uid"])?;
    let pods = pods["items"].as_array().context("no list")?.iter();
    let running = pods.filter(|pod| pod["metadata"]["deletionTimestamp"].is_null()).map(|pod| {
        let name = pod["metadata"]["labels"]["cloud.neuralinverse.com/workspace"].as_str()?;
        let statuses = ["containerStatuses", "initContainerStatuses"];
        let statuses = statuses.into_iter().filter_map(|kind| pod["status"][kind].as_array()).flatten();
        let restarts = statuses.filter_map(|status| status["restartCount"].as_i64()).sum();
        Some((name.to_owned(), (pod["metadata"]["uid"].as_str()?.to_owned(), restarts)))
    });
    running.map(|pod| pod.context("an odd pod")).collect()
}

fn images(pod: &Value) -> impl Iterator<Item = &str> {
    let containers = ["containers", "initContainers"].into_iter().filter_map(|kind| pod[kind].as_array());
    containers.flatten().filter_map(|container| container["image"].as_str())
}

fn images_are(pod: &Value, tag: &str) -> bool {
    images(pod).all(|image| image.ends_with(&format!(":{tag}")))
}

/// Brings an image to the nodes under the tag of the other release.
fn load_as_next(demo: &Demo, image: &str) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (content, archive) = (folder.path().join("content"), folder.path().join("image.tar"));
    fs::create_dir(&content)?;
    let tar = |arguments: &[&str]| {
        let status = Command::new("tar").args(arguments).current_dir(&content).status()?;
        ensure!(status.success(), "tar {arguments:?}: {status}");
        Ok(())
    };
    let built = demo.image_archives()?.remove(image).context("no such image")?;
    tar(&["-xf", &built.to_string_lossy()])?;
    let index = content.join("index.json");
    let text = fs::read_to_string(&index)?;
    let tag = demo.images()?["tag"].as_str().context("no tag")?.to_owned();
    fs::write(&index, text.replace(&format!("/{image}:{tag}"), &format!("/{image}:{NEXT}")))?;
    tar(&["-cf", &archive.to_string_lossy(), "."])?;
    let load = async { Ok(demo.cluster().await?.load_image(archive).await?) };
    tokio::runtime::Runtime::new()?.block_on(load)
}

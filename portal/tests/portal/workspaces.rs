//! Creating, listing, stopping and deleting, and that it is one's own only.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use kube::ResourceExt;
use neuralinverse_api::{RunPolicy, Wanted, Why, labels::TERRAFORM};
use neuralinverse_portal::{id::WorkspaceId, labels::FIELD_MANAGER};

use crate::support::{kubernetes, stage::Stage, until};

pub async fn one_is_created_stopped_and_deleted(stage: Arc<Stage>) -> Result<()> {
    let visitor = stage.visitor("carla").await?;
    let form = [
        ("template", "rust"),
        ("tier", "standard"),
        ("repository", "https://git.test/carla/Hello.git"),
        ("branch", "main"),
        ("name", ""),
    ];
    let created = visitor.submit(&stage.url("/new"), &stage.url("/new"), &form).await?;
    let id = created
        .location()
        .and_then(|it| it.strip_prefix("/open/"))
        .with_context(|| format!("{created:?}"))?
        .to_owned();
    let workspace = stage.by_id(&id).await?;
    let spec = &workspace.spec;
    let repository = spec.repository.as_ref().context("no repository")?;
    ensure!(workspace.name_any() == "hello" && spec.owner == stage.owner("carla").as_str(), "{workspace:?}");
    ensure!(
        (repository.url.as_str(), repository.branch.as_deref())
            == ("https://git.test/carla/Hello.git", Some("main"))
    );
    let author = spec.git_author.as_ref().context("no author")?;
    ensure!((author.name.as_str(), author.email.as_str()) == ("Carla", "carla@example.com"), "{author:?}");
    let manager = workspace.managed_fields().first().and_then(|it| it.manager.clone());
    ensure!(manager.as_deref() == Some(FIELD_MANAGER), "{manager:?}");
    let list = visitor.get(&stage.url("/")).await?;
    ensure!(list.body.contains(&id) && list.body.contains("4 vCPU, 8 GiB"), "{}", list.body);

    let home = stage.url("/");
    let stopped = visitor.submit(&home, &stage.url(&format!("/workspaces/{id}/stop")), &[]).await?;
    ensure!(stopped.status == 303, "{stopped:?}");
    let stopped = stage.by_id(&id).await?;
    ensure!(stopped.wanted() == Wanted::Stopped(Why::Asked) && stopped.spec == *spec, "{stopped:?}");

    let delete = stage.url(&format!("/workspaces/{id}/delete"));
    let confirmation = visitor.get(&delete).await?;
    for part in ["It takes away", "not pushed", "https://git.test/carla/Hello.git stays there"] {
        ensure!(confirmation.body.contains(part), "{part}: {}", confirmation.body);
    }
    let deleted = visitor.submit(&delete, &delete, &[]).await?;
    ensure!(deleted.status == 303, "{deleted:?}");
    ensure!(stage.by_id(&id).await.is_err());
    until("the list to know", async || Ok((!visitor.get(&home).await?.body.contains(&id)).then_some(())))
        .await
}

pub async fn a_taken_name_is_made_unique(stage: Arc<Stage>) -> Result<()> {
    let (one, two) = (stage.visitor("dan").await?, stage.visitor("dora").await?);
    let first = stage.create(&one, "Same Name").await?;
    let second = stage.create(&two, "Same Name").await?;
    ensure!(
        first.name_any() == "same-name" && second.name_any().starts_with("same-name-"),
        "{}",
        second.name_any()
    );
    Ok(())
}

pub async fn somebody_elses_does_not_exist(stage: Arc<Stage>) -> Result<()> {
    let (owner, stranger) = (stage.visitor("emil").await?, stage.visitor("eva").await?);
    let workspace = stage.create(&owner, "emils-own").await?;
    let id = WorkspaceId::of(&workspace).context("no id")?;
    let missing = stranger.get(&stage.url("/open/aaaaaaaaaaaaaaaaaaaa")).await?;
    for path in [format!("/open/{id}"), format!("/workspaces/{id}/delete")] {
        let answer = stranger.get(&stage.url(&path)).await?;
        // Not even the answer tells that there is one.
        ensure!(answer.status == 404 && answer.body == missing.body, "{path}: {answer:?}");
    }
    let form = stage.url("/new");
    for action in ["stop", "delete"] {
        let answer = stranger.submit(&form, &stage.url(&format!("/workspaces/{id}/{action}")), &[]).await?;
        ensure!(answer.status == 404, "{action}: {answer:?}");
    }
    ensure!(!stranger.get(&stage.url("/")).await?.body.contains("emils-own"));
    let kept = stage.by_id(id.as_str()).await?;
    ensure!(kept.wanted() == Wanted::Running && kept.metadata.deletion_timestamp.is_none());
    Ok(())
}

pub async fn what_another_manager_declares_is_not_edited(stage: Arc<Stage>) -> Result<()> {
    let visitor = stage.visitor("frank").await?;
    let owner = stage.owner("frank");
    let workspace = kubernetes::declare(&stage.client, TERRAFORM, owner.as_str(), "declared").await?;
    let id = WorkspaceId::of(&workspace).context("no id")?;
    let home = stage.url("/");
    until("the list", async || Ok(visitor.get(&home).await?.body.contains(id.as_str()).then_some(())))
        .await?;

    let refused = visitor.submit(&home, &stage.url(&format!("/workspaces/{id}/stop")), &[]).await?;
    ensure!(
        refused.status == 409 && refused.body.contains(TERRAFORM) && refused.body.contains("spec.runPolicy"),
        "{refused:?}"
    );
    ensure!(stage.by_id(id.as_str()).await?.spec.run_policy == RunPolicy::Always);
    let confirmation = visitor.get(&stage.url(&format!("/workspaces/{id}/delete"))).await?;
    ensure!(confirmation.body.contains("comes back, empty"), "{}", confirmation.body);
    Ok(())
}

pub async fn a_form_says_what_is_wrong(stage: Arc<Stage>) -> Result<()> {
    let visitor = stage.visitor("gina").await?;
    let url = stage.url("/new");
    for (template, tier, repository, says) in [
        ("none", "starter", "", "Choose a template"),
        ("debian", "none", "", "Choose a size"),
        ("rust", "starter", "", "does not allow this size"),
        ("debian", "starter", "https://me:secret@git.test/a", "without a user or password"),
        ("debian", "starter", "<script>alert(1)</script>", "Write the repository"),
    ] {
        let form = [
            ("template", template),
            ("tier", tier),
            ("repository", repository),
            ("branch", ""),
            ("name", ""),
        ];
        let answer = visitor.submit(&url, &url, &form).await?;
        ensure!(answer.status == 422 && answer.body.contains(says), "{says}: {answer:?}");
        ensure!(!answer.body.contains("<script>alert"), "{}", answer.body);
    }
    Ok(())
}

pub async fn pages_stay_small(stage: Arc<Stage>) -> Result<()> {
    let visitor = stage.visitor("hana").await?;
    let owner = stage.owner("hana");
    for index in 0..25 {
        kubernetes::declare(&stage.client, FIELD_MANAGER, owner.as_str(), &format!("hanas-{index}")).await?;
    }
    let home = stage.url("/");
    until("the list", async || Ok(visitor.get(&home).await?.body.contains("hanas-24").then_some(()))).await?;
    let list = visitor.get(&home).await?;
    let mut total = 0;
    for (mark, attribute) in
        [("rel=\"stylesheet\"", "href"), ("type=\"module\"", "src"), ("rel=\"icon\"", "href")]
    {
        let asset = visitor.get(&stage.url(&list.attribute(mark, attribute)?)).await?;
        ensure!(asset.status == 200, "{asset:?}");
        total += asset.body.len();
    }
    for path in ["/", "/new", "/nothing"] {
        let page = visitor.get(&stage.url(path)).await?;
        eprintln!(
            "{path}: {} bytes, {} with everything that it loads",
            page.body.len(),
            page.body.len() + total
        );
        ensure!(page.body.len() + total <= 50_000, "{path}");
    }
    Ok(())
}

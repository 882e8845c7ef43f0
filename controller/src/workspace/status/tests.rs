//! One status after another, from what was seen.

use serde_json::{Value, json};

use super::*;
use crate::fixtures::{self, going, pod, ready};

fn now() -> Timestamp {
    Timestamp::from_millisecond(100_250).unwrap()
}

/// What follows for a workspace of this spec and old status, besides times.
fn next(spec: &Value, old: Option<&WorkspaceStatus>, seen: &Seen<'_>) -> WorkspaceStatus {
    let workspace = fixtures::workspace(spec.clone(), json!(old));
    let new = status(&workspace, seen, now());
    // Looking again without news changes nothing, or we would write for ever.
    let again = Seen { news: News::None, ..seen.clone() };
    let settled = fixtures::workspace(spec.clone(), json!(new));
    assert_eq!(json!(status(&settled, &again, now())), json!(new), "{spec} {seen:?}");
    new
}

fn words(status: &WorkspaceStatus) -> Vec<String> {
    let conditions = status.conditions.iter();
    conditions.map(|it| format!("{} {} {}", it.type_, it.status, it.reason)).collect()
}

fn seen<'a>(references: &'a Result<References, Problem>, pod: Option<&'a Pod>, news: News) -> Seen<'a> {
    let (volume, waits_for, interrupted, refused, hourly_price) = Default::default();
    Seen {
        references,
        pod,
        going: pod.is_some(),
        volume,
        interrupted,
        waits_for,
        refused,
        hourly_price,
        suspend: false,
        news,
    }
}

fn report(repository: RepositoryState) -> News {
    News::Report(Report { epoch: 1, ready: true, repository, idle_seconds: None })
}

#[test]
fn a_launch_ends_with_one_status_that_says_it_all() {
    let (references, pod) = (Ok(fixtures::references()), pod(1, ready));
    let news = report(RepositoryState::NotDeclared);
    let status = next(&json!({}), None, &seen(&references, Some(&pod), news));
    assert_eq!(
        words(&status),
        [
            "Accepted True Valid",
            "Running True Available",
            "RepositoryReady True NotDeclared",
            "Ready True Available",
            "UpToDate True Applied",
        ]
    );
    assert_eq!(
        (status.pod.as_deref(), status.epoch, status.volume.as_deref()),
        (Some("mine-1"), 1, Some("mine-1"))
    );
    let launch = status.launch.unwrap();
    assert_eq!((launch.source, launch.milliseconds), (neuralinverse_api::LaunchSource::Cold, 250));
}

#[test]
fn each_state_has_its_conditions() {
    let (known, running, starting) = (Ok(fixtures::references()), pod(1, ready), pod(1, |_| ()));
    let unknown = Err(Problem::new(Reason::TierNotFound, "declare it"));
    let launched =
        || next(&json!({}), None, &seen(&known, Some(&running), report(RepositoryState::NotDeclared)));
    let (always, stopped) = (json!({}), json!({ "runPolicy": "Stopped" }));
    let refused =
        Seen { refused: Some(Problem::new(Reason::Refused, "quota")), ..seen(&known, None, News::None) };
    let ending = Seen { going: true, ..seen(&known, None, News::None) };
    let secret = News::NotAssigned(Problem::new(Reason::SecretNotFound, "make it"));
    let cases = [
        (
            "nothing yet",
            &always,
            None,
            seen(&known, None, News::None),
            "False Progressing",
            "False Progressing",
        ),
        (
            "a fault",
            &always,
            None,
            seen(&unknown, None, News::None),
            "False TierNotFound",
            "False Progressing",
        ),
        ("a quota", &always, None, refused, "False Refused", "False Progressing"),
        (
            "starting",
            &always,
            None,
            seen(&known, Some(&starting), News::None),
            "False Progressing",
            "False Progressing",
        ),
        (
            "no report yet",
            &always,
            None,
            seen(&known, Some(&running), News::None),
            "False Progressing",
            "False Progressing",
        ),
        (
            "a Secret",
            &always,
            None,
            seen(&known, Some(&running), secret),
            "False SecretNotFound",
            "False Progressing",
        ),
        (
            "goes on",
            &always,
            Some(launched()),
            seen(&known, Some(&running), News::None),
            "True Available",
            "True Available",
        ),
        (
            "tier gone",
            &always,
            Some(launched()),
            seen(&unknown, Some(&running), News::None),
            "False TierNotFound",
            "True Available",
        ),
        (
            "stopping",
            &stopped,
            Some(launched()),
            seen(&known, Some(&running), News::None),
            "False Stopping",
            "True Available",
        ),
        ("ending", &stopped, Some(launched()), ending, "False Stopping", "False Stopped"),
        (
            "stopped",
            &stopped,
            Some(launched()),
            seen(&known, None, News::None),
            "True Stopped",
            "False Stopped",
        ),
    ];
    for (name, spec, old, seen, ready, running) in cases {
        let words = words(&next(spec, old.as_ref(), &seen));
        assert_eq!(words[3], format!("Ready {ready}"), "{name}");
        assert_eq!(words[1], format!("Running {running}"), "{name}");
    }
}

#[test]
fn what_became_of_the_repository_is_kept_until_there_is_news() {
    let (references, first) = (Ok(fixtures::references()), pod(1, ready));
    let spec = json!({ "repository": { "url": "https://example.com/a.git" } });
    let failed = report(RepositoryState::Failed { message: "no route".into() });
    let status = next(&spec, None, &seen(&references, Some(&first), failed));
    assert_eq!(words(&status)[2..4], ["RepositoryReady False CloneFailed", "Ready True Available"]);
    assert!(status.conditions[2].message.contains("no route"));

    let status =
        next(&spec, Some(&status), &seen(&references, Some(&first), report(RepositoryState::Cloned)));
    assert_eq!(words(&status)[2], "RepositoryReady True Cloned");
    let next_pod = pod(2, ready);
    let resumed = next(&spec, Some(&status), &seen(&references, Some(&next_pod), News::None));
    assert_eq!(
        (words(&resumed)[2].as_str(), resumed.repository_cloned),
        ("RepositoryReady True Cloned", true)
    );
}

#[test]
fn a_volume_that_is_lost_takes_the_clone_with_it() {
    let (references, first) = (Ok(fixtures::references()), pod(1, ready));
    let spec = json!({ "repository": { "url": "https://example.com/a.git" } });
    let cloned = next(&spec, None, &seen(&references, Some(&first), report(RepositoryState::Cloned)));
    let lost = next(&spec, Some(&cloned), &seen(&references, None, News::None));
    assert_eq!((&lost.volume, lost.repository_cloned), (&None, false));
    assert_eq!(words(&lost)[4], "Restored False RestorePending");
}

#[test]
fn work_that_is_missing_is_said_until_it_is_back() {
    let known = Ok(fixtures::references());
    let on = |epoch: i64, volume: &'static str| {
        pod(epoch, |pod| {
            ready(pod);
            fixtures::put_on(pod, volume);
        })
    };
    let after = |old: Option<&WorkspaceStatus>, pod: &Pod, news| {
        let status = next(&json!({}), old, &seen(&known, Some(pod), news));
        let restored = condition::find(&status.conditions, ConditionType::Restored).cloned();
        (restored.map(|it| it.message).unwrap_or_default(), status)
    };
    let (_, started) = after(None, &on(1, "one"), News::None);
    let (said, elsewhere) = after(Some(&started), &on(2, "two"), News::None);
    assert_eq!((said.as_str(), elsewhere.lost_volume), ("", None), "there was no work yet");

    let (_, launched) = after(None, &on(1, "one"), report(RepositoryState::NotDeclared));
    let (said, elsewhere) = after(Some(&launched), &on(2, "two"), News::None);
    assert!(said.contains("`one`") && said.contains("`two`"), "{said}");
    assert_eq!(elsewhere.lost_volume.as_deref(), Some("one"));
    // Nothing is on the second one that matters more.
    let (_, third) = after(Some(&elsewhere), &on(3, "three"), News::None);
    assert_eq!(third.lost_volume.as_deref(), Some("one"));
    let (said, back) = after(Some(&third), &on(4, "one"), News::None);
    assert_eq!((said.as_str(), back.lost_volume), ("", None));
}

#[test]
fn a_workspace_that_waits_for_a_lost_node_says_how_to_go_on() {
    let known = Ok(fixtures::references());
    let waiting = Seen { going: true, waits_for: Some("n1"), ..seen(&known, None, News::None) };
    let status = next(&json!({}), None, &waiting);
    assert_eq!(words(&status)[3], "Ready False NodeLost");
    let message = &status.conditions[3].message;
    assert!(message.contains("`n1`") && message.contains("out-of-service"), "{message}");
}

#[test]
fn another_pod_has_to_report_for_itself() {
    let (references, first, second) = (Ok(fixtures::references()), pod(1, ready), pod(2, ready));
    let old = next(&json!({}), None, &seen(&references, Some(&first), report(RepositoryState::NotDeclared)));
    let status = next(&json!({}), Some(&old), &seen(&references, Some(&second), News::None));
    assert_eq!(words(&status)[3], "Ready False Progressing");
    assert_eq!((status.epoch, status.launch), (2, old.launch));
}

#[test]
fn a_size_that_was_refused_leaves_the_workspace_ready_and_stays_said_until_it_is_taken() {
    let mut references = fixtures::references();
    references.tier.cpu = "8".parse().unwrap();
    let (references, pod) = (Ok(references), pod(1, ready));
    let problem = Problem::new(Reason::ResizeRefused, "quota");
    let launched =
        next(&json!({}), None, &seen(&references, Some(&pod), report(RepositoryState::NotDeclared)));
    let refused = Seen { refused: Some(problem), ..seen(&references, Some(&pod), News::None) };
    let status = next(&json!({}), Some(&launched), &refused);
    assert_eq!(words(&status)[3..], ["Ready True Available", "UpToDate False ResizeRefused"]);
    let heard = seen(&references, Some(&pod), report(RepositoryState::NotDeclared));
    let status = next(&json!({}), Some(&status), &heard);
    assert_eq!(words(&status)[4], "UpToDate False ResizeRefused");
    let known = Ok(fixtures::references());
    let status = next(&json!({}), Some(&status), &seen(&known, Some(&pod), News::None));
    assert_eq!(words(&status)[4], "UpToDate True Applied");
}

#[test]
fn a_pod_without_room_waits_a_while_where_karpenter_adds_nodes() {
    let without_room = |pod: &mut Pod| {
        pod.status = fixtures::from(json!({ "conditions": [{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "Insufficient cpu",
        }] }));
    };
    let pod = pod(1, without_room);
    let made = pod.metadata.creation_timestamp.as_ref().unwrap().0;
    for (grows, seconds, expected) in [
        (false, 1, "Ready False Unschedulable"),
        (true, 1, "Ready False Progressing"),
        (true, 301, "Ready False Unschedulable"),
    ] {
        let references = Ok(References { grows, ..fixtures::references() });
        let now = made + SignedDuration::from_secs(seconds);
        let workspace = fixtures::workspace(json!({}), json!(null));
        let status = status(&workspace, &seen(&references, Some(&pod), News::None), now);
        assert_eq!(words(&status)[3], expected, "{grows} {seconds}");
    }
}

#[test]
fn a_pod_that_is_going_is_not_ready() {
    let (references, pod) = (Ok(fixtures::references()), pod(1, going));
    let status = next(&json!({}), None, &seen(&references, Some(&pod), News::None));
    assert_eq!(words(&status)[3], "Ready False Progressing");
}

#[test]
fn a_pod_that_others_ended_is_said_while_it_ends_and_after() {
    let known = Ok(fixtures::references());
    let evicted = pod(1, |pod| {
        pod.status =
            fixtures::from(json!({ "phase": "Failed", "reason": "Evicted", "message": "no memory" }));
    });
    let status = next(&json!({}), None, &seen(&known, Some(&evicted), News::None));
    assert_eq!(words(&status)[3], "Ready False Evicted");
    let interrupted = Some((Reason::Preempted, "a pod of higher priority".to_owned()));
    let going = Seen { going: true, interrupted, ..seen(&known, None, News::None) };
    assert_eq!(words(&next(&json!({}), None, &going))[3], "Ready False Preempted");
    let stopping = next(&json!({ "runPolicy": "Stopped" }), None, &going);
    assert_eq!(words(&stopping)[3], "Ready False Stopping");
}

#[test]
fn terminals_that_answer_again_are_no_second_launch() {
    let (references, pod) = (Ok(fixtures::references()), pod(1, ready));
    let report = |ready| {
        News::Report(Report { epoch: 1, ready, repository: RepositoryState::NotDeclared, idle_seconds: None })
    };
    let launched = next(&json!({}), None, &seen(&references, Some(&pod), report(true)));
    let silent = next(&json!({}), Some(&launched), &seen(&references, Some(&pod), report(false)));
    assert_eq!(
        (&words(&silent)[1], &words(&silent)[3]),
        (&"Running True PodFailed".to_owned(), &"Ready False PodFailed".to_owned())
    );
    let mut kept = silent.clone();
    kept.launch =
        Some(neuralinverse_api::Launch { source: neuralinverse_api::LaunchSource::Warm, milliseconds: 7 });
    let again = next(&json!({}), Some(&kept), &seen(&references, Some(&pod), report(true)));
    assert_eq!((words(&again)[3].as_str(), again.launch), ("Ready True Available", kept.launch));
}

#[test]
fn the_word_of_the_sidecar_comes_before_the_probe_of_the_kubelet() {
    let (references, pod) = (Ok(fixtures::references()), pod(1, |_| ()));
    let status = next(&json!({}), None, &seen(&references, Some(&pod), report(RepositoryState::NotDeclared)));
    assert_eq!(words(&status)[3], "Ready True Available");
}

#[test]
fn nobody_using_it_is_remembered_until_somebody_does() {
    let (references, first) = (Ok(fixtures::references()), pod(1, ready));
    let spec = json!({ "runPolicy": "OnDemand" });
    let says = |idle_seconds| {
        let repository = RepositoryState::NotDeclared;
        News::Report(Report { epoch: 1, ready: true, repository, idle_seconds })
    };
    let after =
        |old: &WorkspaceStatus, pod: &Pod, news| next(&spec, Some(old), &seen(&references, Some(pod), news));
    let launched = next(&spec, None, &seen(&references, Some(&first), says(None)));
    assert_eq!(launched.idle_since, None);
    let idle = after(&launched, &first, says(Some(40)));
    let since = Some(Time(Timestamp::from_second(60).unwrap()));
    assert_eq!(idle.idle_since, since);
    // With other news it says the same again, a little later.
    assert_eq!(after(&idle, &first, says(Some(45))).idle_since, since);
    assert_eq!(after(&idle, &first, says(None)).idle_since, None);
    assert_eq!(after(&idle, &pod(2, ready), News::None).idle_since, None);
}

#[test]
fn a_suspended_workspace_stays_so_until_it_is_waked() {
    let (references, first) = (Ok(fixtures::references()), pod(1, ready));
    let spec = json!({ "runPolicy": "OnDemand" });
    let launched = next(&spec, None, &seen(&references, Some(&first), report(RepositoryState::NotDeclared)));
    let mut workspace = fixtures::workspace(spec, json!(launched));
    let wish =
        |at: &str| Some([(neuralinverse_api::labels::WAKE_REQUESTED_AT.to_owned(), at.to_owned())].into());
    workspace.metadata.annotations = wish("2026-01-01T00:00:00Z");
    let look = |workspace: &mut Workspace, seen: &Seen<'_>| {
        let status = status(workspace, seen, now());
        workspace.status = Some(status.clone());
        (words(&status)[1].clone(), words(&status)[3].clone(), status.suspended)
    };
    let suspended = Some(Suspended { since: Time(now()), wake: Some("2026-01-01T00:00:00Z".to_owned()) });
    let deciding = Seen { suspend: true, ..seen(&references, Some(&first), News::None) };
    let none = || seen(&references, None, News::None);
    assert_eq!(
        look(&mut workspace, &deciding),
        ("Running True Available".to_owned(), "Ready False Stopping".to_owned(), suspended.clone())
    );
    assert_eq!(
        look(&mut workspace, &none()),
        ("Running False Suspended".to_owned(), "Ready True Suspended".to_owned(), suspended)
    );
    workspace.metadata.annotations = wish("2025-01-01T00:00:00Z");
    assert_eq!(
        look(&mut workspace, &none()),
        ("Running False Progressing".to_owned(), "Ready False Progressing".to_owned(), None)
    );
}

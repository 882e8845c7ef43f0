//! While the workspace does not run: the first visit starts it, and the page shows how far it is.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::State,
    response::{
        IntoResponse, Response,
        sse::{Event, Sse},
    },
};
use futures::{Stream, stream};
use http::{StatusCode, header};
use jiff::Timestamp;
use kube::ResourceExt;
use maud::{Markup, html};
use neuralinverse_api::{Wanted, Why, Workspace};
use tokio::time::timeout;

use super::{Admitted, enter::pass_cookie};
use crate::{
    audit::{self, Action},
    change::{self, Wish},
    codes::Pass,
    cookie,
    error::{Error, see_other},
    id::WorkspaceId,
    live,
    pages::layout,
    portal::Portal,
    stage::{self, Stage},
    workspaces::Changes,
};

/// Where the page hears of progress.
pub(super) const EVENTS: &str = "/.neuralinverse/events";

/// Whom the start page asks to let the editor come before the repository.
pub(super) const AT_ONCE: &str = "/.neuralinverse/at-once";

/// How long a visit waits for an editor that is about to be there. A warm launch and the clone of a small repository
/// take less, and a page in between would take the browser longer than they do.
const MOMENT: Duration = Duration::from_millis(400);

/// Whether requests can go to the pod.
pub(super) fn is_running(workspace: &Workspace) -> bool {
    Stage::of(workspace) == Stage::Running
}

/// Whether the page turns into the editor.
pub(super) fn opens(workspace: &Workspace, pass: &Pass) -> bool {
    is_running(workspace) && (pass.at_once || !stage::is_cloning(workspace))
}

/// Gives a workspace that starts a moment to open.
pub(super) async fn give_a_moment(portal: &Portal, admitted: &mut Admitted) {
    let Admitted { id, workspace, pass } = admitted;
    let mut changes = portal.workspaces.changes(&pass.grant.owner);
    let opened = async {
        loop {
            // Also the first time: it may have changed before there was somebody to hear of it.
            if let Some(now) = portal.workspaces.get(&pass.grant.owner, id) {
                *workspace = now;
            }
            let starts = matches!(Stage::of(workspace), Stage::Starting(_) | Stage::Running);
            if !starts || opens(workspace, pass) {
                return;
            }
            changes.next().await;
        }
    };
    // If it takes longer, there is a page to wait on.
    let _ = timeout(MOMENT, opened).await;
}

/// `POST /.neuralinverse/at-once`: the editor, even if its folder is not there yet.
pub(super) async fn at_once(
    State(portal): State<Arc<Portal>>,
    Admitted { pass, .. }: Admitted,
) -> Result<Response, Error> {
    let pass = Pass { at_once: true, ..pass };
    let mut response = see_other("/");
    cookie::append(response.headers_mut(), Some(pass_cookie(&portal.seal, &pass, Timestamp::now())?));
    Ok(response)
}

/// The page of a workspace that does not run. A visit starts one that is stopped; what an editor that was
/// left open asks for does not.
pub(super) async fn show(portal: &Portal, admitted: Admitted, navigation: bool) -> Result<Response, Error> {
    if !navigation {
        let headers = [(header::RETRY_AFTER, "2")];
        return Ok((StatusCode::SERVICE_UNAVAILABLE, headers, "the workspace does not run\n").into_response());
    }
    let Admitted { workspace, pass, .. } = admitted;
    if Stage::of(&workspace) == Stage::Deleting {
        return Err(Error::NotFound);
    }
    let owner = &pass.grant.owner;
    let workspace = match workspace.wanted() {
        Wanted::Running => Arc::unwrap_or_clone(workspace),
        Wanted::Stopped(_) => {
            let (workspace, changed) = change::ask(portal, owner, &workspace, Wish::Start).await?;
            if changed {
                audit::workspace(Action::Start, owner, &workspace);
            }
            workspace
        }
    };
    Ok((StatusCode::OK, page(&workspace, portal.site.origin())).into_response())
}

fn page(workspace: &Workspace, portal: &str) -> Markup {
    layout::plain(
        &workspace.name_any(),
        &html! {
            div.middle {
                div.card {
                    h1 { (workspace.name_any()) }
                    div data-events=(EVENTS) { (progress(workspace)) }
                }
                p.back { a href=(portal) { "Your workspaces" } }
            }
        },
    )
}

/// The part that changes; every element at its top has an id.
fn progress(workspace: &Workspace) -> Markup {
    let stage = match Stage::of(workspace) {
        // The page is there for the repository's sake.
        Stage::Running => Stage::Starting(String::new()),
        stage => stage,
    };
    let steps = stage::steps(workspace);
    let current = steps.iter().position(|step| !step.done);
    html! {
        p #state role="status" { span.state.(stage.tone()) { (stage.label()) } }
        @match &stage {
            Stage::Failed(message) => { p.message.bad #message role="alert" { (message) } },
            Stage::Stopped | Stage::Stopping => {
                p #message { (why_stopped(workspace)) " " a href="/" { "Start it again" } }
            },
            Stage::Deleting => { p #message { "It is being deleted." } },
            Stage::Running | Stage::Starting(_) => {
                ol.steps #steps {
                    @for (index, step) in steps.iter().enumerate() {
                        li class=(if step.done { "done" } else if Some(index) == current { "now" } else { "later" }) {
                            span { (step.label) }
                            @if Some(index) == current && !step.message.is_empty() { small { (step.message) } }
                        }
                    }
                }
                @if is_running(workspace) {
                    form #at-once method="post" action=(AT_ONCE) data-preload="/" {
                        button { "Open the editor without waiting" }
                    }
                }
            },
        }
    }
}

fn why_stopped(workspace: &Workspace) -> &'static str {
    match workspace.wanted() {
        Wanted::Stopped(Why::Idle) => "It was stopped, since nobody used it. What you saved is there.",
        _ => "It was stopped.",
    }
}

struct Watcher {
    pass: Pass,
    id: WorkspaceId,
    changes: Changes,
    sent: String,
    ended: bool,
}

/// `GET /.neuralinverse/events`: progress, and `reload` when there is something else to be seen.
pub(super) async fn events(
    State(portal): State<Arc<Portal>>,
    admitted: Admitted,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let Admitted { id, pass, .. } = admitted;
    let grant = pass.grant.clone();
    let changes = portal.workspaces.changes(&grant.owner);
    let start = Watcher { pass, id, changes, sent: String::new(), ended: false };
    let shared = portal.clone();
    live::stream(&portal, grant, stream::unfold(start, move |watcher| next(shared.clone(), watcher)))
}

async fn next(portal: Arc<Portal>, mut watcher: Watcher) -> Option<(Event, Watcher)> {
    if watcher.ended {
        // The browser closes the stream; until then nothing is to be said.
        return std::future::pending().await;
    }
    loop {
        let workspace = portal.workspaces.get(&watcher.pass.grant.owner, &watcher.id);
        let Some(workspace) = workspace.filter(|it| !opens(it, &watcher.pass)) else {
            watcher.ended = true;
            return Some((live::reload(), watcher));
        };
        let progress = progress(&workspace).into_string();
        if progress != watcher.sent {
            watcher.sent.clone_from(&progress);
            return Some((live::part(&progress), watcher));
        }
        watcher.changes.next().await;
    }
}

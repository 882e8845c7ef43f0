//! The portal against a real API server, a certified issuer and a real browser; only the sidecar is ours.
//!
//! Each case is somebody of its own, so cases do not see each other's workspaces.

use std::{future::Future, pin::Pin, process::ExitCode, sync::Arc};

use anyhow::Result;
use libtest_mimic::{Arguments, Failed, Trial};
use support::stage::Stage;

mod browser;
mod cross_site;
mod git_host;
mod gitea;
mod live;
mod opening;
mod program;
mod sign_in;
mod support;
mod workspaces;

type Case = fn(Arc<Stage>) -> Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// Names of cases are sentences.
macro_rules! cases {
    ($($module:ident :: { $($case:ident),* $(,)? })*) => {
        &[$($((concat!(stringify!($module), "::", stringify!($case)), |stage| Box::pin($module::$case(stage)))),*),*]
    };
}

const CASES: &[(&str, Case)] = cases! {
    sign_in::{
        somebody_signs_in_and_out,
        sign_out_everywhere_ends_every_session_on_every_replica,
        forged_and_expired_sessions_are_nobodys,
        an_answer_to_nobodys_sign_in_is_refused,
    }
    workspaces::{
        one_is_created_stopped_and_deleted,
        a_taken_name_is_made_unique,
        somebody_elses_does_not_exist,
        what_another_manager_declares_is_not_edited,
        a_form_says_what_is_wrong,
        pages_stay_small,
    }
    live::{
        the_list_changes_by_itself,
        a_stopped_workspace_starts_at_the_first_visit,
        a_visit_wakes_a_workspace_whoever_declares_it,
        a_failure_says_why,
        an_editor_waits_for_its_repository,
        a_visit_waits_a_moment_for_an_editor_that_is_about_to_be_there,
        a_clone_that_failed_keeps_nobody_out,
    }
    opening::{
        a_connection_that_was_idle_for_too_long_costs_no_request,
        requests_sockets_and_streams_reach_the_pod,
        a_code_works_once_on_one_origin,
        a_pass_opens_one_workspace,
        a_pass_ends_with_its_session,
        a_sidecar_that_cannot_prove_itself_gets_nothing,
        a_renewed_certificate_is_used_without_a_restart,
        sign_out_cuts_open_sockets,
        a_workspace_cannot_take_over_our_cookies,
        a_template_without_an_editor_says_so,
    }
    cross_site::{
        forms_of_other_sites_are_refused,
        sockets_of_other_sites_are_refused,
        pages_refuse_to_be_embedded,
    }
    git_host::{
        requests_sockets_and_streams_reach_it,
        our_session_is_nothing_there,
    }
    gitea::{
        somebody_signs_in_with_the_regions_gitea,
        git_clones_and_pushes_with_a_password,
    }
    program::{it_serves_until_it_is_asked_to_go_and_logs_no_secrets}
    browser::{
        a_person_signs_in_creates_watches_and_opens,
        the_git_host_is_another_origin,
        pages_fit_their_window_by_day_and_by_night,
    }
};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let Ok(runtime) = tokio::runtime::Runtime::new() else { return ExitCode::FAILURE };
    if arguments.list {
        return libtest_mimic::run(&arguments, trials(|| unreachable!("listing runs nothing"))).exit_code();
    }
    let stage = match runtime.block_on(Stage::start()) {
        Ok(stage) => Arc::new(stage),
        Err(error) => {
            eprintln!("{error:?}");
            return ExitCode::FAILURE;
        }
    };
    let handle = runtime.handle().clone();
    let shared = stage.clone();
    let run = move || (handle.clone(), shared.clone());
    let conclusion = libtest_mimic::run(&arguments, trials(run));
    drop(stage);
    conclusion.exit_code()
}

fn trials(run: impl Fn() -> (tokio::runtime::Handle, Arc<Stage>) + Clone + Send + 'static) -> Vec<Trial> {
    let trial = |(name, case): &(&'static str, Case)| {
        let (run, case) = (run.clone(), *case);
        Trial::test(*name, move || {
            let (handle, stage) = run();
            handle.block_on(case(stage)).map_err(|error| Failed::from(format!("{error:?}")))
        })
    };
    CASES.iter().map(trial).collect()
}

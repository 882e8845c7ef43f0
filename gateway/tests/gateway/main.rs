//! The gateway, as its pod runs it and with the rights that it has, against a real API server, a real Gitea and a real
//! Git. There are no nodes: pods do not run, but their tokens are what the API server makes for them.
//!
//! Each case is somebody of its own, so cases do not see each other's repositories.

use std::{future::Future, pin::Pin, process::ExitCode, sync::Arc};

use anyhow::Result;
use libtest_mimic::{Arguments, Failed, Trial};
use support::stage::Stage;

mod accounts;
mod gone;
mod program;
mod refused;
mod repositories;
mod support;

type Case = fn(Arc<Stage>) -> Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// Names of cases are sentences.
macro_rules! cases {
    ($($module:ident :: { $($case:ident),* $(,)? })*) => {
        &[$($((concat!(stringify!($module), "::", stringify!($case)), |stage| Box::pin($module::$case(stage)))),*),*]
    };
}

const CASES: &[(&str, Case)] = cases! {
    repositories::{
        somebody_clones_pushes_and_pulls_and_the_push_is_theirs,
        a_large_push_streams_through,
        a_renamed_repository_is_followed,
        a_repository_is_not_made_by_a_push,
        somebody_elses_private_repository_is_not_there,
    }
    accounts::{
        a_declared_name_is_the_user_of_that_name,
        somebody_without_a_user_gets_one,
        replicas_that_meet_somebody_at_once_make_one_user,
        whoever_comes_while_the_users_are_read_waits_for_no_second_time,
        a_user_named_like_somebodys_id_is_not_that_person,
        a_disabled_user_gets_nothing,
    }
    refused::{
        tokens_that_are_not_for_the_gateway,
        a_pod_that_is_nobodys,
        whatever_is_not_smart_http,
        headers_that_would_mean_something_to_gitea,
    }
    gone::{
        a_deleted_pod_is_locked_out,
        a_pod_that_is_being_deleted_is_locked_out,
        a_stream_ends_with_its_pod,
    }
    program::{
        a_git_host_that_is_down_is_said_to_be_and_comes_back,
        a_replica_makes_its_tokens_anew_and_another_one_its_own,
        a_gateway_that_has_not_read_all_pods_is_not_ready,
        nothing_secret_is_logged,
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
    if conclusion.has_failed() {
        let log = stage.gateway.log().unwrap_or_default();
        let ours = log.lines().filter(|line| !line.contains(r#""target":"hyper"#));
        eprintln!("--- the gateway's log:\n{}", ours.collect::<Vec<_>>().join("\n"));
    }
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

//! Everything on a real cluster, from the first command of the README to its removal: real Terraform, API
//! server, kubelet, containerd, Gitea and Chromium. One cluster carries all cases: those that disturb each other in
//! turn, others beside each other.
//!
//! `E2E_DEMO=demo` runs cases on a demo that is there already, as while one writes them; it is left running.

use std::{process::ExitCode, sync::Arc};

use anyhow::{Result, ensure};
use libtest_mimic::{Arguments, Trial};
use neuralinverse_tests::Demo;

mod attack;
mod browser;
mod door;
mod git;
mod in_order;
mod lost_node;
mod objects;
mod quickstart;
mod upgrade;

use in_order::{Case, Track, in_order};

/// The cases by their own names, so that none is listed under another's.
macro_rules! cases {
    ($($module:ident :: { $($case:ident),* $(,)? })*) => {
        &[$($((concat!(stringify!($module), "::", stringify!($case)), $module::$case)),*),*]
    };
}

/// Tracks of one stage run beside each other; the next stage begins when they have ended.
const STAGES: &[&[Track]] = &[
    &[cases! {
        quickstart::{
            the_demo_ends_with_a_workspace_that_has_its_repository,
            a_second_plan_is_empty,
            the_demo_can_be_run_twice,
            a_tier_reaches_the_pod,
            the_users_container_is_restricted_and_holds_no_token,
            a_workspace_takes_a_warm_pod_and_the_pool_is_refilled,
            a_warm_launch_takes_at_most_five_writes,
        }
    }],
    &[
        cases! {
            quickstart::{
                an_empty_pool_means_a_cold_start,
                stopping_by_terraform_keeps_the_volume,
                a_deleted_pod_comes_back_with_the_same_volume,
                a_larger_tier_reaches_the_running_pod_in_place,
                a_repository_that_cannot_be_cloned_is_reported_and_recovers,
                a_missing_tier_is_reported_and_recovers,
                a_deleted_workspace_leaves_no_pod_and_its_volume_for_a_time,
            }
            door::{
                a_neighbour_finds_one_port_and_nothing_behind_it,
                a_neighbours_sidecar_is_not_the_portal,
                the_gateway_wants_a_token_and_localhost_is_all_else_that_listens,
                a_deleted_pods_token_opens_nothing_any_more,
            }
            attack::{
                the_api_server_tells_and_does_nothing,
                the_kubelet_and_the_nodes_programs_tell_nothing,
                the_controller_and_gitea_want_somebody_they_know,
                other_owners_volumes_are_not_there_and_cannot_be_brought,
                neither_rights_nor_processes_lead_out_of_the_container,
            }
        },
        cases! {
            browser::{
                somebody_signs_in_and_sees_nothing_of_others,
                a_workspace_is_created_and_its_editor_is_there,
                a_file_is_edited_and_a_command_runs_in_the_terminal,
                its_environment_reaches_terminals_and_tasks_also_when_it_changes,
            }
            git::{
                a_commit_is_pushed_from_the_terminal_as_its_author,
                what_is_private_to_others_cannot_be_cloned,
                no_credential_is_in_the_users_container,
            }
            browser::{
                the_memory_of_one_client_is_measured,
                it_is_stopped_and_comes_back_with_its_files,
                it_stops_when_nobody_uses_it_but_not_under_a_command_and_wakes_at_a_visit,
                sign_out_everywhere_ends_an_editor_that_is_open,
            }
        },
    ],
    // What restarts programs that all others need.
    &[cases! {
        quickstart::{workspaces_launch_while_the_controller_is_killed}
        upgrade::{
            another_release_takes_over_and_no_workspace_restarts,
            and_back_again,
        }
        lost_node::{a_workspace_whose_node_dies_starts_elsewhere_and_its_volume_is_kept}
        quickstart::{destroy_is_refused_while_somebody_elses_workspaces_exist}
    }],
];

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    let wanted =
        |(name, _): &&Case| arguments.filter.as_ref().is_none_or(|filter| name.contains(filter.as_str()));
    let stages = STAGES.iter().map(|tracks| {
        tracks
            .iter()
            .map(|track| track.iter().filter(wanted).copied().collect::<Vec<_>>())
            .collect::<Vec<_>>()
    });
    let stages: Vec<_> = stages.collect();
    let count = stages.iter().flatten().map(Vec::len).sum();
    if arguments.list || count == 0 {
        let all = STAGES.iter().flat_map(|tracks| tracks.iter().flat_map(|track| track.iter()));
        let trials = all.map(|(name, _)| Trial::test(*name, || Ok(()))).collect();
        return libtest_mimic::run(&arguments, trials).exit_code();
    }
    let demo = match Demo::up("e2e", 18080) {
        Ok(demo) => Arc::new(demo),
        Err(error) => {
            eprintln!("the demo did not come up: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    // Each has a thread, in which it waits until those before it have ended.
    arguments.test_threads = Some(count);
    let conclusion = libtest_mimic::run(&arguments, in_order(&stages, &demo));
    if conclusion.has_failed() && std::env::var_os("KEEP").is_some() {
        eprintln!("kept for a look: DEMO=e2e make demo-down removes it");
        return conclusion.exit_code();
    }
    match demo.down().and_then(|()| if demo.is_borrowed() { Ok(()) } else { nothing_is_left() }) {
        Ok(()) => conclusion.exit_code(),
        Err(error) => {
            eprintln!("the demo left something behind: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn nothing_is_left() -> Result<()> {
    let mounts = std::fs::read_to_string("/proc/mounts")?;
    ensure!(!mounts.contains("/e2e/"), "mounts: {mounts}");
    let processes = std::process::Command::new("pgrep").args(["-af", "/e2e/"]).output()?;
    let processes = String::from_utf8_lossy(&processes.stdout).into_owned();
    ensure!(!processes.contains("containerd") && !processes.contains("kubelet"), "processes: {processes}");
    Ok(())
}

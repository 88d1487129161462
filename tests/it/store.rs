//! The store: one suite of cases, run on a SQLite file each, and all of them on one Postgres with a database each.

mod audit;
pub mod bed;
mod commands;
mod coordination;
mod http;
mod incidents;
mod model_replies;
mod opening;
mod queue;
mod recording;

use bed::{Bed, Case};

use crate::{auth::idempotency, support::postgres::Postgres};

/// Makes the list of cases, and a test on SQLite of each.
macro_rules! suite {
    ($($module:ident :: $case:ident,)+) => {
        const SUITE: &[(&str, Case)] = &[$((concat!(stringify!($module), "::", stringify!($case)), |bed| Box::pin($module::$case(bed))),)+];

        mod sqlite {
            $(#[tokio::test]
            async fn $case() {
                super::$module::$case(super::Bed::sqlite().await).await;
            })+
        }
    };
}

suite! {
    audit::an_act_is_begun_and_completed,
    audit::the_log_refuses_to_be_changed,
    audit::a_changed_row_is_found,
    audit::a_missing_row_is_found,
    audit::retention_leaves_a_chain_that_can_be_verified,
    audit::many_writers_make_one_chain,
    audit::a_process_killed_in_an_act_leaves_it_unfinished,
    coordination::a_lease_has_one_holder,
    coordination::a_claim_is_granted_once,
    coordination::a_flag_is_what_was_set_last,
    coordination::budgets_are_spent_together_or_not_at_all,
    coordination::the_same_proposal_waits_once,
    coordination::an_approval_works_once,
    coordination::an_expired_proposal_cannot_be_approved,
    coordination::a_remediation_goes_its_way,
    incidents::the_same_trouble_is_one_incident,
    incidents::two_writers_open_one_incident,
    incidents::what_comes_together_is_recorded_as_one_by_one,
    incidents::trouble_that_comes_back_soon_is_the_same_incident,
    incidents::severity_is_the_highest_that_was_seen,
    incidents::a_healthy_look_is_told_and_resolves_nothing,
    incidents::statuses_only_advance,
    incidents::lists_are_filtered,
    incidents::pages_are_stable_while_incidents_come,
    incidents::figures_are_those_counted_by_hand,
    incidents::old_incidents_are_forgotten_and_open_ones_are_not,
    incidents::a_flood_of_diagnoses_is_bounded,
    model_replies::a_reply_is_known_until_its_time_is_over,
    model_replies::the_newest_are_kept_within_bounds,
    opening::migrations_run_once,
    opening::a_newer_schema_is_refused,
    opening::many_processes_open_an_empty_store_at_once,
    idempotency::answers_are_kept_for_a_day,
    idempotency::replicas_know_of_each_other,
    queue::alerts_come_out_in_order_and_once,
    queue::two_takers_never_get_the_same_alert,
    queue::the_same_alert_waits_once,
    queue::a_full_queue_takes_all_or_none,
    queue::alerts_of_one_cause_go_to_one_worker,
    queue::what_a_stopping_worker_hands_back_was_not_tried,
    queue::a_lost_alert_waits_again_and_is_given_up_in_the_end,
}

#[test]
fn the_suite_holds_on_postgres() {
    let Some(postgres) = Postgres::start() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let mut failed = Vec::new();
    for (number, (name, case)) in SUITE.iter().enumerate() {
        let url = postgres.url(&format!("case{number}"));
        let admin = postgres.url("postgres");
        let run = runtime.block_on(async {
            bed::execute(&admin, &format!("CREATE DATABASE case{number}")).await.expect("a database can be made");
            let bed = Bed::open(url).await;
            tokio::spawn(case(bed)).await
        });
        if run.is_err() {
            failed.push(*name);
        }
    }
    assert!(failed.is_empty(), "failed on Postgres: {failed:?}");
}

#[test]
fn a_database_that_is_not_there_stops_the_start_and_a_server_that_is_not_does_not() {
    let Some(postgres) = Postgres::start() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let url = postgres.url("nothing");
    let error = runtime.block_on(bed::try_open(&url)).expect_err("no such database");
    assert!(matches!(error, faultline::incidents::OpenError::Refused(_)), "{error:?}");
    drop(postgres);
    let error = runtime.block_on(bed::try_open(&url)).expect_err("no server");
    assert!(matches!(error, faultline::incidents::OpenError::Unavailable(_)), "{error:?}");
}

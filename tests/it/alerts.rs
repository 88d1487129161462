//! Alerts from Alertmanager: taken at once, diagnosed once for each cause, counted, and ended.

mod bed;
mod causes;
mod ends;
mod guesses;
mod intake;
mod lasting;
mod secrets;
mod storm;

use std::{future::Future, pin::Pin};

use bed::Alerting;

use crate::{
    store::bed::{self as store_bed, Bed},
    support::postgres::Postgres,
};

type Case = fn(Alerting) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// Makes the list of cases, and a test on SQLite of each.
macro_rules! suite {
    ($($module:ident :: $case:ident,)+) => {
        const SUITE: &[(&str, Case)] = &[$((concat!(stringify!($module), "::", stringify!($case)), |bed| Box::pin($module::$case(bed))),)+];

        mod sqlite {
            $(#[tokio::test]
            async fn $case() {
                let alerting = super::Alerting::on(crate::store::bed::Bed::sqlite().await);
                super::$module::$case(alerting).await;
            })+
        }
    };
}

suite! {
    causes::a_storm_of_one_cause_is_one_diagnosis,
    causes::each_cause_is_diagnosed_once,
    causes::alerts_of_one_group_about_one_thing_are_one_cause,
    causes::a_repeat_is_counted_and_after_ten_minutes_diagnosed_again,
    causes::what_nobody_can_explain_is_an_incident_all_the_same,
    causes::an_alert_without_a_target_has_an_incident_of_its_own,
    ends::the_last_alert_that_ends_resolves_the_incident,
    ends::an_alert_that_ends_before_it_is_looked_at_is_told,
    ends::an_end_that_nobody_knows_changes_nothing,
    ends::what_comes_back_soon_is_the_same_incident,
    ends::an_alert_of_a_resolved_incident_opens_it_again,
    lasting::a_restart_loses_nothing,
    lasting::what_a_dead_worker_had_is_worked_off,
    lasting::a_round_that_is_dropped_is_given_back,
    lasting::what_kills_its_workers_has_an_incident_without_a_diagnosis,
    lasting::a_store_that_fails_halfway_counts_nothing_twice,
    lasting::two_workers_make_one_diagnosis_of_a_cause,
    storm::two_thousand_alerts_of_many_causes,
}

#[test]
fn the_suite_holds_on_postgres() {
    let Some(postgres) = Postgres::start() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let mut failed = Vec::new();
    for (number, (name, case)) in SUITE.iter().enumerate() {
        let run = runtime.block_on(async {
            let create = format!("CREATE DATABASE case{number}");
            store_bed::execute(&postgres.url("postgres"), &create).await.expect("a database can be made");
            let bed = Bed::open(postgres.url(&format!("case{number}"))).await;
            tokio::spawn(case(Alerting::on(bed))).await
        });
        if run.is_err() {
            failed.push(*name);
        }
    }
    assert!(failed.is_empty(), "failed on Postgres: {failed:?}");
}

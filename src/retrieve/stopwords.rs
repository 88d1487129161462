//! The words that say nothing about what is wrong: English function words, and the furniture of logs and alerts.

use std::collections::HashSet;
use std::sync::LazyLock;

/// Whether a lower-case word is too common to help a search.
pub fn is_stop_word(word: &str) -> bool {
    word.len() <= LONGEST && STOP_WORDS.contains(word)
}

const LONGEST: usize = 12;

static STOP_WORDS: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| ENGLISH.split_whitespace().chain(LOGS.split_whitespace()).collect());

const ENGLISH: &str = "a about above after again all also although always am an and another any anyone anything are
    aren as at be because been before being below between both but by can cannot could couldn did didn do does doesn doing
    don done during each either else etc even ever every few for from further get gets getting go goes going gone got had
    has hasn have haven having he hello help her here hers hi him his how however i if in into is isn it its itself just
    keep keeps last let like ll made make makes making many may maybe me might more most much must my need needs never next
    no nor not nothing now of off often on once one only or other others our out over own per please put quite rather re
    really said same saw say says see seem seems seen several she should shouldn since so some someone something soon still
    such take takes than thank thanks that the their them then there these they thing things think this those though
    three through to today together told too two under until up upon us use used uses using ve very via want wants was
    wasn way we well were weren what when where whether which while who whom whose why will with within without won would
    wouldn yes yesterday yet you your yours";

const LOGS: &str = "alert alertname alerts annotations app arg args caller com critical dashboard date debug default
    description example fatal firing func go grafana https http info io jan feb mar apr jun jul aug sep oct nov dec mon tue
    wed thu fri sat sun kubectl lang level line local log logger main message minute minutes hour hours second
    seconds ms msg name net org panel prod production question resolved runbook runbooks severity staging startsat summary
    svc test time timestamp trace ts url utc value warn warning www";

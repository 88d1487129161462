//! What else was said and seen, beside what findings quote: for a reader who may see more in it than the rules do.

use super::{
    Origin,
    catalogue::Catalogue,
    digest, evidence,
    line::Level,
    quote, said_place,
    seen::{of_fact, stamp_of},
    text::Text,
};
use crate::domain::{
    evidence::{Evidence, Source},
    fact::{Fact, Scope, Weight},
    redact::scrub::Clean,
    text::CleanText,
};

/// Lines of the texts of a request.
const MOST_SAID: usize = 30;
/// Facts of a scope.
const MOST_FACTS: usize = 40;
/// Last lines of each log, and logs.
const LAST_LINES: usize = 12;
const MOST_LOGS: usize = 4;

/// The lines of the texts that are loudest, in their order. Ids are the caller's to give.
pub fn said(catalogue: &Catalogue, said: &[(Origin, &CleanText)], quoted: &[Evidence]) -> Vec<Evidence> {
    let mut text = Text::default();
    for (origin, raw) in said {
        digest::read(&mut text, *origin, raw, catalogue.gate());
    }
    text.finish();
    let lines = text.lines();
    let mut chosen: Vec<usize> = (0..lines.len()).filter(|&index| !text.line_str(&lines[index]).trim().is_empty()).collect();
    // The loudest first, and of equally loud ones the last.
    chosen.sort_by_key(|&index| (std::cmp::Reverse(loudness(lines[index].level)), std::cmp::Reverse(index)));
    chosen.truncate(MOST_SAID);
    chosen.sort_unstable();
    let evidence = chosen.into_iter().map(|index| evidence(&text, index, lines[index].start, 0, &said_place));
    evidence.filter(|one| is_new(one, quoted)).collect()
}

fn loudness(level: Level) -> u8 {
    match level {
        Level::Fatal | Level::Error => 2,
        Level::Warning | Level::Unsaid => 1,
        Level::Info | Level::Debug => 0,
    }
}

/// Facts, troubles first, and the last lines of logs. Ids are the caller's to give.
pub fn seen(scope: &Clean<Scope>, quoted: &[Evidence]) -> Vec<Evidence> {
    let rank = |fact: &&Fact| match fact.weight {
        Weight::Message | Weight::Trouble => 0_u8,
        Weight::Context => 1,
    };
    let mut facts: Vec<&Fact> = scope.facts.iter().collect();
    facts.sort_by_key(rank);
    let facts = facts.into_iter().take(MOST_FACTS).map(of_fact);
    let logs = scope.logs.iter().take(MOST_LOGS).flat_map(|tail| {
        let lines: Vec<&str> = tail.text.lines().collect();
        let first = lines.len().saturating_sub(LAST_LINES);
        let place = tail.place();
        lines[first..]
            .iter()
            .zip(first + 1..)
            .filter(|(line, _)| !line.trim().is_empty())
            .map(|(line, number)| Evidence {
                id: String::new(),
                source: Source::Logs,
                object: format!("{place} line {number}"),
                text: CleanText::derived(quote(line, 0)),
                observed_at: stamp_of(line),
            })
            .collect::<Vec<_>>()
    });
    facts.chain(logs).filter(|one| is_new(one, quoted)).collect()
}

fn is_new(one: &Evidence, quoted: &[Evidence]) -> bool {
    // A quoted log line has lost its stamp.
    !quoted.iter().any(|known| known.object == one.object && (known.text == one.text || one.text.ends_with(known.text.as_str())))
}

//! What was seen: facts and logs of one scope, together with what was said, to findings with evidence.
//!
//! The same rules over three kinds of lines: status facts (only the fact patterns count), messages of controllers and runtimes
//! (the wordings count as well, without asking whether they only mention a fault), and logs (as pasted logs are read).

use std::collections::HashMap;

use jiff::Timestamp;

use super::{
    Cited, Classification, Origin, Reading,
    catalogue::Catalogue,
    digest, excerpt, generic, parameters,
    rank::{self, Candidate, Hit},
    roles, said_place,
    text::{Line, Text},
    unknown_finding,
};
use crate::domain::{
    evidence::{Evidence, Gap, Source},
    fact::{Fact, LogTail, Scope, Weight},
    finding::Role,
    parameters::Parameters,
    redact::scrub::Clean,
    text::CleanText,
};

/// A line of a running container's log this old says nothing about now.
const STALE_LOG_SECONDS: i64 = 3600;
/// Last lines of a log that tell most of an end.
const LAST_WORDS_LINES: u32 = 14;
/// What a wording in the log of a healthy-looking container has to reach to accuse it.
const CALM_CONFIDENCE: f32 = 0.8;
/// The same where the complaint is about behaviour.
const COMPLAINT_CONFIDENCE: f32 = 0.6;
/// Lines before a decisive one that are asked for names.
const LINES_BEFORE: usize = 3;
/// Last lines of a log quoted together where none of them reports an error.
const LAST_LINES_QUOTED: usize = 3;
/// Sentences of what was seen in one explanation.
const MOST_NOTES: usize = 6;
/// Names that the cluster knows better than any text.
const IDENTITY: [&str; 12] = [
    "namespace",
    "pod",
    "workload",
    "deployment",
    "statefulset",
    "daemonset",
    "job",
    "cronjob",
    "hpa",
    "service",
    "ingress",
    "node",
];

/// What else decides how a scope is read.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    pub catalogue: &'a Catalogue,
    /// Time of what was seen.
    pub now: Timestamp,
    /// The complaint is about errors, slowness or refusals.
    pub is_about_behaviour: bool,
}

/// Classifies one scope. `said` are texts of the request that report a fault; leave them out where they do not.
pub fn classify(reader: Reader<'_>, said: &[(Origin, &CleanText)], scope: &Clean<Scope>) -> Classification {
    let catalogue = reader.catalogue;
    let mut text = Text::default();
    for (number, fact) in scope.facts.iter().enumerate().filter(|(_, fact)| fact.is_trouble()) {
        text.push_fact(number, &fact.text);
    }
    text.finish();
    // The facts come first, so that their offsets are the same in the whole text.
    let facts = catalogue.sees().matches(&text);
    let mut gaps = Vec::new();
    let tails = scope.logs.iter().enumerate().map(|(number, tail)| (Origin::LogTail(number), tail.text.as_str()));
    for (origin, raw) in said.iter().map(|(origin, text)| (*origin, text.as_str())).chain(tails) {
        if digest::read(&mut text, origin, raw, catalogue.gate()) {
            let why = "more different lines than can be weighed; the first and the last of them were read";
            gaps.push(Gap::new("classify", origin.as_str(), why));
        }
    }
    text.finish();
    let has_trouble = scope.has_trouble();
    let lengths: Vec<u32> = scope.logs.iter().map(|tail| u32::try_from(tail.text.lines().count()).unwrap_or(u32::MAX)).collect();
    let weigh = |line: &Line, confidence: f32| match line.origin {
        Origin::Fact(number) => (scope.facts[number].weight == Weight::Message).then_some(confidence.min(0.95)),
        // The cluster outranks what somebody says of it.
        Origin::ErrorMessage | Origin::Logs => Some(if has_trouble { confidence - 0.06 } else { confidence }),
        Origin::LogTail(number) => {
            let tail = &scope.logs[number];
            let is_near_end = line.number + LAST_WORDS_LINES > lengths[number];
            if tail.is_last_words {
                return Some(if is_near_end { confidence + 0.03 } else { confidence - 0.03 });
            }
            let is_stale =
                stamp(tail, line.number).is_some_and(|time| reader.now.as_second() - time.as_second() > STALE_LOG_SECONDS);
            let least = if reader.is_about_behaviour { COMPLAINT_CONFIDENCE } else { CALM_CONFIDENCE };
            (!is_stale && (has_trouble || confidence >= least)).then_some(confidence)
        }
    };
    let ranking = rank::rank_seen(catalogue, &text, &facts, &weigh);
    let seen = Words { reader, scope, text: &text };
    if ranking.root.as_ref().is_some_and(|root| seen.is_refuted(root)) {
        let mut calm = seen.calm(gaps);
        calm.notes.insert(0, "What was reported is not seen now: it is over, or it was never of this object.".to_owned());
        return calm;
    }
    if ranking.root.is_some() {
        return seen.known(&roles(&ranking), gaps);
    }
    if let Some(trouble) = scope.facts.iter().position(Fact::is_trouble) {
        return seen.unknown(trouble, gaps);
    }
    seen.calm(gaps)
}

/// The RFC 3339 stamp before line `number` of a log, where it has one.
fn stamp(tail: &LogTail, number: u32) -> Option<Timestamp> {
    stamp_of(tail.text.lines().nth(usize::try_from(number).ok()?.checked_sub(1)?)?)
}

/// The RFC 3339 stamp that a line begins with, where it has one.
pub(super) fn stamp_of(line: &str) -> Option<Timestamp> {
    line.split_whitespace().next()?.parse().ok()
}

struct Words<'a> {
    reader: Reader<'a>,
    scope: &'a Scope,
    text: &'a Text,
}

impl Words<'_> {
    fn place(&self, line: &Line) -> (Source, String) {
        match line.origin {
            Origin::Fact(number) => (self.scope.facts[number].source, self.scope.facts[number].object.to_string()),
            Origin::LogTail(number) => (Source::Logs, format!("{} line {}", self.scope.logs[number].place(), line.number)),
            Origin::ErrorMessage | Origin::Logs => said_place(line),
        }
    }

    fn time(&self, line: &Line) -> Option<Timestamp> {
        match line.origin {
            Origin::Fact(number) => self.scope.facts[number].observed_at,
            Origin::LogTail(number) => stamp(&self.scope.logs[number], line.number),
            Origin::ErrorMessage | Origin::Logs => None,
        }
    }

    /// A state that was only said, of an object that was looked at and is well.
    fn is_refuted(&self, root: &Candidate) -> bool {
        let is_only_said =
            root.hits.iter().all(|hit| matches!(self.text.lines()[hit.line].origin, Origin::ErrorMessage | Origin::Logs));
        let rule = &self.reader.catalogue.rules()[root.rule];
        // What is over, but still shows in a last state, may well be what was meant.
        let shows = |fact: &Fact| rule.facts.iter().any(|pattern| pattern.regex().is_match(fact.text.as_bytes()));
        is_only_said && rule.in_status && self.scope.is_seen && !self.scope.has_trouble() && !self.scope.facts.iter().any(shows)
    }

    fn known(&self, roles: &[(Role, &Candidate)], gaps: Vec<Gap>) -> Classification {
        let catalogue = self.reader.catalogue;
        let mut cited = Cited::of(self.text, roles, &|line| self.place(line));
        for (evidence, line) in cited.evidence.iter_mut().zip(&cited.lines) {
            evidence.observed_at = self.time(&self.text.lines()[*line]);
        }
        let mut findings = cited.findings(catalogue, roles);
        let root = roles[0].1;
        let mut parameters = self.parameters(root, roles);
        let mut evidence = std::mem::take(&mut cited.evidence);
        let is_bare = catalogue.rules()[root.rule].symptom || root.hits.iter().all(|hit| hit.is_seen);
        if is_bare && let Some(words) = self.last_words(&parameters) {
            parameters.offer("last_words", &words.text);
            cite(&mut evidence, &mut findings[0].evidence, words);
        }
        let tells_itself = catalogue.rules()[root.rule].playbook.root_cause.contains("last_words");
        let mut notes: Vec<String> =
            self.quoted(root, parameters.get("last_words").filter(|_| !tells_itself)).into_iter().collect();
        let mut add = |fact: &Fact, evidence: &mut Vec<Evidence>, cited: &mut Vec<String>| {
            let Some(note) = &fact.note else { return };
            if notes.len() < MOST_NOTES && !notes.contains(note) {
                notes.push(note.clone());
                if !fact.is_trouble() {
                    cite(evidence, cited, of_fact(fact));
                }
            }
        };
        // First what the root itself rests on, then what stands around it.
        let rests_on =
            |fact: &&Fact| root.hits.iter().any(|hit| self.fact_of(hit).is_some_and(|other| std::ptr::eq(other, *fact)));
        for fact in self.scope.facts.iter().filter(rests_on) {
            add(fact, &mut evidence, &mut findings[0].evidence);
        }
        for fact in self.scope.facts.iter().filter(|fact| !rests_on(fact)) {
            add(fact, &mut evidence, &mut findings[0].evidence);
        }
        let excerpt = excerpt(self.text, &cited.lines);
        Classification { findings, evidence, parameters, excerpt, notes, gaps, ..Classification::of(Reading::Known) }
    }

    fn unknown(&self, trouble: usize, gaps: Vec<Gap>) -> Classification {
        let mut evidence = Vec::new();
        let mut cited = Vec::new();
        let mut parameters = self.scope.parameters.clone();
        if let Some(words) = self.last_words(&parameters) {
            parameters.offer("last_words", &words.text);
            cite(&mut evidence, &mut cited, words);
        }
        cite(&mut evidence, &mut cited, of_fact(&self.scope.facts[trouble]));
        let notes = self.scope.facts.iter().filter_map(|fact| fact.note.clone()).take(MOST_NOTES).collect();
        Classification {
            findings: vec![unknown_finding(cited)],
            excerpt: evidence.iter().map(|one| one.text.as_str()).collect::<Vec<_>>().join("\n"),
            evidence,
            parameters,
            notes,
            gaps,
            ..Classification::of(Reading::UnknownError)
        }
    }

    /// Nothing in status, events and logs is wrong.
    fn calm(&self, gaps: Vec<Gap>) -> Classification {
        let reading = if self.scope.is_seen { Reading::Healthy } else { Reading::NoError { mentions_faults: false } };
        let mut evidence = Vec::new();
        let mut ids = Vec::new();
        for fact in self.scope.facts.iter().filter(|fact| fact.text.contains("ready") || fact.note.is_some()).take(4) {
            cite(&mut evidence, &mut ids, of_fact(fact));
        }
        let notes = self.scope.facts.iter().filter_map(|fact| fact.note.clone()).take(MOST_NOTES).collect();
        let parameters = self.scope.parameters.clone();
        Classification { evidence, parameters, notes, gaps, ..Classification::of(reading) }
    }

    fn fact_of(&self, hit: &Hit) -> Option<&Fact> {
        match self.text.lines()[hit.line].origin {
            Origin::Fact(number) => Some(&self.scope.facts[number]),
            Origin::ErrorMessage | Origin::Logs | Origin::LogTail(_) => None,
        }
    }

    /// Live names first, then what the root's own lines say, then the rest of what the cluster told.
    fn parameters(&self, root: &Candidate, roles: &[(Role, &Candidate)]) -> Parameters {
        let catalogue = self.reader.catalogue;
        let mut found = Parameters::default();
        for name in IDENTITY {
            if let Some(value) = self.scope.parameters.get(name) {
                found.offer(name, value);
            }
        }
        let others = roles.iter().skip(1).filter_map(|(_, candidate)| candidate.hits.first());
        for hit in root.hits.iter().chain(others) {
            let set = if hit.is_seen { catalogue.sees() } else { catalogue.says() };
            for (name, value) in set.captures(self.text, hit.matched) {
                parameters::offer(&mut found, &name, value);
            }
            for (name, value) in self.fact_of(hit).iter().flat_map(|fact| fact.parameters.iter()) {
                found.offer(name, value);
            }
        }
        for (name, value) in self.scope.parameters.iter() {
            found.offer(name, value);
        }
        for (name, value) in self.scope.facts.iter().flat_map(|fact| fact.parameters.iter()) {
            found.offer(name, value);
        }
        // Hosts, ports and files that only the decisive lines name, or those just before them.
        let mut decisive = Text::default();
        for hit in &root.hits {
            decisive.push_fact(0, self.text.line_str(&self.text.lines()[hit.line]));
        }
        for hit in &root.hits {
            let lines = self.text.lines();
            let before =
                lines[..hit.line].iter().rev().take(LINES_BEFORE).take_while(|line| line.origin == lines[hit.line].origin);
            before.for_each(|line| decisive.push_fact(0, self.text.line_str(line)));
        }
        decisive.finish();
        parameters::extract(&decisive, &mut found);
        found
    }

    /// The decisive words themselves, where they are a program's or a controller's own.
    fn quoted(&self, root: &Candidate, last_words: Option<&str>) -> Option<String> {
        let is_word = |hit: &&Hit| match self.text.lines()[hit.line].origin {
            Origin::LogTail(_) => true,
            Origin::Fact(number) => {
                let fact = &self.scope.facts[number];
                fact.weight == Weight::Message
                    || [" condition ", " event ", " phase "].iter().any(|kind| fact.text.contains(kind))
            }
            Origin::ErrorMessage | Origin::Logs => false,
        };
        let Some(hit) = root.hits.iter().find(is_word) else {
            return last_words.map(|words| format!("Its last words are: \"{words}\"."));
        };
        let line = &self.text.lines()[hit.line];
        let words = super::quote(self.text.line_str(line), hit.matched.start - line.start);
        Some(match line.origin {
            Origin::LogTail(number) => format!("The log of container {} says: \"{words}\".", self.scope.logs[number].container),
            Origin::Fact(_) | Origin::ErrorMessage | Origin::Logs => format!("Kubernetes reports: \"{words}\"."),
        })
    }

    /// The line with which the container ended: the last that reports an error, else the last few together.
    fn last_words(&self, parameters: &Parameters) -> Option<Evidence> {
        let of_container = |tail: &&LogTail| parameters.get("container").is_none_or(|container| container == tail.container);
        let tails = self.scope.logs.iter().filter(|tail| tail.is_last_words);
        let tail = tails.clone().find(of_container).or_else(|| tails.clone().next())?;
        let mut text = Text::default();
        digest::read(&mut text, Origin::Logs, &tail.text, self.reader.catalogue.gate());
        text.finish();
        let place = |line: &Line| (Source::Logs, format!("{} line {}", tail.place(), line.number));
        if let Some(index) = generic::last_error_line(&text) {
            let line = &text.lines()[index];
            let evidence = super::evidence(&text, index, line.start, 0, &place);
            return Some(Evidence { observed_at: stamp(tail, line.number), ..evidence });
        }
        let spoken: Vec<&Line> = text.lines().iter().filter(|line| !text.line_str(line).trim().is_empty()).collect();
        let last = spoken.last()?;
        let few: Vec<&str> =
            spoken[spoken.len().saturating_sub(LAST_LINES_QUOTED)..].iter().map(|line| text.line_str(line).trim()).collect();
        Some(Evidence {
            id: String::new(),
            source: Source::Logs,
            object: place(last).1,
            text: CleanText::derived(super::quote(&few.join(" / "), 0)),
            observed_at: stamp(tail, last.number),
        })
    }
}

/// A fact as evidence that has no id yet.
pub(super) fn of_fact(fact: &Fact) -> Evidence {
    Evidence {
        id: String::new(),
        source: fact.source,
        object: fact.object.to_string(),
        text: CleanText::derived(super::quote(&fact.text, 0)),
        observed_at: fact.observed_at,
    }
}

/// Adds an evidence unless it is there already, and cites it.
fn cite(all: &mut Vec<Evidence>, cited: &mut Vec<String>, new: Evidence) {
    let known = all.iter().find(|one| one.object == new.object && one.text == new.text).map(|one| one.id.clone());
    let id = known.unwrap_or_else(|| {
        let id = format!("e{}", all.len() + 1);
        all.push(Evidence { id: id.clone(), ..new });
        id
    });
    if !cited.contains(&id) {
        cited.push(id);
    }
}

/// Puts the findings of a neighbour that is the cause before those of the scope that suffers from it.
pub fn caused_by(suffering: Classification, cause: Classification) -> Classification {
    let mut evidence = cause.evidence;
    let mut renamed: HashMap<String, String> = HashMap::new();
    for one in suffering.evidence {
        let id = format!("e{}", evidence.len() + 1);
        renamed.insert(one.id.clone(), id.clone());
        evidence.push(Evidence { id, ..one });
    }
    let mut findings = cause.findings;
    for mut finding in suffering.findings {
        if findings.iter().any(|known| known.category == finding.category && known.role != Role::RootCause) {
            continue;
        }
        finding.role = Role::Symptom;
        finding.evidence = finding.evidence.iter().filter_map(|id| renamed.get(id).cloned()).collect();
        findings.push(finding);
    }
    let mut gaps = cause.gaps;
    gaps.extend(suffering.gaps);
    let excerpt = format!("{}\n{}", cause.excerpt, suffering.excerpt);
    Classification { findings, evidence, excerpt, gaps, ..cause }
}

/// Adds context facts, such as that a service does not exist, to the root's evidence and to the explanation.
pub fn add_context(found: &mut Classification, facts: &Clean<Vec<Fact>>) {
    for fact in facts.iter().filter(|fact| fact.note.is_some()) {
        if let (Some(root), Some(note)) = (found.findings.first_mut(), &fact.note) {
            cite(&mut found.evidence, &mut root.evidence, of_fact(fact));
            found.notes.insert(0, note.clone());
        }
        for (name, value) in fact.parameters.iter() {
            found.parameters.offer(name, value);
        }
    }
}

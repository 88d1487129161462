//! A model's reply held against the case, by code: what it cites exists, what it claims was seen, what it proposes is no
//! riskier than it says. What fails is struck, and said.

use super::{
    brief::Brief,
    claims::Known,
    prompt::Prompt,
    reply::{Proposed, Reply},
};
use crate::domain::{
    advice::{FixCommand, Proposer},
    symptom::CategoryId,
    text::is_hidden,
    verdict::{RiskLevel, Verdict},
};

/// What a command is, computed by the guard.
#[derive(Clone, Debug)]
pub struct Assessed {
    pub verdict: Verdict,
    /// Names it speaks of. `None` = it is not one plain command.
    pub names: Option<Vec<String>>,
    /// Names left to be filled in.
    pub placeholders: Vec<String>,
}

/// What is left of a reply.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checked {
    /// `None` = it names none that exists.
    pub category: Option<CategoryId>,
    /// `None` = it was struck.
    pub root_cause: Option<String>,
    pub explanation: String,
    /// Capped where nothing supports the cause.
    pub confidence: f32,
    /// Ids that the cause follows from; all exist.
    pub evidence: Vec<String>,
    pub commands: Vec<FixCommand>,
    pub prevention: Vec<String>,
    /// Runbooks, by their file.
    pub runbooks: Vec<String>,
    pub struck: Vec<String>,
}

impl Checked {
    pub fn is_supported(&self) -> bool {
        !self.evidence.is_empty() && self.root_cause.is_some()
    }
}

/// The most that a cause without evidence is worth.
pub const UNSUPPORTED_CONFIDENCE: f32 = 0.3;
/// The most that anything a model says by itself is worth.
const MODEL_CONFIDENCE: f32 = 0.9;

const MOST_COMMANDS: usize = 5;
const MOST_TIPS: usize = 3;
const MOST_CITED: usize = 8;
const MOST_STRUCK: usize = 12;
const CAUSE_CHARS: usize = 400;
const EXPLANATION_CHARS: usize = 1200;
const DESCRIPTION_CHARS: usize = 240;
const TIP_CHARS: usize = 300;
const COMMAND_BYTES: usize = 400;
/// A stretch of the instructions this long in a reply was copied from them.
const COPIED_CHARS: usize = 48;

/// Checks `reply` against the case it is about. `assess` computes what a command is.
pub fn check(reply: Reply, brief: &Brief<'_>, prompt: &Prompt, assess: &dyn Fn(&str) -> Assessed) -> Checked {
    let names = brief.evidence().flat_map(|one| [one.text.as_str(), one.object.as_str()]);
    let values = brief.parameters.iter().map(|(_, value)| value);
    let rules = brief.commands().iter().map(|command| command.command.as_str()).chain([brief.answer.root_cause.as_str()]);
    let seen = brief.said.iter().copied().chain(names).chain(values).chain(brief.target.iter().map(String::as_str)).chain(rules);
    let read = brief.answer.runbook_passages.iter().flat_map(|passage| [passage.excerpt.as_str(), passage.runbook.as_str()]);
    let case =
        Case { known: Known::new(seen, read, brief.parameters.get("restarts")), instructions: normal(&prompt.system), brief };
    let mut struck = Struck(Vec::new());
    let evidence = case.cited(&reply.evidence, "cause", &mut struck);
    let root_cause = Some(case.prose(&reply.root_cause, CAUSE_CHARS, &mut struck)).filter(|cause| !cause.is_empty());
    let is_supported = !evidence.is_empty() && root_cause.is_some();
    let category = brief.categories.iter().find(|known| known.as_str().eq_ignore_ascii_case(reply.error_category.trim()));
    if category.is_none() && !reply.error_category.trim().is_empty() {
        struck.add("category: it is none of the categories");
    }
    if !is_supported {
        struck.add("confidence: the cause cites no evidence of this answer");
    }
    Checked {
        category: category.map(|id| (*id).clone()),
        explanation: case.prose(&reply.explanation, EXPLANATION_CHARS, &mut struck),
        confidence: reply.confidence.min(if is_supported { MODEL_CONFIDENCE } else { UNSUPPORTED_CONFIDENCE }),
        evidence,
        root_cause,
        commands: case.commands(reply.fix_commands, assess, &mut struck),
        prevention: reply
            .prevention_tips
            .iter()
            .take(MOST_TIPS)
            .map(|tip| case.prose(tip, TIP_CHARS, &mut struck))
            .filter(|tip| !tip.is_empty())
            .collect(),
        runbooks: case.runbooks(&reply.runbooks, &mut struck),
        struck: struck.0,
    }
}

/// What was taken out and why: bounded, and never in the model's own words.
struct Struck(Vec<String>);

impl Struck {
    fn add(&mut self, what: impl Into<String>) {
        let what = what.into();
        if self.0.len() < MOST_STRUCK && !self.0.contains(&what) {
            self.0.push(what);
        }
    }
}

struct Case<'a> {
    known: Known,
    instructions: String,
    brief: &'a Brief<'a>,
}

impl Case<'_> {
    fn has_evidence(&self, id: &str) -> bool {
        self.brief.evidence().any(|one| one.id == id)
    }

    fn cited(&self, ids: &[String], what: &str, struck: &mut Struck) -> Vec<String> {
        let mut known: Vec<String> = Vec::new();
        for id in ids.iter().map(|id| id.trim()) {
            if !self.has_evidence(id) {
                struck.add(format!("{what}: cites evidence that does not exist"));
            } else if !known.iter().any(|one| one == id) && known.len() < MOST_CITED {
                known.push(id.to_owned());
            }
        }
        known
    }

    fn runbooks(&self, ids: &[String], struck: &mut Struck) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for id in ids.iter().take(MOST_CITED) {
            match self.brief.passages().find(|(known, _)| known == id.trim()) {
                Some((_, passage)) if !found.contains(&passage.runbook) => found.push(passage.runbook.clone()),
                Some(_) => {}
                None => struck.add("runbooks: cites a passage that does not exist"),
            }
        }
        found
    }

    /// Sentences that stand, as plain text on one line.
    fn prose(&self, text: &str, most_chars: usize, struck: &mut Struck) -> String {
        let text = plain(text);
        let mut kept = String::new();
        for sentence in sentences(&text) {
            if let Some(why) = self.objection(sentence) {
                struck.add(format!("a sentence: {why}"));
                continue;
            }
            if kept.chars().count() + sentence.chars().count() + 1 > most_chars {
                if kept.is_empty() {
                    kept.extend(sentence.chars().take(most_chars.saturating_sub(4)));
                    kept.push_str(" ...");
                }
                break;
            }
            if !kept.is_empty() {
                kept.push(' ');
            }
            kept.push_str(sentence);
        }
        kept
    }

    fn objection(&self, sentence: &str) -> Option<String> {
        let normal = normal(sentence);
        if normal.contains("system prompt") || copies(&normal, &self.instructions) {
            return Some("repeats the instructions".to_owned());
        }
        if MARKUP.iter().any(|mark| sentence.to_lowercase().contains(mark)) {
            return Some("holds a link or markup".to_owned());
        }
        self.known.contradicts(sentence)
    }

    fn commands(&self, proposed: Vec<Proposed>, assess: &dyn Fn(&str) -> Assessed, struck: &mut Struck) -> Vec<FixCommand> {
        let mut commands: Vec<FixCommand> = Vec::new();
        for one in proposed {
            if commands.len() == MOST_COMMANDS {
                struck.add("a command: more than five");
                break;
            }
            match self.command(&one, assess, struck) {
                Ok(command) if !commands.iter().any(|known| known.command == command.command) => commands.push(command),
                Ok(_) => {}
                Err(why) => struck.add(format!("a command: {why}")),
            }
        }
        commands
    }

    fn command(&self, proposed: &Proposed, assess: &dyn Fn(&str) -> Assessed, struck: &mut Struck) -> Result<FixCommand, String> {
        let command = proposed.command.trim();
        if command.is_empty() || command.len() > COMMAND_BYTES {
            return Err("is empty, or longer than a command".to_owned());
        }
        if !command.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
            return Err("holds line ends, or characters that look like others".to_owned());
        }
        if copies(&normal(command), &self.instructions) {
            return Err("repeats the instructions".to_owned());
        }
        let Assessed { verdict, names, placeholders } = assess(command);
        if verdict.risk == RiskLevel::High && LEAKS.iter().any(|reason| verdict.reason.contains(reason)) {
            return Err(verdict.reason.to_owned());
        }
        // One that is no plain command may hide any name in any word.
        let named = names.clone().unwrap_or_else(|| addresses(command));
        if let Some(unseen) = named.iter().find(|name| !self.known.has(name)) {
            return Err(format!("names {}, which was not seen", plain(unseen).chars().take(60).collect::<String>()));
        }
        let claimed = RiskLevel::from(proposed.risk_level);
        let (risk, reason) = match verdict.risk {
            computed if computed == RiskLevel::High || names.is_none() => {
                (RiskLevel::High, format!("for a person to judge: {}", verdict.reason))
            }
            RiskLevel::Medium if brings_in(command) => {
                (RiskLevel::High, "for a person to judge: brings in what comes from elsewhere".to_owned())
            }
            computed if claimed > computed => (claimed, format!("{}; the model calls it riskier", verdict.reason)),
            computed => (computed, verdict.reason.to_owned()),
        };
        let description = self.prose(&proposed.description, DESCRIPTION_CHARS, struck);
        Ok(FixCommand {
            command: command.to_owned(),
            description: if description.is_empty() { "Proposed by the model".to_owned() } else { description },
            risk_level: risk,
            risk_reason: reason,
            reversible: verdict.reversible && names.is_some(),
            placeholders,
            evidence: self.cited(&proposed.evidence, "a command", struck),
            source: Proposer::Model,
            remediation_id: None,
        })
    }
}

/// Reasons of the guard for which a model's command is not even shown.
const LEAKS: [&str; 4] = ["secret", "credential", "another server or as another user", "fetches"];

/// What makes a text more than a text where it is shown.
const MARKUP: [&str; 8] = ["](", "<a ", "<img", "<script", "<iframe", "javascript:", "data:text", "data:image"];

/// Whether a command names an image, a chart or a file of some server: whose, no evidence can tell.
fn brings_in(command: &str) -> bool {
    let is_from_elsewhere = |word: &str| {
        let value = word.rsplit_once('=').map_or(word, |(_, value)| value);
        value.contains("://") || value.split_once('/').is_some_and(|(host, _)| host.contains('.'))
    };
    command.split(' ').any(is_from_elsewhere)
}

/// Hosts and addresses in any text of a command.
fn addresses(command: &str) -> Vec<String> {
    let words = command.split(|c: char| c.is_whitespace() || "|;&<>()`'\"=,".contains(c));
    let is_address = |word: &&str| {
        word.contains("://") || word.contains("/dev/tcp/") || word.matches('.').count() >= 1 && !word.starts_with(['.', '/', '-'])
    };
    words.filter(is_address).map(|word| word.trim_matches('/').to_owned()).collect()
}

/// Text on one line, without control characters and hidden ones.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars().filter(|character| !is_hidden(*character)) {
        if !(character.is_control() || character.is_whitespace()) {
            out.push(character);
        } else if !out.ends_with(' ') {
            out.push(' ');
        }
    }
    out.trim().to_owned()
}

/// Sentences with their ends. A dot inside a name or a number ends none.
fn sentences(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        let is_end = matches!(byte, b'.' | b'!' | b'?') && bytes.get(at + 1).is_none_or(|next| *next == b' ');
        if is_end {
            found.push(text[start..=at].trim());
            start = at + 1;
        }
    }
    found.push(text[start..].trim());
    found.retain(|sentence| !sentence.is_empty());
    found
}

/// Letters and digits in lower case with single blanks between.
fn normal(text: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Whether a long stretch of `text` stands in `instructions`. Both are [`normal`].
fn copies(text: &str, instructions: &str) -> bool {
    let starts: Vec<usize> = std::iter::once(0).chain(text.match_indices(' ').map(|(at, _)| at + 1)).collect();
    starts.iter().any(|&start| {
        let end = text.floor_char_boundary(start + COPIED_CHARS);
        end - start >= COPIED_CHARS - 3 && instructions.contains(&text[start..end])
    })
}

//! What a collector saw, as one canonical line that rules match and people read.

use jiff::Timestamp;

use super::{evidence::Source, object::ObjectRef, parameters::Parameters};

/// One thing seen in a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    pub source: Source,
    pub object: ObjectRef,
    /// `container app last terminated: OOMKilled exit=137`: begins with what it is about; one line.
    pub text: String,
    /// When it happened, where that is known.
    pub observed_at: Option<Timestamp>,
    pub weight: Weight,
    /// A sentence for the explanation; `None` = the line says it all.
    pub note: Option<String>,
    /// Names and numbers that come with it.
    pub parameters: Parameters,
}

/// What a fact is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// True and fine: quoted where it helps, never a fault by itself.
    Context,
    /// A state that the fact patterns of the rules decide on.
    Trouble,
    /// Trouble in the words of a program or a controller: the wordings of the rules count as well.
    Message,
}

impl Fact {
    pub fn new(source: Source, object: &ObjectRef, weight: Weight, text: impl Into<String>) -> Self {
        Self {
            source,
            object: object.clone(),
            text: one_line(&text.into()),
            observed_at: None,
            weight,
            note: None,
            parameters: Parameters::default(),
        }
    }

    pub fn at(self, time: Option<Timestamp>) -> Self {
        Self { observed_at: time, ..self }
    }

    pub fn note(self, sentence: impl Into<String>) -> Self {
        Self { note: Some(sentence.into()), ..self }
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.parameters.offer(name, value);
        self
    }

    pub fn is_trouble(&self) -> bool {
        self.weight != Weight::Context
    }
}

/// Longest fact.
const MAX_BYTES: usize = 1200;

fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(MAX_BYTES));
    for word in text.split_whitespace() {
        if line.len() + word.len() > MAX_BYTES {
            line.push_str(" ...");
            break;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// The end of a container's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogTail {
    pub object: ObjectRef,
    pub container: String,
    pub run: Run,
    /// Lines with an RFC 3339 stamp before each.
    pub text: String,
    /// The container ended badly after these lines: its last words are about that.
    pub is_last_words: bool,
}

/// Which life of a container a log is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    Current,
    Previous,
}

impl LogTail {
    /// `pod/shop/api-0 app (previous)`, as evidence names it.
    pub fn place(&self) -> String {
        let previous = if self.run == Run::Previous { " (previous)" } else { "" };
        format!("{} {}{previous}", self.object, self.container)
    }
}

/// All that was seen of one thing and what belongs to it: a workload with its pods, a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    pub subject: ObjectRef,
    pub facts: Vec<Fact>,
    pub logs: Vec<LogTail>,
    /// Live names and numbers, for the words of the answer and its commands.
    pub parameters: Parameters,
    /// True when enough was seen to call it healthy where no trouble is found.
    pub is_seen: bool,
}

impl Scope {
    pub fn new(subject: ObjectRef) -> Self {
        Self { subject, facts: Vec::new(), logs: Vec::new(), parameters: Parameters::default(), is_seen: false }
    }

    /// Takes in what was seen of something that belongs to it.
    pub fn merge(&mut self, part: Scope) {
        self.facts.extend(part.facts);
        self.logs.extend(part.logs);
        for (name, value) in part.parameters.iter() {
            self.parameters.offer(name, value);
        }
    }

    /// Each fact once, in the order in which they were seen.
    pub fn tidy(&mut self) {
        let mut known: Vec<(ObjectRef, String)> = Vec::new();
        self.facts.retain(|fact| {
            let key = (fact.object.clone(), fact.text.clone());
            let is_new = !known.contains(&key);
            if is_new {
                known.push(key);
            }
            is_new
        });
    }

    pub fn has_trouble(&self) -> bool {
        self.facts.iter().any(Fact::is_trouble)
    }
}

//! What was seen, made clean as a whole: only then it can be classified.

use std::ops::Deref;

use super::Redaction;
use crate::domain::{
    evidence::Gap,
    fact::{Fact, LogTail, Scope},
    health::NodeHealth,
    parameters::Parameters,
    target::Target,
};

impl Clean<Scope> {
    /// Its facts by themselves.
    pub fn facts(&self) -> Clean<Vec<Fact>> {
        Clean(self.0.facts.clone())
    }
}

/// Something whose foreign texts can be cleaned in place.
pub trait Scrub {
    fn scrub(&mut self, session: &mut Redaction);
}

/// A thing whose texts were cleaned. It can be read, and taken out to be changed and cleaned again.
#[derive(Clone, Debug)]
pub struct Clean<T>(T);

impl<T> Clean<T> {
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Clean<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl Redaction {
    /// Cleans every text of `thing`.
    pub fn seal<T: Scrub>(&mut self, mut thing: T) -> Clean<T> {
        thing.scrub(self);
        Clean(thing)
    }

    /// The text as it may stay where it is.
    fn in_place(&mut self, text: &mut String) {
        let clean = self.clean(text);
        if clean != text.as_str() {
            *text = clean.into_string();
        }
    }
}

impl<T: Scrub> Scrub for Vec<T> {
    fn scrub(&mut self, session: &mut Redaction) {
        for one in self {
            one.scrub(session);
        }
    }
}

impl<T: Scrub> Scrub for Option<T> {
    fn scrub(&mut self, session: &mut Redaction) {
        if let Some(one) = self {
            one.scrub(session);
        }
    }
}

impl Scrub for String {
    fn scrub(&mut self, session: &mut Redaction) {
        session.in_place(self);
    }
}

impl Scrub for Gap {
    fn scrub(&mut self, session: &mut Redaction) {
        self.what.scrub(session);
        self.why.scrub(session);
    }
}

impl Scrub for Parameters {
    fn scrub(&mut self, session: &mut Redaction) {
        // With its name before it, a value tells more.
        let mut clean = Parameters::default();
        for (name, value) in self.iter() {
            clean.offer(name, &session.clean(value));
        }
        *self = clean;
    }
}

impl Scrub for Fact {
    fn scrub(&mut self, session: &mut Redaction) {
        self.text.scrub(session);
        self.note.scrub(session);
        self.parameters.scrub(session);
    }
}

impl Scrub for LogTail {
    fn scrub(&mut self, session: &mut Redaction) {
        self.text.scrub(session);
    }
}

impl Scrub for Scope {
    fn scrub(&mut self, session: &mut Redaction) {
        self.facts.scrub(session);
        self.logs.scrub(session);
        self.parameters.scrub(session);
    }
}

impl Scrub for NodeHealth {
    fn scrub(&mut self, session: &mut Redaction) {
        for condition in &mut self.conditions {
            condition.reason.scrub(session);
        }
    }
}

impl Scrub for Target {
    fn scrub(&mut self, session: &mut Redaction) {
        let Target { kind, name, namespace, label_selector, pod, deployment, container } = self;
        for text in [kind, name, namespace, label_selector, pod, deployment, container] {
            text.scrub(session);
        }
    }
}

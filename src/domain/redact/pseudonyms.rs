//! Stand-ins for names before a text goes to a model, and the names back in what it answers.

use std::{collections::HashMap, fmt::Write as _, net::Ipv6Addr, sync::LazyLock};

use regex::{Captures, Regex};

/// What a name is of; decides how its stand-in looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NameKind {
    Pod,
    Host,
    Node,
    Address,
}

/// The stand-ins of one request: the same name always has the same, numbered by first appearance.
#[derive(Clone, Debug, Default)]
pub struct Pseudonyms {
    /// Names to be hidden, the longest first.
    names: Vec<(NameKind, String)>,
    stand_ins: HashMap<String, String>,
    real: HashMap<String, String>,
    counts: HashMap<NameKind, usize>,
}

/// Addresses, host names with a dot and a known ending, and pods by the endings that controllers give them.
static NAMES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?P<v4>\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b)",
        r"|(?P<v6>(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4})",
        r"|(?P<host>\b(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+(?:internal|local|svc|com|net|org|io|dev|cloud|lan|corp|example|test)\b)",
        r"|(?P<pod>\b[a-z][a-z0-9-]*-[a-f0-9]{8,10}-[a-z0-9]{5}\b)",
    ))
    .ok()
});
static STAND_IN: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\b(?:pod|host|node)-x\d+\b|\b192\.0\.2\.\d+(?:-\d+)?\b").ok());

impl Pseudonyms {
    /// With names that are known; further ones are found by their form.
    pub fn new<'a>(names: impl Iterator<Item = (NameKind, &'a str)>) -> Self {
        let mut names: Vec<(NameKind, String)> =
            names.filter(|(_, name)| name.len() > 2).map(|(kind, name)| (kind, name.to_owned())).collect();
        names.sort_by(|a, b| b.1.len().cmp(&a.1.len()).then_with(|| a.cmp(b)));
        names.dedup();
        Self { names, ..Self::default() }
    }

    /// The text with stand-ins: `pod-x1`, `host-x1`, `node-x1`, `192.0.2.1`.
    pub fn hide(&mut self, text: &str) -> String {
        // What already looks like a stand-in gets one as well, or it could not be told from ours.
        let hidden = match STAND_IN.as_ref() {
            Some(regex) => {
                regex.replace_all(text, |found: &Captures<'_>| self.stand_in(kind_of(&found[0]), &found[0])).into_owned()
            }
            None => return String::new(),
        };
        let mut pieces = Pieces::of(hidden, &self.real);
        for (kind, name) in &std::mem::take(&mut self.names) {
            pieces.each(|piece| whole_words(piece, name).map(|range| (range, self.stand_in(*kind, name))).collect());
            self.names.push((*kind, name.clone()));
        }
        let Some(regex) = NAMES.as_ref() else { return String::new() };
        pieces.each(|piece| {
            let found = regex.captures_iter(piece).filter_map(|found| {
                let whole = found.get(0)?;
                let kind = if found.name("host").is_some() {
                    NameKind::Host
                } else if found.name("pod").is_some() {
                    NameKind::Pod
                } else {
                    NameKind::Address
                };
                let stands_alone = |byte: Option<&u8>| !byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b':');
                let bytes = piece.as_bytes();
                let is_whole = stands_alone(bytes[..whole.start()].last()) && stands_alone(bytes.get(whole.end()));
                let is_address = || whole.as_str().parse::<Ipv6Addr>().is_ok() && whole.len() > 2;
                let is_meant = found.name("v6").is_none() || is_whole && is_address();
                is_meant.then(|| (whole.range(), self.stand_in(kind, whole.as_str())))
            });
            found.collect()
        });
        pieces.joined()
    }

    /// The text with the names back in place of their stand-ins.
    pub fn restore(&self, text: &str) -> String {
        let Some(regex) = STAND_IN.as_ref() else { return text.to_owned() };
        regex
            .replace_all(text, |found: &Captures<'_>| self.real.get(&found[0]).map_or(&found[0], String::as_str).to_owned())
            .into_owned()
    }

    fn stand_in(&mut self, kind: NameKind, name: &str) -> String {
        if let Some(known) = self.stand_ins.get(name) {
            return known.clone();
        }
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        let number = *count;
        let stand_in = match kind {
            NameKind::Pod => format!("pod-x{number}"),
            NameKind::Host => format!("host-x{number}"),
            NameKind::Node => format!("node-x{number}"),
            // Addresses that are kept for examples; there are 254 of them.
            NameKind::Address => {
                let mut address = format!("192.0.2.{}", (number - 1) % 254 + 1);
                if number > 254 {
                    _ = write!(address, "-{}", (number - 1) / 254);
                }
                address
            }
        };
        self.stand_ins.insert(name.to_owned(), stand_in.clone());
        self.real.insert(stand_in.clone(), name.to_owned());
        stand_in
    }
}

fn kind_of(stand_in: &str) -> NameKind {
    match stand_in.as_bytes()[0] {
        b'p' => NameKind::Pod,
        b'h' => NameKind::Host,
        b'n' => NameKind::Node,
        _ => NameKind::Address,
    }
}

/// Where `name` stands as a word of its own.
fn whole_words<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = std::ops::Range<usize>> + 'a {
    let is_of_name = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    text.match_indices(name).map(move |(at, _)| at..at + name.len()).filter(move |range| {
        let bytes = text.as_bytes();
        let before = range.start.checked_sub(1).and_then(|at| bytes.get(at));
        !is_of_name(before) && !is_of_name(bytes.get(range.end))
    })
}

/// A text in pieces: stand-ins that are final, and what is still to be looked at.
struct Pieces(Vec<(bool, String)>);

impl Pieces {
    /// Stand-ins that are in the text are final from the beginning.
    fn of(text: String, real: &HashMap<String, String>) -> Self {
        let mut pieces = Self(vec![(false, text)]);
        if let Some(regex) = STAND_IN.as_ref() {
            pieces.each(|piece| {
                let found = regex.find_iter(piece).filter(|found| real.contains_key(found.as_str()));
                found.map(|found| (found.range(), found.as_str().to_owned())).collect()
            });
        }
        pieces
    }

    /// Puts what `find` names in place, in pieces that are not final.
    fn each(&mut self, mut find: impl FnMut(&str) -> Vec<(std::ops::Range<usize>, String)>) {
        let mut pieces = Vec::with_capacity(self.0.len());
        for (is_final, piece) in std::mem::take(&mut self.0) {
            if is_final {
                pieces.push((true, piece));
                continue;
            }
            let mut at = 0;
            for (range, stand_in) in find(&piece) {
                pieces.push((false, piece[at..range.start].to_owned()));
                pieces.push((true, stand_in));
                at = range.end;
            }
            pieces.push((false, piece[at..].to_owned()));
        }
        self.0 = pieces;
    }

    fn joined(self) -> String {
        self.0.into_iter().map(|(_, piece)| piece).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{NameKind, Pseudonyms};
    use proptest::prelude::*;

    #[test]
    fn names_are_hidden_and_come_back() {
        let mut names = Pseudonyms::new([(NameKind::Node, "worker-7"), (NameKind::Pod, "db-0")].into_iter());
        let text = "pod api-7d9f8b6c5-xk4jn on worker-7 (10.1.2.3, fe80::1) cannot reach db.shop.svc or db-0; api-7d9f8b6c5-xk4jn again, pod-x1 too";
        let hidden = names.hide(text);
        assert_eq!(
            hidden,
            "pod pod-x3 on node-x1 (192.0.2.1, 192.0.2.2) cannot reach host-x1 or pod-x2; pod-x3 again, pod-x1 too"
        );
        assert_eq!(names.restore(&hidden), text);
        assert_eq!(names.restore("kubectl logs pod-x2, not pod-x9"), "kubectl logs db-0, not pod-x9");
    }

    proptest! {
        #[test]
        fn what_is_hidden_is_restored(text in r"(?:(?:[a-z:. ]{0,6}|10\.0\.0\.[0-9]|pod-x[0-9]|192\.0\.2\.[0-9]|api-[a-f0-9]{9}-[a-z0-9]{5}|db-0|worker-7|fe80::[0-9]|[a-z]{1,5}\.com)[ ,;()\n]){0,12}") {
            let mut names = Pseudonyms::new([(NameKind::Node, "worker-7"), (NameKind::Pod, "db-0")].into_iter());
            let hidden = names.hide(&text);
            prop_assert_eq!(names.restore(&hidden), text);
        }
    }
}

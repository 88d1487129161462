//! The arguments of a command told apart: words, flags, and what follows `--`.

/// How a program reads its flags.
#[derive(Clone, Copy, Debug)]
pub struct Grammar {
    pub dashes: Dashes,
    /// Flags whose value may be the next word, with spaces between.
    pub valued: &'static str,
    /// Flags of `valued` that take no value after this first word.
    pub except: &'static [(&'static str, &'static str)],
}

/// What one dash starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dashes {
    /// `-it` is `-i -t`, and `-nshop` is `-n shop`.
    Letters,
    /// `-lock-timeout` is one flag.
    Words,
}

/// Flags without a value that may stand before a sub-command.
const SWITCHES: &str = "-4 -6 -br -A --all-namespaces --debug --no-color --no-pager --no-paginate --no-cli-pager --insecure-transport --grpc-web --core \
    --plaintext -q --quiet --silent --user --only-show-errors --no-legend";

#[derive(Debug)]
pub struct Line<'a> {
    pub words: Vec<&'a str>,
    pub flags: Vec<Flag<'a>>,
    /// What follows `--`. `None` = there is no `--`.
    pub rest: Option<&'a [String]>,
}

#[derive(Debug)]
pub struct Flag<'a> {
    /// With its dashes.
    pub name: String,
    /// `None` = none given.
    pub value: Option<&'a str>,
    /// False when the word after it could be its value, for all that is known.
    is_known: bool,
    /// Words before it.
    after: usize,
}

impl<'a> Line<'a> {
    pub fn parse(arguments: &'a [String], grammar: &Grammar) -> Self {
        let mut line = Self { words: Vec::new(), flags: Vec::new(), rest: None };
        let mut at = 0;
        while let Some(argument) = arguments.get(at) {
            at += 1;
            if argument == "--" {
                line.rest = Some(&arguments[at..]);
                break;
            }
            if !argument.starts_with('-') || argument == "-" {
                line.words.push(argument);
                continue;
            }
            let takes_next = if grammar.dashes == Dashes::Letters && !argument.starts_with("--") {
                line.push_letters(argument, grammar)
            } else {
                line.push_flag(argument, grammar)
            };
            if takes_next && let Some(value) = arguments.get(at) {
                at += 1;
                if let Some(flag) = line.flags.last_mut() {
                    flag.value = Some(value);
                }
            }
        }
        line
    }

    /// The value of the last flag of these names.
    pub fn value(&self, names: &[&str]) -> Option<&'a str> {
        self.flags.iter().rev().find(|flag| names.contains(&flag.name.as_str())).and_then(|flag| flag.value)
    }

    /// The values of all flags of these names.
    pub fn values(&self, names: &[&str]) -> impl Iterator<Item = &'a str> {
        self.flags.iter().filter(|flag| names.contains(&flag.name.as_str())).filter_map(|flag| flag.value)
    }

    pub fn has(&self, names: &[&str]) -> bool {
        self.flags.iter().any(|flag| names.contains(&flag.name.as_str()))
    }

    /// True when a flag that is not known stands before word `count`, whose value that word might be.
    pub fn is_unsure_before(&self, count: usize) -> bool {
        self.flags.iter().any(|flag| !flag.is_known && flag.after < count)
    }

    /// Whether the line fits `pattern`: the words it starts with, and flags it has anywhere.
    ///
    /// A part is a glob, or several with `|` between them. `**` stands for any words before the last of the sub-command; `$` for "and nothing
    /// else". A flag counts only where all flags of its name fit, so that a second one cannot take it back.
    pub fn fits(&self, pattern: &str) -> bool {
        let mut words = self.words.as_slice();
        pattern.split(' ').filter(|part| !part.is_empty()).all(|part| match part {
            "$" => words.is_empty() && self.flags.len() <= pattern.matches(" -").count() + usize::from(pattern.starts_with('-')),
            "**" => {
                let end = self.sub_command_len();
                words = &self.words[end.saturating_sub(1)..end];
                true
            }
            _ if part.starts_with('-') => self.has_fitting_flag(part),
            _ => {
                let Some((word, after)) = words.split_first() else { return false };
                words = after;
                part.split('|').any(|glob| fits_glob(glob, word))
            }
        })
    }

    /// Words before the first flag that follows a word.
    pub fn sub_command_len(&self) -> usize {
        self.flags.iter().map(|flag| flag.after).find(|after| *after > 0).unwrap_or(self.words.len())
    }

    fn has_fitting_flag(&self, part: &str) -> bool {
        let fits = |flag: &Flag| {
            let full = match flag.value {
                Some(value) => format!("{}={value}", flag.name),
                None => flag.name.clone(),
            };
            part.split('|').any(|glob| fits_glob(glob, &full))
        };
        self.flags.iter().any(|flag| fits(flag) && self.flags.iter().filter(|other| other.name == flag.name).all(fits))
    }

    /// Adds `--name`, `--name=value` or `-name`; true when its value is the next word.
    fn push_flag(&mut self, argument: &'a str, grammar: &Grammar) -> bool {
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (argument, None),
        };
        let is_valued = self.is_valued(name, grammar);
        let is_known = is_valued || value.is_some() || is_switch(name);
        self.flags.push(Flag { name: name.to_owned(), value, is_known, after: self.words.len() });
        is_valued && value.is_none()
    }

    /// Adds the letters of `-abc`; true when the value of the last is the next word.
    fn push_letters(&mut self, argument: &'a str, grammar: &Grammar) -> bool {
        for (at, letter) in argument.char_indices().skip(1) {
            let name = format!("-{letter}");
            let after = &argument[at + letter.len_utf8()..];
            let is_valued = self.is_valued(&name, grammar);
            let has_value = is_valued && !after.is_empty() || after.starts_with('=');
            let value = has_value.then(|| after.strip_prefix('=').unwrap_or(after));
            let is_known = is_valued || is_switch(&name);
            self.flags.push(Flag { name, value, is_known, after: self.words.len() });
            if is_valued || has_value {
                return value.is_none();
            }
        }
        false
    }

    fn is_valued(&self, name: &str, grammar: &Grammar) -> bool {
        let is_excepted = |first: &&str| grammar.except.contains(&(*first, name));
        grammar.valued.split(' ').any(|valued| valued == name) && !self.words.first().is_some_and(is_excepted)
    }
}

fn is_switch(name: &str) -> bool {
    SWITCHES.split(' ').any(|switch| switch == name)
}

/// `*` stands for any characters, as often as it stands there.
pub fn fits_glob(glob: &str, text: &str) -> bool {
    let Some((head, tail)) = glob.split_once('*') else { return glob == text };
    let Some(rest) = text.strip_prefix(head) else { return false };
    rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| fits_glob(tail, &rest[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRAMMAR: Grammar = Grammar { dashes: Dashes::Letters, valued: "-n -o -f --dry-run-reason", except: &[("logs", "-f")] };

    fn fits(arguments: &str, pattern: &str) -> bool {
        let words: Vec<String> = arguments.split(' ').map(str::to_owned).collect();
        Line::parse(&words, &GRAMMAR).fits(pattern)
    }

    #[test]
    fn flags_stand_anywhere_and_take_their_values() {
        assert!(fits("-n shop get pods -oyaml", "get pods -n=shop -o=yaml"));
        assert!(fits("logs -f pod", "logs pod -f"));
        assert!(fits("apply -f pod", "apply -f=pod"));
        assert!(fits("exec -itn shop x", "exec x -i -t -n=shop"));
        assert!(!fits("up --dry-run-reason --dry-run", "up --dry-run"));
        assert!(!fits("up --dry-run=server --dry-run=none", "up --dry-run=server"));
    }

    #[test]
    fn patterns_fit_words_in_order() {
        assert!(fits("ec2 describe-instances", "* describe-*|list-*"));
        assert!(!fits("ec2", "* describe-*"));
        assert!(fits("network vnet subnet list", "** list|show"));
        assert!(fits("network vnet list --vnet x", "** list|show"));
        assert!(!fits("network list delete", "** list|show"));
        assert!(!fits("network delete --vnet list", "** list|show"));
        assert!(fits("--version", "--version|-V $"));
        assert!(!fits("--version -e", "--version|-V $"));
        assert!(!fits("--version x", "--version|-V $"));
        assert!(fits_glob("*a*b*", "xxaxxbxx") && !fits_glob("*a*b", "xxaxxbxx"));
    }
}

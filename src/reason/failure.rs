//! Why a language model gave no answer that can be used.

use crate::net::{NetError, Secret};
use std::fmt;
use std::time::Duration;

/// What a provider says of it is quoted for people: on one line, at most [`MAX_QUOTE`] characters, without our key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The key is wrong, or may not use this model.
    Auth { said: String },
    /// No such model or address.
    NotFound { said: String },
    /// The provider does not accept the request as it is; the same request will not be accepted later.
    BadRequest { said: String },
    /// Too many requests or tokens in a short while. `None` = it does not say how long to wait.
    RateLimited { retry_after: Option<Duration>, said: String },
    /// What was paid for or is free is used up: waiting for seconds does not help.
    QuotaExhausted { said: String },
    /// The provider is in trouble of its own, or was left alone because it was. `None` = it does not say how long to wait.
    Overloaded { retry_after: Option<Duration>, said: String },
    /// No answer in time.
    Timeout,
    /// A filter of the provider stopped the question or the answer.
    Blocked { reason: String },
    /// The model declined to answer.
    Refused { text: String },
    /// The answer was cut off at its greatest number of tokens.
    Truncated,
    /// The answer is not what was asked for.
    InvalidOutput { why: String },
    /// The question or the answer is over a limit.
    TooLarge { said: String },
    /// The connection failed or broke off.
    Transport { said: String },
}

/// Characters of a provider's text that are shown.
pub const MAX_QUOTE: usize = 200;
/// Characters of a provider's text that are kept until it is cleaned; an error that names a field names it within these.
const MAX_KEPT: usize = 2000;
/// This many characters of a key in a row are as good as the key.
const TELLING: usize = 8;

impl Failure {
    /// For metrics and logs: a bounded set.
    pub fn label(&self) -> &'static str {
        match self {
            Failure::Auth { .. } => "auth",
            Failure::NotFound { .. } => "not_found",
            Failure::BadRequest { .. } => "bad_request",
            Failure::RateLimited { .. } => "rate_limited",
            Failure::QuotaExhausted { .. } => "quota_exhausted",
            Failure::Overloaded { .. } => "overloaded",
            Failure::Timeout => "timeout",
            Failure::Blocked { .. } => "blocked",
            Failure::Refused { .. } => "refused",
            Failure::Truncated => "truncated",
            Failure::InvalidOutput { .. } => "invalid_output",
            Failure::TooLarge { .. } => "too_large",
            Failure::Transport { .. } => "transport",
        }
    }

    /// Whether the same request may be answered by the same provider a little later.
    pub fn is_retryable(&self) -> bool {
        self.says_provider_is_down() || matches!(self, Failure::RateLimited { .. })
    }

    /// Whether it speaks against the provider as a whole, not against this request.
    pub fn says_provider_is_down(&self) -> bool {
        matches!(self, Failure::Overloaded { .. } | Failure::Timeout | Failure::Transport { .. })
    }

    /// How long the provider asks to be left alone. `None` = it does not say.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Failure::RateLimited { retry_after, .. } | Failure::Overloaded { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// For people: see [`MAX_QUOTE`].
    pub fn cleaned(mut self, key: Option<&Secret>) -> Failure {
        match &mut self {
            Failure::Auth { said: text }
            | Failure::NotFound { said: text }
            | Failure::BadRequest { said: text }
            | Failure::RateLimited { said: text, .. }
            | Failure::QuotaExhausted { said: text }
            | Failure::Overloaded { said: text, .. }
            | Failure::Blocked { reason: text }
            | Failure::Refused { text }
            | Failure::InvalidOutput { why: text }
            | Failure::TooLarge { said: text }
            | Failure::Transport { said: text } => *text = clean(text, key.map_or("", Secret::expose)),
            Failure::Timeout | Failure::Truncated => {}
        }
        self
    }
}

impl From<NetError> for Failure {
    fn from(error: NetError) -> Failure {
        match error {
            NetError::Timeout => Failure::Timeout,
            NetError::TooLarge(_) => Failure::TooLarge { said: error.to_string() },
            NetError::Client(_) | NetError::Unreachable(_) | NetError::Status { .. } | NetError::Nonsense(_) => {
                Failure::Transport { said: error.to_string() }
            }
        }
    }
}

/// One clause, as in "openai: its quota is used up".
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, said) = match self {
            Failure::Auth { said } => ("it does not accept the key", said.as_str()),
            Failure::NotFound { said } => ("it does not know the model or address", said.as_str()),
            Failure::BadRequest { said } => ("it does not accept the request", said.as_str()),
            Failure::RateLimited { said, .. } => ("its limit of requests is reached", said.as_str()),
            Failure::QuotaExhausted { said } => ("its quota is used up", said.as_str()),
            Failure::Overloaded { said, .. } => ("it is overloaded or in trouble", said.as_str()),
            Failure::Timeout => ("it gave no answer in time", ""),
            Failure::Blocked { reason } => ("its filter blocked the question or the answer", reason.as_str()),
            Failure::Refused { text } => ("the model declined to answer", text.as_str()),
            Failure::Truncated => ("the answer was cut off at its token limit", ""),
            Failure::InvalidOutput { why } => ("the answer is not what was asked for", why.as_str()),
            Failure::TooLarge { said } => ("the question or the answer is too large", said.as_str()),
            Failure::Transport { said } => ("it could not be reached", said.as_str()),
        };
        f.write_str(what)?;
        if said.is_empty() { Ok(()) } else { write!(f, " ({said})") }
    }
}

impl std::error::Error for Failure {}

/// What is kept of a text from elsewhere until [`Failure::cleaned`] makes it fit to be shown.
pub(super) fn kept(text: &str) -> String {
    text.chars().take(MAX_KEPT).collect()
}

fn clean(text: &str, key: &str) -> String {
    let text = without_key(text, key);
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_QUOTE - 1) {
        Some((at, last)) if at + last.len_utf8() < line.len() => format!("{}…", &line[..at]),
        Some(_) | None => line,
    }
}

/// Stars for the key and for every telling part of it.
fn without_key(text: &str, key: &str) -> String {
    // A shorter one ("-", "x") is what servers are given that want none.
    if key.len() < 4 {
        return text.to_owned();
    }
    let least = TELLING.min(key.len());
    let mut cleaned = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let longest = (0..=key.len() - least).map(|at| common(rest.as_bytes(), &key.as_bytes()[at..])).max().unwrap_or(0);
        if longest >= least {
            cleaned.push_str("***");
            rest = rest.get(longest..).unwrap_or_default();
        } else {
            cleaned.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    cleaned
}

/// Bytes that both begin with.
fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::{Failure, MAX_QUOTE};
    use crate::net::Secret;

    fn shown(said: &str, key: &str) -> String {
        let failure = Failure::Auth { said: said.to_owned() }.cleaned(Some(&Secret::new(key)));
        let Failure::Auth { said } = failure else { panic!("it stays what it is") };
        said
    }

    #[test]
    fn a_key_and_its_parts_are_starred() {
        let key = "sk-proj-0123456789abcdef";
        assert_eq!(shown(&format!("bad key {key}."), key), "bad key ***.");
        assert_eq!(shown("bad key sk-proj-0123...cdef", key), "bad key ***...cdef");
        assert_eq!(shown("ends with 89abcdef, ж", key), "ends with ***, ж");
        assert_eq!(shown("EMPTY is no key", "EMPTY"), "*** is no key");
        assert_eq!(shown("x is no key", "x"), "x is no key");
    }

    #[test]
    fn a_quote_is_one_bounded_line() {
        assert_eq!(shown("a\n\tb\u{7}\r\n c", ""), "a b c");
        let long = "ж".repeat(1000);
        assert_eq!(shown(&long, "").chars().count(), MAX_QUOTE);
        let fits = "ж".repeat(MAX_QUOTE);
        assert_eq!(shown(&fits, ""), fits);
    }

    #[test]
    fn a_key_at_the_cut_does_not_show_its_beginning() {
        let key = "sk-proj-0123456789abcdef";
        let said = shown(&format!("{}{key}", "x".repeat(MAX_QUOTE - 12)), key);
        assert!(!said.contains("sk-"), "{said}");
    }
}

//! Asks language models: one provider after the other, within a deadline and a budget of tokens.
//!
//! ```text
//! for each provider whose breaker lets requests through, at most 3 times:
//!    answered, and the check accepts it ──> the reply
//!    answered nonsense ──> one repair question in the whole request, else the next provider
//!    cut off           ──> once more with twice the tokens
//!    rejected a field  ──> once more without it
//!    busy or down      ──> once more after a pause, if there is time
//!    anything else     ──> the next provider
//! ```

pub use super::dialect::{Ask, Usage};
use super::dialect::{Quirks, json_within};
use super::failure::Failure;
use super::pace::Pace;
use super::provider::Provider;
use super::settings::LlmSettings;
use crate::net;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The configured models.
pub struct Providers {
    /// In the order in which they are asked.
    chain: Vec<Provider>,
    http: reqwest::Client,
    pace: Pace,
    settings: LlmSettings,
    observer: Option<Box<Observer>>,
}

type Observer = dyn Fn(&Observed) + Send + Sync;

/// An answer that the check accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply<T> {
    pub value: T,
    pub provider: &'static str,
    /// As the provider names it, else as it is configured.
    pub model: String,
    /// Of all attempts together, as the providers counted.
    pub usage: Usage,
    /// Requests sent, to all providers together.
    pub attempts: u32,
    /// From the question to this answer.
    pub latency: Duration,
    /// Why the model stopped, in the provider's word.
    pub finish: String,
}

/// Why there is no answer: the last failure of each provider, in the order in which they were asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    pub failures: Vec<(&'static str, Failure)>,
    pub usage: Usage,
}

pub type Outcome<T> = Result<Reply<T>, Failed>;

/// What one provider did for one question, for metrics. Every field but the figures is of a bounded set.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    pub provider: &'static str,
    /// As configured.
    pub model: String,
    /// "ok", or the label of its failure.
    pub outcome: &'static str,
    pub latency: Duration,
    pub usage: Usage,
    /// Zero where the breaker let nothing through.
    pub attempts: u32,
    /// In the currency of the prices. `None` = they are not set.
    pub cost: Option<f64>,
}

/// Requests to one provider for one question.
const ATTEMPTS: u32 = 3;
/// The answers to one question together may take this many times the tokens of one: an answer, one of twice the length
/// and a repaired one.
const BUDGET: u32 = 4;
/// An answer of fewer tokens is not worth asking for.
const LEAST_TOKENS: u32 = 64;
/// What of a reply that is to be repaired goes back to the model.
const MAX_REPAIRED_BYTES: usize = 8 << 10;
/// What of the check's complaint goes with it.
const MAX_COMPLAINT_BYTES: usize = 1 << 10;
/// Bytes per token, roughly, of English and JSON.
const BYTES_PER_TOKEN: usize = 4;

impl Failed {
    /// One sentence for people.
    pub fn reason(&self) -> String {
        let clauses: Vec<String> = self.failures.iter().map(|(provider, failure)| format!("{provider}: {failure}")).collect();
        format!("no language model answered ({})", clauses.join("; "))
    }

    /// How long to wait before asking again can help; the shortest of those who say. `None` = none does.
    pub fn retry_after(&self) -> Option<Duration> {
        self.failures.iter().filter_map(|(_, failure)| failure.retry_after()).min()
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason())
    }
}

impl std::error::Error for Failed {}

impl fmt::Debug for Providers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Providers").field("chain", &self.chain).finish_non_exhaustive()
    }
}

impl Providers {
    /// `None` = no model is configured. An error names the variable to mend.
    pub fn from_settings(settings: &LlmSettings) -> Result<Option<Providers>, String> {
        let configured = settings.configured()?;
        if configured.is_empty() {
            return Ok(None);
        }
        let http = net::direct_client(settings.timeout()).map_err(|error| error.to_string())?;
        let chain = configured.into_iter().map(|at| Provider::new(at, settings)).collect();
        Ok(Some(Providers { chain, http, pace: Pace::default(), settings: settings.clone(), observer: None }))
    }

    /// The same, telling `observer` what each provider did.
    pub fn observed_by(self, observer: impl Fn(&Observed) + Send + Sync + 'static) -> Providers {
        Providers { observer: Some(Box::new(observer)), ..self }
    }

    /// The same with pauses before further tries that begin at most with `base`.
    pub fn paced_from(self, base: Duration) -> Providers {
        Providers { pace: Pace::from_base(base), ..self }
    }

    /// Name of the provider and of its model, in the order in which they are asked.
    pub fn models(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.chain.iter().map(|provider| (provider.name(), provider.at.model.as_str()))
    }

    /// Asks until `check` accepts the JSON of an answer, or until there is nobody left to ask, no token left to spend, or no
    /// time. What `check` complains of goes back to the model, once. A dropped future sends nothing more.
    pub async fn ask<T>(
        &self,
        ask: &Ask<'_>,
        check: &(dyn Fn(&str) -> Result<T, String> + Sync),
        deadline: Instant,
    ) -> Outcome<T> {
        let mut run = Run::new(self.settings.llm_max_output_tokens);
        let mut failures = Vec::new();
        if let Err(failure) = self.fits(ask) {
            failures.extend(self.chain.first().map(|provider| (provider.name(), failure)));
            return Err(Failed { failures, usage: run.usage });
        }
        for (at, provider) in self.chain.iter().enumerate() {
            let (asked_at, before) = (Instant::now(), run.clone());
            let visit = Visit { provider, ask, check, deadline, is_last: at + 1 == self.chain.len() };
            let result = self.visit(visit, &mut run).await;
            let outcome = result.as_ref().map_or_else(Failure::label, |_| "ok");
            self.observe(provider, outcome, asked_at.elapsed(), &before, &run);
            match result {
                Ok(answer) => {
                    return Ok(Reply {
                        value: answer.value,
                        provider: provider.name(),
                        model: answer.model.unwrap_or_else(|| provider.at.model.clone()),
                        usage: run.usage,
                        attempts: run.attempts,
                        latency: run.started.elapsed(),
                        finish: answer.finish,
                    });
                }
                Err(failure) => {
                    // What was said may quote the prompt: it goes to whoever asked, not to the log.
                    tracing::warn!(
                        provider = provider.name(),
                        "error.type" = outcome,
                        "the model of {} gave no answer",
                        provider.name()
                    );
                    failures.push((provider.name(), failure.cleaned(provider.at.key.as_ref())));
                }
            }
            if Instant::now() >= deadline || run.tokens_left() < LEAST_TOKENS {
                break;
            }
        }
        Err(Failed { failures, usage: run.usage })
    }

    fn fits(&self, ask: &Ask<'_>) -> Result<(), Failure> {
        let bytes = ask.system.len() + ask.user.len() + ask.schema.to_string().len();
        let (tokens, most) = (bytes / BYTES_PER_TOKEN, self.settings.llm_max_input_tokens);
        if tokens <= most as usize {
            return Ok(());
        }
        Err(Failure::TooLarge { said: format!("the question has about {tokens} tokens, LLM_MAX_INPUT_TOKENS allows {most}") })
    }

    /// Asks one provider, up to [`ATTEMPTS`] times. An error is its last failure.
    async fn visit<T>(&self, visit: Visit<'_, T>, run: &mut Run) -> Result<Answer<T>, Failure> {
        let Visit { provider, ask, check, deadline, is_last } = visit;
        let mut user = Cow::Borrowed(ask.user);
        let mut attempt_number = 0;
        let mut tokens = self.settings.llm_max_output_tokens;
        let mut may_double = true;
        loop {
            attempt_number += 1;
            let now = Instant::now();
            let permit = provider.breaker.admit(now).map_err(|rest| Failure::Overloaded {
                retry_after: Some(rest),
                said: "it failed several times in a row and is not asked for a while".to_owned(),
            })?;
            run.attempts += 1;
            let quirks: Quirks = provider.quirks();
            let granted = tokens.min(run.tokens_left());
            let until = deadline.min(now + self.settings.timeout());
            let attempt = provider.send(&self.http, Ask { user: &user, ..*ask }, &quirks, granted, until).await;
            run.spend(&attempt.result, attempt.usage, granted);
            match &attempt.result {
                Err(failure) if failure.says_provider_is_down() => permit.failed(Instant::now()),
                Ok(_) | Err(_) => permit.answered(),
            }
            let (failure, text) = match attempt.result {
                Ok(decoded) => match checked(&decoded.text, check) {
                    Ok(value) => return Ok(Answer { value, model: decoded.model, finish: decoded.finish }),
                    Err(why) => (Failure::InvalidOutput { why }, decoded.text),
                },
                Err(failure) => (failure, String::new()),
            };
            if attempt_number == ATTEMPTS || run.tokens_left() < LEAST_TOKENS || Instant::now() >= deadline {
                return Err(failure);
            }
            match &failure {
                Failure::InvalidOutput { why } if run.may_repair => {
                    run.may_repair = false;
                    user = Cow::Owned(repair_question(ask.user, &text, why));
                }
                Failure::Truncated if may_double => {
                    may_double = false;
                    tokens = tokens.saturating_mul(2);
                }
                Failure::BadRequest { .. } if provider.adapt(&failure, &quirks) => {}
                // Who was silent for so long will be again; whoever is next may not.
                Failure::Timeout if !is_last => return Err(failure),
                retryable if retryable.is_retryable() && !attempt.is_final => {
                    let wait = self.pace.wait(attempt_number).max(failure.retry_after().unwrap_or_default());
                    if Instant::now() + wait >= deadline {
                        return Err(failure);
                    }
                    sleep(wait).await;
                }
                _ => return Err(failure),
            }
        }
    }

    fn observe(&self, provider: &Provider, outcome: &'static str, latency: Duration, before: &Run, after: &Run) {
        let Some(observer) = &self.observer else { return };
        let usage = Usage {
            input_tokens: after.usage.input_tokens - before.usage.input_tokens,
            output_tokens: after.usage.output_tokens - before.usage.output_tokens,
        };
        let attempts = after.attempts - before.attempts;
        observer(&Observed {
            provider: provider.name(),
            model: provider.at.model.clone(),
            outcome,
            latency,
            usage,
            attempts,
            cost: self.cost(usage),
        });
    }

    fn cost(&self, usage: Usage) -> Option<f64> {
        let input = self.settings.llm_price_input_per_mtok.0? * usage.input_tokens as f64;
        let output = self.settings.llm_price_output_per_mtok.0? * usage.output_tokens as f64;
        Some((input + output) / 1e6)
    }
}

/// One provider's turn.
struct Visit<'a, T> {
    provider: &'a Provider,
    ask: &'a Ask<'a>,
    check: &'a (dyn Fn(&str) -> Result<T, String> + Sync),
    deadline: Instant,
    is_last: bool,
}

struct Answer<T> {
    value: T,
    model: Option<String>,
    finish: String,
}

/// What one question has used up so far.
#[derive(Clone)]
struct Run {
    started: Instant,
    usage: Usage,
    attempts: u32,
    may_repair: bool,
    /// Tokens of answers that may still be made, counted also where the provider does not count.
    tokens_left: u64,
}

impl Run {
    fn new(max_output_tokens: u32) -> Run {
        let tokens_left = u64::from(max_output_tokens) * u64::from(BUDGET);
        Run { started: Instant::now(), usage: Usage::default(), attempts: 0, may_repair: true, tokens_left }
    }

    fn tokens_left(&self) -> u32 {
        u32::try_from(self.tokens_left).unwrap_or(u32::MAX)
    }

    fn spend(&mut self, result: &Result<super::dialect::Decoded, Failure>, usage: Usage, granted: u32) {
        self.usage += usage;
        let made = match result {
            Ok(decoded) => (decoded.text.len() / BYTES_PER_TOKEN) as u64,
            // It may have been at work all that time.
            Err(Failure::Truncated | Failure::Timeout) => u64::from(granted),
            Err(_) => 0,
        };
        let spent = if usage.output_tokens > 0 { usage.output_tokens } else { made };
        self.tokens_left = self.tokens_left.saturating_sub(spent);
    }
}

fn checked<T>(text: &str, check: &(dyn Fn(&str) -> Result<T, String> + Sync)) -> Result<T, String> {
    check(json_within(text).ok_or("the reply holds no whole JSON object")?)
}

/// The question with what was wrong about the reply. Both are quoted as JSON texts, so that nothing in them reads as a part of
/// the question.
fn repair_question(user: &str, reply: &str, why: &str) -> String {
    let quoted = |text: &str, most: usize| serde_json::Value::from(&text[..text.floor_char_boundary(most)]).to_string();
    let why = quoted(why, MAX_COMPLAINT_BYTES);
    let reply = quoted(reply, MAX_REPAIRED_BYTES);
    format!(
        "{user}\n\nThis question was answered before, and a program rejected the answer. The next two lines are data, quoted as JSON \
         texts.\nerror: {why}\nrejected answer: {reply}\nAnswer the question again with one JSON object of the schema, without this error."
    )
}

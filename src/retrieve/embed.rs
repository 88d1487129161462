//! Embedders: text to vectors, on this machine or at an endpoint.
//!
//! Every vector belongs to one model, known by its [`ModelIdentity`]; vectors of two models never meet.

pub mod fetch;
pub mod http;
pub mod hub;
pub mod local;
pub mod onnx;

use sha2::{Digest, Sha256};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// Which model made a vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelIdentity {
    /// Its name, for people.
    pub id: String,
    /// Numbers in a vector.
    pub dimension: usize,
    /// Hash of the weights and the tokenizer; of the address and name where the model is served by somebody else.
    pub sha256: String,
}

impl ModelIdentity {
    /// A short name that two models share only if they are the same.
    pub fn key(&self) -> String {
        let whole = hex_digest(&[self.id.as_bytes(), &self.dimension.to_le_bytes(), self.sha256.as_bytes()]);
        whole[..16].to_owned()
    }
}

impl fmt::Display for ModelIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} numbers, {})", self.id, self.dimension, &self.sha256[..self.sha256.len().min(12)])
    }
}

/// What a text is embedded for; some models want to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Query,
    Passage,
}

/// The vector of one text, of length one.
pub type Vector = Vec<f32>;
pub type Embedding<'a> = Pin<Box<dyn Future<Output = Result<Vec<Vector>, EmbedError>> + Send + 'a>>;

/// Makes vectors of texts.
pub trait Embedder: Send + Sync + fmt::Debug {
    fn identity(&self) -> &ModelIdentity;

    /// How many texts are worth handing over in one call, and how many calls at the same time.
    fn appetite(&self) -> Appetite;

    /// One vector per text, in order. A text's vector never depends on its neighbours.
    fn embed(&self, texts: Vec<String>, purpose: Purpose) -> Embedding<'_>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appetite {
    pub texts: usize,
    pub calls: usize,
}

/// An embedder that the parts of the process share.
pub type SharedEmbedder = Arc<dyn Embedder>;

/// Why there is no embedder, or no vector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EmbedError {
    /// There is no model where one is looked for; not a fault.
    #[error("no embedding model on this machine (`faultline model fetch` gets it)")]
    NoModel,
    /// The model or its runtime is there and cannot be used.
    #[error("{0}")]
    Unusable(String),
    /// This text got no vector; the next may.
    #[error("{0}")]
    Failed(String),
}

/// Makes a vector of length one. `None` for one without a direction or with numbers that are none.
pub fn normalised(mut vector: Vector) -> Option<Vector> {
    let length = vector.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt();
    if !length.is_finite() || length < 1e-9 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "numbers of at most one; a vector holds f32")]
    for x in &mut vector {
        *x = (f64::from(*x) / length) as f32;
    }
    Some(vector)
}

/// The SHA-256 of some parts, each told apart from the next by its length, in hexadecimal.
pub fn hex_digest(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hex::encode(hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::{ModelIdentity, hex_digest, normalised};

    #[test]
    fn vectors_have_length_one_or_are_none() {
        assert_eq!(normalised(vec![3.0, 4.0]), Some(vec![0.6, 0.8]));
        assert_eq!(normalised(vec![0.0, 0.0]), None);
        assert_eq!(normalised(vec![f32::NAN, 1.0]), None);
    }

    #[test]
    fn models_that_differ_in_anything_have_different_keys() {
        let model =
            |id: &str, dimension, sha256: &str| ModelIdentity { id: id.to_owned(), dimension, sha256: sha256.to_owned() }.key();
        let keys = [model("a", 384, "x"), model("b", 384, "x"), model("a", 768, "x"), model("a", 384, "y")];
        assert_eq!(keys.iter().collect::<std::collections::HashSet<_>>().len(), 4);
        assert_eq!(keys[0], model("a", 384, "x"));
        assert_ne!(hex_digest(&[b"ab", b"c"]), hex_digest(&[b"a", b"bc"]));
    }
}

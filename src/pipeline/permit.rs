//! Whether one more question may be put to a language model: whoever pays for it decides.

use std::{fmt, sync::Arc};

/// Asked once per question, right before a model is. By default the answer is yes.
#[derive(Clone, Default)]
pub struct Permit(Option<Arc<Decide>>);

/// `Err` = not now; then in how many seconds.
type Decide = dyn Fn() -> Result<(), u64> + Send + Sync;

impl Permit {
    pub fn new(decide: impl Fn() -> Result<(), u64> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(decide)))
    }

    pub fn take(&self) -> Result<(), u64> {
        self.0.as_ref().map_or(Ok(()), |decide| decide())
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Permit" } else { "always" })
    }
}

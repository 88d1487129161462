//! The cluster: what was recorded of one, answered as its API server would.

pub mod recording;

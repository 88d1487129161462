//! The Kubernetes cluster: reaching it, and reading from it within bounds.
//!
//! ```text
//! Cluster (connected, or why not) -> Reader (one request's budget of calls, bytes and time) -> objects, logs, gaps
//! ```

pub mod access;
pub mod connect;
pub mod error;
pub mod items;
pub mod reader;
pub mod recording;
pub mod review;
pub mod settings;
mod sweep;
pub mod wire;

pub use connect::{Cluster, Connection};
pub use error::ReadError;
pub use reader::{Budget, Found, Listed, LogQuery, Reader, Select};
pub use settings::ClusterSettings;
pub use sweep::Swept;

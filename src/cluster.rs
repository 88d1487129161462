//! The Kubernetes cluster: reaching it, reading from it within bounds, and changing what was permitted.
//!
//! ```text
//! Cluster (connected, or why not) -> Reader (one request's budget of calls, bytes and time) -> objects, logs, gaps
//!                                      -> Writer (each change needs a permit) -> the object as it now is, or why not
//! ```

pub mod access;
pub mod connect;
pub mod error;
mod examine;
pub mod items;
pub mod reader;
pub mod recording;
pub mod review;
pub mod settings;
mod sweep;
pub mod wire;
pub mod writer;

pub use connect::{Cluster, Connection};
pub use error::ReadError;
pub use reader::{Budget, Found, Listed, LogQuery, Reader, Select};
pub use settings::ClusterSettings;
pub use sweep::Swept;
pub use writer::{Part, Report, Write, WriteError, WriteVerb, Writer};

//! What can be read, and how.

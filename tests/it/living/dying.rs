//! Faults, and processes that die.

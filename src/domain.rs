//! Plain data that every stage speaks: no IO, no framework, no clock of its own.

pub mod action;
pub mod advice;
pub mod alert;
pub mod audit;
pub mod caller;
pub mod diagnosis;
pub mod evidence;
pub mod fact;
pub mod finding;
pub mod health;
pub mod incident;
pub mod incident_stats;
pub mod object;
pub mod parameters;
pub mod passage;
pub mod permit;
pub mod quantity;
pub mod redact;
pub mod remediation;
pub mod replay;
pub mod ruling;
pub mod symptom;
pub mod target;
pub mod text;
pub mod trace;
pub mod verdict;

//! Which policy holds.

use std::path::{Path, PathBuf};

use clap::{
    Args,
    builder::{OsStringValueParser, TypedValueParser},
};

/// What Faultline may change in a cluster.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Remediation")]
pub struct PolicySettings {
    /// File of the policy that says which changes may be made in the cluster; every change is denied when not set
    #[arg(long, env, value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub policy_file: Option<PathBuf>,
}

impl PolicySettings {
    /// `None` = the built-in policy.
    pub fn file(&self) -> Option<&Path> {
        self.policy_file.as_deref().filter(|file| !file.as_os_str().is_empty())
    }
}

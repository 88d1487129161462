//! `faultline keys`: keys for callers of the service.

use std::io::Write;

use clap::Subcommand;

use super::{CliError, Outcome};
use crate::{auth::NewKey, domain::caller::Role};

#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a key: print it once, with the entry to add to the file of API_KEYS_FILE
    #[command(after_help = "The key goes to the caller, the entry into the file; the file holds no key, so it cannot leak one.

Examples:
  faultline keys new --name ci --role developer
  faultline keys new --name ci --role developer --entry-only >> api-keys.yaml")]
    New {
        /// What timelines and the audit log call the caller
        #[arg(long)]
        name: String,
        /// viewer, developer or admin
        #[arg(long)]
        role: Role,
        /// Print the entry alone on stdout, and the key on stderr
        #[arg(long)]
        entry_only: bool,
    },
}

pub fn run(command: &KeysCommand) -> Result<Outcome, CliError> {
    let KeysCommand::New { name, role, entry_only } = command;
    let NewKey { key, entry } = NewKey::make(name, *role).map_err(CliError::Input)?;
    let mut out = anstream::stdout().lock();
    if *entry_only {
        writeln!(anstream::stderr(), "{key}")?;
        writeln!(out, "{entry}")?;
    } else {
        writeln!(out, "key, shown this once:\n  {key}\n\nentry for the file of API_KEYS_FILE:\n  {entry}")?;
    }
    out.flush()?;
    Ok(Outcome::Done)
}

//! `faultline rbac`: the permissions that looking at a cluster needs, as a role.

use std::io::Write;

use super::{CliError, Outcome, ask::write_json};
use crate::cluster::access;

/// Prints the ClusterRole as JSON, which `kubectl apply -f -` takes.
pub fn run(remediation: bool) -> Result<Outcome, CliError> {
    let mut out = anstream::stdout().lock();
    if remediation {
        write_json(&mut out, &access::remediation_role())?;
    } else {
        write_json(&mut out, &access::cluster_role())?;
    }
    out.flush()?;
    Ok(Outcome::Done)
}

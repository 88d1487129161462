//! Which cluster, and how long it may take to answer.

use std::{path::PathBuf, time::Duration};

use clap::builder::{OsStringValueParser, TypedValueParser};

/// Where the cluster is. Nothing set: `~/.kube/config`, else the account of the pod that this runs in, else none.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Cluster")]
pub struct ClusterSettings {
    /// Kubeconfig files, separated as in PATH; when not set: ~/.kube/config, else the service account of the pod
    #[arg(long, env, value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub kubeconfig: Option<PathBuf>,

    /// Context of the kubeconfig; when not set: its current one
    #[arg(long = "context", env = "KUBE_CONTEXT")]
    pub kube_context: Option<String>,

    /// Read a recording instead of a cluster: a `kubectl cluster-info dump`, a must-gather, a support bundle, or API answers as files
    #[arg(long = "from", env = "CLUSTER_RECORDING", value_name = "DIR", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub cluster_recording: Option<PathBuf>,

    /// Look at no cluster, whatever is configured
    #[arg(long, env)]
    pub no_cluster: bool,

    /// Seconds that looking at the cluster may take for one question
    #[arg(long, env, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=300))]
    pub collect_timeout_seconds: u64,
}

impl ClusterSettings {
    pub fn collect_timeout(&self) -> Duration {
        Duration::from_secs(self.collect_timeout_seconds)
    }
}

//! How alerts are taken and worked off.

/// How alerts are taken and worked off.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Alerts")]
pub struct AlertSettings {
    /// Alerts that may wait for a diagnosis; more are answered 503, and Alertmanager sends them again
    #[arg(long, env, default_value_t = DEFAULT_QUEUE_SIZE, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub alert_queue_size: u32,

    /// Alerts of different causes that are diagnosed at the same time; 0 leaves them to other replicas
    #[arg(long, env, default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=16))]
    pub alert_workers: u32,
}

pub const DEFAULT_QUEUE_SIZE: u32 = 20_000;

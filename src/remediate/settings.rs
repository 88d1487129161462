//! How far Faultline goes by itself.

use clap::ValueEnum;

use super::look::Bounds;

/// The next mode includes what the one before does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Mode {
    /// Changes nothing, and proposes nothing.
    #[default]
    Off,
    /// Shows what it would do.
    Propose,
    /// Does what a person approved.
    Approve,
    /// Does by itself what is low risk, proven and allowed without asking.
    Auto,
}

impl Mode {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Propose => "propose",
            Self::Approve => "approve",
            Self::Auto => "auto",
        }
    }
}

#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Remediation")]
pub struct RemediateSettings {
    /// How far remediation goes: off, propose (shows what it would do), approve (does what a person approved), auto (does low-risk,
    /// proven, allowed actions by itself)
    #[arg(long, env, value_enum, default_value = "off")]
    pub remediation_mode: Mode,

    /// Namespaces in which nothing is ever changed, by comma; the one that Faultline runs in is always among them
    #[arg(long, env, default_value = "kube-system,kube-public,kube-node-lease", value_delimiter = ',')]
    pub protected_namespaces: Vec<String>,

    /// The namespace that Faultline runs in; when not set: that of its service account, if it has one
    #[arg(long, env)]
    pub pod_namespace: Option<String>,

    /// Start with remediation paused, whatever the mode; nothing is approved or done until it is resumed
    #[arg(long, env)]
    pub remediation_paused: bool,

    /// A config map, NAMESPACE/NAME: as long as it exists with the annotation faultline.io/paused=true, nothing is done
    #[arg(long, env, value_parser = config_map)]
    pub remediation_pause_configmap: Option<String>,

    /// In mode auto: do not wait after a start until somebody resumes it, once the service is ready and the policy is loaded
    #[arg(long, env)]
    pub auto_resume: bool,

    /// Whoever asked for a remediation may not approve it
    #[arg(long, env)]
    pub require_four_eyes: bool,

    /// Minutes in which a proposal can be approved
    #[arg(long, env, default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=1440))]
    pub approval_minutes: u64,

    /// In mode auto: minutes before the same target is changed again
    #[arg(long, env, default_value_t = 15, value_parser = clap::value_parser!(u64).range(0..=1440))]
    pub auto_cooldown_minutes: u64,

    /// In mode auto: actions on one target in an hour
    #[arg(long, env, default_value_t = 3, value_parser = clap::value_parser!(u64).range(0..=60))]
    pub auto_per_target_hour: u64,

    /// In mode auto: actions in the whole cluster in an hour
    #[arg(long, env, default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=1000))]
    pub auto_per_cluster_hour: u64,

    /// In mode auto: pods that one action may end
    #[arg(long, env, default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub auto_max_pods: u32,
}

/// A switch that is spelled wrong would never be found, and so never pause anything.
fn config_map(text: &str) -> Result<String, String> {
    let is_name = |name: &str| !name.is_empty() && !name.contains('/') && !name.contains(char::is_whitespace);
    match text.split_once('/') {
        Some((namespace, name)) if is_name(namespace) && is_name(name) => Ok(text.to_owned()),
        _ => Err("must be NAMESPACE/NAME".to_owned()),
    }
}

impl Default for RemediateSettings {
    /// Off.
    fn default() -> Self {
        Self {
            remediation_mode: Mode::Off,
            protected_namespaces: ["kube-system", "kube-public", "kube-node-lease"].map(str::to_owned).to_vec(),
            pod_namespace: None,
            remediation_paused: false,
            remediation_pause_configmap: None,
            auto_resume: false,
            require_four_eyes: false,
            approval_minutes: 15,
            auto_cooldown_minutes: 15,
            auto_per_target_hour: 3,
            auto_per_cluster_hour: 10,
            auto_max_pods: 10,
        }
    }
}

impl RemediateSettings {
    /// What no policy can lift; `account` is the namespace of the process's service account.
    pub fn bounds(&self, account: Option<String>) -> Bounds {
        let given = self.pod_namespace.clone().filter(|namespace| !namespace.is_empty());
        let protected = self.protected_namespaces.iter().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        Bounds { protected_namespaces: protected.collect(), own_namespace: given.or(account) }
    }

    /// Namespace and name of the config map that pauses. `None` = none is watched.
    pub fn pause_configmap(&self) -> Option<(&str, &str)> {
        self.remediation_pause_configmap.as_deref()?.split_once('/').filter(|(space, name)| !space.is_empty() && !name.is_empty())
    }
}

//! Every setting of the process, as flags and environment variables; `--help` is the reference.

use std::path::{Path, PathBuf};

use clap::{
    Args, Command,
    builder::{OsStringValueParser, TypedValueParser},
};

use crate::{
    auth::AuthSettings,
    cluster::ClusterSettings,
    guard::settings::PolicySettings,
    http::HttpSettings,
    incidents::StoreSettings,
    pipeline::alerts::AlertSettings,
    reason::model::ModelSettings,
    remediate::RemediateSettings,
    retrieve::settings::RetrievalSettings,
    telemetry::{LogSettings, TraceSettings},
};

/// Flattened from the parts that use them. Each flag is also an environment variable of the same name.
#[derive(Clone, Debug, Args)]
pub struct Settings {
    #[command(flatten)]
    pub http: HttpSettings,
    #[command(flatten)]
    pub auth: AuthSettings,
    #[command(flatten)]
    pub knowledge: KnowledgeSettings,
    #[command(flatten)]
    pub cluster: ClusterSettings,
    #[command(flatten)]
    pub model: ModelSettings,
    #[command(flatten)]
    pub store: StoreSettings,
    #[command(flatten)]
    pub alerts: AlertSettings,
    #[command(flatten)]
    pub policy: PolicySettings,
    #[command(flatten)]
    pub remediate: RemediateSettings,
    #[command(flatten)]
    pub log: LogSettings,
    #[command(flatten)]
    pub traces: TraceSettings,
}

/// Where rules and runbooks come from.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Rules and runbooks")]
pub struct KnowledgeSettings {
    /// Folders of runbooks, by comma; when not set: `runbooks` where it exists, else those that are built in
    #[arg(long, env, value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub runbook_dir: Option<PathBuf>,

    /// Folder of rule files that add to the built-in categories or replace them; none when not set
    #[arg(long, env, value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub rules_dir: Option<PathBuf>,

    #[command(flatten)]
    pub retrieval: RetrievalSettings,

    #[command(flatten)]
    pub redact: RedactSettings,
}

/// What is masked before anything leaves.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Redaction")]
pub struct RedactSettings {
    /// File of rules that mask more than the built-in ones do; none when not set
    #[arg(long, env, value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub redact_rules: Option<PathBuf>,
}

impl RedactSettings {
    /// `None` = the built-in rules alone.
    pub fn rules(&self) -> Option<&Path> {
        given(self.redact_rules.as_deref())
    }
}

/// What `RUNBOOK_DIR` means where it is not set.
const DEFAULT_RUNBOOK_DIR: &str = "runbooks";

/// Where the runbooks are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunbookPlace {
    BuiltIn,
    /// They were asked for, so they have to be there.
    Folders(Vec<PathBuf>),
}

impl KnowledgeSettings {
    pub fn runbook_place(&self) -> RunbookPlace {
        match given(self.runbook_dir.as_deref()) {
            Some(folder) => RunbookPlace::Folders(folders(folder)),
            None if Path::new(DEFAULT_RUNBOOK_DIR).is_dir() => RunbookPlace::Folders(vec![DEFAULT_RUNBOOK_DIR.into()]),
            None => RunbookPlace::BuiltIn,
        }
    }

    /// `None` = the built-in rules alone.
    pub fn rules_dir(&self) -> Option<&Path> {
        given(self.rules_dir.as_deref())
    }
}

/// One folder, or several by comma. A folder whose name holds a comma is one.
fn folders(given: &Path) -> Vec<PathBuf> {
    match given.to_str() {
        Some(names) if !given.is_dir() && names.contains(',') => {
            names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(PathBuf::from).collect()
        }
        Some(_) | None => vec![given.to_owned()],
    }
}

/// `faultline` in the folder where programs of this user keep what they can make again. `None` = the user has none.
pub fn user_cache_dir() -> Option<PathBuf> {
    user_dir("XDG_CACHE_HOME", ".cache")
}

/// `faultline` in the folder where programs of this user keep what they must not lose. `None` = the user has none.
pub fn user_data_dir() -> Option<PathBuf> {
    user_dir("XDG_DATA_HOME", ".local/share")
}

/// The name of the user at this terminal. `None` = nobody says.
pub fn user_name() -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "this is config.rs; this is the user's and not a setting of ours")]
    let name = std::env::var("USER").ok();
    name.filter(|name| !name.is_empty())
}

fn user_dir(name: &str, below_home: &str) -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "this is config.rs; these are the user's and not settings of ours")]
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = variable(name).or_else(|| Some(variable("HOME")?.join(below_home)))?;
    Some(folder.join("faultline"))
}

/// An empty variable is as good as none: compose files and charts pass those on.
fn given(folder: Option<&Path>) -> Option<&Path> {
    folder.filter(|folder| !folder.as_os_str().is_empty())
}

/// Name of the environment variable, default and help of every setting, in the order of `--help`.
pub fn reference() -> Vec<(String, String, String)> {
    let command = Settings::augment_args(Command::new("faultline"));
    let settings = command.get_arguments().filter_map(|argument| {
        let name = argument.get_env()?.to_str()?.to_owned();
        let defaults: Vec<_> = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        Some((name, defaults.join(","), help))
    });
    settings.collect()
}

#[cfg(test)]
mod tests {
    use super::{RunbookPlace, Settings, reference};
    use clap::{Args, Command, FromArgMatches};

    fn parsed(arguments: &[&str]) -> Result<Settings, String> {
        let command = Settings::augment_args(Command::new("faultline").no_binary_name(true));
        let matches = command.try_get_matches_from(arguments).map_err(|error| error.to_string())?;
        Settings::from_arg_matches(&matches).map_err(|error| error.to_string())
    }

    #[test]
    fn a_wrong_value_names_its_variable() {
        let cases = [
            ("--app-port", "99999"),
            ("--rate-limit-requests", "-1"),
            ("--rate-limit-requests", "many"),
            ("--cors-origins", "*,https://a.example"),
            ("--trusted-proxies", "10.0.0.0/99"),
            ("--max-concurrent-requests", "0"),
            ("--request-timeout-seconds", "0"),
            ("--shutdown-grace-seconds", "soon"),
            ("--llm-providers", "gemini,hal"),
            ("--llm-temperature", "2.1"),
            ("--llm-temperature", "NaN"),
            ("--llm-max-output-tokens", "0"),
            ("--llm-timeout-seconds", "0"),
            ("--llm-price-input-per-mtok", "-1"),
            ("--openai-max-tokens-field", "tokens"),
            ("--alert-queue-size", "0"),
            ("--alert-workers", "17"),
            ("--log-level", "shouting=very=loud"),
            ("--log-format", "xml"),
            ("--otel-traces-sampler", "sometimes"),
            ("--otel-traces-sampler-arg", "1.5"),
            ("--otel-traces-sampler-arg", "NaN"),
        ];
        for (flag, value) in cases {
            let error = parsed(&[&format!("{flag}={value}")]).expect_err("a wrong value");
            let variable = flag.trim_start_matches('-').replace('-', "_").to_uppercase();
            assert!(error.contains(&variable), "{flag}={value}: {error}");
        }
    }

    #[test]
    fn an_empty_value_is_as_good_as_none() {
        let settings = parsed(&["--runbook-dir=", "--rules-dir=", "--cors-origins=", "--trusted-proxies=", "--llm-providers="])
            .expect("empty values");
        assert_eq!(settings.knowledge.rules_dir(), None);
        assert_ne!(settings.knowledge.runbook_place(), RunbookPlace::Folders(vec!["".into()]));
    }

    #[test]
    fn the_reference_names_every_setting_with_its_help() {
        let names: Vec<_> = reference().into_iter().map(|(name, _, help)| (name, !help.is_empty())).collect();
        for name in
            ["APP_HOST", "APP_PORT", "RATE_LIMIT_REQUESTS", "CORS_ORIGINS", "RUNBOOK_DIR", "RULES_DIR", "LOG_LEVEL", "LOG_FORMAT"]
        {
            assert!(names.contains(&(name.to_owned(), true)), "{name} in {names:?}");
        }
    }
}

//! The model stage: settings, and the parts that stay the same between questions.

use std::{path::PathBuf, time::Duration};

use clap::{
    Args, ValueEnum,
    builder::{OsStringValueParser, TypedValueParser},
};

use super::{
    client::Providers,
    prompt::Prompts,
    replies::{Bounds, Replies},
    settings::LlmSettings,
};

/// How a model is asked, beside which.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Language models")]
pub struct ModelSettings {
    #[command(flatten)]
    pub llm: LlmSettings,

    /// Folder of prompt templates that replace the built-in ones of the same name; none when not set
    #[arg(long, env, value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub prompts_dir: Option<PathBuf>,

    /// Whether names of pods, nodes, hosts and addresses are replaced by stand-ins before a text goes to a model
    #[arg(long, env, value_enum, default_value_t = RedactNames::Off)]
    pub redact_names: RedactNames,

    /// Seconds for which a reply is remembered for an equal question; 0 = not at all
    #[arg(long, env, default_value_t = 3600)]
    pub llm_cache_seconds: u64,
}

/// Before whom names are hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RedactNames {
    Off,
    Model,
}

impl ModelSettings {
    pub fn bounds(&self) -> Bounds {
        Bounds {
            keep: Duration::from_secs(self.llm_cache_seconds),
            timeout: self.llm.timeout(),
            max_input_tokens: usize::try_from(self.llm.llm_max_input_tokens).unwrap_or(usize::MAX),
        }
    }
}

/// What asks a model about a case.
pub struct Model {
    pub prompts: Prompts,
    pub replies: Replies,
    /// Names go to the model as stand-ins, and come back as they are.
    pub hides_names: bool,
}

impl Model {
    /// `None` = none is configured. An error names what is to be mended.
    pub fn open(settings: &ModelSettings, observed: impl Fn(Providers) -> Providers) -> Result<Option<Self>, String> {
        let prompts = Self::prompts(settings)?;
        let providers = Providers::from_settings(&settings.llm)?;
        Ok(providers.map(|providers| Self::of(prompts, Replies::live(observed(providers), settings.bounds()), settings)))
    }

    /// From parts that are made already.
    pub fn of(prompts: Prompts, replies: Replies, settings: &ModelSettings) -> Self {
        Self { prompts, replies, hides_names: settings.redact_names == RedactNames::Model }
    }

    /// The templates, which have to be right even where no model is configured.
    pub fn prompts(settings: &ModelSettings) -> Result<Prompts, String> {
        let overlay = settings.prompts_dir.as_deref().filter(|folder| !folder.as_os_str().is_empty());
        Prompts::load(overlay).map_err(|error| match std::error::Error::source(&error) {
            Some(source) => format!("PROMPTS_DIR: {error}: {source}"),
            None => format!("PROMPTS_DIR: {error}"),
        })
    }
}

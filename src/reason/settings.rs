//! Settings of the language models: which are asked, where, and how much they may take.

use super::dialect::Dialect;
use crate::net::Secret;
use reqwest::Url;
use std::str::FromStr;
use std::time::Duration;

/// [`Default`] has no model.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Language model")]
pub struct LlmSettings {
    /// Models to ask, by comma, the next where one fails: gemini, openai, anthropic, ollama; when not set: all that are configured
    #[arg(long, env, default_value = "", hide_default_value = true)]
    pub llm_providers: ProviderOrder,

    /// Key of Gemini
    #[arg(long, env, default_value = "", hide_default_value = true, hide_env_values = true)]
    pub google_api_key: Secret,

    /// Model of Gemini
    #[arg(long, env, default_value = GEMINI_MODEL)]
    pub gemini_model: String,

    /// Address of Gemini; Google's own when not set
    #[arg(long, env, default_value = "", hide_default_value = true, hide_env_values = true)]
    pub gemini_base_url: String,

    /// Key of OpenAI or of what speaks as it does
    #[arg(long, env, default_value = "", hide_default_value = true, hide_env_values = true)]
    pub openai_api_key: Secret,

    /// Address of OpenAI, of an Azure resource or of a compatible server (which may need no key): http://vllm:8000/v1
    #[arg(long, env, default_value = "", hide_default_value = true, hide_env_values = true)]
    pub openai_base_url: String,

    /// Model of OpenAI or of the compatible server; on Azure the name of the deployment
    #[arg(long, env, default_value = OPENAI_MODEL)]
    pub openai_model: String,

    /// Field in which the limit of the answer is sent; when not set: the one that fits the address
    #[arg(long, env, default_value = "", hide_default_value = true)]
    pub openai_max_tokens_field: MaxTokensField,

    /// Key of Anthropic
    #[arg(long, env, default_value = "", hide_default_value = true, hide_env_values = true)]
    pub anthropic_api_key: Secret,

    /// Address of Anthropic; its own when not set
    #[arg(long, env, default_value = "", hide_default_value = true, hide_env_values = true)]
    pub anthropic_base_url: String,

    /// Model of Anthropic
    #[arg(long, env, default_value = ANTHROPIC_MODEL)]
    pub anthropic_model: String,

    /// Address of Ollama: 127.0.0.1:11434; not asked when not set and not named in LLM_PROVIDERS
    #[arg(long, env, default_value = "", hide_default_value = true, hide_env_values = true)]
    pub ollama_host: String,

    /// Model of Ollama
    #[arg(long, env, default_value = OLLAMA_MODEL)]
    pub ollama_model: String,

    /// How freely a model words its answer: 0 (least) to 2
    #[arg(long, env, default_value_t = TEMPERATURE, value_parser = temperature)]
    pub llm_temperature: f64,

    /// Tokens that one answer of a model may have
    #[arg(long, env, default_value_t = MAX_OUTPUT_TOKENS, value_parser = clap::value_parser!(u32).range(64..=100_000))]
    pub llm_max_output_tokens: u32,

    /// Tokens, estimated, that one question to a model may have; a longer one is not sent
    #[arg(long, env, default_value_t = MAX_INPUT_TOKENS, value_parser = clap::value_parser!(u32).range(256..=2_000_000))]
    pub llm_max_input_tokens: u32,

    /// Seconds that one request to a model may take
    #[arg(long, env, default_value_t = TIMEOUT_SECONDS, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub llm_timeout_seconds: u64,

    /// Price of a million tokens of questions, to count costs in any currency; not counted when not set
    #[arg(long, env, default_value = "", hide_default_value = true)]
    pub llm_price_input_per_mtok: Price,

    /// Price of a million tokens of answers
    #[arg(long, env, default_value = "", hide_default_value = true)]
    pub llm_price_output_per_mtok: Price,
}

const GEMINI_MODEL: &str = "gemini-2.0-flash";
const OPENAI_MODEL: &str = "gpt-4.1-mini";
const ANTHROPIC_MODEL: &str = "claude-sonnet-4-5";
const OLLAMA_MODEL: &str = "llama3.1";
const TEMPERATURE: f64 = 0.1;
const MAX_OUTPUT_TOKENS: u32 = 2048;
const MAX_INPUT_TOKENS: u32 = 12_000;
const TIMEOUT_SECONDS: u64 = 20;
const OLLAMA_PORT: u16 = 11434;
const LONGEST_MODEL: usize = 200;

impl Default for LlmSettings {
    fn default() -> LlmSettings {
        LlmSettings {
            llm_providers: ProviderOrder::default(),
            google_api_key: Secret::default(),
            gemini_model: GEMINI_MODEL.to_owned(),
            gemini_base_url: String::new(),
            openai_api_key: Secret::default(),
            openai_base_url: String::new(),
            openai_model: OPENAI_MODEL.to_owned(),
            openai_max_tokens_field: MaxTokensField::default(),
            anthropic_api_key: Secret::default(),
            anthropic_base_url: String::new(),
            anthropic_model: ANTHROPIC_MODEL.to_owned(),
            ollama_host: String::new(),
            ollama_model: OLLAMA_MODEL.to_owned(),
            llm_temperature: TEMPERATURE,
            llm_max_output_tokens: MAX_OUTPUT_TOKENS,
            llm_max_input_tokens: MAX_INPUT_TOKENS,
            llm_timeout_seconds: TIMEOUT_SECONDS,
            llm_price_input_per_mtok: Price::default(),
            llm_price_output_per_mtok: Price::default(),
        }
    }
}

/// One provider as the settings have it, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configured {
    pub dialect: Dialect,
    /// Without a closing slash, and without a user or password.
    pub base_url: String,
    pub model: String,
    /// `None` = the server wants none.
    pub key: Option<Secret>,
}

impl LlmSettings {
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.llm_timeout_seconds)
    }

    /// The providers in the order in which they are asked; an error names the variable to mend.
    pub fn configured(&self) -> Result<Vec<Configured>, String> {
        let named = &self.llm_providers.0;
        let is_asked = |dialect: &Dialect| if named.is_empty() { self.is_set(*dialect) } else { named.contains(dialect) };
        let order = if named.is_empty() { &Dialect::ALL[..] } else { named };
        order.iter().filter(|dialect| is_asked(dialect)).map(|dialect| self.provider(*dialect)).collect()
    }

    fn is_set(&self, dialect: Dialect) -> bool {
        match dialect {
            Dialect::Gemini => !self.google_api_key.is_empty(),
            Dialect::OpenAi => !self.openai_api_key.is_empty() || !self.openai_base_url.trim().is_empty(),
            Dialect::Anthropic => !self.anthropic_api_key.is_empty(),
            Dialect::Ollama => !self.ollama_host.trim().is_empty(),
        }
    }

    fn provider(&self, dialect: Dialect) -> Result<Configured, String> {
        let no_key = Secret::default();
        let (key_name, key, url_name, url, model_name, model, usual_model) = match dialect {
            Dialect::Gemini => (
                "GOOGLE_API_KEY",
                &self.google_api_key,
                "GEMINI_BASE_URL",
                &self.gemini_base_url,
                "GEMINI_MODEL",
                &self.gemini_model,
                GEMINI_MODEL,
            ),
            Dialect::OpenAi => (
                "OPENAI_API_KEY",
                &self.openai_api_key,
                "OPENAI_BASE_URL",
                &self.openai_base_url,
                "OPENAI_MODEL",
                &self.openai_model,
                OPENAI_MODEL,
            ),
            Dialect::Anthropic => (
                "ANTHROPIC_API_KEY",
                &self.anthropic_api_key,
                "ANTHROPIC_BASE_URL",
                &self.anthropic_base_url,
                "ANTHROPIC_MODEL",
                &self.anthropic_model,
                ANTHROPIC_MODEL,
            ),
            Dialect::Ollama => ("", &no_key, "OLLAMA_HOST", &self.ollama_host, "OLLAMA_MODEL", &self.ollama_model, OLLAMA_MODEL),
        };
        if key.is_empty() && !self.is_set(dialect) && dialect != Dialect::Ollama {
            return Err(format!("LLM_PROVIDERS names {}, and {key_name} is not set", dialect.name()));
        }
        if !key.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!("{key_name} holds a space or a letter that no key has"));
        }
        let url = match url.trim() {
            "" => dialect.default_url().to_owned(),
            host if dialect == Dialect::Ollama => ollama_url(host),
            url => url.to_owned(),
        };
        Ok(Configured {
            dialect,
            base_url: base_url(&url, dialect).map_err(|why| format!("{url_name} {why}"))?,
            model: model_or(model, usual_model).map_err(|why| format!("{model_name} {why}"))?,
            key: (!key.is_empty()).then(|| key.clone()),
        })
    }
}

/// The address, checked. An error does not show it, since it may hold a password.
fn base_url(text: &str, dialect: Dialect) -> Result<String, String> {
    let url = Url::parse(text).map_err(|error| format!("is not an address such as {}: {error}", dialect.default_url()))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("must begin with http:// or https:// and name a host".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user or password".to_owned());
    }
    // Azure's own addresses carry a date, nothing else may: a key there would end in logs.
    let query = url.query().unwrap_or_default();
    let is_date = dialect == Dialect::OpenAi && query.starts_with("api-version=") && !query.contains('&');
    if url.fragment().is_some() || !(query.is_empty() || is_date) {
        return Err("must hold no ? or # (but for ?api-version=... on Azure)".to_owned());
    }
    Ok(url.as_str().trim_end_matches(['/', '?']).to_owned())
}

/// As Ollama's own programs read it: a scheme and a port may be missing, and the address to listen on all is one's own.
fn ollama_url(host: &str) -> String {
    let has_scheme = host.contains("://");
    let url = if has_scheme { host.to_owned() } else { format!("http://{host}") };
    let Ok(mut parsed) = Url::parse(&url) else { return url };
    let authority = host.split('/').next().unwrap_or_default();
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    if !has_scheme && !has_port {
        let _ = parsed.set_port(Some(OLLAMA_PORT));
    }
    if parsed.host_str() == Some("0.0.0.0") {
        let _ = parsed.set_host(Some("127.0.0.1"));
    }
    parsed.to_string()
}

fn model_or(given: &str, usual: &str) -> Result<String, String> {
    let model = if given.trim().is_empty() { usual } else { given.trim() };
    let is_name = model.len() <= LONGEST_MODEL
        && !model.contains("..")
        && model.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:/@-".contains(&byte));
    if is_name { Ok(model.to_owned()) } else { Err("is not the name of a model".to_owned()) }
}

/// Names of providers; none by default, which means all that are configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderOrder(pub Vec<Dialect>);

impl FromStr for ProviderOrder {
    type Err = String;

    fn from_str(text: &str) -> Result<ProviderOrder, String> {
        let mut order = Vec::new();
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let known = Dialect::ALL.into_iter().find(|dialect| dialect.name().eq_ignore_ascii_case(name));
            let dialect = known.ok_or_else(|| format!("{name:?} is none of gemini, openai, anthropic, ollama"))?;
            if order.contains(&dialect) {
                return Err(format!("{name} is named twice"));
            }
            order.push(dialect);
        }
        Ok(ProviderOrder(order))
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MaxTokensField {
    /// What the address knows
    #[default]
    Usual,
    MaxTokens,
    MaxCompletionTokens,
}

impl FromStr for MaxTokensField {
    type Err = String;

    fn from_str(text: &str) -> Result<MaxTokensField, String> {
        match text.trim() {
            "" => Ok(MaxTokensField::Usual),
            "max_tokens" => Ok(MaxTokensField::MaxTokens),
            "max_completion_tokens" => Ok(MaxTokensField::MaxCompletionTokens),
            _ => Err("must be max_tokens or max_completion_tokens".to_owned()),
        }
    }
}

/// `None` = not known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Price(pub Option<f64>);

impl FromStr for Price {
    type Err = String;

    fn from_str(text: &str) -> Result<Price, String> {
        match text.trim() {
            "" => Ok(Price(None)),
            price => match price.parse::<f64>() {
                Ok(price) if price.is_finite() && price >= 0.0 => Ok(Price(Some(price))),
                Ok(_) | Err(_) => Err("must be a price such as 0.15".to_owned()),
            },
        }
    }
}

fn temperature(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(temperature) if (0.0..=2.0).contains(&temperature) => Ok(temperature),
        Ok(_) | Err(_) => Err("must be a number from 0 to 2".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{LlmSettings, ollama_url};
    use crate::net::Secret;

    #[test]
    fn the_host_of_ollama_is_read_as_ollama_reads_it() {
        for (given, url) in [
            ("localhost", "http://localhost:11434/"),
            ("localhost:80", "http://localhost/"),
            ("[::1]", "http://[::1]:11434/"),
            ("0.0.0.0", "http://127.0.0.1:11434/"),
            ("10.0.0.7:9000", "http://10.0.0.7:9000/"),
            ("https://ollama.example/x", "https://ollama.example/x"),
        ] {
            assert_eq!(ollama_url(given), url, "{given}");
        }
    }

    #[test]
    fn what_is_set_is_asked_in_the_usual_order_or_in_the_one_named() {
        let names = |settings: &LlmSettings| -> Vec<&str> {
            let configured = settings.configured().expect("it is fine");
            configured.iter().map(|provider| provider.dialect.name()).collect()
        };
        let mut settings = LlmSettings::default();
        assert!(names(&settings).is_empty());
        settings.ollama_host = "ollama".to_owned();
        settings.openai_base_url = "http://vllm:8000/v1/".to_owned();
        settings.google_api_key = Secret::new("g");
        assert_eq!(names(&settings), ["gemini", "openai", "ollama"]);
        settings.llm_providers = " Ollama,,gemini ".parse().expect("names");
        assert_eq!(names(&settings), ["ollama", "gemini"]);
    }

    #[test]
    fn what_is_wrong_is_named_and_never_shown() {
        type Change = fn(&mut LlmSettings);
        let with = |change: Change| {
            let mut settings = LlmSettings { google_api_key: Secret::new("secret-key"), ..LlmSettings::default() };
            change(&mut settings);
            settings.configured().expect_err("it is wrong")
        };
        let cases: [(&str, Change); 8] = [
            ("ANTHROPIC_API_KEY", |settings| settings.llm_providers = "anthropic".parse().expect("a name")),
            ("OPENAI_API_KEY", |settings| settings.llm_providers = "openai".parse().expect("a name")),
            ("GOOGLE_API_KEY", |settings| settings.google_api_key = Secret::new("secret key")),
            ("GEMINI_BASE_URL", |settings| settings.gemini_base_url = "generativelanguage".to_owned()),
            ("GEMINI_BASE_URL", |settings| settings.gemini_base_url = "ftp://a.example".to_owned()),
            ("GEMINI_BASE_URL", |settings| settings.gemini_base_url = "https://me:secret@a.example".to_owned()),
            ("GEMINI_BASE_URL", |settings| settings.gemini_base_url = "https://a.example?key=secret".to_owned()),
            ("GEMINI_MODEL", |settings| settings.gemini_model = "../x?secret".to_owned()),
        ];
        for (variable, change) in cases {
            let error = with(change);
            assert!(error.contains(variable) && !error.contains("secret"), "{variable}: {error}");
        }
    }
}

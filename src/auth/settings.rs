//! Settings of authentication.

use std::path::{Path, PathBuf};

use clap::builder::{OsStringValueParser, TypedValueParser};

/// How callers prove who they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum AuthMode {
    #[default]
    None,
    ApiKey,
    Oidc,
    Kubernetes,
}

impl AuthMode {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ApiKey => "api-key",
            Self::Oidc => "oidc",
            Self::Kubernetes => "kubernetes",
        }
    }
}

/// Who may call, and as what.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Authentication")]
pub struct AuthSettings {
    /// How callers prove who they are: none, api-key, oidc (tokens of an identity provider) or kubernetes (tokens of the cluster)
    #[arg(long, env, default_value = "none", hide_possible_values = true)]
    pub auth_mode: AuthMode,

    /// File of keys that callers may use, a list of {name, role, sha256}, read again when it changes; `faultline keys new` makes one
    #[arg(long, env, value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub api_keys_file: Option<PathBuf>,

    /// Issuer of the tokens, exactly as they name it: https://login.example.com/realms/dev, or a Backstage's .../api/auth
    #[arg(long, env, default_value = "", hide_default_value = true)]
    pub oidc_issuer: String,

    /// Audiences, by comma, one of which a token has to be for; Backstage's user tokens are for `backstage`
    #[arg(long, env, default_value = "", hide_default_value = true)]
    pub oidc_audience: String,

    /// Where the issuer publishes its keys; found by its .well-known/openid-configuration when not set
    #[arg(long, env, default_value = "", hide_default_value = true)]
    pub oidc_jwks_url: String,

    /// Types of tokens, by comma, that are taken
    #[arg(long, env, default_value = "JWT,at+jwt,vnd.backstage.user")]
    pub oidc_token_types: String,

    /// Claim that names the caller in timelines and the audit log
    #[arg(long, env, default_value = "sub")]
    pub oidc_name_claim: String,

    /// Claim whose values are matched with the three lists below; dots lead into objects; Backstage has `ent`
    #[arg(long, env, default_value = "groups")]
    pub oidc_roles_claim: String,

    /// Values of that claim, or subjects, by comma, that make an admin
    #[arg(long, env, default_value = "", hide_default_value = true)]
    pub oidc_admins: String,

    /// The same for developers; * is everyone with a token that holds
    #[arg(long, env, default_value = "", hide_default_value = true)]
    pub oidc_developers: String,

    /// The same for viewers
    #[arg(long, env, default_value = "", hide_default_value = true)]
    pub oidc_viewers: String,

    /// Audiences, by comma, one of which a token of the cluster has to be for (kubectl create token NAME --audience faultline); empty takes
    /// tokens for the API server itself
    #[arg(long, env, default_value = "faultline")]
    pub kubernetes_audiences: String,
}

impl AuthSettings {
    /// `None` = no keys are used.
    pub fn api_keys_file(&self) -> Option<&Path> {
        self.api_keys_file.as_deref().filter(|file| !file.as_os_str().is_empty())
    }
}

/// What stands between commas.
pub fn items(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

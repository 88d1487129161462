//! Settings of the service, and what of it changes while the process runs.

use std::{
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use axum::http::HeaderValue;

use super::{client::Network, log_level::LogControl};

/// How the service is reached and what it lets in.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "HTTP service")]
pub struct HttpSettings {
    /// Address to listen on; 0.0.0.0 listens on all
    #[arg(long, env, default_value = "127.0.0.1")]
    pub app_host: String,

    /// Port to listen on; 0 takes a free one
    #[arg(long, env, default_value_t = 8000)]
    pub app_port: u16,

    /// Requests a minute that one caller, or one address where nobody says who they are, may send to what does work; 0 sets no limit
    #[arg(long, env, default_value_t = 60, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub rate_limit_requests: u32,

    /// Diagnoses a minute that may ask a language model, counted in the same way; one more is answered by the rules; 0 sets no limit
    #[arg(long, env, default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub rate_limit_model_requests: u32,

    /// Whether /metrics is for everyone who reaches the port; false asks for a viewer where AUTH_MODE is set
    #[arg(long, env, default_value_t = true, action = clap::ArgAction::Set, value_parser = clap::builder::BoolishValueParser::new(), hide_possible_values = true)]
    pub metrics_public: bool,

    /// Addresses or networks of proxies, by comma, whose X-Forwarded-For is believed: 10.0.0.0/8,::1
    #[arg(long, env, default_value = "", hide_default_value = true)]
    pub trusted_proxies: TrustedProxies,

    /// Origins, by comma, whose web pages may call the service: https://backstage.example.com; * alone allows all
    #[arg(long, env, default_value = "", hide_default_value = true)]
    pub cors_origins: CorsOrigins,

    /// Requests worked on at the same time; one more is answered 503
    #[arg(long, env, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub max_concurrent_requests: u32,

    /// Seconds after which a request that is still in work is given up
    #[arg(long, env, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub request_timeout_seconds: u64,

    /// Seconds that requests in work have to finish after SIGTERM
    #[arg(long, env, default_value_t = 25, value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub shutdown_grace_seconds: u64,

    /// Shared with whoever stops the service.
    #[arg(skip)]
    pub lifecycle: Lifecycle,

    /// What changes the level of the log while the process runs.
    #[arg(skip)]
    pub log: LogControl,
}

impl HttpSettings {
    pub fn request_timeout(&self) -> Duration {
        Duration::from_secs(self.request_timeout_seconds)
    }

    /// Whether only this machine reaches the service.
    pub fn is_loopback(&self) -> bool {
        let host = self.app_host.trim_start_matches('[').trim_end_matches(']');
        host.eq_ignore_ascii_case("localhost") || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    pub fn shutdown_grace(&self) -> Duration {
        Duration::from_secs(self.shutdown_grace_seconds)
    }
}

/// Since when the service runs, and whether it is about to stop.
#[derive(Clone, Debug)]
pub struct Lifecycle {
    pub started: Instant,
    is_stopping: Arc<AtomicBool>,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self { started: Instant::now(), is_stopping: Arc::default() }
    }
}

impl Lifecycle {
    /// From now on `/readyz` sends new requests elsewhere. There is no way back.
    pub fn begin_stopping(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    pub fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }
}

/// Proxies whose `X-Forwarded-For` is believed; none by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(pub Vec<Network>);

impl FromStr for TrustedProxies {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let networks: Result<_, _> = items(text).map(str::parse).collect();
        networks.map(Self)
    }
}

/// Which web pages may call the service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CorsOrigins {
    #[default]
    None,
    /// Any page may. Harmless as far as no cookie or other ambient credential is ever looked at.
    Any,
    Exactly(Vec<HeaderValue>),
}

impl FromStr for CorsOrigins {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let origins: Vec<&str> = items(text).collect();
        match origins.as_slice() {
            [] => Ok(Self::None),
            ["*"] => Ok(Self::Any),
            _ if origins.contains(&"*") => Err("* allows every origin already and must stand alone".to_owned()),
            _ => origins.into_iter().map(origin).collect::<Result<_, _>>().map(Self::Exactly),
        }
    }
}

/// An origin exactly as browsers send it: scheme, host, and the port unless it is the scheme's own.
fn origin(text: &str) -> Result<HeaderValue, String> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
    let is_origin = !host.is_empty()
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() && !byte.is_ascii_uppercase() || b"-._:[]".contains(&byte));
    if !is_origin {
        return Err(format!("{text:?} is not an origin such as https://backstage.example.com (no path, no closing /)"));
    }
    HeaderValue::from_str(text).map_err(|_| format!("{text:?} is not an origin"))
}

fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use super::CorsOrigins;

    #[test]
    fn origins_are_exact() {
        assert_eq!("".parse(), Ok(CorsOrigins::None));
        assert_eq!(" * ".parse(), Ok(CorsOrigins::Any));
        assert!(matches!("https://a.example, http://localhost:3000".parse(), Ok(CorsOrigins::Exactly(two)) if two.len() == 2));
        for wrong in [
            "*,https://a.example",
            "a.example",
            "https://",
            "https://a.example/",
            "https://*.a.example",
            "null",
            "https://A.example",
        ] {
            assert!(wrong.parse::<CorsOrigins>().is_err(), "{wrong}");
        }
    }
}

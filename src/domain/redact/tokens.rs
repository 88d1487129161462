//! Tokens that tell by how they begin: the formats that vendors document for their keys.

/// A format: how it begins, which characters follow, and how many at least.
#[derive(Debug)]
pub struct Token {
    pub kind: &'static str,
    /// Letters in their case; nothing alphanumeric may stand before it.
    pub prefix: &'static str,
    pub chars: Chars,
    pub min: usize,
}

/// Which characters a token may have after its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chars {
    Alnum,
    /// Capital letters and digits.
    Upper,
    Hex,
    /// Letters, digits, `-` and `_`.
    Url,
    /// The same and dots.
    Dotted,
    /// Base64, `-` and `_`.
    Base64,
    /// What hashes of passwords are written in.
    Crypt,
}

impl Chars {
    pub fn has(self, byte: u8) -> bool {
        match self {
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Hex => byte.is_ascii_hexdigit() || byte == b'-',
            Self::Url => byte.is_ascii_alphanumeric() || b"-_".contains(&byte),
            Self::Dotted => byte.is_ascii_alphanumeric() || b"-_.".contains(&byte),
            Self::Base64 => byte.is_ascii_alphanumeric() || b"-_+/=.".contains(&byte),
            Self::Crypt => byte.is_ascii_alphanumeric() || b"./$,=+-_:".contains(&byte),
        }
    }
}

const fn token(kind: &'static str, prefix: &'static str, chars: Chars, min: usize) -> Token {
    Token { kind, prefix, chars, min }
}

use Chars::{Alnum, Base64, Crypt, Dotted, Hex, Upper, Url};

pub const TOKENS: &[Token] = &[
    // clouds
    token("aws-access-key", "AKIA", Upper, 16),
    token("aws-access-key", "ASIA", Upper, 16),
    token("aws-access-key", "ABIA", Upper, 16),
    token("aws-access-key", "ACCA", Upper, 16),
    token("aws-session-token", "IQoJb3JpZ2lu", Base64, 60),
    token("aws-session-token", "FwoGZXIvYXdz", Base64, 60),
    token("google-api-key", "AIza", Url, 30),
    token("google-oauth", "ya29.", Dotted, 20),
    token("google-oauth", "GOCSPX-", Url, 20),
    token("google-oauth", "1//0", Url, 30),
    token("digitalocean-token", "dop_v1_", Hex, 32),
    token("digitalocean-token", "doo_v1_", Hex, 32),
    token("digitalocean-token", "dor_v1_", Hex, 32),
    token("alibaba-key", "LTAI", Alnum, 12),
    token("tencent-key", "AKID", Alnum, 30),
    token("cloudflare-key", "v1.0-", Hex, 60),
    token("databricks-token", "dapi", Hex, 32),
    token("fly-token", "fm2_", Base64, 40),
    token("fly-token", "fo1_", Url, 30),
    token("heroku-key", "HRKU-", Url, 30),
    token("netlify-token", "nfp_", Alnum, 30),
    token("render-key", "rnd_", Alnum, 20),
    token("supabase-key", "sbp_", Hex, 32),
    token("planetscale-token", "pscale_tkn_", Dotted, 20),
    token("planetscale-token", "pscale_pw_", Dotted, 20),
    token("planetscale-token", "pscale_oauth_", Dotted, 20),
    token("tailscale-key", "tskey-", Url, 16),
    token("openshift-token", "sha256~", Url, 30),
    token("pulumi-token", "pul-", Hex, 40),
    token("faultline-key", "flk_", Hex, 32),
    // code and packages
    token("github-token", "ghp_", Alnum, 20),
    token("github-token", "gho_", Alnum, 20),
    token("github-token", "ghu_", Alnum, 20),
    token("github-token", "ghs_", Dotted, 20),
    token("github-token", "ghr_", Alnum, 20),
    token("github-token", "github_pat_", Url, 20),
    token("gitlab-token", "glpat-", Dotted, 16),
    token("gitlab-token", "gldt-", Dotted, 16),
    token("gitlab-token", "glrt-", Dotted, 16),
    token("gitlab-token", "glcbt-", Dotted, 16),
    token("gitlab-token", "glptt-", Dotted, 16),
    token("gitlab-token", "glft-", Dotted, 16),
    token("gitlab-token", "glimt-", Dotted, 16),
    token("gitlab-token", "glagent-", Dotted, 16),
    token("gitlab-token", "glsoat-", Dotted, 16),
    token("gitlab-token", "gloas-", Dotted, 16),
    token("bitbucket-token", "ATBB", Alnum, 24),
    token("bitbucket-token", "ATCTT3", Base64, 40),
    token("atlassian-token", "ATATT3", Base64, 40),
    token("npm-token", "npm_", Alnum, 30),
    token("pypi-token", "pypi-", Url, 40),
    token("rubygems-key", "rubygems_", Hex, 32),
    token("docker-token", "dckr_pat_", Url, 20),
    token("docker-token", "dckr_oat_", Url, 20),
    token("circleci-token", "CCIPAT_", Url, 20),
    token("buildkite-token", "bkua_", Alnum, 30),
    token("sonar-token", "squ_", Hex, 32),
    token("sonar-token", "sqp_", Hex, 32),
    token("sonar-token", "sqa_", Hex, 32),
    token("artifactory-key", "AKCp", Alnum, 60),
    token("artifactory-token", "cmVmdGtu", Alnum, 40),
    token("doppler-token", "dp.pt.", Alnum, 30),
    token("doppler-token", "dp.st.", Dotted, 30),
    token("postman-key", "PMAK-", Url, 40),
    token("linear-key", "lin_api_", Alnum, 30),
    token("linear-key", "lin_oauth_", Alnum, 30),
    token("notion-token", "ntn_", Alnum, 40),
    token("figma-token", "figd_", Url, 30),
    // models
    token("anthropic-key", "sk-ant-", Url, 20),
    token("openai-key", "sk-proj-", Url, 20),
    token("openai-key", "sk-svcacct-", Url, 20),
    token("openai-key", "sk-admin-", Url, 20),
    token("openrouter-key", "sk-or-", Url, 20),
    token("openai-key", "sk-", Alnum, 20),
    token("huggingface-token", "hf_", Alnum, 30),
    token("groq-key", "gsk_", Alnum, 40),
    token("xai-key", "xai-", Alnum, 40),
    token("perplexity-key", "pplx-", Alnum, 40),
    token("replicate-token", "r8_", Alnum, 30),
    token("langsmith-key", "lsv2_", Url, 30),
    // chat, mail, payment
    token("slack-token", "xoxb-", Url, 10),
    token("slack-token", "xoxp-", Url, 10),
    token("slack-token", "xoxa-", Url, 10),
    token("slack-token", "xoxr-", Url, 10),
    token("slack-token", "xoxs-", Url, 10),
    token("slack-token", "xoxc-", Url, 10),
    token("slack-token", "xoxd-", Base64, 10),
    token("slack-token", "xoxe-", Url, 10),
    token("slack-token", "xoxe.", Dotted, 10),
    token("slack-token", "xapp-", Url, 10),
    token("stripe-key", "sk_live_", Alnum, 10),
    token("stripe-key", "sk_test_", Alnum, 10),
    token("stripe-key", "rk_live_", Alnum, 10),
    token("stripe-key", "rk_test_", Alnum, 10),
    token("webhook-secret", "whsec_", Base64, 16),
    token("twilio-key", "SK", Hex, 32),
    token("sendgrid-key", "SG.", Dotted, 40),
    token("brevo-key", "xkeysib-", Url, 40),
    token("mailgun-key", "key-", Hex, 32),
    token("shopify-token", "shpat_", Hex, 30),
    token("shopify-token", "shpca_", Hex, 30),
    token("shopify-token", "shppa_", Hex, 30),
    token("shopify-token", "shpss_", Hex, 30),
    token("square-token", "sq0atp-", Url, 20),
    token("square-token", "sq0csp-", Url, 20),
    token("square-token", "EAAA", Url, 56),
    token("hubspot-token", "pat-na1-", Hex, 30),
    token("hubspot-token", "pat-eu1-", Hex, 30),
    token("dropbox-token", "sl.", Url, 60),
    // watching
    token("new-relic-key", "NRAK-", Alnum, 20),
    token("new-relic-key", "NRII-", Url, 20),
    token("new-relic-key", "NRJS-", Alnum, 16),
    token("grafana-token", "glc_", Base64, 30),
    token("grafana-token", "glsa_", Url, 30),
    token("grafana-token", "eyJrIjoi", Base64, 40),
    token("sentry-token", "sntrys_", Base64, 30),
    token("sentry-token", "sntryu_", Hex, 30),
    token("dynatrace-token", "dt0c01.", Dotted, 30),
    token("dynatrace-token", "dt0s16.", Dotted, 30),
    // keys and vaults
    token("vault-token", "hvs.", Url, 20),
    token("vault-token", "hvb.", Url, 20),
    token("vault-token", "hvr.", Url, 20),
    token("age-key", "AGE-SECRET-KEY-1", Upper, 40),
    token("docker-config", "eyJhdXRocyI6", Base64, 8),
    token("docker-config", "ewogICJhdXRocyI6", Base64, 8),
    token("docker-config", "ewoJImF1dGhzIjog", Base64, 8),
    // hashes of passwords
    token("password-hash", "$2a$", Crypt, 50),
    token("password-hash", "$2b$", Crypt, 50),
    token("password-hash", "$2y$", Crypt, 50),
    token("password-hash", "$apr1$", Crypt, 20),
    token("password-hash", "$1$", Crypt, 22),
    token("password-hash", "$5$", Crypt, 30),
    token("password-hash", "$6$", Crypt, 40),
    token("password-hash", "$y$", Crypt, 40),
    token("password-hash", "$argon2", Crypt, 40),
    token("password-hash", "{SHA}", Base64, 20),
    token("password-hash", "{SSHA}", Base64, 20),
    token("password-hash", "{SSHA512}", Base64, 40),
    token("password-hash", "pbkdf2_sha256$", Crypt, 30),
    token("password-hash", "SCRAM-SHA-256$", Crypt, 40),
];

impl Token {
    /// The end of the token that begins at `start`, if one does.
    pub fn end(&self, text: &[u8], start: usize) -> Option<usize> {
        let rest = text.get(start..)?.strip_prefix(self.prefix.as_bytes())?;
        if !begins_word(text, start) {
            return None;
        }
        let mut length = rest.iter().take_while(|byte| self.chars.has(**byte)).count();
        // A sentence ends behind it.
        while length > 0 && matches!(rest[length - 1], b'.' | b':' | b',') {
            length -= 1;
        }
        let has_digit = rest[..length].iter().any(u8::is_ascii_digit);
        let is_exact = match self.kind {
            "twilio-key" => length == 32,
            "aws-access-key" => length == 16,
            _ => true,
        };
        (length >= self.min && has_digit && is_exact).then_some(start + self.prefix.len() + length)
    }
}

/// Nothing that belongs to it stands before: also an escaped line feed or a percent-encoded sign ends what was before.
pub fn begins_word(text: &[u8], start: usize) -> bool {
    if start == 0 || !text[start - 1].is_ascii_alphanumeric() {
        return true;
    }
    let before = &text[..start];
    let is_escape = before.len() >= 2 && before[before.len() - 2] == b'\\' && b"nrt".contains(&before[before.len() - 1]);
    is_escape || is_encoded(before)
}

/// `%3D`, `\u003d`: the end of `before` is one encoded sign.
fn is_encoded(before: &[u8]) -> bool {
    let percent = before.len() >= 3 && before[before.len() - 3] == b'%';
    let unicode = before.len() >= 6 && before[before.len() - 6..].starts_with(b"\\u00");
    (percent || unicode) && before[before.len() - 2..].iter().all(u8::is_ascii_hexdigit)
}

/// The end of a JSON web token that begins with `eyJ` at `start`: two parts or more.
pub fn jwt_end(text: &[u8], start: usize) -> Option<usize> {
    if !text[start..].starts_with(b"eyJ") || !begins_word(text, start) {
        return None;
    }
    let mut end = start;
    let mut parts = 0;
    loop {
        let length = text[end..].iter().take_while(|byte| Chars::Url.has(**byte)).count();
        if length < if parts < 2 { 8 } else { 1 } && !(parts == 1 && length >= 4) {
            break;
        }
        end += length;
        parts += 1;
        if text.get(end) != Some(&b'.') || parts == 5 {
            break;
        }
        end += 1;
    }
    if end > start && text[end - 1] == b'.' {
        end -= 1;
    }
    (parts >= 2).then_some(end)
}

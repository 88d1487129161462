//! Names that tell: whether what stands behind a key, a flag or a variable is a secret.

/// How much a name tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tells {
    /// It may hold a secret: one that looks random is taken for one.
    Maybe,
    /// Tokens, keys, secrets: the values of structured text are, prose is not always.
    Secret,
    /// Passwords: whatever it says is one, unless it says that there is none.
    Password,
}

/// Pieces of words by which the automaton finds names.
pub const KEYWORDS: &[&str] = &[
    "pass", "pwd", "secret", "token", "key", "cred", "auth", "cookie", "jwt", "sig", "session", "psk", "otp", "dockerc", "salt",
    "mnemonic", "hmac", "_pat", "pw", "connstr", "csrf", "xsrf", "pin", "bearer",
];

const PASSWORDS: &[&str] =
    &["password", "passwd", "pwd", "passwort", "passphrase", "passcode", "userpass", "rootpw", "adminpw", "psw", "mdp"];
const PASSWORD_ENDS: &[&str] = &["password", "passwd", "pwd", "passwort", "passphrase", "passwords"];
const SECRETS: &[&str] = &[
    "secret",
    "token",
    "apikey",
    "credential",
    "credentials",
    "creds",
    "jwt",
    "otp",
    "signature",
    "sig",
    "cookie",
    "psk",
    "passkey",
    "mnemonic",
    "hmac",
    "bearer",
    "dockerconfigjson",
    "dockercfg",
    "authorization",
    "sessionid",
    "pat",
    "pass",
    "pw",
];
const SECRET_ENDS: &[&str] = &[
    "secret",
    "token",
    "apikey",
    "secretkey",
    "accesskey",
    "privatekey",
    "authkey",
    "signingkey",
    "encryptionkey",
    "masterkey",
    "accountkey",
    "licensekey",
];
const MAYBES: &[&str] = &["key", "keys", "auth", "session", "salt", "tokens", "secrets", "pin", "csrf", "xsrf", "sid"];

/// What makes a key of that kind a secret.
const OF_KEYS: &[&str] = &[
    "api",
    "access",
    "private",
    "secret",
    "account",
    "shared",
    "encryption",
    "encrypt",
    "signing",
    "sign",
    "master",
    "client",
    "license",
    "ssh",
    "auth",
    "service",
    "storage",
    "deploy",
    "webhook",
    "app",
    "application",
    "admin",
    "root",
    "crypt",
    "crypto",
    "cipher",
    "aes",
    "hmac",
    "jwt",
    "session",
    "cookie",
    "consumer",
    "subscription",
    "functions",
    "function",
    "primary",
    "secondary",
    "connection",
    "integration",
    "preshared",
    "psk",
    "stripe",
    "sendgrid",
    "openai",
    "anthropic",
    "gemini",
    "datadog",
    "dd",
    "sas",
    "maps",
    "vapid",
    "unseal",
    "recovery",
    "rsa",
    "dsa",
    "ecdsa",
    "pgp",
    "gpg",
    "tls",
    "ssl",
    "jwe",
    "jws",
    "kms",
    "dek",
    "kek",
];

/// Last words with which a name speaks about a secret and does not hold it.
const ABOUT: &[&str] = &[
    "file",
    "files",
    "filename",
    "path",
    "paths",
    "dir",
    "directory",
    "folder",
    "name",
    "names",
    "ref",
    "refs",
    "reference",
    "id",
    "ids",
    "url",
    "uri",
    "urls",
    "uris",
    "endpoint",
    "endpoints",
    "host",
    "type",
    "kind",
    "length",
    "len",
    "size",
    "count",
    "ttl",
    "expiry",
    "expires",
    "expiration",
    "expired",
    "timeout",
    "policy",
    "policies",
    "enabled",
    "disabled",
    "required",
    "method",
    "methods",
    "mode",
    "version",
    "format",
    "prefix",
    "suffix",
    "provider",
    "providers",
    "manager",
    "store",
    "rotation",
    "age",
    "date",
    "time",
    "at",
    "in",
    "on",
    "env",
    "var",
    "field",
    "column",
    "param",
    "parameter",
    "label",
    "labels",
    "annotation",
    "annotations",
    "template",
    "validator",
    "server",
    "controller",
    "class",
    "source",
    "stdin",
    "prompt",
    "hint",
    "reset",
    "change",
    "changed",
    "strength",
    "attempts",
    "attempt",
    "error",
    "errors",
    "status",
    "state",
    "reason",
    "message",
    "exists",
    "valid",
    "invalid",
    "check",
    "generator",
    "limit",
    "limits",
    "used",
    "usage",
    "budget",
    "rate",
    "bucket",
    "cache",
    "request",
    "requests",
    "response",
    "review",
    "reviews",
    "mount",
    "volume",
    "namespace",
    "audience",
    "audiences",
    "issuer",
    "scope",
    "scopes",
    "algorithm",
    "alg",
    "index",
    "list",
    "map",
    "certificate",
    "cert",
    "ca",
    "public",
    "interval",
    "period",
    "seconds",
    "ms",
    "lifetime",
    "duration",
    "encoder",
    "handler",
    "filter",
    "binding",
    "bindings",
    "header",
    "headers",
    "user",
    "username",
    "mechanism",
    "plugin",
    "module",
    "backend",
    "realm",
    "domain",
    "group",
    "fingerprint",
    "thumbprint",
    "checksum",
    "authority",
    "failed",
    "failure",
    "failures",
    "success",
    "login",
    "sha256sum",
    "engine",
    "operator",
    "driver",
    "csi",
    "agent",
    "webhook",
    "proxy",
    "gateway",
    "job",
    "sync",
    "svc",
    "service",
    "pod",
    "deployment",
    "container",
    "init",
    "reloader",
    "rotator",
    "renewer",
    "config",
    "settings",
    "options",
    "keyref",
    "secretref",
    "configmap",
    "present",
    "set",
    "missing",
    "total",
    "bits",
    "rounds",
    "iterations",
    "cost",
    "min",
    "max",
    "minimum",
    "maximum",
    "created",
    "updated",
    "last",
    "expire",
    "expiring",
];

/// Last words that tell which one of several it is, or how it is written.
const WHICH: &[&str] = &[
    "value",
    "values",
    "hash",
    "prod",
    "production",
    "dev",
    "staging",
    "stage",
    "test",
    "old",
    "new",
    "current",
    "previous",
    "primary",
    "secondary",
    "backup",
    "default",
    "plain",
    "plaintext",
    "raw",
    "text",
    "base64",
    "b64",
    "encoded",
    "encrypted",
    "data",
    "string",
    "admin",
    "root",
    "db",
    "database",
    "main",
    "internal",
    "external",
    "live",
    "pem",
    "json",
    "master",
    "replica",
    "readonly",
    "rw",
    "ro",
    "eu",
    "us",
    "confirm",
    "confirmation",
    "again",
    "repeat",
];

/// Words before it with which a name speaks about an object of that kind.
const OF_OBJECTS: &[&str] = &[
    "existing",
    "pull",
    "tls",
    "image",
    "automount",
    "max",
    "min",
    "num",
    "total",
    "prompt",
    "completion",
    "input",
    "output",
    "next",
    "page",
    "continue",
    "cancellation",
    "unexpected",
];

/// What `name` tells. `None` = nothing.
pub fn tells(name: &str) -> Option<Tells> {
    let words = words(name);
    let mut words: Vec<&str> = words.iter().map(|word| numberless(word)).filter(|word| !word.is_empty()).collect();
    let mut last = words.pop()?;
    while WHICH.contains(&last) && (words.iter().any(|word| of_word(word, &[]).is_some()) || words.contains(&"key")) {
        last = words.pop()?;
    }
    if ABOUT.contains(&last) {
        return None;
    }
    if let Some(tells) = of_word(last, &words) {
        let is_of_object = words.iter().any(|word| OF_OBJECTS.contains(word));
        return (!is_of_object || tells == Tells::Password).then_some(tells);
    }
    let any = words.iter().filter_map(|word| of_word(word, &[])).max();
    any.map(|_| Tells::Maybe)
}

fn of_word(word: &str, before: &[&str]) -> Option<Tells> {
    if PASSWORDS.contains(&word) || PASSWORD_ENDS.iter().any(|end| word.ends_with(end)) {
        return Some(Tells::Password);
    }
    if matches!(word, "pass" | "pw") {
        return Some(if before.is_empty() { Tells::Maybe } else { Tells::Password });
    }
    if word == "key" {
        let is_secret = before.last().is_some_and(|word| OF_KEYS.contains(word) || of_word(word, &[]).is_some());
        return Some(if is_secret { Tells::Secret } else { Tells::Maybe });
    }
    if word == "auth" && before.is_empty() {
        return Some(Tells::Maybe);
    }
    if SECRETS.contains(&word) || SECRET_ENDS.iter().any(|end| word.ends_with(end)) {
        return Some(Tells::Secret);
    }
    let joined_key = word.strip_suffix("key").is_some_and(|rest| OF_KEYS.contains(&rest));
    if joined_key {
        return Some(Tells::Secret);
    }
    let is_pass =
        word.len() > 5 && word.ends_with("pass") && !matches!(word, "bypass" | "compass" | "trespass" | "encompass" | "surpass");
    if is_pass {
        return Some(Tells::Password);
    }
    MAYBES.contains(&word).then_some(Tells::Maybe)
}

/// `dbPassword`, `DB_PASSWORD`, `db-password`, `db.password` as lower-case words.
fn words(name: &str) -> Vec<String> {
    let bytes = name.as_bytes();
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    for (at, byte) in bytes.iter().enumerate() {
        if !byte.is_ascii_alphanumeric() {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
            continue;
        }
        let begins = byte.is_ascii_uppercase()
            && at > 0
            && (bytes[at - 1].is_ascii_lowercase()
                || bytes[at - 1].is_ascii_uppercase() && bytes.get(at + 1).is_some_and(u8::is_ascii_lowercase));
        if begins && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        word.push(char::from(byte.to_ascii_lowercase()));
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

fn numberless(word: &str) -> &str {
    word.trim_end_matches(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::{Tells, tells};

    #[test]
    fn names_of_secrets_tell() {
        for name in [
            "password",
            "DB_PASSWORD",
            "dbPassword",
            "db-password",
            "spring.datasource.password",
            "dbpassword",
            "MYSQL_PWD",
            "PGPASSWORD",
            "REDIS_PASS",
            "smtpPass",
            "userPassword2",
            "DB_PASSWORD_PROD",
            "passwordHash",
            "ROOT_PW",
            "Password1",
        ] {
            assert_eq!(tells(name), Some(Tells::Password), "{name}");
        }
        for name in [
            "token",
            "apiKey",
            "API_KEY",
            "X-Api-Key",
            "client_secret",
            "clientSecret",
            "SECRET_KEY",
            "AWS_SECRET_ACCESS_KEY",
            "SharedAccessKey",
            "AccountKey",
            "_authToken",
            "accessToken",
            "client-key-data",
            "dockerconfigjson",
            "GITHUB_PAT",
            "signature",
            "X-Amz-Signature",
            "PrivateKey",
            "PresharedKey",
            "secretValue",
            "JWT_SECRET_OLD",
            "apikey",
            "accesskey",
        ] {
            assert_eq!(tells(name), Some(Tells::Secret), "{name}");
        }
    }

    #[test]
    fn names_about_secrets_do_not() {
        for name in [
            "secretName",
            "passwordSecretName",
            "secretKeyRef",
            "password-file",
            "PASSWORD_FILE",
            "token_ttl",
            "tokenExpired",
            "key_id",
            "imagePullSecrets",
            "imagePullSecret",
            "existingSecret",
            "max_tokens",
            "token-url",
            "AWS_ACCESS_KEY_ID",
            "passed",
            "passing",
            "keyboard",
            "monkey",
            "author",
            "authority",
            "certificate-authority-data",
            "client-certificate-data",
            "password_length",
            "signal",
            "bypass",
            "compass",
            "opinion",
        ] {
            assert!(tells(name).is_none(), "{name}: {:?}", tells(name));
        }
    }
}

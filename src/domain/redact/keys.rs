//! Names that tell: whether what stands behind a key, a flag or a variable is a secret.

use super::words::{ABOUT, MAYBES, OF_KEYS, OF_OBJECTS, PASSWORD_ENDS, PASSWORDS, SECRET_ENDS, SECRETS, WHICH};

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

//! What stands where a value could, and is none: placeholders, references, words about it.

use super::value::{JUDGED_BYTES, has_mix};

/// Words that say something about a value, or that there is none.
const NO_VALUES: &[&str] = &[
    "null",
    "nil",
    "none",
    "true",
    "false",
    "yes",
    "no",
    "undefined",
    "unset",
    "empty",
    "n/a",
    "na",
    "nan",
    "redacted",
    "masked",
    "hidden",
    "removed",
    "sensitive",
    "string",
    "str",
    "bool",
    "boolean",
    "int",
    "integer",
    "bytes",
    "object",
    "optional",
    "required",
    "invalid",
    "expired",
    "missing",
    "wrong",
    "incorrect",
    "bad",
    "not",
    "denied",
    "failed",
    "unauthorized",
    "forbidden",
    "unknown",
    "rejected",
    "revoked",
    "malformed",
    "mismatch",
    "the",
    "is",
    "was",
    "must",
    "cannot",
    "could",
    "unable",
    "error",
    "failure",
    "permission",
    "access",
    "authentication",
    "authorization",
    "an",
    "a",
    "any",
    "for",
    "from",
    "in",
    "of",
    "on",
    "or",
    "and",
    "should",
    "does",
    "has",
    "have",
    "may",
    "can",
    "will",
    "changed",
    "updated",
    "rotated",
    "found",
    "too",
    "only",
    "no-such",
    "enabled",
    "disabled",
    "ok",
    "valid",
    "success",
    "successful",
    "verified",
    "unchanged",
    "present",
    "unexpected",
    "expecting",
    "signature",
    "open",
    "unauthenticated",
    "timeout",
    "timed",
    "context",
    "rpc",
    "http",
    "https",
    "get",
    "post",
    "status",
    "code",
    "exit",
    "user",
    "username",
    "with",
    "without",
    "while",
    "when",
    "if",
    "it",
    "this",
    "length",
    "checking",
    "creating",
    "waiting",
    "deleting",
    "loading",
    "reading",
    "configured",
    "created",
    "deleted",
    "accepted",
    "set",
    "provided",
    "supplied",
    "given",
    "rbac",
    "node",
    "webhook",
    "alwaysallow",
    "iam",
    "oidc",
    "ldap",
    "oauth",
    "oauth2",
    "md5",
    "sha256",
    "sha1",
    "scram-sha-256",
];

/// Whether `value` stands for a value, or for there being none: empty, a placeholder, a reference.
pub fn is_placeholder(value: &str) -> bool {
    let value = value.trim().trim_matches(['"', '\'', '`']);
    let bytes = value.as_bytes();
    if bytes.is_empty() {
        return true;
    }
    if bytes.len() > JUDGED_BYTES {
        return false;
    }
    let first = bytes[0];
    let is_all = |set: &[u8]| bytes.iter().all(|byte| set.contains(byte));
    if is_all(b"*")
        || is_all(b"xX") && bytes.len() > 2
        || is_all(b".")
        || is_all(b"-")
        || is_all(b"#")
        || is_all(b"?")
        || is_all(b"_")
        || is_all(b"=")
    {
        return true;
    }
    let is_wrapped = |open: &str, close: &str| value.starts_with(open) && value.ends_with(close);
    if is_wrapped("<", ">") || is_wrapped("${", "}") || is_wrapped("{{", "}}") || is_wrapped("$(", ")") || is_wrapped("%(", ")s")
    {
        return true;
    }
    if value.starts_with("${")
        || value.starts_with("{{")
        || value.starts_with("$(")
        || value.starts_with("<set to")
        || value.starts_with("$env:")
    {
        return true;
    }
    let is_name = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if first == b'$' && is_name(&value[1..]) && !value[1..].bytes().all(|byte| byte.is_ascii_digit()) {
        return value[1..].bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
            || value[1..].bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    }
    if is_wrapped("%", "%") && is_name(&value[1..value.len().max(2) - 1])
        || is_wrapped("{", "}") && is_name(&value[1..value.len().max(2) - 1])
        || matches!(value, "%s" | "%v" | "%q" | "{}" | "%d" | "?" | "!")
    {
        return true;
    }
    if is_wrapped("@@", "@@") || value == "(sensitive value)" || is_size(value) {
        return true;
    }
    if value.starts_with("vault:")
        || value.starts_with("ENC[")
        || value.starts_with("arn:aws:secretsmanager:")
        || value.starts_with("projects/")
        || value.starts_with("@Microsoft.KeyVault")
        || value.starts_with("op://")
        || value.starts_with("ref+")
    {
        return true;
    }
    if is_path(value) || is_call(value) {
        return true;
    }
    let lower = value.to_ascii_lowercase();
    lower.starts_with("your") && lower.bytes().all(|byte| byte.is_ascii_alphabetic() || b"-_ ".contains(&byte))
        || lower.starts_with("my-") && lower.ends_with("-here")
        || lower.contains("redacted") && bytes.len() < 40 && !bytes.iter().any(u8::is_ascii_digit)
        || matches!(
            lower.as_str(),
            "(sensitive"
                | "(sensitive)"
                | "(known"
                | "[filtered]"
                | "null"
                | "nil"
                | "none"
                | "true"
                | "false"
                | "yes"
                | "no"
                | "undefined"
                | "unset"
                | "n/a"
                | "redacted"
                | "masked"
                | "hidden"
                | "sensitive"
                | "string"
                | "(none)"
                | "(null)"
                | "(empty)"
                | "(hidden)"
                | "[hidden]"
                | "[masked]"
                | "<nil>"
                | "~"
                | "0"
                | "()"
                | "[]"
                | "\"\""
                | "''"
        )
}

/// Whether `value` begins like a sentence about it, or says that there is none.
pub fn is_said(value: &str) -> bool {
    if value.len() > JUDGED_BYTES {
        return false;
    }
    let word =
        value.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | ':' | '.' | '!' | ')')).next().unwrap_or_default();
    word.len() <= 20 && NO_VALUES.contains(&word.trim_matches(['"', '\'', '`', '(', '[']).to_ascii_lowercase().as_str())
}

/// `938 bytes`: how `kubectl describe secret` shows a value.
fn is_size(value: &str) -> bool {
    value.strip_suffix(" bytes").is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A file: several steps of ordinary names.
fn is_path(value: &str) -> bool {
    let begins = value.starts_with('/')
        || value.starts_with("./")
        || value.starts_with("../")
        || value.starts_with("~/")
        || value.starts_with("file:")
        || value.as_bytes().get(1..3) == Some(b":\\");
    let steps: Vec<&str> = value.split(['/', '\\']).collect();
    begins
        && (steps.len() > 2 || steps.len() == 2 && value.starts_with(['.', '~']))
        && steps
            .iter()
            .all(|step| step.len() < 28 && step.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-:~".contains(&byte)))
        && !steps.iter().any(|step| has_mix(step))
}

/// `os.environ["X"]`, `getPassword()`: code that says where it comes from.
fn is_call(value: &str) -> bool {
    let name = value.bytes().take_while(|byte| byte.is_ascii_alphabetic() || b"_.".contains(byte)).count();
    let rest = &value[name..];
    name > 2
        && (rest.starts_with("()")
            || rest.starts_with("(\"")
            || rest.starts_with("('")
            || rest.starts_with("[\"")
            || rest.starts_with("['")
            || rest == "("
            || rest == "[")
}

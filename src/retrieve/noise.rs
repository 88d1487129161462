//! Telling what machines make up (hashes, random tails, counts with units) from words.

/// A hash, the random tail of a pod's name, or a piece of a uuid.
pub fn is_hash(piece: &str) -> bool {
    let is_lower_or_digit = piece.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if !is_lower_or_digit {
        return false;
    }
    let has_digit = piece.bytes().any(|byte| byte.is_ascii_digit());
    let has_letter = piece.bytes().any(|byte| byte.is_ascii_lowercase());
    let is_vowelless_tail = piece.len() == 5 && !piece.bytes().any(|byte| b"aeiouy".contains(&byte));
    (has_digit && has_letter && piece.len() >= 4 && is_machine_made(piece))
        || (is_vowelless_tail && !has_digit && !is_known_vowelless(piece))
}

fn is_known_vowelless(piece: &str) -> bool {
    matches!(piece, "https" | "grpcs" | "mysql" | "vpcs" | "pvcs")
}

/// Letters and digits that alternate, or that begin with a digit: `7d9f8b6c5`, `19t10`, `5m0s`, `10gi`.
pub fn is_machine_made(piece: &str) -> bool {
    if MIXED_WORDS.iter().any(|word| piece.eq_ignore_ascii_case(word)) {
        return false;
    }
    if piece.starts_with(|c: char| c.is_ascii_digit()) {
        return true;
    }
    let kinds = piece.bytes().map(|byte| byte.is_ascii_digit());
    let changes = kinds.clone().zip(kinds.skip(1)).filter(|(one, other)| one != other).count();
    changes > 1 || (piece.len() >= 12 && piece.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Words with digits inside that are words all the same.
const MIXED_WORDS: &[&str] =
    &["k8s", "k3s", "i18n", "l4", "l7", "s3", "ec2", "x509", "x86", "sha256", "2xx", "3xx", "4xx", "5xx"];

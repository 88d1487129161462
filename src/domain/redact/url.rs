//! User and password in a URL.

use super::{placeholder, scan::Scan, value};

/// Longest part before the host.
const MOST_BYTES: usize = 512;

/// Masks the password of the URL whose `://` ends at `at`; scheme, user and host stay.
pub fn at(scan: &mut Scan<'_, '_>, at: usize) {
    let text = scan.bytes;
    let window = &text[at..text.len().min(at + MOST_BYTES)];
    let length = window
        .iter()
        .take_while(|byte| !byte.is_ascii_whitespace() && !matches!(byte, b'"' | b'`' | b'<' | b'>' | b'\\' | 0))
        .count();
    let part = &window[..length];
    // The host ends at the first `/`; a password that was not encoded may hold one, but no port does.
    let path = part.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(length);
    let at_sign = if let Some(found) = part[..path].iter().rposition(|byte| *byte == b'@') {
        found
    } else {
        let Some(found) = part.iter().rposition(|byte| *byte == b'@') else { return };
        let Some(colon) = part[..path].iter().position(|byte| *byte == b':') else { return };
        let is_port = part[colon + 1..path].iter().all(u8::is_ascii_digit);
        if is_port {
            return;
        }
        found
    };
    let host = &part[at_sign + 1..];
    // The digest of an image: docker-pullable://nginx:1.27@sha256:...
    if host.starts_with(b"sha256:") || host.starts_with(b"sha512:") {
        return;
    }
    let user = &part[..at_sign];
    let (start, end) = match user.iter().position(|byte| *byte == b':') {
        Some(colon) => (at + colon + 1, at + at_sign),
        None => (at, at + at_sign),
    };
    let Some(held) = scan.text.get(start..end) else { return };
    let is_password = start > at;
    if held.is_empty() || super::is_mark(held) || placeholder::is_placeholder(held) || !is_password && !value::looks_random(held)
    {
        return;
    }
    scan.mask(start, end, if is_password { "url-password" } else { "url-token" });
}

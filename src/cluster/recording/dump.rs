//! The log sections of `kubectl cluster-info dump`.

use super::document::Piece;

const START: &str = "==== START logs for container ";
const END: &str = "==== END logs for container ";

/// The section that a text starts with, and the text behind it.
pub fn section(text: &str) -> Option<(Piece<'_>, &str)> {
    let (header, body) = text.strip_prefix(START)?.split_once('\n')?;
    let name = header.trim_end().strip_suffix(" ====")?;
    let (container, pod) = name.split_once(" of pod ")?;
    let (namespace, pod) = pod.split_once('/')?;
    let end = format!("{END}{name} ====");
    // Of a dump that breaks off, the log goes on to the next section or to the end.
    let (text, rest) = body.split_once(&end).unwrap_or_else(|| {
        let next = body.find(&format!("\n{START}")).map_or(body.len(), |at| at + 1);
        body.split_at(next)
    });
    Some((Piece::Log { namespace, pod, container, text }, rest))
}

/// Whether a file of unknown sort looks like a dump from its first bytes.
pub fn looks_like_dump(first: &[u8]) -> bool {
    let first = first.trim_ascii_start();
    // Logs can be JSON, too, but one document a line; a dump is indented.
    first.starts_with(START.as_bytes()) || first.starts_with(b"{\n") || first.starts_with(b"{\r\n")
}

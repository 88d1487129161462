//! Where a request stands in a trace, as W3C Trace Context writes it (<https://www.w3.org/TR/trace-context/>).

/// Bytes of a `tracestate` that is passed on; a longer one is dropped, as the specification allows.
const STATE_BYTES: usize = 512;
/// Entries of a `tracestate`.
const STATE_ENTRIES: usize = 32;

/// What a caller says of the trace that its request belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceParent {
    pub trace_id: u128,
    /// The caller's own span.
    pub span_id: u64,
    /// The caller records the trace.
    pub is_sampled: bool,
}

impl TraceParent {
    /// `None` = it is not as the specification demands, and is to be ignored.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let version = hex(parts.next()?, 2)?;
        let (trace_id, span_id) = (hex(parts.next()?, 32)?, hex(parts.next()?, 16)?);
        let flags = hex(parts.next()?, 2)?;
        // A later version may say more, and says this much in the same way.
        let is_known = version == 0 && parts.next().is_none() || (1..0xff).contains(&version);
        let parent = Self { trace_id, span_id: u64::try_from(span_id).ok()?, is_sampled: flags & 1 == 1 };
        (is_known && parent.trace_id != 0 && parent.span_id != 0).then_some(parent)
    }

    /// As it stands in a header.
    pub fn header(&self) -> String {
        format!("00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, u8::from(self.is_sampled))
    }
}

/// A `tracestate` that may be passed on. `None` = it is none, or too much of one.
pub fn state(text: &str) -> Option<&str> {
    let text = text.trim();
    let is_entry = |entry: &str| {
        let entry = entry.trim();
        entry.is_empty() || entry.split_once('=').is_some_and(|(key, value)| is_key(key) && is_value(value))
    };
    let is_good = !text.is_empty() && text.len() <= STATE_BYTES && text.split(',').all(is_entry);
    (is_good && text.split(',').count() <= STATE_ENTRIES).then_some(text)
}

fn is_key(key: &str) -> bool {
    let may_stand = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"_-*/@".contains(&c);
    key.bytes().next().is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit()) && key.bytes().all(may_stand)
}

fn is_value(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|c| (0x20..0x7f).contains(&c) && c != b'=')
}

/// Exactly `digits` lowercase hexadecimal digits.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_hex = text.len() == digits && text.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c));
    is_hex.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::{TraceParent, state};

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_good_parent_is_read_and_written_as_it_was() {
        assert_eq!(TraceParent::parse(GOOD).map(|parent| parent.header()).as_deref(), Some(GOOD));
        let later = format!("{}-01-what-else", GOOD.replacen("00-", "cc-", 1).trim_end_matches("-01"));
        assert!(TraceParent::parse(&later).is_some(), "{later}");
    }

    #[test]
    fn a_bad_parent_is_none() {
        let bad = [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-f7-b7-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-zz",
        ];
        for text in bad {
            assert_eq!(TraceParent::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_state_is_bounded_and_well_formed() {
        for good in ["congo=t61rcWkgMzE", "rojo=00f067aa0ba902b7,congo=t61", "a@b=1, c=2"] {
            assert_eq!(state(good), Some(good));
        }
        let (long, many) = (format!("a={}", "x".repeat(600)), vec!["a=1"; 33].join(","));
        for bad in ["", "nothing", "=1", "a=", "A=1", "a=\u{7}", &long, &many] {
            assert_eq!(state(bad), None, "{bad}");
        }
    }
}

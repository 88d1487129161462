//! What the client wants to read: JSON unless it clearly asks for something else.

use axum::http::{HeaderMap, HeaderValue, header};

/// A form that an answer can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Json,
    Markdown,
    /// Markdown under the name `text/plain`, for clients that know no markdown.
    Plain,
    Html,
    /// Server-sent events: steps first, the JSON answer last.
    Events,
}

impl Form {
    fn media_type(self) -> (&'static str, &'static str) {
        match self {
            Self::Json => ("application", "json"),
            Self::Markdown => ("text", "markdown"),
            Self::Plain => ("text", "plain"),
            Self::Html => ("text", "html"),
            Self::Events => ("text", "event-stream"),
        }
    }

    pub fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Json => "application/json",
            Self::Markdown => "text/markdown; charset=utf-8",
            Self::Plain => "text/plain; charset=utf-8",
            Self::Html => "text/html; charset=utf-8",
            Self::Events => "text/event-stream",
        })
    }
}

/// The best of `offers` (our order decides between equals); JSON when nothing offered is accepted.
pub fn choose(headers: &HeaderMap, offers: &[Form]) -> Form {
    let mut ranges = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
    if ranges.peek().is_none() {
        return Form::Json;
    }
    let ranges: Vec<Range<'_>> = ranges.flat_map(|value| value.split(',')).take(MAX_RANGES).filter_map(Range::parse).collect();
    let mut best = (Form::Json, 0);
    for &offer in offers {
        let quality = quality(&ranges, offer);
        if quality > best.1 {
            best = (offer, quality);
        }
    }
    best.0
}

/// Media ranges looked at; no client sends more.
const MAX_RANGES: usize = 32;

/// One media range of an `Accept` header with its weight in thousandths.
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    quality: u16,
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (kind, subtype) = parts.next()?.split_once('/')?;
        let weight = parts.find_map(|parameter| parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q=")));
        let quality = match weight {
            None => 1000,
            Some(weight) => thousandths(weight)?,
        };
        Some(Self { kind, subtype, quality })
    }

    /// How exactly the range names `form`; `None` = not at all.
    fn fit(&self, form: Form) -> Option<u8> {
        let (kind, subtype) = form.media_type();
        match (self.kind, self.subtype) {
            ("*", "*") => Some(0),
            (range, "*") if range.eq_ignore_ascii_case(kind) => Some(1),
            (range, exact) if range.eq_ignore_ascii_case(kind) && exact.eq_ignore_ascii_case(subtype) => Some(2),
            (_, _) => None,
        }
    }
}

/// The weight that the most exact matching range gives to `form`; 0 = not accepted.
fn quality(ranges: &[Range<'_>], form: Form) -> u16 {
    let matching = ranges.iter().filter_map(|range| range.fit(form).map(|fit| (fit, range.quality)));
    matching.max().map_or(0, |(_, quality)| quality)
}

/// `0.8` as 800; the grammar allows three digits.
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, fraction) = weight.split_once('.').unwrap_or((weight, ""));
    let is_valid = matches!(whole, "0" | "1") && fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    is_valid.then(|| if whole == "1" { 1000 } else { fraction })
}

#[cfg(test)]
mod tests {
    use super::{Form, choose};
    use axum::http::{HeaderMap, HeaderValue, header};

    #[test]
    fn weights_and_exactness_decide() {
        let cases = [
            ("", Form::Json),
            ("*/*", Form::Json),
            ("application/json", Form::Json),
            ("text/markdown", Form::Markdown),
            ("TEXT/Markdown", Form::Markdown),
            ("text/plain", Form::Plain),
            ("text/*", Form::Markdown),
            ("text/event-stream", Form::Json),
            ("image/png", Form::Json),
            ("text/markdown;q=0.5, application/json", Form::Json),
            ("text/markdown, application/json;q=0.9", Form::Markdown),
            ("text/markdown, */*;q=0.1", Form::Markdown),
            ("text/markdown;q=0, */*", Form::Json),
            ("application/json;q=0, text/plain", Form::Plain),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Form::Html),
            ("text/markdown;q=nonsense", Form::Json),
            (";;;,,,/", Form::Json),
        ];
        for (accept, wanted) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(choose(&headers, &[Form::Json, Form::Markdown, Form::Plain, Form::Html]), wanted, "{accept}");
        }
        assert_eq!(choose(&HeaderMap::new(), &[Form::Json, Form::Markdown]), Form::Json);
    }
}

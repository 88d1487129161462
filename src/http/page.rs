//! HTML pages that load nothing: no script, no picture, no font, no style but their own.

use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::Response,
};

use super::accept::Form;

/// Nothing may run or load, on a page or from it. Styles stand in the page itself, as tables of runbooks need them.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#1c2733;background:#fff}\
a{color:#0b5cad}h1,h2,h3{line-height:1.25}code,pre{font:14px/1.45 ui-monospace,monospace;background:#f3f5f7;border-radius:4px}\
code{padding:.1em .3em}pre{padding:.75rem;overflow-x:auto}pre code{padding:0}table{border-collapse:collapse}\
th,td{border:1px solid #d5dbe1;padding:.3rem .6rem;text-align:left;vertical-align:top}.method{font-weight:700}.quiet{color:#5b6b7b}\
@media(prefers-color-scheme:dark){body{color:#dfe6ee;background:#12181f}a{color:#7cb8ff}code,pre{background:#1e2731}th,td{border-color:#37434f}.quiet{color:#93a3b3}}";

/// A whole page. `body` is HTML that is safe already; `title` is plain text.
pub fn html(title: &str, body: &str) -> Response {
    let title = escape(title);
    let text = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style></head><body>\n{body}\n</body></html>\n"
    );
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, Form::Html.content_type());
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

/// Plain text as it stands in a page or in a quoted attribute.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// `GET /`, until there is a console.
pub async fn home() -> Response {
    html(
        "Faultline",
        "<h1>Faultline</h1>\n<p>One error in, one proven diagnosis out: send an error text, get its cause, the evidence, the runbook and \
         fix commands with a risk each.</p>\n\
         <pre><code>curl -s HOST/diagnose -H 'content-type: application/json' -H 'accept: text/markdown' \\\n  \
         -d '{\"error_message\":\"Back-off restarting failed container\"}'</code></pre>\n\
         <ul>\n<li><a href=\"/docs\">How to call it</a></li>\n<li><a href=\"/openapi.json\">The same for programs</a> (OpenAPI)</li>\n\
         <li><a href=\"/runbooks\">Runbooks</a></li>\n<li><a href=\"/health\">Health</a> and <a href=\"/metrics\">metrics</a></li>\n</ul>",
    )
}

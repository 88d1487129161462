//! A runbook as an HTML fragment that is safe to put on a page, whoever wrote the runbook.
//!
//! Raw HTML becomes text, links lead only to http, https or within the site, images become links, and nothing else
//! can carry a script. Links to other runbooks become links to their pages.

use super::library::Library;
use super::lint::sibling;
use super::runbook::Runbook;
use super::split::{Anchors, options};
use pulldown_cmark::{CowStr, Event, Parser, Tag, TagEnd, html};
use std::fmt::Write;

/// The body of a runbook's page. Headings carry the anchors that passages name.
pub fn to_html(library: &Library, runbook: &Runbook) -> String {
    let mut events: Vec<Event<'_>> = Vec::new();
    let mut anchors = Anchors::default();
    // Whether each open link was kept; links cannot nest, but an image may stand within one.
    let mut kept = Vec::new();
    let mut in_comment = false;
    for event in Parser::new_ext(&runbook.markdown, options()) {
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                let target = if kept.is_empty() { safe_target(library, runbook, &dest_url) } else { None };
                kept.push(target.is_some());
                if let Some(target) = target {
                    events.push(Event::Start(link_to(target)));
                }
            }
            Event::End(TagEnd::Link | TagEnd::Image) => {
                if kept.pop() == Some(true) {
                    events.push(Event::End(TagEnd::Link));
                }
            }
            Event::End(TagEnd::Heading(_)) => {
                name_heading(&mut events, &mut anchors);
                events.push(event);
            }
            Event::Html(text) | Event::InlineHtml(text) => {
                in_comment |= text.trim_start().starts_with("<!--");
                if in_comment {
                    in_comment = !text.contains("-->");
                } else {
                    events.push(Event::Text(text));
                }
            }
            Event::End(TagEnd::HtmlBlock) => in_comment = false,
            other => events.push(other),
        }
    }
    let mut body = String::with_capacity(runbook.markdown.len() * 3 / 2);
    html::push_html(&mut body, events.into_iter());
    body
}

fn link_to(target: String) -> Tag<'static> {
    Tag::Link {
        link_type: pulldown_cmark::LinkType::Inline,
        dest_url: CowStr::from(target),
        title: CowStr::Borrowed(""),
        id: CowStr::Borrowed(""),
    }
}

/// Where a link may lead: to another runbook's page, elsewhere by http(s), or nowhere.
fn safe_target(library: &Library, runbook: &Runbook, target: &str) -> Option<String> {
    if let Some(other) = sibling(&runbook.file, target).and_then(|path| library.get_exact(&path)) {
        let fragment = target.split_once('#').map(|(_, fragment)| format!("#{fragment}")).unwrap_or_default();
        return Some(format!("/runbooks/{}{fragment}", path_segment(library.id(other))));
    }
    // A browser ignores control characters and spaces before and within a scheme, and reads `\` as `/`.
    let plain: String = target.chars().filter(|c| !c.is_control() && !c.is_whitespace()).collect::<String>().replace('\\', "/");
    let before_path = plain.split(['/', '?', '#']).next().unwrap_or_default();
    let is_allowed = match before_path.split_once(':') {
        Some((scheme, _)) => scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https"),
        None => !plain.starts_with("//") && !plain.is_empty(),
    };
    is_allowed.then_some(plain)
}

/// An id as one segment of a path: what has a meaning in a URL is escaped.
fn path_segment(id: &str) -> String {
    let mut segment = String::new();
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            segment.push(char::from(byte));
        } else {
            _ = write!(segment, "%{byte:02X}");
        }
    }
    segment
}

/// Gives the heading that is about to end its anchor, from the text since it began.
fn name_heading(events: &mut [Event<'_>], anchors: &mut Anchors) {
    let Some(start) = events.iter().rposition(|event| matches!(event, Event::Start(Tag::Heading { .. }))) else {
        return;
    };
    let mut heading = String::new();
    for event in &events[start..] {
        if let Event::Text(text) | Event::Code(text) = event {
            heading.push_str(text);
        }
    }
    let anchor = anchors.of(&heading);
    if let Event::Start(Tag::Heading { id, .. }) = &mut events[start] {
        *id = Some(CowStr::from(anchor));
    }
}

#[cfg(test)]
mod tests {
    use super::to_html;
    use crate::retrieve::library::Library;

    fn html(markdown: &str) -> String {
        let (library, _) = Library::from_files([("a.md", markdown.as_bytes()), ("sub/two words.md", b"# B".as_slice())]);
        to_html(&library, library.get("a").expect("a.md is in the library"))
    }

    #[test]
    fn raw_html_is_text() {
        let body = html("x <script>alert(1)</script>\n\n<img src=x onerror=alert(1)>\n\n<!-- secret\nsecret --> \n\n`<b>`\n");
        assert!(!body.contains("<script") && !body.contains("<img") && !body.contains("secret"), "{body}");
        assert!(body.contains("&lt;script&gt;"), "{body}");
    }

    #[test]
    fn links_lead_only_to_the_web_or_within() {
        let bad = [
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "//evil.example",
            "&#106;avascript:alert(1)",
            "/\\\\evil.example",
            "java&#10;script:alert(1)",
        ];
        for target in bad {
            let body = html(&format!("[click]({target}) ![pic]({target}) [ref]\n\n[ref]: {target}\n"));
            assert!(!body.contains("<a"), "{target}: {body}");
        }
        assert!(html("<javascript:alert(1)>").find("<a").is_none());
        for target in ["https://example.com/a?b=c", "http://example.com", "#meaning", "img/x.png", "/runbooks"] {
            assert!(html(&format!("[click]({target})")).contains(&format!("<a href=\"{target}\">click</a>")), "{target}");
        }
    }

    #[test]
    fn other_runbooks_are_linked_to_their_pages() {
        assert!(html("[b](sub/two%20words.md#fix)").contains("href=\"/runbooks/two%20words#fix\""));
    }

    #[test]
    fn headings_carry_the_anchors_of_passages() {
        let body = html("# A b\n\nx\n\n## A `b`\n\n\"><script>\n");
        assert!(body.contains("<h1 id=\"a-b\">") && body.contains("<h2 id=\"a-b-1\">"), "{body}");
    }
}

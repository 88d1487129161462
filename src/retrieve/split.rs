//! Markdown to sections of plain text, split at the headings.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use std::collections::HashMap;

/// A heading and the text beneath it, up to the next heading of any level.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Section {
    /// 1 to 6; 0 for the text before the first heading.
    pub level: u8,
    /// The heading as plain text. Empty before the first heading.
    pub heading: String,
    /// The fragment of the heading on the rendered page. Empty before the first heading.
    pub anchor: String,
    /// The text in blocks (paragraphs, list items, code blocks, table rows), without markup.
    pub blocks: Vec<String>,
}

/// A document taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outline {
    /// All sections in order, the text before the first heading being one of them.
    pub sections: Vec<Section>,
    /// The target of every link, as written.
    pub links: Vec<String>,
}

/// The markdown that runbooks may use beyond the common core.
pub fn options() -> Options {
    Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS
}

/// Takes a document apart. Every text is some markdown, so this cannot fail.
pub fn outline(markdown: &str) -> Outline {
    let mut outline = Outline { sections: vec![Section::default()], links: Vec::new() };
    let mut anchors = Anchors::default();
    let mut block = String::new();
    let mut html = None;

    for event in Parser::new_ext(markdown, options()) {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                end_block(&mut outline, &mut block);
                outline.sections.push(Section { level: level_number(level), ..Section::default() });
            }
            Event::End(TagEnd::Heading(_)) => {
                let heading = std::mem::take(&mut block).trim().to_owned();
                if let Some(section) = outline.sections.last_mut() {
                    section.anchor = anchors.of(&heading);
                    section.heading = heading;
                }
            }
            Event::Start(Tag::Link { dest_url, .. }) => outline.links.push(dest_url.into_string()),
            Event::Start(Tag::Item) => {
                end_block(&mut outline, &mut block);
                block.push_str("- ");
            }
            Event::Start(Tag::HtmlBlock) => html = Some(String::new()),
            Event::End(TagEnd::HtmlBlock) => {
                block.push_str(&without_tags(&html.take().unwrap_or_default()));
                end_block(&mut outline, &mut block);
            }
            Event::Html(text) => match &mut html {
                Some(html) => html.push_str(&text),
                None => block.push_str(&without_tags(&text)),
            },
            Event::InlineHtml(text) => block.push_str(&without_tags(&text)),
            Event::Text(text) | Event::Code(text) => block.push_str(&text),
            Event::SoftBreak => block.push(' '),
            Event::HardBreak => block.push('\n'),
            Event::End(TagEnd::TableCell) => block.push_str("  "),
            Event::Start(Tag::CodeBlock(_) | Tag::Paragraph | Tag::List(_) | Tag::BlockQuote(_)) if block != "- " => {
                end_block(&mut outline, &mut block);
            }
            Event::End(
                TagEnd::Paragraph | TagEnd::CodeBlock | TagEnd::Item | TagEnd::List(_) | TagEnd::TableHead | TagEnd::TableRow,
            ) => end_block(&mut outline, &mut block),
            _ => {}
        }
    }
    end_block(&mut outline, &mut block);
    if outline.sections.first().is_some_and(|section| section.blocks.is_empty()) {
        outline.sections.remove(0);
    }
    outline
}

/// Gives headings their fragments the way code hosts do: words joined by `-`, repeats numbered.
#[derive(Debug, Default)]
pub struct Anchors {
    seen: HashMap<String, usize>,
}

impl Anchors {
    /// The fragment of the next heading. Must be asked in the order of the document.
    pub fn of(&mut self, heading: &str) -> String {
        let slug: String = heading
            .trim()
            .chars()
            .filter_map(|c| match c {
                ' ' => Some('-'),
                c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
                _ => None,
            })
            .flat_map(char::to_lowercase)
            .collect();
        let slug = if slug.is_empty() { "section".to_owned() } else { slug };
        let count = self.seen.entry(slug.clone()).or_insert(0);
        *count += 1;
        if *count == 1 { slug } else { format!("{slug}-{}", *count - 1) }
    }
}

fn end_block(outline: &mut Outline, block: &mut String) {
    let text = block.trim_end().trim_start_matches('\n');
    let is_text = !text.is_empty() && text != "-";
    if let Some(section) = outline.sections.last_mut().filter(|_| is_text) {
        section.blocks.push(text.to_owned());
    }
    block.clear();
}

fn level_number(level: HeadingLevel) -> u8 {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}

/// The text between tags; comments vanish.
fn without_tags(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some(open) = rest.find('<') {
        text.push_str(&rest[..open]);
        let tag = &rest[open..];
        let end = if tag.starts_with("<!--") { tag.find("-->").map(|at| at + 3) } else { tag.find('>').map(|at| at + 1) };
        let Some(end) = end else { return text };
        rest = &tag[end..];
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::{Anchors, outline};

    #[test]
    fn text_falls_under_its_heading_without_markup() {
        let outline = outline(
            "intro\n\n# One `two`\n\nSome *bold*\ntext.\n\n- a\n- b\n\n```sh\nkubectl get pods\n```\n<!-- hidden\nsecret -->\n\n## Three\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
        );
        let sections: Vec<_> = outline
            .sections
            .iter()
            .map(|one| (one.level, one.heading.as_str(), one.anchor.as_str(), one.blocks.join("|")))
            .collect();
        assert_eq!(
            sections,
            [
                (0, "", "", "intro".to_owned()),
                (1, "One two", "one-two", "Some bold text.|- a|- b|kubectl get pods".to_owned()),
                (2, "Three", "three", "a  b|1  2".to_owned()),
            ]
        );
    }

    #[test]
    fn repeated_headings_get_their_own_anchors() {
        let mut anchors = Anchors::default();
        assert_eq!(["Fix it!", "Fix it", "…"].map(|heading| anchors.of(heading)), ["fix-it", "fix-it-1", "section"]);
    }
}

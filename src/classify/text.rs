//! A pasted text made ready for matching: one buffer, and where each of its lines came from.

use std::borrow::Cow;

use super::{
    line::{Level, Prefix},
    unwrap_json::unwrap_json,
};

/// Which of the texts of a request, or of what was seen, a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    ErrorMessage,
    Logs,
    /// Number of a fact in its scope.
    Fact(usize),
    /// Number of a log in its scope.
    LogTail(usize),
}

impl Origin {
    /// The request field's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ErrorMessage => "error_message",
            Self::Logs => "logs",
            Self::Fact(_) => "fact",
            Self::LogTail(_) => "container log",
        }
    }
}

/// One line of the buffer.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// Byte offsets into the buffer, without the line feed.
    pub start: usize,
    pub end: usize,
    pub origin: Origin,
    /// 1-based line number in the text it came from.
    pub number: u32,
    pub level: Level,
    /// The line began with a time stamp: it is a log line, not prose.
    pub stamped: bool,
}

/// Normalised text: no colours, time stamps, JSON wrapping, escapes or carriage returns.
#[derive(Debug, Default)]
pub struct Text {
    buffer: String,
    lowered: Vec<u8>,
    lines: Vec<Line>,
}

impl Text {
    pub fn buffer(&self) -> &str {
        &self.buffer
    }

    /// The buffer in ASCII lower case; same offsets.
    pub fn lowered(&self) -> &[u8] {
        &self.lowered
    }

    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    pub fn line_str(&self, line: &Line) -> &str {
        &self.buffer[line.start..line.end]
    }

    /// Index of the line that holds byte `offset`.
    pub fn line_at(&self, offset: usize) -> usize {
        self.lines.partition_point(|line| line.start <= offset).saturating_sub(1)
    }

    /// Call once after the last [`Text::push`].
    pub fn finish(&mut self) {
        self.lowered = self.buffer.to_ascii_lowercase().into_bytes();
    }

    /// Normalises one raw line and appends it; a line that wraps several (JSON, escapes) becomes several of one number.
    pub fn push(&mut self, origin: Origin, number: u32, raw: &str, escapes: Escapes) {
        let line = without_colours(raw.trim_end_matches('\r'));
        let prefix = Prefix::of(&line);
        let rest = &line[prefix.len..];
        if let Some(unwrapped) = unwrap_json(rest) {
            let level = unwrapped.level.or(prefix.level).unwrap_or(Level::Unsaid);
            for part in unwrapped.text.lines() {
                self.append(origin, number, part, level, true);
            }
            return;
        }
        let level = prefix.level.unwrap_or_else(|| {
            if continues(rest) { self.lines.last().map_or(Level::Unsaid, |line| line.level) } else { Level::Unsaid }
        });
        if escapes == Escapes::Unfold && rest.contains("\\n") {
            for part in unescape(rest).lines() {
                let prefix = Prefix::of(part);
                self.append(origin, number, &part[prefix.len..], prefix.level.unwrap_or(level), prefix.stamped);
            }
            return;
        }
        self.append(origin, number, rest, level, prefix.stamped);
    }

    /// Appends a fact as it is: it is one line already, and has no prefix to take off.
    pub fn push_fact(&mut self, number: usize, line: &str) {
        self.append(Origin::Fact(number), 1, line, Level::Unsaid, false);
    }

    /// Marks that lines were left out here, so that no pattern matches across the hole.
    pub fn push_hole(&mut self, origin: Origin, number: u32) {
        self.append(origin, number, "[...]", Level::Unsaid, false);
    }

    fn append(&mut self, origin: Origin, number: u32, text: &str, level: Level, stamped: bool) {
        let text = &text[..floor_char_boundary(text, MAX_LINE_BYTES)];
        let start = self.buffer.len();
        self.buffer.push_str(text);
        let end = self.buffer.len();
        self.buffer.push('\n');
        self.lines.push(Line { start, end, origin, number, level, stamped });
    }
}

/// What to do with `\n` and `\"` written out as two characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escapes {
    Keep,
    /// The text is one escaped string: unfold it to lines.
    Unfold,
}

impl Escapes {
    /// A text with hardly a real line feed and several written-out ones was escaped as a whole.
    pub fn of(raw: &str) -> Self {
        let real = memchr::memchr_iter(b'\n', raw.trim_end().as_bytes()).take(3).count();
        if real <= 1 && memchr::memmem::find(raw.as_bytes(), b"\\n").is_some() { Self::Unfold } else { Self::Keep }
    }
}

/// Longer lines are cut: one line is one statement, and what follows 16 KiB of it is not read by anyone.
const MAX_LINE_BYTES: usize = 16 << 10;

/// A stack frame or an indented continuation belongs to the statement above it.
fn continues(line: &str) -> bool {
    line.starts_with([' ', '\t']) || line.starts_with("Caused by") || line.starts_with("Traceback")
}

/// Without ANSI escape sequences (ECMA-48 CSI and OSC).
fn without_colours(line: &str) -> Cow<'_, str> {
    if memchr::memchr(0x1b, line.as_bytes()).is_none() {
        return Cow::Borrowed(line);
    }
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find('\u{1b}') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let length = match rest.as_bytes().first() {
            Some(b'[') => rest.bytes().skip(1).position(|byte| (0x40..=0x7e).contains(&byte)).map(|end| end + 2),
            Some(b']') => rest.find('\u{7}').map(|end| end + 1),
            Some(_) | None => None,
        };
        rest = &rest[length.unwrap_or(0)..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let escaped = (character == '\\').then(|| characters.peek().copied()).flatten();
        let plain = match escaped {
            Some('n') => '\n',
            Some('t') => '\t',
            Some('r') => ' ',
            Some('"') => '"',
            Some(_) | None => {
                out.push(character);
                continue;
            }
        };
        characters.next();
        out.push(plain);
    }
    out
}

/// The largest char boundary of `text` that is not past `limit`.
pub fn floor_char_boundary(text: &str, limit: usize) -> usize {
    if limit >= text.len() {
        return text.len();
    }
    (0..=limit).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(raw: &str) -> Vec<String> {
        let mut text = Text::default();
        for (index, line) in raw.lines().enumerate() {
            text.push(Origin::ErrorMessage, u32::try_from(index).unwrap() + 1, line, Escapes::of(raw));
        }
        text.finish();
        text.lines().iter().map(|line| format!("{} {:?} {}", line.number, line.level, text.line_str(line))).collect()
    }

    #[test]
    fn colours_time_stamps_and_carriage_returns_are_gone() {
        assert_eq!(lines("\u{1b}[31m2026-11-21T06:16:21.5Z ERROR no space left\u{1b}[0m\r"), ["1 Error ERROR no space left"]);
    }

    #[test]
    fn an_escaped_text_unfolds_to_its_lines() {
        assert_eq!(
            lines(r#"panic: runtime error\n\ngoroutine 1 [running]:\n\tmain.main() said \"no\""#),
            ["1 Fatal panic: runtime error", "1 Fatal ", "1 Fatal goroutine 1 [running]:", "1 Fatal \tmain.main() said \"no\""]
        );
    }

    #[test]
    fn a_windows_path_among_real_lines_is_left_alone() {
        assert_eq!(lines("a\nb\nopen C:\\new\\table: denied")[2], "3 Unsaid open C:\\new\\table: denied");
    }

    #[test]
    fn a_stack_frame_has_the_level_of_its_statement() {
        assert_eq!(lines("2026-11-21 06:16:21,123 ERROR boom\n\tat a.B.c(B.java:1)")[1], "2 Error \tat a.B.c(B.java:1)");
    }
}

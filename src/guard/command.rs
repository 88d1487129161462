//! One plain command out of a text: split into words as a shell would, or refused where a shell would do more than that.

use crate::domain::text::is_hidden;

/// The words of `command`, or why it is not one plain command.
pub fn words(command: &str) -> Result<Vec<String>, &'static str> {
    if let Some(reason) = shell_feature(command) {
        return Err(reason);
    }
    match shell_words::split(command) {
        Ok(words) if words.is_empty() => Err("empty"),
        Ok(words) => Ok(words),
        Err(_) => Err("has an unbalanced quote"),
    }
}

/// The program, without its folder, and its arguments; `sudo`, `timeout` and harmless settings before it are skipped.
pub fn program(words: &[String]) -> Option<(&str, &[String])> {
    let (first, rest) = words.split_first()?;
    match first.as_str() {
        "sudo" => program(after_sudo(rest)?),
        "timeout" => program(after_timeout(rest)?),
        setting
            if HARMLESS_SETTINGS.iter().any(|name| setting.strip_prefix(name).is_some_and(|value| value.starts_with('='))) =>
        {
            program(rest)
        }
        path => match path.rsplit_once('/') {
            None => Some((path, rest)),
            Some((folder, name)) => PROGRAM_FOLDERS.iter().any(|prefix| folder.starts_with(prefix)).then_some((name, rest)),
        },
    }
}

/// True for `<name>`: something that a person fills in.
pub fn is_placeholder(word: &str) -> bool {
    placeholder_len(word) == Some(word.len())
}

/// Settings before a command that change nothing but where or how it looks.
const HARMLESS_SETTINGS: [&str; 6] = ["ETCDCTL_API", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "LANG", "TZ"];
/// Where installed programs are; anything else could be any file.
const PROGRAM_FOLDERS: [&str; 5] = ["/bin", "/sbin", "/usr", "/opt", "/snap"];
const PLACEHOLDER_BYTES: usize = 60;

fn after_sudo(mut words: &[String]) -> Option<&[String]> {
    loop {
        let (first, rest) = words.split_first()?;
        words = match first.as_str() {
            "-n" | "-E" | "-H" | "--" => rest,
            "-u" | "-g" => rest.get(1..)?,
            flag if flag.starts_with('-') => return None,
            _ => return Some(words),
        };
    }
}

fn after_timeout(words: &[String]) -> Option<&[String]> {
    let (duration, rest) = words.split_first()?;
    duration.starts_with(|character: char| character.is_ascii_digit()).then_some(rest)
}

/// The first thing in `command` that a shell would act on, beyond splitting words.
fn shell_feature(command: &str) -> Option<&'static str> {
    #[derive(Clone, Copy, PartialEq)]
    enum Quote {
        None,
        Single,
        Double,
    }
    let mut quote = Quote::None;
    let mut at_word_start = true;
    let mut skip_to = 0;
    for (at, character) in command.char_indices() {
        if is_invisible(character) {
            return Some(if character == '\n' { "runs more than one line" } else { "holds invisible characters" });
        }
        if at < skip_to {
            continue;
        }
        let rest = &command[at + character.len_utf8()..];
        let next = rest.chars().next();
        let starts_word = std::mem::replace(&mut at_word_start, quote == Quote::None && matches!(character, ' ' | '\t'));
        match (quote, character) {
            (Quote::Single, '\'') | (Quote::Double, '"') => quote = Quote::None,
            (Quote::Single, _) => {}
            (_, '\\') => {
                let Some(next) = next else { return Some("ends in the middle of a word") };
                skip_to = at + 1 + next.len_utf8();
            }
            (_, '`') => return Some("runs a command inside the command"),
            (_, '$') => match next {
                Some('(') => return Some("runs a command inside the command"),
                Some('\'' | '"') if quote == Quote::None => return Some("uses a quote that only some shells know"),
                Some('{' | '[' | '_' | '?' | '!' | '@' | '*' | '#' | '$' | '-') => return Some("fills in a shell variable"),
                Some(next) if next.is_ascii_alphanumeric() => return Some("fills in a shell variable"),
                Some(_) | None => {}
            },
            (_, '!') if next.is_some_and(|next| !matches!(next, ' ' | '\t' | '=' | '(' | '"')) => {
                return Some("repeats an earlier command");
            }
            (Quote::None, '\'') => quote = Quote::Single,
            (Quote::None, '"') => quote = Quote::Double,
            (Quote::None, '|') => return Some("pipes into another command"),
            (Quote::None, ';' | '&') => return Some("runs more than one command"),
            (Quote::None, '(' | ')') => return Some("runs in a sub-shell"),
            (Quote::None, '>') => return Some("redirects its output"),
            (Quote::None, '<') => match placeholder_len(&command[at..]) {
                Some(len) => skip_to = at + len,
                None => return Some("redirects its input"),
            },
            (Quote::None, '{') if braces_expand(rest) => return Some("spreads into several words"),
            (Quote::None, '#') if starts_word => return Some("holds a comment"),
            (Quote::None | Quote::Double, _) => {}
        }
    }
    (quote != Quote::None).then_some("has an unbalanced quote")
}

/// Bytes of the placeholder that `text` starts with. A shell would take it for a redirect, so it must be filled in first.
fn placeholder_len(text: &str) -> Option<usize> {
    let name = text.strip_prefix('<')?;
    let len = name.find('>').filter(|len| *len <= PLACEHOLDER_BYTES)?;
    let name = &name[..len];
    let is_name = name.starts_with(|character: char| character.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    is_name.then_some(len + 2)
}

/// True when what follows a `{` makes the shell write several words.
fn braces_expand(rest: &str) -> bool {
    let inside = rest.split([' ', '\t', '\'', '"']).next().unwrap_or_default();
    inside.contains(',') || inside.contains("..")
}

/// Line ends, other control characters, and those that hide or turn round what is read.
fn is_invisible(character: char) -> bool {
    (character.is_control() && character != '\t') || is_hidden(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_words_and_redirects_are_not() {
        for command in
            ["logs <pod> -n <namespace>", "apply -f <job.yaml>", "set image x=<registry>/<repository>:<tag>", "a <x>.yaml"]
        {
            assert!(words(command).is_ok(), "{command}");
        }
        for command in ["a < b", "a <b", "a <b >c", "a <1>", "a <<b>", "a <b>>c", "a <b>&1", "a <b/c>", "a 2>&1", "a <b c>"] {
            assert!(words(command).is_err(), "{command}");
        }
        assert!(is_placeholder("<pod>") && !is_placeholder("<pod>x") && !is_placeholder("pod"));
    }
}

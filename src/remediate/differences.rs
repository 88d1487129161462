//! What differs between two objects, line by line, for a person to read.

use std::collections::BTreeSet;

use serde_json::Value;

use super::value::text;

/// Lines of one difference, at most; what is left out is counted.
const MOST_LINES: usize = 60;
const MOST_CHARACTERS: usize = 160;

/// `- spec.template.spec.containers[app].image: api:2` and `+ ...: api:1`. Values of environment variables, and of whatever else
/// is not named by its key, are not shown: they may be secrets.
pub fn differences(path: &str, before: &Value, after: &Value) -> String {
    let mut lines = Vec::new();
    compare(path, Some(before), Some(after), &mut lines);
    let left_out = lines.len().saturating_sub(MOST_LINES);
    lines.truncate(MOST_LINES);
    if left_out > 0 {
        lines.push(format!("... and {left_out} more lines"));
    }
    lines.into_iter().map(|line| line + "\n").collect()
}

fn compare(path: &str, before: Option<&Value>, after: Option<&Value>, lines: &mut Vec<String>) {
    if before == after {
        return;
    }
    match (before, after) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let added = new.keys().filter(|key| !old.contains_key(*key));
            for key in old.keys().chain(added) {
                compare(&format!("{path}.{}", shown_key(key)), old.get(key), new.get(key), lines);
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) if has_names(old) && has_names(new) => {
            let named = |items: &[Value], name: &str| items.iter().find(|item| text(item, "/name") == name).cloned();
            let added = new.iter().filter(|item| named(old, text(item, "/name")).is_none());
            for item in old.iter().chain(added) {
                let name = text(item, "/name");
                compare(&format!("{path}[{name}]"), named(old, name).as_ref(), named(new, name).as_ref(), lines);
            }
            let order = |items: &[Value], others: &[Value]| -> Vec<String> {
                let names = items.iter().map(|item| text(item, "/name"));
                names.filter(|name| named(others, name).is_some()).map(str::to_owned).collect()
            };
            if order(old, new) != order(new, old) {
                lines.push(format!("~ {path}: in another order"));
            }
        }
        (before, after) => {
            if is_hidden(path) {
                lines.push(format!("~ {path}: changed (not shown)"));
                return;
            }
            lines.extend(before.map(|value| format!("- {path}: {}", shown(value))));
            lines.extend(after.map(|value| format!("+ {path}: {}", shown(value))));
        }
    }
}

/// Whether each item has a name of its own.
fn has_names(items: &[Value]) -> bool {
    let names: BTreeSet<&str> = items.iter().map(|item| text(item, "/name")).collect();
    names.len() == items.len() && !names.contains("")
}

/// Keys of annotations may hold dots.
fn shown_key(key: &str) -> String {
    if key.contains('.') { format!("[{key}]") } else { key.to_owned() }
}

/// These hold whatever people write into them.
const HIDDEN: [&str; 8] = ["env", "args", "command", "annotations", "data", "httpHeaders", "volumeAttributes", "options"];

fn is_hidden(path: &str) -> bool {
    HIDDEN.iter().any(|part| {
        path.match_indices(&format!(".{part}")).any(|(at, found)| {
            let rest = &path[at + found.len()..];
            rest.is_empty() || rest.starts_with(['.', '['])
        })
    })
}

fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) if text.chars().any(is_unseen) => format!("{text:?}"),
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) if holds_environment(value) => "(not shown)".to_owned(),
        other => other.to_string(),
    };
    if text.chars().count() > MOST_CHARACTERS { text.chars().take(MOST_CHARACTERS).chain(['…']).collect() } else { text }
}

/// What would make a line look like another, or like two.
fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// A whole container that comes or goes is named by what it is, not by what it is told.
fn holds_environment(value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            members.keys().any(|key| HIDDEN.contains(&key.as_str())) || members.values().any(holds_environment)
        }
        Value::Array(items) => items.iter().any(holds_environment),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::differences;
    use serde_json::json;

    #[test]
    fn what_changed_is_shown_by_its_place_and_secrets_are_not() {
        let before = json!({"spec": {"containers": [
            {"name": "app", "image": "api:2", "env": [{"name": "TOKEN", "value": "old-secret"}], "args": ["--password=a"]},
            {"name": "proxy", "image": "p:1"}]}});
        let after = json!({"spec": {"containers": [
            {"name": "app", "image": "api:1", "env": [{"name": "TOKEN", "value": "new-secret"}], "args": ["--password=b"]},
            {"name": "added", "image": "x:1", "env": [{"name": "KEY", "value": "third-secret"}]}]}});
        assert_eq!(
            differences("template", &before, &after),
            "- template.spec.containers[app].image: api:2\n\
             + template.spec.containers[app].image: api:1\n\
             ~ template.spec.containers[app].env[TOKEN].value: changed (not shown)\n\
             ~ template.spec.containers[app].args: changed (not shown)\n\
             - template.spec.containers[proxy]: {\"name\":\"proxy\",\"image\":\"p:1\"}\n\
             + template.spec.containers[added]: (not shown)\n"
        );
    }

    #[test]
    fn nothing_is_hidden_by_names_orders_or_characters() {
        let list = |items: &[(&str, &str)]| {
            json!(items.iter().map(|(name, value)| json!({"name": name, "value": value})).collect::<Vec<_>>())
        };
        let twice = differences("x", &list(&[("a", "1"), ("a", "2")]), &list(&[("a", "1"), ("a", "3")]));
        assert_eq!(twice.lines().count(), 2, "{twice}");
        assert_eq!(
            differences("x", &list(&[("a", "1"), ("b", "2")]), &list(&[("b", "2"), ("a", "1")])),
            "~ x: in another order\n"
        );
        let forged = differences("x", &json!({"dir": "a"}), &json!({"dir": "a\n+ x.image: api:1\u{202e}"}));
        assert_eq!(forged, "- x.dir: a\n+ x.dir: \"a\\n+ x.image: api:1\\u{202e}\"\n");
        let probe = |token: &str| json!({"httpGet": {"httpHeaders": [{"name": "Authorization", "value": token}]}});
        let hidden = differences("x", &probe("one"), &probe("two"));
        assert_eq!(hidden, "~ x.httpGet.httpHeaders[Authorization].value: changed (not shown)\n");
    }

    #[test]
    fn many_differences_are_counted() {
        let many =
            |value: &str| json!((0..100).map(|at| (format!("k{at}"), value)).collect::<std::collections::BTreeMap<_, _>>());
        let text = differences("x", &many("a"), &many("b"));
        assert_eq!(text.lines().count(), 61);
        assert!(text.ends_with("... and 140 more lines\n"));
    }
}

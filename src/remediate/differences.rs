//! What differs between two objects, line by line, for a person to read.

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
        (Some(Value::Array(old)), Some(Value::Array(new)))
            if old.iter().chain(new).all(|item| !text(item, "/name").is_empty()) =>
        {
            let named = |items: &[Value], name: &str| items.iter().find(|item| text(item, "/name") == name).cloned();
            let added = new.iter().filter(|item| named(old, text(item, "/name")).is_none());
            for item in old.iter().chain(added) {
                let name = text(item, "/name");
                compare(&format!("{path}[{name}]"), named(old, name).as_ref(), named(new, name).as_ref(), lines);
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

/// Keys of annotations may hold dots.
fn shown_key(key: &str) -> String {
    if key.contains('.') { format!("[{key}]") } else { key.to_owned() }
}

/// Environments, arguments, commands and annotations hold whatever people write into them.
fn is_hidden(path: &str) -> bool {
    [".env[", ".env", ".args", ".command", ".annotations", ".data"].iter().any(|part| {
        path.match_indices(part).any(|(at, _)| {
            let rest = &path[at + part.len()..];
            part.ends_with('[') || rest.is_empty() || rest.starts_with(['.', '['])
        })
    })
}

fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) if holds_environment(value) => "(not shown)".to_owned(),
        other => other.to_string(),
    };
    if text.chars().count() > MOST_CHARACTERS { text.chars().take(MOST_CHARACTERS).chain(['…']).collect() } else { text }
}

/// A whole container that comes or goes is named by what it is, not by what it is told.
fn holds_environment(value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            members.keys().any(|key| matches!(key.as_str(), "env" | "args" | "command" | "annotations" | "data"))
                || members.values().any(holds_environment)
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
    fn many_differences_are_counted() {
        let many =
            |value: &str| json!((0..100).map(|at| (format!("k{at}"), value)).collect::<std::collections::BTreeMap<_, _>>());
        let text = differences("x", &many("a"), &many("b"));
        assert_eq!(text.lines().count(), 61);
        assert!(text.ends_with("... and 140 more lines\n"));
    }
}

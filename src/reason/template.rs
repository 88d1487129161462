//! The templates of rule files: parameters in, prose or a command out.

use std::{collections::BTreeMap, fmt, sync::Arc};

use minijinja::{
    Environment, Error, ErrorKind, Value,
    value::{Object, ObjectRepr},
};

use crate::domain::parameters::Parameters;

/// Longest value put into prose.
const MAX_PROSE_VALUE_CHARS: usize = 200;

/// An environment with the filters that rule files may use. Undefined names are false in conditions, an error where printed.
pub fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_formatter(|out, state, value| {
        if value.is_undefined() {
            return Err(Error::new(ErrorKind::UndefinedError, "a name that is not known is printed"));
        }
        minijinja::escape_formatter(out, state, value)
    });
    environment.add_filter("times", times);
    // A global function of this name would stand in for the parameter where that is unknown.
    for name in ["namespace", "dict", "range", "debug"] {
        environment.remove_global(name);
    }
    environment
}

/// The parameters as a template for prose sees them: unknown names are undefined.
pub fn prose_context(parameters: &Parameters, target: &str) -> Value {
    let values = parameters.iter().map(|(name, value)| (name.to_owned(), Value::from(readable(value))));
    Value::from_object(ProseNames(values.chain([("target".to_owned(), Value::from(target))]).collect()))
}

/// The parameters as a template for a command sees them: an unknown name, or one that no shell takes literally, prints as `<name>`.
pub fn command_context(parameters: &Parameters) -> Value {
    let known = parameters.iter().filter(|(_, value)| is_plain_word(value));
    Value::from_object(CommandNames(known.map(|(name, value)| (name.to_owned(), Value::from(value))).collect()))
}

/// The placeholders that a rendered command still has, in order, each once.
pub fn placeholders(command: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut rest = command;
    while let Some(open) = rest.find('<') {
        rest = &rest[open + 1..];
        let Some(close) = rest.find('>') else { break };
        let name = &rest[..close];
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_ ".contains(&byte));
        if is_name && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// True for a value that every shell takes as one literal word, and no program as an option.
fn is_plain_word(value: &str) -> bool {
    !value.is_empty()
        && !value.starts_with(['-', '~', '='])
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:/@=,+%-".contains(&byte))
}

fn readable(value: &str) -> String {
    value.chars().filter(|character| !character.is_control()).take(MAX_PROSE_VALUE_CHARS).collect()
}

/// `{{ limit | times(2) }}`: a Kubernetes quantity times a whole number, in its own unit.
fn times(quantity: &Value, factor: u64) -> Result<Value, Error> {
    if let Some(missing) = quantity.downcast_object_ref::<Missing>() {
        return Ok(Value::from_object(Missing(format!("new-{}", missing.0))));
    }
    let text = quantity.as_str().unwrap_or_default();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    match text[..digits].parse::<u64>().ok().and_then(|number| number.checked_mul(factor)) {
        // Rounded-down fractions would lie about the limit; a person fills them in.
        Some(product) if !text[digits..].starts_with('.') => Ok(Value::from(format!("{product}{}", &text[digits..]))),
        Some(_) | None if text.is_empty() => Err(Error::new(ErrorKind::InvalidOperation, "times() needs a quantity")),
        Some(_) | None => Ok(Value::from_object(Missing("new-limit".to_owned()))),
    }
}

/// A template context in which only known names exist.
#[derive(Debug)]
struct ProseNames(BTreeMap<String, Value>);

impl Object for ProseNames {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.get(key.as_str()?).cloned()
    }
}

/// A template context in which every name exists.
#[derive(Debug)]
struct CommandNames(BTreeMap<String, Value>);

impl Object for CommandNames {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        Some(self.0.get(name).cloned().unwrap_or_else(|| Value::from_object(Missing(name.to_owned()))))
    }
}

/// A parameter that nothing told: false in conditions, `<name>` where printed.
#[derive(Debug)]
struct Missing(String);

impl Object for Missing {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        false
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(template: &str, parameters: &[(&str, &str)]) -> String {
        let mut known = Parameters::default();
        for (name, value) in parameters {
            known.offer(name, value);
        }
        environment().render_str(template, command_context(&known)).unwrap()
    }

    #[test]
    fn an_unknown_name_is_a_placeholder_and_false() {
        let rendered = command(
            "kubectl logs {{ pod }} -n {{ namespace }}{% if container %} -c {{ container }}{% endif %}",
            &[("pod", "api-0")],
        );
        assert_eq!(rendered, "kubectl logs api-0 -n <namespace>");
        assert_eq!(placeholders(&rendered), ["namespace"]);
    }

    #[test]
    fn quantities_multiply_in_their_unit() {
        assert_eq!(command("{{ limit | times(2) }}", &[("limit", "256Mi")]), "512Mi");
        assert_eq!(command("{{ limit | times(2) }}", &[]), "<new-limit>");
        assert_eq!(command("{{ limit | times(2) }}", &[("limit", "1.5Gi")]), "<new-limit>");
    }

    #[test]
    fn a_value_that_a_shell_would_read_is_not_put_into_a_command() {
        for hostile in ["a;rm -rf /", "$(reboot)", "`id`", "a b", "--force", "x|sh", "~root", "a'b", "<pod>"] {
            assert_eq!(command("kubectl get pod {{ pod }}", &[("pod", hostile)]), "kubectl get pod <pod>", "{hostile}");
        }
    }
}

//! Answers with a field missing or of a wrong type, for every field that a provider sends.

use faultline::reason::{dialect::Dialect, failure::Failure};
use reqwest::{StatusCode, header::HeaderMap};
use serde_json::{Value, json};

use crate::support::model::envelope;

/// Paths of all values in `value`, as JSON pointers.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, child)| (name.clone(), child)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(index, child)| (index.to_string(), child)).collect(),
        _ => Vec::new(),
    };
    for (name, child) in children {
        let path = format!("{at}/{name}");
        pointers(child, &path, found);
        found.push(path);
    }
}

fn decoded(dialect: Dialect, body: &Value) -> Result<String, Failure> {
    dialect.decode(StatusCode::OK, &HeaderMap::new(), body.to_string().as_bytes()).map(|decoded| decoded.text)
}

/// Where the answer itself is.
fn is_essential(dialect: Dialect, path: &str) -> bool {
    let text = match dialect {
        Dialect::Gemini => "/candidates/0/content/parts/1/text",
        Dialect::OpenAi => "/choices/0/message/content",
        Dialect::Anthropic => "/content/1/text",
        Dialect::Ollama => "/message/content",
    };
    // What says which part is the answer belongs to it.
    let is_kind = dialect == Dialect::Anthropic && path == "/content/1/type";
    text == path || text.starts_with(&format!("{path}/")) || is_kind
}

fn removed(body: &Value, path: &str) -> Value {
    let mut body = body.clone();
    let (parent, name) = path.rsplit_once('/').expect("a pointer");
    match body.pointer_mut(parent).expect("the parent is there") {
        Value::Object(fields) => _ = fields.remove(name),
        Value::Array(items) => _ = items.remove(name.parse().expect("an index")),
        _ => unreachable!("only these have children"),
    }
    body
}

#[test]
fn what_is_missing_matters_only_where_the_answer_is() {
    for dialect in Dialect::ALL {
        let whole = envelope(dialect, "the answer");
        let mut paths = Vec::new();
        pointers(&whole, "", &mut paths);
        assert!(paths.len() > 10 && paths.iter().any(|path| is_essential(dialect, path)));
        for path in paths {
            for body in [removed(&whole, &path), replaced(&whole, &path, &Value::Null)] {
                let result = decoded(dialect, &body);
                // A part without its mark of a thought is a part of the answer: whoever leaves it out says so.
                if path.ends_with("/thought") {
                    assert_eq!(result, Ok("let me thinkthe answer".to_owned()));
                } else if is_essential(dialect, &path) {
                    assert!(matches!(result, Err(Failure::InvalidOutput { .. })), "{dialect:?} {path}: {result:?}");
                } else if !(path.ends_with("/0") && body.pointer(&path) == Some(&Value::Null)) {
                    assert_eq!(result, Ok("the answer".to_owned()), "{dialect:?} {path}");
                }
            }
        }
    }
}

fn replaced(body: &Value, path: &str, with: &Value) -> Value {
    let mut body = body.clone();
    *body.pointer_mut(path).expect("it is there") = with.clone();
    body
}

#[test]
fn what_is_of_a_wrong_type_is_no_answer_or_does_not_matter() {
    let wrong = [json!(true), json!(-1), json!(1.5), json!("x"), json!([]), json!([7]), json!({}), json!({"x": []})];
    for dialect in Dialect::ALL {
        let whole = envelope(dialect, "the answer");
        let mut paths = Vec::new();
        pointers(&whole, "", &mut paths);
        for path in &paths {
            for with in &wrong {
                let result = decoded(dialect, &replaced(&whole, path, with));
                // A text is what a refusal is.
                let is_refusal = path.ends_with("/refusal") && with == "x" && matches!(result, Err(Failure::Refused { .. }));
                assert!(
                    is_refusal || matches!(result, Ok(_) | Err(Failure::InvalidOutput { .. })),
                    "{dialect:?} {path} = {with}: {result:?}"
                );
            }
        }
        for body in &wrong {
            assert!(matches!(decoded(dialect, body), Err(Failure::InvalidOutput { .. })), "{dialect:?} {body}");
        }
    }
}

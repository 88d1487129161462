//! What a model has to answer: the schema that providers enforce, and the reading that trusts none of them.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::domain::verdict::RiskLevel;

/// The schema of a reply, in the subset that every provider accepts (no ranges, no references, every field required).
/// Evidence comes before the conclusion, because models write in this order.
pub fn schema() -> Value {
    let text = |what: &str| json!({"type": "string", "description": what});
    let ids = |what: &str| json!({"type": "array", "description": what, "items": {"type": "string"}});
    let object = |properties: Value| {
        let required: Vec<String> = properties.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default();
        json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
    };
    object(json!({
        "evidence_for": {"type": "array", "description": "The items that decide the case, at most 6", "items": object(json!({
            "id": text("Id of an evidence item, such as e3"),
            "why": text("What it shows, one clause"),
        }))},
        "error_category": text("One of the listed categories, or Unknown"),
        "root_cause": text("One sentence, at most 300 characters, only names and numbers of the evidence"),
        "evidence": ids("Ids of the items that the root cause follows from; empty where nothing decides"),
        "confidence": {"type": "number", "description": "0 to 1"},
        "explanation": text("Two to five sentences, plain text"),
        "fix_commands": {"type": "array", "description": "At most 5, safest first", "items": object(json!({
            "command": text("One plain command"),
            "description": text("What it does and why, one sentence"),
            "risk_level": {"type": "string", "enum": ["LOW", "MEDIUM", "HIGH"]},
            "evidence": ids("Ids that it follows from"),
        }))},
        "prevention_tips": ids("At most 3 sentences"),
        "runbooks": ids("Ids of the passages that fit, such as r1"),
    }))
}

/// A reply as it was written: well-formed, and nothing more.
#[derive(Clone, Debug, Deserialize)]
pub struct Reply {
    #[serde(default)]
    pub evidence_for: Vec<Cited>,
    #[serde(default)]
    pub error_category: String,
    pub root_cause: String,
    #[serde(default)]
    pub evidence: Vec<String>,
    #[serde(default)]
    pub confidence: f32,
    #[serde(default)]
    pub explanation: String,
    #[serde(default)]
    pub fix_commands: Vec<Proposed>,
    #[serde(default)]
    pub prevention_tips: Vec<String>,
    #[serde(default)]
    pub runbooks: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Cited {
    pub id: String,
    #[serde(default)]
    pub why: String,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Proposed {
    pub command: String,
    #[serde(default)]
    pub description: String,
    #[serde(default = "highest")]
    pub risk_level: Claimed,
    #[serde(default)]
    pub evidence: Vec<String>,
}

/// A risk as a model claims it.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Claimed {
    #[serde(alias = "low", alias = "Low")]
    Low,
    #[serde(alias = "medium", alias = "Medium")]
    Medium,
    #[serde(other)]
    High,
}

fn highest() -> Claimed {
    Claimed::High
}

impl From<Claimed> for RiskLevel {
    fn from(claimed: Claimed) -> Self {
        match claimed {
            Claimed::Low => Self::Low,
            Claimed::Medium => Self::Medium,
            Claimed::High => Self::High,
        }
    }
}

/// Reads a reply; the error says what is wrong, for the one repair question.
pub fn read(text: &str) -> Result<Reply, String> {
    let mut reply: Reply = serde_json::from_str(text.trim()).map_err(|error| error.to_string())?;
    if reply.root_cause.trim().is_empty() {
        return Err("root_cause is empty".to_owned());
    }
    if !reply.confidence.is_finite() {
        return Err("confidence is not a number from 0 to 1".to_owned());
    }
    reply.confidence = reply.confidence.clamp(0.0, 1.0);
    Ok(reply)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_stays_in_the_subset_that_every_provider_accepts() {
        fn walk(schema: &Value, problems: &mut Vec<String>) {
            let Some(fields) = schema.as_object() else { return };
            for keyword in fields.keys() {
                let known = ["type", "description", "items", "properties", "required", "additionalProperties", "enum"];
                if !known.contains(&keyword.as_str()) {
                    problems.push(keyword.clone());
                }
            }
            if let Some(properties) = fields.get("properties").and_then(Value::as_object) {
                if fields["required"].as_array().map_or(0, Vec::len) != properties.len()
                    || fields["additionalProperties"] != false
                {
                    problems.push(format!("{:?}", properties.keys().collect::<Vec<_>>()));
                }
                properties.values().for_each(|property| walk(property, problems));
            }
            if let Some(items) = fields.get("items") {
                walk(items, problems);
            }
        }
        let mut problems = Vec::new();
        walk(&schema(), &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        let order: Vec<_> = schema()["properties"].as_object().expect("fields").keys().cloned().collect();
        assert_eq!(order[0], "evidence_for");
    }

    #[test]
    fn a_reply_is_read_leniently_and_its_faults_are_named() {
        let reply =
            read(r#"{"root_cause":"x","confidence":7,"fix_commands":[{"command":"a","risk_level":"none"}]}"#).expect("enough");
        assert_eq!((reply.confidence, RiskLevel::from(reply.fix_commands[0].risk_level)), (1.0, RiskLevel::High));
        for (text, why) in [
            ("{}", "missing field `root_cause`"),
            (r#"{"root_cause":" "}"#, "root_cause is empty"),
            (r#"{"root_cause":5}"#, "invalid type: integer `5`, expected a string"),
            ("[]", "invalid"),
            ("nothing is wrong", "expected"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}

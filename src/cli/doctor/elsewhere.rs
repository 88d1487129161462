//! What is asked over the network: language models, and the collector of traces.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Finding, within};
use crate::{
    net::{self, NetError},
    reason::{
        client::{Ask, Providers},
        model::{Model, ModelSettings},
        settings::{Configured, LlmSettings, ProviderOrder},
    },
    telemetry::TraceSettings,
};

const MODELS: &str = "language models";
/// One answer that is only looked at for being one.
const ANSWER_BYTES: usize = 64 << 10;
const REACH_WITHIN: Duration = Duration::from_secs(4);

/// Each configured provider: whether its server answers, and with `ask` whether its model does.
pub async fn models(settings: &ModelSettings, ask: bool) -> Vec<Finding> {
    if let Err(why) = Model::prompts(settings) {
        return vec![Finding::fail(MODELS, why, "Mend it: the service does not start so.")];
    }
    let configured = match settings.llm.configured() {
        Ok(configured) if configured.is_empty() => {
            return vec![Finding::ok(MODELS, "none is configured: the rules answer alone")];
        }
        Ok(configured) => configured,
        Err(why) => return vec![Finding::fail(MODELS, why, "Mend it: the service does not start so.")],
    };
    let asked = configured.iter().map(|provider| async move {
        if ask { asked(&settings.llm, provider).await } else { within(MODELS, reached(provider)).await }
    });
    join_all(asked).await.into_iter().flatten().collect()
}

/// Whatever its server answers, it is there. No key is sent.
async fn reached(provider: &Configured) -> Vec<Finding> {
    let name = provider.dialect.name();
    let answer = match net::direct_client(REACH_WITHIN) {
        Ok(client) => net::exchange(client.get(&provider.base_url), ANSWER_BYTES).await,
        Err(error) => Err(error),
    };
    vec![match answer {
        Ok(_) | Err(NetError::TooLarge(_)) => {
            let key = if provider.key.is_some() { "with a key" } else { "without a key" };
            Finding::ok(MODELS, format!("{name} is reached, model {}, {key}; --ask-model asks it", provider.model))
        }
        Err(error) => unreachable(name, &error.to_string()),
    }]
}

/// One tiny question.
async fn asked(settings: &LlmSettings, provider: &Configured) -> Vec<Finding> {
    let name = provider.dialect.name();
    let alone = LlmSettings { llm_providers: ProviderOrder(vec![provider.dialect]), ..settings.clone() };
    let providers = match Providers::from_settings(&alone) {
        Ok(Some(providers)) => providers,
        Ok(None) => return Vec::new(),
        Err(why) => return vec![Finding::fail(MODELS, why, "Mend it: the service does not start so.")],
    };
    let schema = json!({
        "type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"], "additionalProperties": false,
    });
    let ask = Ask { system: "You answer in JSON.", user: "Answer {\"ok\": true}.", schema: &schema, schema_name: "doctor" };
    let check = |text: &str| match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(object)) if object.contains_key("ok") => Ok(()),
        Ok(_) | Err(_) => Err("it is no object with the field ok".to_owned()),
    };
    vec![match providers.ask(&ask, &check, Instant::now() + settings.timeout()).await {
        Ok(reply) => {
            let (seconds, tokens) = (reply.latency.as_secs_f64(), reply.usage.input_tokens + reply.usage.output_tokens);
            Finding::ok(MODELS, format!("{name} answers as {} in {seconds:.1} s for {tokens} tokens", reply.model))
        }
        Err(failed) => unreachable(name, &failed.reason()),
    }]
}

/// The rules answer without it, so it is no more than a warning.
fn unreachable(name: &str, why: &str) -> Finding {
    let advice = "See its key, address and model, and whether egress to it is allowed; until then the rules answer alone.";
    Finding::warn(MODELS, format!("{name} does not answer: {why}"), advice)
}

/// Whether the collector of traces takes connections.
pub async fn traces(settings: &TraceSettings) -> Vec<Finding> {
    let advice = "See OTEL_EXPORTER_OTLP_ENDPOINT (gRPC, usually port 4317), and whether egress to it is allowed.";
    match settings.endpoint() {
        Ok(None) => Vec::new(),
        Err(why) => vec![Finding::fail("traces", why, "Mend it: the service does not start so.")],
        Ok(Some(endpoint)) => vec![match endpoint.connect().await {
            Ok(_) => Finding::ok("traces", "the collector takes connections"),
            Err(error) => Finding::warn("traces", format!("the collector is not reached: {}", super::causes(&error)), advice),
        }],
    }
}

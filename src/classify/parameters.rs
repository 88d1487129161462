//! Names and numbers that texts give, whatever the category: pod, namespace, image, exit code.

use std::sync::LazyLock;

use super::{
    pattern::{Pattern, PatternSet},
    text::Text,
};
use crate::domain::parameters::Parameters;

/// Adds what `text` tells to `parameters`, unless it is known already.
pub fn extract(text: &Text, parameters: &mut Parameters) {
    for matched in GENERAL.matches(text) {
        for (name, value) in GENERAL.captures(text, matched) {
            offer(parameters, &name, value);
        }
    }
}

/// Adds one captured value, trimmed of the punctuation that texts put around names.
pub fn offer(parameters: &mut Parameters, name: &str, value: &str) {
    let value = value.trim_matches(|character: char| "\"'`,;()[]{}<>".contains(character) || character.is_whitespace());
    let value = if matches!(name, "file" | "url" | "reason") {
        value.trim_end_matches([':', '.'])
    } else {
        value.trim_end_matches([':', '.', '/'])
    };
    if NAMESPACED.contains(&name)
        && let Some((namespace, name_alone)) = value.split_once('/')
    {
        offer(parameters, "namespace", namespace);
        return offer(parameters, name, name_alone);
    }
    let is_word = NAMES.contains(&name) && WORDS.iter().any(|word| word.eq_ignore_ascii_case(value));
    if !is_word {
        parameters.offer(name, value);
    }
}

/// Parameters that are names of objects, and so never one of [`WORDS`].
const NAMES: [&str; 17] = [
    "namespace",
    "pod",
    "deployment",
    "workload",
    "container",
    "node",
    "claim",
    "service",
    "secret",
    "configmap",
    "host",
    "release",
    "chart",
    "app",
    "job",
    "webhook",
    "quota",
];

/// Parameters that texts give as `namespace/name`, too.
const NAMESPACED: [&str; 6] = ["pod", "deployment", "claim", "service", "secret", "configmap"];

/// Words that stand where a name could, in sentences that give none.
const WORDS: [&str; 64] = [
    "is",
    "was",
    "are",
    "the",
    "a",
    "an",
    "in",
    "on",
    "of",
    "to",
    "for",
    "with",
    "and",
    "or",
    "not",
    "no",
    "from",
    "by",
    "at",
    "it",
    "that",
    "this",
    "my",
    "our",
    "has",
    "have",
    "had",
    "keeps",
    "failed",
    "fails",
    "failing",
    "cannot",
    "could",
    "can",
    "does",
    "did",
    "will",
    "would",
    "exceeded",
    "exceeds",
    "error",
    "name",
    "named",
    "status",
    "state",
    "default-scheduler",
    "kubelet",
    "get",
    "got",
    "gets",
    "still",
    "stuck",
    "all",
    "any",
    "again",
    "after",
    "before",
    "when",
    "then",
    "but",
    "because",
    "server",
    "found",
    "missing",
];

/// Kubernetes object name with at least one joint, so that a plain word of a sentence is none.
const JOINED: &str = r"[a-z0-9]+(?:[-.][a-z0-9]+)+";
const NAME: &str = r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?";
const LABEL: &str = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?";

static GENERAL: LazyLock<PatternSet> = LazyLock::new(|| {
    let sources = [
        format!(r#"\bpod ["']?(?P<pod>{NAME})_(?P<namespace>{LABEL})\("#),
        format!(r#"\bpods? ["'`]?(?P<namespace>{LABEL})/(?P<pod>{NAME})"#),
        format!(r#"\bpods?/(?P<pod>{NAME})"#),
        format!(r#"\bpods? (?:named |called |")?["'`]?(?P<pod>{JOINED})"#),
        format!(r#"\bpod[:=] *["'`]?(?P<pod>{NAME})"#),
        format!(r#"^Name: +(?P<pod>{JOINED})\s+Namespace: +(?P<namespace>{LABEL})"#),
        format!(r#"\bnamespace[:=/ ] *["'`]?(?P<namespace>{LABEL})\b"#),
        format!(r#"\b(?:the|in|our) ["'`]?(?P<namespace>{LABEL})["'`]? namespace\b"#),
        format!(r#"[ ]-n +(?P<namespace>{LABEL})\b"#),
        format!(r#"--namespace[= ](?P<namespace>{LABEL})\b"#),
        format!(r#"\bdeployments?(?:\.apps)?[/ ] *["'`]?(?P<deployment>{JOINED})"#),
        format!(r#"\bdeployments?(?:\.apps)?/(?P<deployment>{NAME})"#),
        format!(r#"\bdeployment "(?P<deployment>{NAME})""#),
        format!(r#"\bstatefulsets?(?:\.apps)?[/ ]["'`]?(?P<statefulset>{JOINED})"#),
        format!(r#"\bdaemonsets?(?:\.apps)?[/ ]["'`]?(?P<daemonset>{JOINED})"#),
        format!(r#"\b(?:job|jobs\.batch|job\.batch)/(?P<job>{NAME})"#),
        format!(r#"\bcontainer[= ]["'`]?(?P<container>{LABEL})["'`]? (?:in pod|failed|is waiting|of pod|was|exceeded)"#),
        format!(r#"\bcontainer[:=]? ?["'](?P<container>{LABEL})["']"#),
        format!(r#"\bnodes?[/ ]["'`]?(?P<node>{JOINED})"#),
        r#"\b(?P<node>ip-\d+-\d+-\d+-\d+(?:\.[a-z0-9-]+)*)\b"#.to_owned(),
        r#"\bimage[:=]? ?["'`](?P<image>[^"'`\s]{1,255})["'`]"#.to_owned(),
        r#"\bimage: +(?P<image>[a-z0-9][^\s"',]{1,255})"#.to_owned(),
        r#"\bimage[= ](?P<image>[a-z0-9][a-z0-9._/-]*(?::[0-9]+)?[a-z0-9._/-]*(?::[\w.-]+|@sha256:[0-9a-f]+))"#.to_owned(),
        format!(r#"\bpersistentvolumeclaims?[/ ]["'`]?(?P<claim>{NAME})"#),
        format!(r#"\bpvc[/ ]["'`]?(?P<claim>{JOINED})"#),
        r"\bexit(?:ed)?(?: with)?(?: non-zero)?(?: status| code|code)?[ :=]+(?:\(?)(?P<exit_code>[1-9][0-9]{0,2})\b".to_owned(),
        r#""?exitcode"?[:=] *(?P<exit_code>[1-9][0-9]{0,2})\b"#.to_owned(),
        r"\bdial (?:tcp|udp)4?6? (?P<host>[a-z0-9_.-]+):(?P<port>\d{1,5})\b".to_owned(),
        r"\bhttps?://(?P<host>[a-z0-9_.-]+):(?P<port>\d{1,5})\b".to_owned(),
        r"\bhttps?://(?P<host>[a-z0-9_.-]+)".to_owned(),
        r#"\b(?:connect(?:ion)?|connecting) (?:to|with) (?:server at |host |server )?["'`]?(?P<host>[a-z0-9_.-]*[a-z0-9])["'`]?(?: \([^)]*\))?[:, ]+(?:port )?(?P<port>\d{2,5})\b"#.to_owned(),
        r"\bECONN(?:REFUSED|RESET) (?P<host>[a-z0-9_.-]+):(?P<port>\d{1,5})\b".to_owned(),
        r#"\bhost "(?P<host>[a-z0-9_.-]+)"(?: \([^)]*\))?(?:,| and accepting TCP/IP connections on) port (?P<port>\d{2,5})\b"#.to_owned(),
        r"\bhost='(?P<host>[a-z0-9_.-]+)', port=(?P<port>\d{2,5})\b".to_owned(),
        r"\bserver on '(?P<host>[a-z0-9_.-]+)(?::(?P<port>\d{2,5}))?'".to_owned(),
        r"\bremote host \((?P<host>[0-9a-f.:]+)\)".to_owned(),
        r"\b(?P<host>[a-z][a-z0-9.-]*[a-z0-9])(?:/[0-9.]+)?:(?P<port>\d{2,5})\b[^\n]{0,60}(?:refused|timed out|timeout|unreachable|no route to host|reset by peer)".to_owned(),
        r"(?:refused|timed out|timeout|unreachable|no route to host|reset by peer)[^\n]{0,40}[ /@](?P<host>[a-z][a-z0-9.-]*[a-z0-9])(?:/[0-9.]+)?:(?P<port>\d{2,5})\b".to_owned(),
        r"\blookup (?P<host>[a-z0-9_.-]*[a-z0-9])".to_owned(),
        r"\bENOTFOUND (?P<host>[a-z0-9_.-]*[a-z0-9])".to_owned(),
        r#"\bmemory limit(?: of| is|:| =)? *(?P<limit>\d+(?:\.\d+)?(?:[KMGT]i?B?|MiB|m)?)\b"#.to_owned(),
        r"\blimit[s.]*memory[:=] *(?P<limit>\d+(?:\.\d+)?[KMGT]i?)\b".to_owned(),
        r#"\bsecret[s]? ?["'`/](?P<secret>[a-z0-9][-a-z0-9./]*)"#.to_owned(),
        r#"\bconfigmap[s]? ?["'`/](?P<configmap>[a-z0-9][-a-z0-9.]*)"#.to_owned(),
        format!(r#"\bservices?[/ ]["'`](?P<service>{LABEL})["'`]"#),
        r"\bID: +(?P<lock_id>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\b".to_owned(),
        r"\bopen (?P<file>/[^\s:]+)".to_owned(),
    ];
    PatternSet::new(
        sources.iter().map(|source| Pattern::parse(source).expect("the patterns of this file are constant and tested")).collect(),
    )
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::text::{Escapes, Origin};

    fn check(raw: &str, expected: &[(&str, &str)]) {
        let mut text = Text::default();
        text.push(Origin::ErrorMessage, 1, raw, Escapes::Keep);
        text.finish();
        let mut parameters = Parameters::default();
        extract(&text, &mut parameters);
        assert_eq!(parameters.iter().collect::<Vec<_>>(), expected, "{raw}");
    }

    #[test]
    fn names_are_found_and_words_are_not() {
        check("my pod keeps restarting with exit code 137", &[("exit_code", "137")]);
        check(
            "Back-off restarting failed container=app in pod api-7d9f8b6c5-xk4jn_production(0a1b)",
            &[("container", "app"), ("namespace", "production"), ("pod", "api-7d9f8b6c5-xk4jn")],
        );
        check("dial tcp 10.96.44.7:5432: connect: connection refused", &[("host", "10.96.44.7"), ("port", "5432")]);
        check("kubectl rollout status deployment/web -n shop", &[("deployment", "web"), ("namespace", "shop")]);
        check("the namespace is stuck", &[]);
        check("Secret \"shop/web-tls\" not found", &[("namespace", "shop"), ("secret", "web-tls")]);
        check("Failed to pull image \"ghcr.io/acme/api:v9\": not found", &[("image", "ghcr.io/acme/api:v9")]);
    }
}

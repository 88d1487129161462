//! What a request asks about: the objects it names, in its fields or in its text.

use std::sync::LazyLock;

use regex::Regex;

use crate::domain::{object::Kind, parameters::Parameters, target::Target};

/// The question, as far as looking needs it.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub namespace: Option<String>,
    /// Named by the request's own fields.
    pub objects: Vec<(Kind, String)>,
    pub selector: Option<String>,
    /// Named in the text, with their kind.
    pub said: Vec<(Kind, String)>,
    /// Words of the text that may be names, the likeliest first.
    pub words: Vec<String>,
    /// The namespace that is looked at whole where nothing else is found. `None` = none is.
    pub whole: Option<String>,
    /// How many of the words look like names, or stand where a name stands.
    pub likely_words: usize,
    /// A kind that is not looked at.
    pub unknown_kind: Option<String>,
    pub complaint: Complaint,
}

/// What the text complains about, as far as it decides where to look.
#[derive(Clone, Debug, Default)]
pub struct Complaint {
    /// In lower case, bounded.
    pub text: String,
    /// Errors, slowness, refusals: the program answers wrongly, whatever its status.
    pub is_about_behaviour: bool,
    pub is_about_speed: bool,
    pub is_about_eviction: bool,
}

/// Text that is searched for names.
const TEXT_BYTES: usize = 4096;
/// Words that are tried as names.
const MOST_WORDS: usize = 12;

/// The parameters of a text that name objects.
const NAMING: [(&str, Kind); 9] = [
    ("pod", Kind::Pod),
    ("deployment", Kind::Deployment),
    ("statefulset", Kind::StatefulSet),
    ("daemonset", Kind::DaemonSet),
    ("job", Kind::Job),
    ("service", Kind::Service),
    ("claim", Kind::PersistentVolumeClaim),
    ("node", Kind::Node),
    ("hpa", Kind::HorizontalPodAutoscaler),
];

static BEHAVIOUR: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"\berrors?\b|\bslow|\blatenc|time[sd]?[ -]?out|\brefus|\b5\d\d\b|\b4\d\d\b|\bfail|unavailable|\bhang|wrong answers?|not respond|n't respond|does not answer|exception|unreachable|cannot (?:connect|reach|log ?in)|broken|degraded|misbehav",
    )
});
static SPEED: LazyLock<Regex> = LazyLock::new(|| regex(r"\bslow|\blatenc|throttl|time[sd]?[ -]?out|sluggish|\bp9\d\b|hang"));
static EVICTION: LazyLock<Regex> = LazyLock::new(|| regex(r"\bevict|\bdrain|disruption|\bpdb\b"));
/// A name right after one of these is most likely an object's.
static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r#"(?:\b(?:with|pods?|deployments?|deploy|services?|svc|apps?|workloads?|statefulsets?|daemonsets?|jobs?|cronjobs?|ingress|pvc|claim|hpa|called|named|container|of|for|about|in|is|why|does|from|to|behind|namespace)\s+|[/`"'])([a-z0-9](?:[-a-z0-9.]*[a-z0-9])?)"#,
    )
});
static WORD: LazyLock<Regex> = LazyLock::new(|| regex(r"[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?"));

fn regex(source: &str) -> Regex {
    Regex::new(source).expect("the regexes of this file are constant and tested")
}

/// Words that no object is meant by.
const ORDINARY: &str = " a about after again all also always am an and any anything app application are as at back be because been before \
    behind being broken but by can cannot check clients cluster component container could crash crashed crashes crashing customers day days deployment did do does \
    doesn't doing down due error errors everything fail failed failing fails failure find fine fix for from get gets getting give gives going got had happens \
    has have health healthy help here hey hi how hour hours i if in into is isn't it its itself job just keep keeps kubernetes last like log logs long look \
    looks me message messages minutes misbehaving more most my namespace need needs never new no node nodes none not nothing now odd of off often on one only \
    or our out over please pls pod pods problem problems production prod ready really report reports restart restarted restarting restarts run running runs \
    same says see seems service services set should show shows since slow some someone something somewhere start started starting starts state status still \
    stopped strange stuck take team tell than thank thanks that the their them then there these they thing things this time times to today told too tries try \
    trying two unable unhealthy until up upon us use users using very was wait waiting we weird well went were what when where which while who why will with \
    without won't work working workload works would wrong yesterday you your latency timeout timeouts traffic requests request response responses replicas \
    replica rollout deploy deployed scaled scale pending terminating evicted unavailable image pull secret config configmap volume claim ingress endpoint \
    endpoints connection connections refused answer answers behaviour behavior investigate diagnose debug issue issues incident alert firing critical warning ";

impl Asked {
    pub fn of(target: &Target, parameters: &Parameters, text: &str) -> Self {
        let mut asked = Self { selector: target.label_selector.clone(), ..Self::default() };
        asked.namespace = target.namespace.clone().or_else(|| parameters.get("namespace").map(str::to_owned));
        let kind = target.kind.as_deref().map(|kind| (kind, Kind::of(kind)));
        match (kind, &target.name) {
            (Some((_, Some(kind))), Some(name)) => asked.objects.push((kind, name.clone())),
            (Some((kind, None)), name) => {
                asked.unknown_kind = Some(kind.to_owned());
                asked.words.extend(name.clone());
            }
            (None, Some(name)) => asked.words.push(name.clone()),
            (Some((_, Some(_))) | None, None) => {}
        }
        for (kind, name) in [(Kind::Pod, &target.pod), (Kind::Deployment, &target.deployment)] {
            asked.objects.extend(name.clone().map(|name| (kind, name)));
        }
        if let Some((Kind::Namespace, name)) = asked.objects.first().cloned() {
            asked.objects.clear();
            asked.namespace = Some(name);
        }
        asked.whole.clone_from(&asked.namespace);
        asked.said = NAMING.iter().filter_map(|(name, kind)| Some((*kind, parameters.get(name)?.to_ascii_lowercase()))).collect();
        let text: String = text.chars().take(TEXT_BYTES).collect::<String>().to_lowercase();
        asked.complaint = Complaint {
            is_about_behaviour: BEHAVIOUR.is_match(&text),
            is_about_speed: SPEED.is_match(&text),
            is_about_eviction: EVICTION.is_match(&text),
            text: text.clone(),
        };
        if asked.objects.is_empty() && asked.selector.is_none() {
            let given = asked.words.len();
            let (words, likely) = words(&text);
            asked.words.extend(words);
            asked.likely_words = given + likely;
        }
        asked
    }

    /// For a text whose words were not chosen to name anything, such as an alert's: only what it names with its kind counts, no bare
    /// word is taken for a name, and no namespace is looked at whole but the one that the target is in.
    pub fn without_guesses(self, target: &Target) -> Self {
        Self { words: Vec::new(), likely_words: 0, whole: target.namespace.clone(), ..self }
    }

    /// Nothing is named at all.
    pub fn is_empty(&self) -> bool {
        self.whole.is_none()
            && self.objects.is_empty()
            && self.selector.is_none()
            && self.said.is_empty()
            && self.words.is_empty()
    }
}

/// Words that may be names: first those with a joint or a digit, then those that stand where a name stands, then the rest.
fn words(text: &str) -> (Vec<String>, usize) {
    let is_name = |word: &str| {
        word.len() >= 2
            && word.len() <= 253
            && !word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
            && !ORDINARY.contains(&format!(" {word} "))
    };
    let named: Vec<&str> = NAMED.captures_iter(text).filter_map(|found| Some(found.get(1)?.as_str())).collect();
    let mut ranked: Vec<(u8, &str)> = Vec::new();
    for word in WORD.find_iter(text).map(|found| found.as_str()).filter(|word| is_name(word)) {
        let is_joined = word.contains('-');
        let rank = match (is_joined, named.contains(&word)) {
            (true, true) => 0,
            (true, false) | (false, true) => 1,
            (false, false) => 2,
        };
        if !ranked.iter().any(|(_, known)| *known == word) {
            ranked.push((rank, word));
        }
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.truncate(MOST_WORDS);
    let likely = ranked.iter().filter(|(rank, _)| *rank < 2).count();
    (ranked.into_iter().map(|(_, word)| word.to_owned()).collect(), likely)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_before_ordinary_words() {
        assert_eq!(words("something is wrong with orders, please look"), (vec!["orders".to_owned()], 1));
        assert_eq!(
            words("the api-gateway pods are slow since we deployed payments"),
            (vec!["api-gateway".to_owned(), "payments".to_owned()], 1)
        );
        assert_eq!(words("why does `checkout` return 500?").0[0], "checkout");
        assert!(words("something is wrong, please help").0.is_empty());
        assert_eq!(words("java.lang.OutOfMemoryError: Java heap space").1, 0);
    }

    #[test]
    fn the_fields_of_a_request_come_before_its_text() {
        let target = Target { kind: Some("sts".to_owned()), name: Some("db".to_owned()), ..Target::default() };
        let asked = Asked::of(&target, &Parameters::default(), "the api is slow");
        assert_eq!(asked.objects, [(Kind::StatefulSet, "db".to_owned())]);
        assert!(asked.words.is_empty() && asked.complaint.is_about_speed);
        let unknown = Target { kind: Some("widget".to_owned()), name: Some("db".to_owned()), ..Target::default() };
        assert_eq!(Asked::of(&unknown, &Parameters::default(), "").unknown_kind.as_deref(), Some("widget"));
    }
}

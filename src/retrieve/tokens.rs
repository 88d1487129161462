//! Text to words: identifiers are kept whole and also taken apart, noise is left out.
//!
//! `KubePodCrashLooping` gives `kubepodcrashlooping kube pod crash looping`; `kube-apiserver` gives `kubeapiserver kube
//! apiserver`, so that every way of writing a compound name meets in one word. Timestamps, uuids, hashes, addresses
//! and most numbers say nothing about what is wrong and never become words; exit codes, HTTP statuses and well-known
//! ports do.

use super::noise::{is_hash, is_machine_made};
use super::stopwords::is_stop_word;
use rust_stemmers::{Algorithm, Stemmer};

/// A word as found in a text: lower case, not yet stemmed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Word<'a> {
    /// The word itself.
    pub text: &'a str,
    /// How much it says: 1 for ordinary words, less for the names that people give to their own objects.
    pub weight: f32,
    /// True for a name written as one whose parts are words of their own and came just before.
    pub is_compound: bool,
}

/// Calls `visit` with every word of `text`, in order.
pub fn each_word(text: &str, visit: &mut impl FnMut(Word<'_>)) {
    let mut scanner = Scanner::default();
    let mut rest = text;
    while let Some(start) = rest.find(char::is_alphanumeric) {
        let before = &rest[..start];
        rest = &rest[start..];
        let end = name_end(rest);
        scanner.name(before, &rest[..end], visit);
        rest = &rest[end..];
    }
}

/// Reduces inflected English words to their stem with the Snowball algorithm.
pub struct Stems {
    stemmer: Stemmer,
}

impl Default for Stems {
    fn default() -> Stems {
        Stems::english()
    }
}

impl Stems {
    /// A stemmer for English, the language of error messages.
    pub fn english() -> Stems {
        Stems { stemmer: Stemmer::create(Algorithm::English) }
    }

    /// The stem of a lower-case word.
    pub fn stem<'a>(&self, word: &'a str) -> std::borrow::Cow<'a, str> {
        if word.len() < 4 {
            return word.into();
        }
        self.stemmer.stem(word)
    }
}

/// Names written by people for their own objects follow these keys; they describe nothing that a runbook knows.
const NAME_KEYS: &[&str] = &[
    "app",
    "cluster",
    "container",
    "cronjob",
    "daemonset",
    "deployment",
    "endpoint",
    "host",
    "hostname",
    "image",
    "ingress",
    "instance",
    "job",
    "namespace",
    "node",
    "ns",
    "persistentvolumeclaim",
    "pod",
    "pvc",
    "release",
    "replicaset",
    "service",
    "statefulset",
    "team",
    "user",
    "workload",
];
const NAME_WEIGHT: f32 = 0.3;

/// Words after (or before) which a number is a code.
const CODE_WORDS: &[&str] = &[
    "code",
    "error",
    "exit",
    "exited",
    "exitcode",
    "got",
    "http",
    "port",
    "response",
    "returned",
    "signal",
    "status",
    "statuscode",
    "with",
];
const TELLING_NUMBERS: &[&str] = &["137", "139", "143"];
const CODES: &[&str] = &[
    "126", "127", "128", "134", "135", "400", "401", "403", "404", "408", "409", "410", "413", "415", "422", "429", "431", "499",
    "500", "501", "502", "503", "504",
];
const PORTS: &[&str] = &[
    "22", "53", "80", "443", "1433", "1521", "2379", "2380", "3306", "5432", "5672", "6379", "6443", "8080", "8443", "9090",
    "9092", "9200", "10250", "10255", "11211", "27017",
];

/// How many following words a code word reaches.
const CODE_REACH: u8 = 4;
const LONGEST_NAME: usize = 200;
const LONGEST_COMPOUND: usize = 48;

#[derive(Default)]
struct Scanner {
    /// Words left in which a number counts as a code.
    code_reach: u8,
    /// True when the last name was a key such as `pod`.
    after_name_key: bool,
    lower: String,
    compound: String,
}

impl Scanner {
    /// One name (letters and digits joined by `-`, `_` or `.`), `before` being what stands between it and the last one.
    fn name(&mut self, before: &str, name: &str, visit: &mut impl FnMut(Word<'_>)) {
        let is_value = self.after_name_key
            && matches!(before, "=" | ":" | ": " | "=\"" | "=\\\"" | "/" | " \"" | ": \"" | "\":\"" | "\": \"");
        self.after_name_key = false;
        if name.len() > LONGEST_NAME {
            return;
        }
        if name.bytes().all(|byte| byte.is_ascii_digit()) {
            self.number(before, name, visit);
            return;
        }
        let is_own_name = is_value && !name.contains(|c: char| c.is_ascii_uppercase());
        let pieces = name.split(is_connector).filter(|piece| !piece.is_empty());
        let has_hash = pieces.clone().any(is_hash);
        let weight = if is_own_name || has_hash { NAME_WEIGHT } else { 1.0 };
        self.compound.clear();
        let mut piece_count = 0;
        let mut has_noise = has_hash || is_own_name;
        for piece in pieces {
            let has_digit = piece.bytes().any(|byte| byte.is_ascii_digit());
            if piece.bytes().all(|byte| byte.is_ascii_digit()) {
                // A version or an address begins with its number; `exit_code_137` ends with it.
                if piece_count > 0 {
                    self.number("", piece, visit);
                }
                has_noise = true;
            } else if has_digit && (has_hash || is_machine_made(piece)) {
                has_noise = true;
            } else if !is_hash(piece) {
                self.piece(piece, weight, visit);
                piece_count += 1;
            }
        }
        if piece_count > 1 && !has_noise && self.compound.len() <= LONGEST_COMPOUND {
            visit(Word { text: &self.compound, weight, is_compound: true });
        }
        self.after_name_key = NAME_KEYS.binary_search(&self.lower.as_str()).is_ok();
    }

    /// A piece without connectors: taken apart at its capitals, and kept whole.
    fn piece(&mut self, piece: &str, weight: f32, visit: &mut impl FnMut(Word<'_>)) {
        let mut humps = 0;
        let mut rest = piece;
        while !rest.is_empty() {
            let (hump, tail) = rest.split_at(hump_end(rest));
            rest = tail;
            if hump.len() == piece.len() {
                break;
            }
            humps += 1;
            lower_into(hump, &mut self.lower);
            if is_word(&self.lower) {
                visit(Word { text: &self.lower, weight, is_compound: false });
            }
        }
        lower_into(piece, &mut self.lower);
        if (humps > 0 || is_word(&self.lower)) && self.lower.len() <= LONGEST_COMPOUND {
            visit(Word { text: &self.lower, weight, is_compound: humps > 0 });
        }
        self.compound.push_str(&self.lower);
        self.code_reach = if CODE_WORDS.contains(&self.lower.as_str()) { CODE_REACH } else { self.code_reach.saturating_sub(1) };
    }

    fn number(&mut self, before: &str, number: &str, visit: &mut impl FnMut(Word<'_>)) {
        let is_code = self.code_reach > 0 && (CODES.contains(&number) || PORTS.contains(&number));
        let is_port = before == ":" && PORTS.contains(&number);
        if is_code || is_port || TELLING_NUMBERS.contains(&number) {
            visit(Word { text: number, weight: 1.0, is_compound: false });
        }
        self.code_reach = self.code_reach.saturating_sub(1);
    }
}

/// Where the name at the beginning of `text` ends: connectors count only between letters or digits.
fn name_end(text: &str) -> usize {
    let mut end = 0;
    let mut after_connector = false;
    for (at, c) in text.char_indices() {
        if c.is_alphanumeric() {
            end = at + c.len_utf8();
            after_connector = false;
        } else if is_connector(c) && !after_connector {
            after_connector = true;
        } else {
            break;
        }
    }
    end
}

fn is_connector(c: char) -> bool {
    matches!(c, '-' | '_' | '.')
}

/// Names with a capital inside that are one word all the same: `MySQLDown` is about `mysql`, and not about `my sql`.
const ONE_WORD: &[&str] = &[
    "ActiveMQ",
    "ArgoCD",
    "CephFS",
    "ClickHouse",
    "CockroachDB",
    "CoreDNS",
    "CouchDB",
    "DynamoDB",
    "ElasticSearch",
    "GiB",
    "GitHub",
    "GitLab",
    "GitOps",
    "GraphQL",
    "HAProxy",
    "InfluxDB",
    "InnoDB",
    "IPv4",
    "IPv6",
    "JavaScript",
    "KiB",
    "MariaDB",
    "MiB",
    "MinIO",
    "MongoDB",
    "MySQL",
    "OAuth",
    "OpenSearch",
    "OpenTelemetry",
    "PgBouncer",
    "PostgreSQL",
    "RabbitMQ",
    "RocksDB",
    "TiB",
    "WireGuard",
    "ZooKeeper",
];

/// Where the first hump of a camel-case word ends: `OOM|Killed`, `Err|Image|Pull`, `PVCs`, `MySQL|Down`.
pub(super) fn hump_end(word: &str) -> usize {
    let ends_word = |name: &&&str| !word[name.len()..].starts_with(char::is_lowercase);
    if let Some(name) = ONE_WORD.iter().filter(|name| word.starts_with(**name)).find(ends_word) {
        return name.len();
    }
    let mut previous_is_upper = true;
    let mut chars = word.char_indices().peekable();
    chars.next();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|&(_, next)| next);
        if c.is_uppercase() {
            let begins_word = next.is_some_and(char::is_lowercase) && &word[at + c.len_utf8()..] != "s";
            if !previous_is_upper || begins_word {
                return at;
            }
            previous_is_upper = true;
        } else {
            previous_is_upper = false;
        }
    }
    word.len()
}

fn lower_into(text: &str, lower: &mut String) {
    lower.clear();
    if text.is_ascii() {
        lower.push_str(text);
        lower.make_ascii_lowercase();
    } else {
        lower.extend(text.chars().flat_map(char::to_lowercase));
    }
}

/// Whether a lower-case piece can mean something: long enough, not a stop word, no count, size or duration.
fn is_word(lower: &str) -> bool {
    if lower.len() < 2 || is_stop_word(lower) {
        return false;
    }
    let has_digit = lower.bytes().any(|byte| byte.is_ascii_digit());
    !has_digit || !is_machine_made(lower)
}

#[cfg(test)]
mod tests {
    use super::each_word;

    fn words(text: &str) -> String {
        let mut words = Vec::new();
        each_word(text, &mut |word| words.push(word.text.to_owned()));
        words.join(" ")
    }

    fn weight_of(text: &str, wanted: &str) -> Option<f32> {
        let mut weight = None;
        each_word(text, &mut |word| {
            if word.text == wanted {
                weight = Some(word.weight);
            }
        });
        weight
    }

    #[test]
    fn identifiers_are_kept_whole_and_taken_apart() {
        assert_eq!(words("KubePodCrashLooping"), "kube pod crash looping kubepodcrashlooping");
        assert_eq!(words("OOMKilled"), "oom killed oomkilled");
        assert_eq!(words("kube-apiserver"), "kube apiserver kubeapiserver");
        assert_eq!(words("exit.code"), "exit code exitcode");
        assert_eq!(words("PVCs"), "pvcs");
    }

    #[test]
    fn machine_made_noise_is_left_out() {
        assert_eq!(words("2026-02-19T10:30:00.123Z 10.244.1.7 550e8400-e29b-41d4-a716-446655440000"), "");
        assert_eq!(words("sha 4f5e8a9b7c6d 1843200kB 5m0s 98% 0x45b1c2"), "sha");
        assert_eq!(words("checkout-7d9f8b6c5-xk4jn"), "checkout");
    }

    #[test]
    fn codes_statuses_and_ports_stay() {
        assert_eq!(words("exit code 127"), "exit code 127");
        assert_eq!(words("exit_code_137"), "exit code 137");
        assert_eq!(words("error 127.0.0.1"), "error");
        assert_eq!(words("db:5432 after 5432 rows"), "db 5432 rows");
        assert_eq!(words("statuscode: 503"), "statuscode 503");
    }

    #[test]
    fn names_people_gave_weigh_less() {
        assert_eq!(weight_of("pod/payments restarted", "payments"), Some(super::NAME_WEIGHT));
        assert_eq!(weight_of("namespace=\"payments\"", "payments"), Some(super::NAME_WEIGHT));
        assert_eq!(weight_of("container: OOMKilled", "oomkilled"), Some(1.0));
    }

    #[test]
    fn odd_text_is_harmless() {
        for text in ["", "---", "é", "Ünïcödé_ÑAME", "日本語テキスト", "a-", "\u{0}\u{fffd}", "İ", "-_-.a"] {
            words(text);
        }
        assert_eq!(words("Überlauf"), "überlauf");
    }
}

//! The names that a command speaks of: objects, namespaces, hosts. Whoever proposes a command has to have them from somewhere.

use super::{
    command::{self, is_placeholder},
    kubectl,
    line::Line,
};

/// Sub-commands of `kubectl` that are followed by a name rather than a kind.
const NAME_FIRST: &str = "logs exec attach port-forward cp drain cordon uncordon debug";
/// Sub-commands with a second word of their own.
const TWO_WORDS: &str = "rollout set auth config adm certificate create plugin cluster-info";
/// Sub-commands that speak of no object.
const NO_NAMES: &str = "api-resources api-versions version explain options auth config plugin cluster-info completion kustomize";
/// Programs whose plain words are hosts.
const REACHES_OUT: &str = "curl wget nc ncat netcat dig nslookup host ping ping6 telnet openssl ssh scp traceroute tracepath mtr grpcurl psql \
    pg_isready mysql mysqladmin redis-cli mongosh rabbitmqctl kafka-topics.sh httpie http";

/// Names in `command`, without placeholders. Empty where it names nothing; `None` = it is not one plain command.
pub fn names(command: &str) -> Option<Vec<String>> {
    let words = command::words(command).ok()?;
    let (program, arguments) = command::program(&words)?;
    let mut names = if kubectl::NAMES.contains(&program) {
        of_kubectl(arguments)
    } else if program == "helm" {
        let line = Line::parse(arguments, &kubectl::GRAMMAR);
        let releases = line.words.iter().skip(1).filter(|word| word.parse::<u32>().is_err()).take(1).copied();
        releases.chain(line.values(&["-n", "--namespace"])).map(str::to_owned).collect()
    } else if has(REACHES_OUT, program) {
        arguments.iter().filter(|word| !word.starts_with('-')).filter_map(|word| host(word)).collect()
    } else {
        Vec::new()
    };
    // Wherever a URL stands, its host is a name.
    names.extend(arguments.iter().filter(|word| word.contains("://")).filter_map(|word| host(word)));
    names.retain(|name| !name.is_empty() && !name.contains('<') && !is_placeholder(name));
    names.dedup();
    Some(names)
}

fn has(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|one| one == word)
}

fn of_kubectl(arguments: &[String]) -> Vec<String> {
    let line = Line::parse(arguments, &kubectl::GRAMMAR);
    let mut names: Vec<&str> = line.values(&["-n", "--namespace", "-c", "--container"]).collect();
    let Some((verb, rest)) = line.words.split_first() else { return owned(names) };
    if has(NO_NAMES, verb) {
        return owned(names);
    }
    let rest = if has(TWO_WORDS, verb) { rest.get(1..).unwrap_or_default() } else { rest };
    let has_kind_first = !has(NAME_FIRST, verb) && rest.first().is_some_and(|word| !word.contains('/'));
    for word in rest.iter().skip(usize::from(has_kind_first)) {
        // `key=value` sets something, `key-` takes it away, a number is a port or a revision.
        if word.contains('=')
            || word.ends_with('-')
            || word.starts_with(|first: char| first.is_ascii_digit()) && word.contains(':')
        {
            continue;
        }
        let name = word.rsplit_once('/').map_or(*word, |(_, name)| name);
        names.push(name.split(':').next().unwrap_or_default());
    }
    owned(names)
}

fn owned(names: Vec<&str>) -> Vec<String> {
    names.into_iter().filter(|name| name.parse::<u64>().is_err()).map(str::to_owned).collect()
}

/// The host of a URL, of `host:port`, or of a plain word that looks like one.
fn host(word: &str) -> Option<String> {
    let rest = word.split_once("://").map_or(word, |(_, rest)| rest);
    let rest = rest.trim_start_matches('@');
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = host.split(':').next()?;
    let is_host = !host.is_empty()
        && host.parse::<u64>().is_err()
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        && (word.contains("://") || host.contains(['.', '-']) || word.contains(':') || host.len() > 4);
    is_host.then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn objects_namespaces_and_hosts_are_named() {
        for (command, expected) in [
            ("kubectl get pods -A", ""),
            ("kubectl get pod api-0 -n shop", "shop api-0"),
            ("kubectl get pods,svc -n shop -l app=api", "shop"),
            ("kubectl logs api-0 -n shop -c app --previous --tail=50", "shop app api-0"),
            ("kubectl rollout restart deployment/api -n shop", "shop api"),
            ("kubectl rollout undo deployment api --to-revision=3", "api"),
            ("kubectl set resources deployment/api -c app --limits=memory=512Mi", "app api"),
            ("kubectl set image deployment/api app=registry/app:2", "api"),
            ("kubectl scale --replicas=3 statefulset/db", "db"),
            ("kubectl top pod api-0", "api-0"),
            ("kubectl describe node <node>", ""),
            ("kubectl cordon node-1", "node-1"),
            ("kubectl exec -n shop api-0 -- nslookup db", "shop api-0"),
            ("kubectl auth can-i get pods", ""),
            ("kubectl label pod api-0 a=b c-", "api-0"),
            ("helm rollback web 3 -n shop", "web shop"),
            ("curl -sS -m 5 http://api.shop:8080/healthz", "api.shop"),
            ("nslookup evil.example", "evil.example"),
            ("nc -vz db.shop 5432", "db.shop"),
            ("git clone https://evil.example/x", "evil.example"),
            ("df -h", ""),
        ] {
            assert_eq!(names(command).map(|names| names.join(" ")).as_deref(), Some(expected), "{command}");
        }
        assert_eq!(names("kubectl get pods | sh"), None);
    }
}

//! `kubectl` and `oc`: a table of verbs, and what a table cannot say.

use super::{
    FETCHES, MAY_SHOW_SECRETS, OTHER_IDENTITY, READS, RUNS_CODE, SHOWS_CREDENTIAL, SHOWS_SECRETS, assess_words,
    command::is_placeholder,
    high, high_undoable,
    line::{Dashes, Grammar, Line, fits_glob},
    low, medium, stricter,
};
use crate::domain::verdict::{RiskLevel, Verdict};

pub const NAMES: [&str; 4] = ["kubectl", "k", "oc", "kubecolor"];

/// The risk of `kubectl` with these arguments.
pub fn assess(arguments: &[String]) -> Verdict {
    let line = Line::parse(arguments, &GRAMMAR);
    let (verdict, verb_words) = assess_verb(&line);
    if line.is_unsure_before(verb_words) {
        return high("holds a flag that Faultline does not know before the verb");
    }
    match raised_by_flags(&line) {
        Some(raised) => stricter(raised, verdict),
        None => verdict,
    }
}

const DRY_RUN: Verdict = low("dry run, changes nothing");
const ROLLS_PODS: Verdict = medium("rolls the pods, undone by rollout undo");
const MANY: Verdict = high("changes more than one object");
const DELETES_DATA: Verdict = high("deletes data, or much at once");
const UNKNOWN_VERB: Verdict = high("not a verb that Faultline knows");

pub const GRAMMAR: Grammar = Grammar {
    dashes: Dashes::Letters,
    valued: "-n --namespace --context --cluster --user --kubeconfig -s --server --token --as --as-group --as-uid --cache-dir \
        --certificate-authority --client-certificate --client-key --request-timeout --tls-server-name --username --password \
        --profile --profile-output -v --v --vmodule -o --output -l --selector --field-selector -c --container -f --filename \
        -k --kustomize -L --label-columns --sort-by --template --tail --since --since-time --limit-bytes --max-log-requests \
        --replicas --current-replicas --timeout --grace-period --for --types -p --patch --patch-file --type --image \
        --copy-to --target --limits --requests --from --from-file --from-literal --from-env-file --to-revision --revision \
        --resource-version --chunk-size --subresource --raw --verb --resource --resource-name --role --clusterrole \
        --serviceaccount --group --min --max --cpu-percent --port --target-port --api-group --api-version --field-manager \
        --pod-selector --pod-running-timeout --keys --prefix -e --env --overrides --restart --labels --protocol --name \
        --schedule --output-directory --skip-wait-for-delete-timeout",
    except: &[("logs", "-p"), ("logs", "-f"), ("logs", "--prefix"), ("config", "--raw")],
};

/// Verbs that can be tried without effect, tried so.
const IS_DRY_RUN: &str = "apply|create|delete|patch|replace|label|annotate|scale|set|taint|drain|cordon|uncordon|run|expose|autoscale \
    --dry-run|--dry-run=server|--dry-run=client";

/// Verbs and what they do; the first that fits counts.
const VERBS: &[(&str, Verdict)] = &[
    (IS_DRY_RUN, DRY_RUN),
    ("rollout undo --dry-run=server|--dry-run=client", DRY_RUN),
    ("config view --raw", SHOWS_CREDENTIAL),
    ("config view|get-contexts|current-context|get-clusters|get-users", READS),
    ("config", high_undoable("changes which cluster later commands reach")),
    ("whoami -t|--show-token", SHOWS_CREDENTIAL),
    ("kustomize --enable-helm|--enable-exec|--enable-alpha-plugins", RUNS_CODE),
    ("cluster-info dump --output-directory*", medium("writes files")),
    ("describe|logs|top|explain|api-resources|api-versions|events|version|cluster-info|diff|wait|kustomize|options", READS),
    ("whoami|status|projects", READS),
    ("auth can-i|whoami", READS),
    ("adm top|node-logs|inspect", READS),
    ("plugin list", READS),
    ("rollout status|history", READS),
    ("rollout undo", medium("goes back to the revision before")),
    ("rollout pause|resume", medium("holds or lets go of a rollout")),
    ("cordon|uncordon", medium("decides whether new pods may land on the node")),
    ("label|annotate --all|-l=*|--selector=*|-A|--all-namespaces", MANY),
    ("label|annotate", medium("changes labels or annotations, which others may act on")),
    ("set env --list --resolve", SHOWS_SECRETS),
    ("set env --list", READS),
    ("set resources|image|env --all|-l=*|--selector=*", MANY),
    ("set resources|image|env", ROLLS_PODS),
    ("set", high("changes what the object may do or whom it reaches")),
    ("patch -p=*finalizers*|--patch=*finalizers*", high("removes finalizers, and the clean-up that they stand for")),
    ("apply|patch|edit|replace", high("changes objects in ways that cannot be told from the command")),
    ("create token", SHOWS_CREDENTIAL),
    ("create role|clusterrole|rolebinding|clusterrolebinding", high_undoable("grants permissions")),
    ("create|expose|autoscale", high("creates objects, which others may act on")),
    ("run|debug", high("starts a container")),
    ("drain", high("evicts every pod of the node")),
    ("taint", high_undoable("keeps pods off the node, and may evict those on it")),
    ("cp|attach|rsh|rsync", high("reaches into the container")),
    ("port-forward|proxy", high_undoable("opens a way into the cluster while it runs")),
    ("certificate approve|deny", high("grants a certificate, which cannot be taken back")),
];

/// The verdict and the words that told the verb.
fn assess_verb(line: &Line) -> (Verdict, usize) {
    match line.words.as_slice() {
        ["get", ..] => (assess_get(line), 1),
        ["exec", ..] => (assess_exec(line), 1),
        ["delete" | "scale", ..] if line.fits(IS_DRY_RUN) => (DRY_RUN, 1),
        ["delete", objects @ ..] => (assess_delete(line, objects), 1),
        ["scale", objects @ ..] => (assess_scale(line, objects), 1),
        ["rollout", "restart", objects @ ..] => (assess_restart(line, objects), 2),
        _ => VERBS.iter().find(|(pattern, _)| line.fits(pattern)).map_or((UNKNOWN_VERB, 0), |(pattern, verdict)| {
            (verdict.clone(), pattern.split(' ').filter(|part| !part.starts_with('-')).count())
        }),
    }
}

fn raised_by_flags(line: &Line) -> Option<Verdict> {
    let is_asking_for_another = line.fits("auth can-i|whoami");
    let other_identity = [
        "-s",
        "--server",
        "--token",
        "--kubeconfig",
        "--username",
        "--password",
        "--insecure-skip-tls-verify",
        "--tls-server-name",
    ];
    if line.has(&other_identity) || !is_asking_for_another && line.has(&["--as", "--as-group", "--as-uid"]) {
        return Some(OTHER_IDENTITY);
    }
    let fetched = ["-f", "--filename", "-k", "--kustomize"];
    let is_remote = |value: &str| value.contains("://") || value.starts_with("github.com/") || value.starts_with("git@");
    let from_flag = line.flags.iter().any(|flag| fetched.contains(&flag.name.as_str()) && flag.value.is_some_and(is_remote));
    let from_word = line.fits("kustomize *") && is_remote(line.words[1]);
    if from_flag || from_word {
        return Some(FETCHES);
    }
    let has_force = !line.fits("get|logs|describe") && line.fits("--force|--force=true");
    has_force.then_some(DELETES_DATA)
}

fn assess_get(line: &Line) -> Verdict {
    if let Some(path) = line.value(&["--raw"]) {
        let path = path.to_ascii_lowercase();
        let is_node_figure = fits_glob("/api/v1/nodes/*/proxy/*", &path)
            && ["/stats", "/metrics", "/healthz", "/configz", "/pods"]
                .iter()
                .any(|figure| path.contains(&format!("/proxy{figure}")));
        return match () {
            () if path.contains("secrets") || path.contains('%') => SHOWS_SECRETS,
            () if path.contains("/proxy") && !is_node_figure => medium("calls a program through the API server"),
            () => READS,
        };
    }
    let shows_contents = line.has(&["--template"])
        || line.flags.iter().any(|flag| {
            let is_output = matches!(flag.name.as_str(), "-o" | "--output");
            is_output && !flag.value.is_some_and(|format| matches!(format, "name" | "wide") || shows_names_only(format))
        });
    let kinds = line.words.get(1).copied().unwrap_or_default();
    let names_secrets = line.words[1..].iter().any(|word| is_secret(word.split_once('/').map_or("", |(kind, _)| kind)));
    match () {
        () if !shows_contents => READS,
        () if names_secrets || kinds.split(',').any(is_secret) => SHOWS_SECRETS,
        () if line.has(&["-f", "--filename", "-k", "--kustomize"]) => MAY_SHOW_SECRETS,
        () => READS,
    }
}

fn is_secret(kind: &str) -> bool {
    let kind = kind.to_ascii_lowercase();
    let kind = kind.split(['.', '/']).next().unwrap_or_default();
    matches!(kind, "secret" | "secrets")
}

/// True for columns that are names, types and times, never contents or annotations.
fn shows_names_only(format: &str) -> bool {
    let Some(columns) = format.strip_prefix("custom-columns=") else { return false };
    columns.split(',').all(|column| {
        let path = column.split_once(':').map_or("", |(_, path)| path);
        matches!(path.trim_start_matches('.'), "metadata.name" | "metadata.namespace" | "metadata.creationTimestamp" | "type")
    })
}

fn assess_exec(line: &Line) -> Verdict {
    let inner = line.rest.map(assess_words);
    match inner {
        Some(inner) if inner.risk == RiskLevel::Low => medium("runs inside the container"),
        Some(inner) if inner.reason == SHOWS_SECRETS.reason || inner.reason == MAY_SHOW_SECRETS.reason => SHOWS_SECRETS,
        Some(_) | None => high("runs inside the container, and may change it"),
    }
}

/// Flags that leave `delete pod NAME` what it is.
const HARMLESS_IN_DELETE: &str =
    "-n --namespace --context --cluster --wait --ignore-not-found --timeout --request-timeout -o --output -v --v";

fn assess_delete(line: &Line, objects: &[&str]) -> Verdict {
    let is_graceful = |flag: &super::line::Flag| {
        flag.name == "--grace-period" && flag.value.is_some_and(|seconds| seconds.parse::<u32>().is_ok_and(|seconds| seconds > 0))
    };
    let is_plain = line.flags.iter().all(|flag| HARMLESS_IN_DELETE.split(' ').any(|name| name == flag.name) || is_graceful(flag));
    let (kinds, name) = match objects {
        [object] => object.split_once('/').unwrap_or((object, "")),
        [kind, name] if !kind.contains('/') => (*kind, *name),
        [kinds, ..] => (kinds.split('/').next().unwrap_or_default(), ""),
        [] => ("", ""),
    };
    let is_pod = matches!(kinds, "pod" | "pods" | "po");
    match () {
        () if !is_plain => DELETES_DATA,
        () if is_pod && is_object_name(name) => Verdict { reversible: false, ..low("its controller recreates the pod") },
        () if is_pod => high("deletes more than one pod"),
        () if kinds.split(',').any(holds_data) => DELETES_DATA,
        () => high("deletes an object that nothing may recreate"),
    }
}

/// Kinds whose deletion takes data, or everything that hangs on them, along.
const HOLDS_DATA: &str = "ns namespace namespaces pv persistentvolume persistentvolumes pvc persistentvolumeclaim persistentvolumeclaims crd crds \
    customresourcedefinition customresourcedefinitions no node nodes";

fn holds_data(kind: &str) -> bool {
    HOLDS_DATA.split(' ').any(|holder| Some(holder) == kind.split('.').next())
}

fn is_object_name(name: &str) -> bool {
    let is_edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let is_plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.'));
    is_placeholder(name) || is_plain && is_edge(name.as_bytes().first()) && is_edge(name.as_bytes().last())
}

/// True for `kind/name`, `kind name` and a placeholder: one object and no selection of several.
fn is_one_object(line: &Line, objects: &[&str]) -> bool {
    let is_one = match objects {
        [object] => {
            is_placeholder(object) || object.split_once('/').is_some_and(|(_, name)| is_placeholder(name) || is_object_name(name))
        }
        [kind, name] => !kind.contains(['/', ',']) && is_object_name(name),
        _ => false,
    };
    is_one && !line.has(&["-l", "--selector", "--all", "-A", "--all-namespaces", "-f", "--filename", "-k", "--kustomize"])
}

fn assess_scale(line: &Line, objects: &[&str]) -> Verdict {
    let replicas = line.value(&["--replicas"]).unwrap_or_default();
    match replicas.parse::<u32>() {
        Ok(0) => high_undoable("stops the workload"),
        _ if !is_one_object(line, objects) => MANY,
        Ok(_) => medium("changes how many pods run"),
        Err(_) if is_placeholder(replicas) => medium("changes how many pods run"),
        Err(_) => high("scales to a number that is not given"),
    }
}

fn assess_restart(line: &Line, objects: &[&str]) -> Verdict {
    if is_one_object(line, objects) { low("rolling restart, same template") } else { medium("restarts more than one workload") }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn reads_are_low() {
        check(
            RiskLevel::Low,
            &[
                "kubectl get pods",
                "kubectl -n shop get pods -A -o wide",
                "kubectl --context prod --namespace=shop describe pod api",
                "k logs deploy/api -f --tail 10 -c app",
                "oc whoami",
                "kubectl logs -p api -n shop",
                "kubectl get secret x",
                "kubectl get secrets -n shop -o name",
                "kubectl get secret -o custom-columns=NAME:.metadata.name,TYPE:.type",
                "kubectl describe secret x -n shop",
                "kubectl get sealedsecrets -o yaml",
                "kubectl get --raw '/readyz?verbose'",
                "kubectl get --raw /api/v1/nodes/n1/proxy/stats/summary",
                "kubectl auth can-i get pods --as=system:serviceaccount:shop:api -n shop",
                "kubectl auth whoami",
                "kubectl rollout status deploy/x --timeout=30s",
                "kubectl rollout history deploy/x",
                "kubectl config view --minify",
                "kubectl config get-contexts",
                "kubectl set env deploy/x --list",
                "kubectl apply --dry-run=server -f <manifest>",
                "kubectl create role r --verb=get --resource=pods --dry-run=client -o yaml",
                "kubectl delete ns x --dry-run=server",
                "kubectl wait --for=condition=Ready pod/x --timeout=60s",
                "kubectl kustomize <path>",
                "kubectl diff -f deploy.yaml",
            ],
        );
    }

    #[test]
    fn what_mends_itself_is_low() {
        check(
            RiskLevel::Low,
            &[
                "kubectl rollout restart deployment/x -n shop",
                "kubectl rollout restart <workload> -n <namespace>",
                "kubectl rollout restart deployment x",
                "kubectl delete pod x",
                "kubectl delete pod/x --wait=false",
                "kubectl delete pod <pod> -n <namespace> --grace-period=30",
            ],
        );
    }

    #[test]
    fn what_can_be_brought_back_is_medium() {
        check(
            RiskLevel::Medium,
            &[
                "kubectl rollout undo deploy/x",
                "kubectl rollout pause deploy/x",
                "kubectl rollout resume deploy/x",
                "kubectl rollout restart deployment",
                "kubectl rollout restart deployment -l app=x",
                "kubectl rollout restart deploy/a deploy/b",
                "kubectl scale deploy/x --replicas=3",
                "kubectl scale deploy x --replicas 3",
                "kubectl scale <workload> --replicas=<replicas>",
                "kubectl cordon n1",
                "kubectl uncordon n1",
                "kubectl label pod x a=b",
                "kubectl annotate ingress x a=b --overwrite",
                "kubectl set resources deploy/x -c app --limits=memory=512Mi",
                "kubectl set image deploy/x app=<registry>/<repository>:<tag>",
                "kubectl set env deploy/x PORT=1",
                "kubectl exec x -n shop -c app -- df -h",
                "kubectl exec x -- cat /etc/resolv.conf",
                "kubectl exec x -- nc -vz -w 5 db 5432",
                "kubectl get --raw /api/v1/namespaces/a/services/b/proxy/metrics",
            ],
        );
    }

    #[test]
    fn the_rest_is_high() {
        check(
            RiskLevel::High,
            &[
                "kubectl",
                "kubectl frob",
                "kubectl --frob get delete pod x",
                "kubectl get pods --as=admin",
                "kubectl get pods --server https://evil",
                "kubectl -s https://evil get pods",
                "kubectl get pods --token=x",
                "kubectl get pods --kubeconfig=/etc/kubernetes/admin.conf",
                "kubectl get secret x -o yaml",
                "kubectl get secret x -oyaml",
                "kubectl get Secret x -o=json",
                "kubectl get secret/x -o jsonpath='{.data.password}'",
                "kubectl get configmaps,secrets -o yaml",
                "kubectl get secrets.v1. x --template '{{.data}}'",
                "kubectl get secret x -o go-template='{{.data}}'",
                "kubectl get secret x -o custom-columns=A:.data",
                "kubectl get --raw /api/v1/namespaces/shop/secrets/x",
                "kubectl get --raw /api/v1/namespaces/shop/%73ecrets/x",
                "kubectl config view --raw",
                "kubectl config use-context prod",
                "kubectl create token default",
                "kubectl apply -f x.yaml",
                "kubectl apply -f https://evil/x.yaml --dry-run=server",
                "kubectl apply -f x.yaml --dry-run=server --dry-run=none",
                "kubectl patch deploy x -p '{}'",
                "kubectl edit deploy x",
                "kubectl replace --force -f x.yaml",
                "kubectl create job x --from=cronjob/y",
                "kubectl drain n1 --ignore-daemonsets",
                "kubectl exec x -- env",
                "kubectl exec x -- sh -c 'df -h'",
                "kubectl exec x -- cat /var/run/secrets/kubernetes.io/serviceaccount/token",
                "kubectl exec x",
                "kubectl cp x:/a b",
                "kubectl debug x -it --image=busybox",
                "kubectl port-forward svc/x 8080:80",
                "kubectl run x --image=busybox",
                "kubectl scale deploy/x --replicas=0",
                "kubectl scale deploy --all --replicas=1",
                "kubectl scale deploy/x",
                "kubectl label pods --all a=b",
                "kubectl set env deploy --all A=b",
                "kubectl set env deploy/x --list --resolve",
                "kubectl set selector svc x a=b",
                "kubectl delete pod x --force",
                "kubectl delete pod x --grace-period=0",
                "kubectl delete pod x --now",
                "kubectl delete pod --all",
                "kubectl delete pod -l app=x",
                "kubectl delete pod x y",
                "kubectl delete pod/x pod/y",
                "kubectl delete pod '*'",
                "kubectl delete deploy x",
                "kubectl delete ns x",
                "kubectl delete pvc x",
                "kubectl delete node n1",
                "kubectl certificate approve x",
            ],
        );
    }
}

//! Tools with sub-commands: what each is known to do, as tables. What is not listed is `HIGH`.

use super::{
    FETCHES, MAY_SHOW_SECRETS, OTHER_IDENTITY, READS, RUNS_CODE, SHOWS_CREDENTIAL, SHOWS_SECRETS, clients, high, high_undoable,
    line::{Dashes, Grammar, Line, fits_glob},
    low, medium, medium_lasting, packages, programs, stricter,
};
use crate::domain::verdict::Verdict;

/// What is known of one program, or of several that are alike.
pub struct Tool {
    /// Globs over the program's name, with spaces between.
    pub names: &'static str,
    pub grammar: Grammar,
    /// Patterns of [`Line::fits`] and what they do; the first that fits counts.
    pub rules: &'static [(&'static str, Verdict)],
    /// Globs over flags, and over words where they do not start with a dash, that raise the verdict.
    pub raises: &'static [(&'static str, Verdict)],
}

/// Flags by whole words, none of which takes the next word.
pub const PLAIN: Grammar = Grammar { dashes: Dashes::Words, valued: "", except: &[] };

pub const fn words(valued: &'static str) -> Grammar {
    Grammar { dashes: Dashes::Words, valued, except: &[] }
}

pub const fn letters(valued: &'static str) -> Grammar {
    Grammar { dashes: Dashes::Letters, valued, except: &[] }
}

/// The risk of `program` with these arguments.
pub fn assess(program: &str, arguments: &[String]) -> Verdict {
    if let Some(verdict) = clients::assess(program, arguments) {
        return verdict;
    }
    let mut tools = TOOLS.iter().chain(clients::TOOLS).chain(programs::TOOLS).chain(packages::TOOLS);
    match tools.find(|tool| tool.names.split(' ').any(|name| fits_glob(name, program))) {
        Some(tool) => assess_tool(tool, arguments),
        None => high("not a command that Faultline knows"),
    }
}

fn assess_tool(tool: &Tool, arguments: &[String]) -> Verdict {
    let mut line = Line::parse(arguments, &tool.grammar);
    line.words.extend(line.rest.unwrap_or_default().iter().map(String::as_str));
    let Some((pattern, verdict)) = tool.rules.iter().find(|(pattern, _)| line.fits(pattern)) else {
        return high("not a use that Faultline knows");
    };
    let told_by = pattern.split(' ').filter(|part| !part.starts_with(['-', '$']) && !part.is_empty()).count();
    let told_by = if pattern.contains("**") { line.sub_command_len() } else { told_by };
    if line.is_unsure_before(told_by) {
        return high("holds a flag that Faultline does not know before the sub-command");
    }
    let mut verdict = verdict.clone();
    for (glob, raised) in tool.raises {
        let fits = |part: &str| glob.split('|').any(|glob| fits_glob(glob, part));
        let holds = if glob.starts_with('-') {
            line.flags.iter().any(|flag| fits(&flag.name))
        } else {
            line.words.iter().any(|word| fits(word))
        };
        if holds {
            verdict = stricter(verdict, raised.clone());
        }
    }
    verdict
}

const LOCAL: Verdict = medium("changes local files only");
const DELETES: Verdict = high("deletes what it names");
const DOWNLOADS: Verdict = medium("downloads, and fills the disk a little");
const GIT_SAYS: Verdict = medium("applies what Git says");
const REWRITES_STATE: Verdict = high("rewrites the state");
const KUBECONFIG: Verdict = medium("changes the local kubeconfig");
const CONTAINER_RUNTIME: &str = "-r --runtime-endpoint -i --image-endpoint -c --config -t --timeout";

const TOOLS: &[Tool] = &[
    Tool {
        names: "helm",
        grammar: letters(
            "-n --namespace --kube-context -f --values --set --set-string --set-file --set-json --set-literal --version \
            --timeout --repo --max --revision -o --output --description --history-max -l --selector --post-renderer --labels \
            --username --password --keyring --name-template",
        ),
        rules: &[
            ("get notes|metadata", READS),
            ("get", MAY_SHOW_SECRETS),
            ("list|ls|status|history|template|lint|show|search|version|verify", READS),
            ("diff upgrade|rollback|revision|release", READS),
            ("repo|plugin|dependency list|ls", READS),
            ("repo add|update", LOCAL),
            ("dependency update|build", DOWNLOADS),
            ("pull", DOWNLOADS),
            ("rollback --dry-run|--dry-run=client|--dry-run=server|--dry-run=true", low("dry run, changes nothing")),
            (
                "upgrade|install --dry-run|--dry-run=client|--dry-run=server|--dry-run=true --hide-secret",
                low("dry run, changes nothing"),
            ),
            ("upgrade|install --dry-run|--dry-run=client|--dry-run=server|--dry-run=true", MAY_SHOW_SECRETS),
            ("upgrade|rollback --force*", high("deletes and recreates objects")),
            ("upgrade * http*://*", FETCHES),
            ("upgrade|rollback", medium("changes the release, undone by helm rollback")),
            ("test", medium("runs the chart's test pods")),
            ("install", high_undoable("installs a release")),
            ("uninstall|delete|del", high("deletes the release's objects")),
        ],
        raises: &[
            ("--kubeconfig|--kube-token|--kube-apiserver|--kube-as-user|--kube-as-group", OTHER_IDENTITY),
            ("--post-renderer", RUNS_CODE),
            ("--show-secrets", SHOWS_SECRETS),
        ],
    },
    Tool {
        names: "terraform tofu terragrunt",
        grammar: words("-target -var -var-file -out -lock-timeout -state -backend-config -parallelism -replace -chdir"),
        rules: &[
            ("plan|validate|graph|version", READS),
            ("providers lock|mirror", LOCAL),
            ("providers", READS),
            ("show -json", MAY_SHOW_SECRETS),
            ("show", READS),
            ("output -raw|-json", MAY_SHOW_SECRETS),
            ("output *", MAY_SHOW_SECRETS),
            ("output", READS),
            ("state list|show", READS),
            ("state pull", MAY_SHOW_SECRETS),
            ("state", REWRITES_STATE),
            ("import|taint|untaint|refresh", REWRITES_STATE),
            ("workspace list|show", READS),
            ("workspace select|new", medium("changes which workspace later commands reach")),
            ("fmt -check", READS),
            ("fmt|get", LOCAL),
            ("init -migrate-state|-force-copy", REWRITES_STATE),
            ("init", medium("downloads providers and prepares the folder")),
            ("force-unlock", high("two writers can corrupt the state")),
            ("apply", high("changes the infrastructure")),
            ("destroy", high("deletes the infrastructure")),
        ],
        raises: &[],
    },
    Tool {
        names: "argocd",
        grammar: letters("--server --config --argocd-context -o --output --grpc-web-root-path -N --app-namespace"),
        rules: &[
            ("app get|diff --refresh|--hard-refresh", medium("makes Argo CD compare again, which may start a sync")),
            ("app get|list|diff|history|logs|resources|manifests|wait", READS),
            ("app actions list", READS),
            ("app sync --force|--replace|--prune", high("deletes or recreates objects")),
            ("app sync --dry-run", low("dry run, changes nothing")),
            ("app sync", GIT_SAYS),
            ("app rollback", medium("goes back to an earlier deployment")),
            ("app terminate-op", medium("stops the sync that runs")),
            ("app delete", DELETES),
            ("cluster|repo|proj|appset list|get", READS),
            ("account list|get-user-info|can-i", READS),
            ("version", READS),
        ],
        raises: &[("--auth-token|--password", OTHER_IDENTITY)],
    },
    Tool {
        names: "flux",
        grammar: letters("-n --namespace --context --timeout"),
        rules: &[
            ("get|logs|events|trace|stats|version|check|tree|diff|export", READS),
            ("reconcile", GIT_SAYS),
            ("suspend|resume", medium("holds or lets go of reconciliation")),
            ("delete|uninstall", DELETES),
        ],
        raises: &[("--kubeconfig|--token|--server|--as|--as-group", OTHER_IDENTITY), ("--with-credentials", SHOWS_CREDENTIAL)],
    },
    Tool {
        names: "aws",
        grammar: words("--region --profile --output --query --color --endpoint-url --cli-read-timeout --cli-connect-timeout"),
        rules: &[
            ("secretsmanager get-secret-value|batch-get-secret-value", SHOWS_SECRETS),
            ("ssm get-parameter* --with-decryption", SHOWS_SECRETS),
            ("* get-*token*|get-*credential*|get-*password*|get-login*|generate-db-auth-token|assume-role*", SHOWS_CREDENTIAL),
            ("s3 presign", SHOWS_CREDENTIAL),
            ("sts get-caller-identity|decode-authorization-message", READS),
            ("sts", SHOWS_CREDENTIAL),
            ("s3 ls", READS),
            ("s3api get-object", LOCAL),
            ("configure list|list-profiles", READS),
            ("dynamodb query|scan", READS),
            ("logs tail|start-query", READS),
            ("service-quotas request-service-quota-increase", medium("asks the provider for a higher quota")),
            ("eks update-kubeconfig", KUBECONFIG),
            ("* describe-*|list-*|get-*|head-*|lookup-*|simulate-*|filter-*|search-*|batch-get-*|wait", READS),
        ],
        raises: &[("--endpoint-url", OTHER_IDENTITY)],
    },
    Tool {
        names: "gcloud",
        grammar: words("--project --region --zone --format --account --configuration --location --verbosity --filter"),
        rules: &[
            ("auth print-*|application-default", SHOWS_CREDENTIAL),
            ("secrets versions access", SHOWS_SECRETS),
            ("auth list", READS),
            ("config list|get|get-value", READS),
            ("info|version", READS),
            ("logging read", READS),
            ("container clusters get-credentials", KUBECONFIG),
            ("projects|organizations|folders|services|secrets list|describe|get-iam-policy|get-ancestors", READS),
            ("artifacts docker images|tags list|describe", READS),
            (
                "compute|container|iam|sql|dns|artifacts|run|redis|functions|pubsub|filestore|logging|monitoring * list|describe|get-iam-policy|get-health|get-serial-port-output|get-server-config",
                READS,
            ),
        ],
        raises: &[("--impersonate-service-account|--access-token-file", OTHER_IDENTITY)],
    },
    Tool {
        names: "az",
        grammar: words(
            "-g --resource-group -n --name -o --output -l --location --subscription --query --assignee --scope --vault-name \
            --id --ids --cluster-name --account-name --server --server-name --image --repository",
        ),
        rules: &[
            ("keyvault secret|key|certificate show|download|backup", SHOWS_SECRETS),
            ("account get-access-token", SHOWS_CREDENTIAL),
            ("acr credential show", SHOWS_CREDENTIAL),
            ("acr login --expose-token", SHOWS_CREDENTIAL),
            ("acr login", medium("signs the local Docker client in")),
            ("aks get-credentials", KUBECONFIG),
            ("** *key*|*credential*|*connection-string*|*sas*|*password*|*token*", SHOWS_CREDENTIAL),
            ("* keys list", SHOWS_CREDENTIAL),
            ("* * keys|connection-string|credential|admin-key|query-key list|show", SHOWS_CREDENTIAL),
            ("** show|list|list-*|get-*|exists|check-health|version", READS),
        ],
        raises: &[],
    },
    Tool {
        names: "docker podman nerdctl",
        grammar: words("--context -c --log-level -l --config -n --namespace -f --file -p --project-name"),
        rules: &[
            ("ps|images|inspect|logs|stats|info|version|history|top|port|diff|events|search", READS),
            ("image|container|volume|network|context|buildx inspect|ls|list|history|logs|stats|top|du", READS),
            ("buildx imagetools inspect", READS),
            ("manifest inspect", READS),
            ("system df|info|events", READS),
            ("compose ps|logs|ls|images|top|version", READS),
            ("compose restart|start|up|pull", medium("restarts or starts containers")),
            ("pull", DOWNLOADS),
            ("image pull", DOWNLOADS),
            ("restart|start|unpause", medium("restarts or starts the container")),
            ("stop|kill|pause", high_undoable("stops the container")),
            ("run|exec|build", RUNS_CODE),
            ("rm|rmi", DELETES),
        ],
        raises: &[("-H|--host|--connection|--url", OTHER_IDENTITY)],
    },
    Tool {
        names: "crictl",
        grammar: letters(CONTAINER_RUNTIME),
        rules: &[
            ("ps|images|img|inspect|inspecti|inspectp|logs|pods|stats|statsp|info|version|imagefsinfo", READS),
            ("pull", DOWNLOADS),
            ("rmi --prune", medium("deletes unused images, which are pulled again when needed")),
            ("rm|rmi|rmp|stop|stopp", DELETES),
        ],
        raises: &[],
    },
    Tool {
        names: "ctr",
        grammar: letters("-n --namespace -a --address --timeout"),
        rules: &[
            ("version", READS),
            (
                "images|image|i|containers|container|c|tasks|task|t|namespaces|ns|snapshots|content|plugins ls|list|info|check|metrics|ps|usage",
                READS,
            ),
            ("images|image|i pull", DOWNLOADS),
        ],
        raises: &[],
    },
    Tool {
        names: "skopeo crane oras",
        grammar: PLAIN,
        rules: &[("inspect|list-tags|manifest|digest|ls|config|catalog|validate|discover|version", READS), ("repo tags", READS)],
        raises: &[],
    },
    Tool {
        names: "git",
        grammar: words("-C -c --git-dir --work-tree"),
        rules: &[
            ("branch|tag *", LOCAL),
            ("branch|tag -d|-D|-m|-M|-f|--delete|--force|-u*|--set-upstream*|--unset-upstream|--edit-description", LOCAL),
            ("remote show|get-url", READS),
            ("remote *", LOCAL),
            ("reflog expire|delete", high("forgets earlier commits")),
            ("stash|worktree list", READS),
            ("config --list|--get", READS),
            (
                "status|log|diff|show|blame|branch|tag|remote|rev-parse|describe|ls-files|ls-remote|ls-tree|shortlog|reflog|merge-base",
                READS,
            ),
            ("fetch|add|commit|revert|cherry-pick|checkout|switch|stash|pull|clone", LOCAL),
            ("push --force|-f|--force-with-lease|--delete|--mirror", high("overwrites what others see")),
            ("push", high_undoable("publishes, and may start a deployment")),
        ],
        raises: &[("-c|--exec-path|--ext-diff|--upload-pack|--config-env", RUNS_CODE), ("--output", LOCAL)],
    },
    Tool {
        names: "gh glab",
        grammar: letters("-R --repo"),
        rules: &[
            ("auth token", SHOWS_CREDENTIAL),
            ("auth status", READS),
            ("run|pr|mr|issue|workflow|release|repo|ci|pipeline list|view|status|checks|diff|watch|trace", READS),
            ("secret|variable|cache list", READS),
            ("run rerun|cancel", medium("starts or stops a workflow run")),
        ],
        raises: &[("-t|--show-token", SHOWS_CREDENTIAL)],
    },
    Tool {
        names: "kubeadm",
        grammar: PLAIN,
        rules: &[
            ("token list|create|generate", SHOWS_CREDENTIAL),
            ("certs check-expiration", READS),
            ("config|images print|list", READS),
            ("config images list", READS),
            ("upgrade plan", READS),
            ("version", READS),
            ("certs renew", high("replaces the cluster's certificates")),
            ("reset", high("wipes the node")),
        ],
        raises: &[("--kubeconfig", OTHER_IDENTITY)],
    },
    Tool {
        names: "cmctl",
        grammar: letters("-n --namespace --context"),
        rules: &[("status|inspect|check|version", READS), ("renew", medium_lasting("asks for a new certificate"))],
        raises: &[("--kubeconfig|--token|--as|--server|-s", OTHER_IDENTITY)],
    },
    Tool {
        names: "kustomize",
        grammar: PLAIN,
        rules: &[("build *://*|github.com/*|git@*", FETCHES), ("build|version", READS)],
        raises: &[("--enable-helm|--enable-exec|--enable-alpha-plugins", RUNS_CODE)],
    },
    Tool {
        names: "calicoctl cilium cilium-dbg hubble istioctl linkerd velero eksctl minikube kind",
        grammar: letters("-n --namespace --context -i --istioNamespace -o --output"),
        rules: &[
            ("get kubeconfig", SHOWS_CREDENTIAL),
            ("proxy-config|pc secret", MAY_SHOW_SECRETS),
            ("get|status|version|analyze|validate|check|diagnostics|observe|monitor|logs", READS),
            ("node|ipam|endpoint|identity|service|config status|show|check|list|get|view", READS),
            ("proxy-status|proxy-config|ps|pc", READS),
            ("viz stat|top|edges|routes|check", READS),
            ("backup|restore|schedule get|describe|logs", READS),
        ],
        raises: &[("--kubeconfig|--token|--as|--server", OTHER_IDENTITY)],
    },
];

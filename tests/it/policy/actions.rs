//! Commands and lines that say one action, and the many that do not.

use faultline::{
    domain::action::Action,
    guard::action::{action, written},
};
use proptest::prelude::*;

#[test]
fn the_forms_of_kubectl_become_actions() {
    let forms = [
        ("kubectl rollout restart deployment/api -n shop", "rollout-restart deployment/shop/api"),
        ("k rollout restart deploy api --namespace=shop", "rollout-restart deployment/shop/api"),
        ("kubectl -nshop rollout restart ds logs", "rollout-restart daemonset/shop/logs"),
        ("oc rollout restart StatefulSet/queue -n=shop", "rollout-restart statefulset/shop/queue"),
        ("kubectl rollout undo deployment/api -n shop", "rollout-undo deployment/shop/api"),
        ("kubectl rollout undo deployment/api --to-revision=7 -n shop", "rollout-undo deployment/shop/api to revision 7"),
        ("kubectl rollout undo deployment/api --to-revision 7 -n shop", "rollout-undo deployment/shop/api to revision 7"),
        ("kubectl rollout pause deployment/api -n shop", "pause deployment/shop/api"),
        ("kubectl rollout resume deployment api -n shop", "resume deployment/shop/api"),
        ("kubectl scale deployment/api --replicas=4 -n shop", "scale deployment/shop/api to 4 replicas"),
        ("kubectl scale --replicas 0 sts queue -n shop", "scale statefulset/shop/queue to 0 replicas"),
        ("kubectl delete pod api-0 -n shop", "delete-pod pod/shop/api-0"),
        ("kubectl delete po/api-0 -n shop", "delete-pod pod/shop/api-0"),
        ("kubectl delete pods --field-selector=status.phase=Failed -n shop", "delete-failed-pods namespace/shop"),
        ("kubectl delete pod --field-selector status.phase==Failed -n shop", "delete-failed-pods namespace/shop"),
        ("kubectl cordon node-a.example.com", "cordon node/node-a.example.com"),
        ("kubectl uncordon node/node-a", "uncordon node/node-a"),
        (
            "kubectl set resources deployment/api -c app --limits=memory=512Mi -n shop",
            "raise-memory-limit deployment/shop/api of container app to 512Mi",
        ),
        (
            "kubectl set resources ds logs --containers=app --limits memory=1.5Gi -n 'shop'",
            "raise-memory-limit daemonset/shop/logs of container app to 1.5Gi",
        ),
    ];
    for (command, printed) in forms {
        let from_command = action(command, None).unwrap_or_else(|error| panic!("{command}: {error}"));
        assert_eq!(from_command.to_string(), printed, "{command}");
        assert_eq!(written(printed), Some(Ok(from_command)), "{printed}");
    }
    for printed in ["evict-pod pod/shop/api-0", "rerun-job job/shop/import"] {
        assert_eq!(written(printed).and_then(Result::ok).expect(printed).to_string(), printed);
    }
}

#[test]
fn the_default_namespace_stands_where_the_command_names_none() {
    let restart = "kubectl rollout restart deployment/api";
    assert_eq!(action(restart, Some("shop")).expect("an action").target.to_string(), "deployment/shop/api");
    assert_eq!(
        action("kubectl rollout restart deployment/api -n pay", Some("shop")).expect("an action").target.to_string(),
        "deployment/pay/api"
    );
    assert_eq!(action(restart, None).expect_err("no namespace").why, "names no namespace");
    assert_eq!(action("kubectl cordon a", Some("shop")).expect("an action").target.namespace, None);
}

#[test]
fn everything_else_is_refused_with_its_reason() {
    let refusals = [
        ("", "empty"),
        ("helm rollback api", "is not plain kubectl"),
        ("sudo kubectl cordon a", "is not plain kubectl"),
        ("/usr/bin/kubectl cordon a", "is not plain kubectl"),
        ("AWS_PROFILE=prod kubectl cordon a", "is not plain kubectl"),
        ("kubectl", "is not one of the commands"),
        ("kubectl get pods -n shop", "is not one of the commands"),
        ("kubectl rollout status deployment/api -n shop", "is not one of the commands"),
        ("kubectl drain a", "is not one of the commands"),
        ("kubectl apply -f x.yaml", "is not one of the commands"),
        ("kubectl exec api-0 -n shop -- kubectl cordon a", "holds `--`"),
        ("kubectl rollout restart deployment/api -n shop --", "holds `--`"),
        ("kubectl rollout restart deployment/<name> -n shop", "holds a placeholder"),
        ("kubectl rollout restart deployment/api -n shop; id", "runs more than one command"),
        ("kubectl rollout restart deployment/$X -n shop", "fills in a shell variable"),
        ("kubectl rollout restart deployment/api -n shop | cat", "pipes into another command"),
        ("kubectl rollout restart deployment/api -n shop\nid", "runs more than one line"),
        ("kubectl rollout restart deployment/{a,b} -n shop", "spreads into several words"),
        ("kubectl rollout restart deployment -n shop", "names no object"),
        ("kubectl rollout restart -n shop", "names no object"),
        ("kubectl rollout restart deployment/a deployment/b -n shop", "names several objects"),
        ("kubectl rollout restart deployment a b -n shop", "names several objects"),
        ("kubectl rollout restart deployment,statefulset/a -n shop", "names a kind that no action is done to"),
        ("kubectl rollout restart widget/a -n shop", "names a kind that no action is done to"),
        ("kubectl rollout restart pod/a -n shop", "rollout-restart cannot be done to a pod"),
        ("kubectl rollout pause statefulset/a -n shop", "pause cannot be done to a statefulset"),
        ("kubectl scale job/a --replicas=1 -n shop", "scale cannot be done to a job"),
        ("kubectl rollout restart deployment/API -n shop", "no name that Kubernetes takes"),
        ("kubectl rollout restart deployment/.. -n shop", "no name that Kubernetes takes"),
        ("kubectl rollout restart deployment/a/b -n shop", "no name that Kubernetes takes"),
        ("kubectl rollout restart deployment/api -n Shop", "namespace is no name"),
        ("kubectl rollout restart deployment/api -n ''", "namespace is no name"),
        ("kubectl rollout restart deployment/api -n", "a flag without its value"),
        ("kubectl rollout restart deployment/api -n shop -n pay", "has a flag twice"),
        ("kubectl rollout restart deployment/api -n shop --namespace pay", "has a flag twice"),
        ("kubectl rollout restart deployment -A", "chooses objects"),
        ("kubectl rollout restart deployment -l app=x -n shop", "chooses objects"),
        ("kubectl rollout restart deployment/api -n shop --context prod", "another cluster"),
        ("kubectl --as=admin rollout restart deployment/api -n shop", "another cluster, or as somebody else"),
        ("kubectl -s https://evil rollout restart deployment/api -n shop", "another cluster"),
        ("kubectl rollout restart deployment/api -n shop --dry-run=server", "is a dry run"),
        ("kubectl rollout restart -f x.yaml", "names a file"),
        ("kubectl rollout restart deployment/api -n shop --frob", "a flag that an action does not carry"),
        ("kubectl rollout undo deployment/api -n shop --to-revision=0", "goes to a revision that cannot be"),
        ("kubectl rollout undo deployment/api -n shop --to-revision=x", "a number that is not plain"),
        ("kubectl scale deployment/api -n shop", "does not say how many replicas"),
        ("kubectl scale deployment/api -n shop --replicas=010", "a number that is not plain"),
        ("kubectl scale deployment/api -n shop --replicas=+3", "a number that is not plain"),
        ("kubectl scale deployment/api -n shop --replicas=-1", "a number that is not plain"),
        ("kubectl scale deployment/api -n shop --replicas=4294967295", "more replicas than can be"),
        ("kubectl scale deployment/api -n shop --replicas=99999999999", "a number that is not plain"),
        ("kubectl scale deployment/api -n shop --replicas=3 --current-replicas=2", "depends on a state"),
        ("kubectl delete pod api-0 -n shop --force", "takes away the time"),
        ("kubectl delete pod api-0 -n shop --grace-period=0", "takes away the time"),
        ("kubectl delete pod api-0 -n shop --now", "takes away the time"),
        ("kubectl delete pod a b -n shop", "names several objects"),
        ("kubectl delete pod/a pod/b -n shop", "names several objects"),
        ("kubectl delete pods --all -n shop", "chooses objects"),
        ("kubectl delete pods -n shop", "deletes more than"),
        ("kubectl delete pods --field-selector=status.phase=Running -n shop", "deletes more than"),
        ("kubectl delete pods --field-selector=status.phase!=Failed -n shop", "deletes more than"),
        ("kubectl delete pods --field-selector=status.phase=Failed -A", "chooses objects"),
        ("kubectl delete pod api-0 --field-selector=status.phase=Failed -n shop", "chooses objects"),
        ("kubectl delete deployment api -n shop", "delete-pod cannot be done to a deployment"),
        ("kubectl delete namespace shop", "delete-pod cannot be done to a namespace"),
        ("kubectl cordon", "names no node, or several"),
        ("kubectl cordon a b", "names no node, or several"),
        ("kubectl cordon pod/a", "something else than a node"),
        ("kubectl cordon -l zone=a", "names no node, or several"),
        ("kubectl set resources deployment/api --limits=memory=512Mi -n shop", "names no container"),
        ("kubectl set resources deployment/api -c '*' --limits=memory=512Mi -n shop", "container has no name"),
        ("kubectl set resources deployment/api -c app -n shop", "something else than one limit of memory"),
        ("kubectl set resources deployment/api -c app --limits=cpu=1 -n shop", "something else than one limit of memory"),
        ("kubectl set resources deployment/api -c app --limits=memory=512Mi,cpu=1 -n shop", "no amount of memory"),
        ("kubectl set resources deployment/api -c app --limits=memory=lots -n shop", "no amount of memory"),
        ("kubectl set resources deployment/api -c app --limits=memory=512m -n shop", "no amount of memory"),
        ("kubectl set resources deployment/api -c app --limits=memory=512Mi --requests=memory=1Mi -n shop", "sets requests, too"),
        ("kubectl create job retry --from=cronjob/import -n shop", "starts a new job"),
    ];
    for (command, why) in refusals {
        let error = action(command, None).expect_err(command);
        assert!(error.why.contains(why), "{command}: {}", error.why);
    }
}

#[test]
fn lines_that_say_more_or_less_than_an_action_are_refused() {
    let refusals = [
        ("evict-pod", "names no target"),
        ("evict-pod pod/api-0", "names no namespace"),
        ("evict-pod pod/shop/a/b", "not of the form"),
        ("evict-pod api-0", "not of the form"),
        ("evict-pod pod/shop/api-0 now", "says more than"),
        ("cordon node/shop/a", "a node is in no namespace"),
        ("scale deployment/shop/api", "does not say how many"),
        ("scale deployment/shop/api to many replicas", "a number that is not plain"),
        ("raise-memory-limit deployment/shop/api to 1Gi", "does not say which limit"),
        ("rollout-undo deployment/shop/api to revision", "says more than"),
    ];
    for (line, why) in refusals {
        let error = written(line).expect(line).expect_err(line);
        assert!(error.why.contains(why), "{line}: {}", error.why);
    }
    for other in ["", "read pod/shop/api", "change pod/shop/api", "kubectl cordon a"] {
        assert_eq!(written(other), None, "{other}");
    }
}

/// Words of commands, in any order and number, so that some of them are actions.
fn command() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "rollout",
        "restart",
        "undo",
        "pause",
        "resume",
        "scale",
        "delete",
        "pod",
        "pods",
        "cordon",
        "uncordon",
        "set",
        "resources",
        "deployment/api",
        "deployment",
        "api",
        "node-a",
        "-n",
        "shop",
        "-nshop",
        "--replicas=3",
        "--replicas",
        "3",
        "-c",
        "app",
        "--limits=memory=1Gi",
        "--field-selector=status.phase=Failed",
        "--to-revision=2",
        "-A",
        "--",
        "-l",
        "--force",
        "'",
        "\\",
        "é",
    ]);
    prop::collection::vec(words, 0..9).prop_map(|words| format!("kubectl {}", words.join(" ")))
}

proptest! {
    #[test]
    fn any_text_is_an_action_or_refused_and_what_is_one_prints_as_one(text in prop_oneof![command(), any::<String>()], default in prop::option::of("[a-zA-Z-]{0,6}")) {
        for read in [action(&text, default.as_deref()), written(&text).unwrap_or_else(|| action(&text, None))] {
            match read {
                Ok(action) => {
                    prop_assert_eq!(written(&action.to_string()), Some(Ok(action.clone())));
                    let json = serde_json::to_string(&action).expect("it is plain");
                    prop_assert_eq!(serde_json::from_str::<Action>(&json).expect("it is an action"), action);
                }
                Err(error) => prop_assert!(!error.why.is_empty()),
            }
        }
    }

    #[test]
    fn a_well_formed_scale_is_always_read(name in "[a-z]([a-z0-9-]{0,20}[a-z0-9])?", namespace in "[a-z]([a-z0-9-]{0,20}[a-z0-9])?", replicas in 0..i32::MAX) {
        let read = action(&format!("kubectl scale deployment/{name} --replicas={replicas} -n {namespace}"), None).expect("an action");
        prop_assert_eq!(read.to_string(), format!("scale deployment/{namespace}/{name} to {replicas} replicas"));
    }
}

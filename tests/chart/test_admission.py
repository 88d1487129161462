"""The admission policy, evaluated: what our account may patch."""
import copy

import cel
import pytest
from rendering import render

DEPLOYMENT = {
    "apiVersion": "apps/v1", "kind": "Deployment",
    "metadata": {"name": "orders", "labels": {"app": "orders"}, "annotations": {"team": "shop"}},
    "spec": {
        "replicas": 2, "selector": {"matchLabels": {"app": "orders"}}, "strategy": {"type": "RollingUpdate"},
        "template": {"metadata": {"labels": {"app": "orders"}},
                     "spec": {"serviceAccountName": "orders", "containers": [
                         {"name": "app", "image": "orders:2", "resources": {"limits": {"memory": "256Mi", "cpu": "1"}}},
                         {"name": "proxy", "image": "proxy:1"}]}},
    },
}
NODE = {
    "apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1", "labels": {"zone": "a"}},
    "spec": {"podCIDR": "10.0.0.0/24", "taints": [{"key": "gpu", "effect": "NoSchedule"}]},
}


def policy(rollback):
    values = {"enabled": True, "namespaces": ["shop"], "admissionPolicy": {"enabled": True, "allowRollback": rollback}}
    return render({"remediation": values}).one("ValidatingAdmissionPolicy")["spec"]


def refusals(old, change, rollback=False):
    """Messages of the validations that say no to a change."""
    new = copy.deepcopy(old)
    change(new)
    spec = policy(rollback)
    scope = {"object": new, "oldObject": old, "variables": {}}
    for variable in spec["variables"]:
        scope["variables"][variable["name"]] = cel.evaluate(variable["expression"], scope)
    return [each["message"] for each in spec["validations"] if not cel.evaluate(each["expression"], scope)]


def at(*path, value):
    """A change: the field at a path gets a value; None takes it away."""
    def change(new):
        for name in path[:-1]:
            new = new[name] if isinstance(new, list) else new.setdefault(name, {})
        if value is None:
            del new[path[-1]]
        else:
            new[path[-1]] = value
    return change


RESTART = at("spec", "template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt", value="2026-01-01T00:00:00Z")
APP = ("spec", "template", "spec", "containers", 0)
IMAGE = at(*APP, "image", value="orders:1")
ONLY = ["in the pod template only the time of the last restart and memory limits may change"]


@pytest.mark.parametrize("old, change", [
    (DEPLOYMENT, RESTART),
    (DEPLOYMENT, at("spec", "paused", value=True)),
    (DEPLOYMENT, at(*APP, "resources", "limits", "memory", value="512Mi")),
    (NODE, at("spec", "unschedulable", value=True)),
    (NODE, at("metadata", "annotations", "faultline.io/cordoned", value="true")),
])
@pytest.mark.parametrize("rollback", [True, False])
def test_what_the_actions_need_is_allowed(old, change, rollback):
    assert refusals(old, change, rollback) == []


def test_a_rollback_is_allowed_only_where_it_is_said():
    assert refusals(DEPLOYMENT, IMAGE, rollback=True) == []
    assert refusals(DEPLOYMENT, IMAGE, rollback=False) == ONLY


@pytest.mark.parametrize("change", [
    at(*APP, "resources", "limits", "cpu", value="2"),
    at(*APP, "resources", "limits", "memory", value=None),
    at(*APP, "resources", "limits", value=None),
    at(*APP, "resources", "requests", value={"memory": "1Gi"}),
    at(*APP, "resources", value=None),
    at(*APP, "command", value=["sh"]),
    at(*APP, "name", value="other"),
    at("spec", "template", "spec", "containers", 1, value=None),
    at("spec", "template", "spec", "containers", 1, "resources", value={"limits": {"memory": "1Gi"}}),
    at("spec", "template", "spec", "initContainers", value=[{"name": "x", "image": "x"}]),
    at("spec", "template", "metadata", "labels", "app", value="other"),
    at("spec", "template", "metadata", "annotations", "other", value="x"),
])
def test_without_rollback_the_template_keeps_all_but_memory_limits(change):
    assert refusals(DEPLOYMENT, change, rollback=False) == ONLY


def test_what_an_undo_takes_back_is_allowed():
    restarted = copy.deepcopy(DEPLOYMENT)
    RESTART(restarted)
    assert refusals(restarted, at("spec", "template", "metadata", "annotations", value=None)) == []
    cordoned = copy.deepcopy(NODE)
    cordoned["metadata"]["annotations"] = {"faultline.io/cordoned": "true"}
    cordoned["spec"]["unschedulable"] = True
    assert refusals(cordoned, at("metadata", "annotations", value=None)) == []
    assert refusals(cordoned, at("spec", "unschedulable", value=None)) == []


def test_scales_are_not_judged():
    rules = policy(True)["matchConstraints"]["resourceRules"]
    assert {resource for rule in rules for resource in rule["resources"]} == {"deployments", "statefulsets", "daemonsets", "nodes"}


@pytest.mark.parametrize("old, change", [
    (DEPLOYMENT, at("spec", "selector", "matchLabels", "app", value="other")),
    (DEPLOYMENT, at("spec", "strategy", value=None)),
    (DEPLOYMENT, at("spec", "replicas", value=0)),
    (DEPLOYMENT, at("metadata", "annotations", "faultline.io/cordoned", value="true")),
    (DEPLOYMENT, at("metadata", "annotations", "kubernetes.io/change-cause", value="x")),
    (DEPLOYMENT, at("spec", "fieldOfTomorrow", value=1)),
    (DEPLOYMENT, at("metadata", "labels", "app", value="other")),
    (DEPLOYMENT, at("metadata", "annotations", "team", value="ours")),
    (DEPLOYMENT, at("metadata", "annotations", "team", value=None)),
    (DEPLOYMENT, at("metadata", "finalizers", value=["x"])),
    (DEPLOYMENT, at("spec", "template", "spec", "serviceAccountName", value="admin")),
    (DEPLOYMENT, at("spec", "template", "spec", "hostNetwork", value=True)),
    (NODE, at("spec", "podCIDR", value="10.1.0.0/24")),
    (NODE, at("spec", "taints", value=[])),
    (NODE, at("spec", "taints", value=[*NODE["spec"]["taints"], {"key": "x", "effect": "NoExecute"}])),
    (NODE, at("metadata", "annotations", "faultline.io/other", value="x")),
    (NODE, at("metadata", "labels", "zone", value="b")),
])
@pytest.mark.parametrize("rollback", [True, False])
def test_everything_else_is_refused(old, change, rollback):
    assert refusals(old, change, rollback) != []


def test_it_judges_our_account_and_no_other():
    conditions = policy(True)["matchConditions"]
    asks = lambda name: all(cel.evaluate(each["expression"], {"request": {"userInfo": {"username": name}}}) for each in conditions)
    assert asks("system:serviceaccount:ops:rel-faultline")
    assert not asks("system:serviceaccount:ops:other") and not asks("admin")
    assert policy(True)["failurePolicy"] == "Fail"

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
                     "spec": {"serviceAccountName": "orders", "containers": [{"name": "app", "image": "orders:2"}]}},
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
IMAGE = at("spec", "template", "spec", "containers", 0, "image", value="orders:1")


@pytest.mark.parametrize("old, change", [
    (DEPLOYMENT, RESTART),
    (DEPLOYMENT, at("spec", "replicas", value=3)),
    (DEPLOYMENT, at("spec", "paused", value=True)),
    (DEPLOYMENT, at("metadata", "annotations", "faultline.io/remediation", value="r1")),
    (NODE, at("spec", "unschedulable", value=True)),
    (NODE, at("spec", "taints", value=[*NODE["spec"]["taints"], {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}])),
])
@pytest.mark.parametrize("rollback", [True, False])
def test_what_the_actions_need_is_allowed(old, change, rollback):
    assert refusals(old, change, rollback) == []


def test_a_rollback_is_allowed_only_where_it_is_said():
    assert refusals(DEPLOYMENT, IMAGE, rollback=True) == []
    assert refusals(DEPLOYMENT, IMAGE, rollback=False) == ["in the pod template only the time of the last restart may change"]


@pytest.mark.parametrize("old, change", [
    (DEPLOYMENT, at("spec", "selector", "matchLabels", "app", value="other")),
    (DEPLOYMENT, at("spec", "strategy", value=None)),
    (DEPLOYMENT, at("spec", "fieldOfTomorrow", value=1)),
    (DEPLOYMENT, at("metadata", "labels", "app", value="other")),
    (DEPLOYMENT, at("metadata", "annotations", "team", value="ours")),
    (DEPLOYMENT, at("metadata", "annotations", "team", value=None)),
    (DEPLOYMENT, at("metadata", "finalizers", value=["x"])),
    (DEPLOYMENT, at("spec", "template", "spec", "serviceAccountName", value="admin")),
    (DEPLOYMENT, at("spec", "template", "spec", "hostNetwork", value=True)),
    (NODE, at("spec", "podCIDR", value="10.1.0.0/24")),
    (NODE, at("spec", "taints", value=[])),
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

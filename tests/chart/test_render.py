"""Every set of values gives valid objects, and values that make no sense give a reason."""
import re

import kubernetes_validate
import pytest
import yaml
from rendering import CHART, NAMESPACE, VALUE_SETS, from_file, render
from helm_python.chart import Chart, lint
from helm_python.errors import HelmError

VERSIONS = ["1.29", "1.33", kubernetes_validate.latest_version()]
# Kinds of operators and of the Gateway API: their schemas are not among Kubernetes' own.
FOREIGN = {"ServiceMonitor", "PrometheusRule", "HTTPRoute"}
# v1 since 1.30; the chart refuses them before.
SINCE_1_30 = {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}


@pytest.mark.parametrize("version", VERSIONS)
def test_objects_are_valid(rendered, version):
    for found in rendered.objects:
        kind = found["kind"]
        if kind in FOREIGN or (kind in SINCE_1_30 and version == "1.29"):
            continue
        kubernetes_validate.validate(found, version, strict=True)


@pytest.mark.parametrize("path", VALUE_SETS, ids=lambda path: path.stem)
def test_lint_finds_nothing(path):
    report = lint(str(CHART), yaml.safe_load(path.read_text()), strict=True, namespace=NAMESPACE)
    assert report["messages"] == [] and report["errors"] == []


def test_names_are_unique(rendered):
    names = [(found["kind"], found["metadata"].get("namespace"), found["metadata"]["name"]) for found in rendered.objects]
    assert len(names) == len(set(names))


def test_labels_are_the_recommended_ones(rendered):
    for found in rendered.objects:
        if found["metadata"]["name"] == "our-rules":
            continue
        labels = found["metadata"]["labels"]
        for name in ("name", "instance", "version", "component", "part-of", "managed-by"):
            assert f"app.kubernetes.io/{name}" in labels, found["metadata"]["name"]
        assert labels["helm.sh/chart"].startswith("faultline-")


def test_selectors_select_their_pods_and_no_others(rendered):
    pods = {name: metadata["labels"] for name, metadata, _ in rendered.pods()}
    selectors = [(found, found["spec"]["selector"].get("matchLabels", found["spec"]["selector"]))
                 for kind in ("Deployment", "StatefulSet", "Service", "PodDisruptionBudget") for found in rendered.of(kind)]
    for found, selector in selectors:
        chosen = [name for name, labels in pods.items() if selector.items() <= labels.items()]
        assert chosen == [found["metadata"]["name"]], (found["kind"], chosen)


@pytest.mark.parametrize("values", [
    {"replicacount": 2},
    {"image": {"tagg": "1"}},
    {"config": {"logLevel": "debug"}},
    {"config": {"GOOGLE_API_KEY": "x"}},
    {"config": {"DATABASE_URL": "postgres://..."}},
    {"auth": {"mode": "password"}},
    {"remediation": {"mode": "always"}},
    {"networkPolicy": {"egress": {"apiServer": {"cidrs": ["anywhere"]}}}},
    {"image": {"digest": "sha256:short"}},
])
def test_the_schema_refuses(values):
    with pytest.raises(HelmError):
        Chart.load(str(CHART)).validate_schema(values)


@pytest.mark.parametrize("values, reason", [
    ({"replicaCount": 2}, "needs Postgres"),
    ({"autoscaling": {"enabled": True}}, "needs Postgres"),
    ({"remediation": {"enabled": True}}, "needs remediation.namespaces"),
    ({"remediation": {"enabled": True, "namespaces": ["kube-system"]}}, "kube-system is protected"),
    ({"remediation": {"enabled": True, "namespaces": ["a"], "protectedNamespaces": ["a"]}}, "a is protected"),
    ({"qdrant": {"enabled": True, "url": "http://qdrant:6334"}}, "exclude each other"),
    ({"auth": {"mode": "api-key"}}, "needs auth.apiKeys.existingSecret"),
    ({"auth": {"apiKeys": {"existingSecret": "keys"}}}, "needs auth.mode"),
    ({"auth": {"mode": "oidc"}}, "needs config.OIDC_ISSUER"),
    ({"secret": {"values": {"GOOGLE_API_KEY": "x"}}}, "only with secret.create"),
    ({"config": {"APP_PORT": 9000}}, "config.APP_PORT is set by another value"),
    ({"qdrant": {"enabled": True}, "config": {"QDRANT_URL": "http://x"}}, "config.QDRANT_URL is set by another value"),
])
def test_values_that_do_not_go_together_end_with_a_reason(values, reason):
    with pytest.raises(HelmError, match=re.escape(reason)):
        render(values)


def test_the_schema_knows_every_value():
    def compare(values, schema, path):
        if schema.get("additionalProperties") is not False:
            return
        known = set(schema["properties"]) - {"global"}
        assert set(values) == known, f"{path}: {set(values) ^ known}"
        for name, value in values.items():
            if isinstance(value, dict) and schema["properties"][name].get("type") == "object":
                compare(value, schema["properties"][name], f"{path}.{name}")

    chart = Chart.load(str(CHART))
    # `claims` has no default.
    schema = chart.schema
    for resources in (schema["properties"]["resources"], schema["properties"]["qdrant"]["properties"]["resources"]):
        resources["properties"].pop("claims")
    compare(chart.values, schema, "values")


def test_every_value_is_used():
    templates = "\n".join(template["data"] for template in Chart.load(str(CHART)).templates)

    def walk(values, path):
        for name, value in values.items():
            if isinstance(value, dict) and value and name not in ("requests", "limits", "labels"):
                yield from walk(value, (*path, name))
            else:
                yield (*path, name)

    unused = [path for path in walk(Chart.load(str(CHART)).values, ())
              if not re.search(rf"\.{re.escape(path[-1])}\b", templates) and not re.search(rf"\.{re.escape(path[-2])}\b", templates)]
    assert unused == []


def test_numbers_have_no_exponent():
    config = from_file(CHART / "ci/replicas-values.yaml").one("ConfigMap", "rel-faultline")
    assert config["data"]["RATE_LIMIT_REQUESTS"] == "1200000"
    assert render({"config": {"LLM_TEMPERATURE": 0.1}}).one("ConfigMap")["data"]["LLM_TEMPERATURE"] == "0.1"


def test_a_change_of_settings_rolls_the_pods():
    checksum = [render({"config": {"LOG_LEVEL": level}}).one("Deployment")["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
                for level in ("info", "debug")]
    assert checksum[0] != checksum[1]


def test_versions_are_those_of_the_program(root):
    cargo = re.search(r'^version = "(.+)"$', (root / "Cargo.toml").read_text(), re.M)[1]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == cargo
    assert f":{cargo}" in chart["annotations"]["artifacthub.io/images"]
    for name in ("images", "links", "changes"):
        assert yaml.safe_load(chart["annotations"][f"artifacthub.io/{name}"])


def test_the_readme_names_every_value():
    readme = (CHART / "README.md").read_text()
    missing = [name for name in Chart.load(str(CHART)).values if f"`{name}" not in readme]
    assert missing == []


def test_the_notes_say_how_open_it_is():
    assert "changes nothing" in render().notes and "Nobody has to log in" in render().notes
    acting = from_file(CHART / "ci/remediation-values.yaml").notes
    assert "shop, payments" in acting and "Nobody has to log in" not in acting


def test_remediation_knows_where_it_never_acts():
    rendered = from_file(CHART / "ci/remediation-values.yaml")
    settings = rendered.one("ConfigMap", "rel-faultline")["data"]
    assert settings["PROTECTED_NAMESPACES"] == "kube-system,kube-public,kube-node-lease,vault"
    container = rendered.one("Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert {"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}} in container["env"]


def test_the_notes_say_that_there_is_no_policy():
    values = {"remediation": {"enabled": True, "namespaces": ["shop"]}}
    assert "every change is forbidden" in render(values).notes
    for policy in ({"config": {"POLICY_FILE": "/x"}, **values}, {"remediation": {"policy": "version: 1", **values["remediation"]}}):
        assert "every change is forbidden" not in render(policy).notes

"""Settings: what the chart passes exists in the program, and what the program has can be set by the chart."""
import re

import pytest
from helm_python.chart import Chart
from helm_python.errors import HelmError
from rendering import CHART, render



def passed(rendered):
    """Names of all variables that the agent's container gets."""
    names = set()
    for found in rendered.of("ConfigMap") + rendered.of("Secret"):
        if found["metadata"]["name"] == "rel-faultline":
            names |= set(found.get("data", found.get("stringData")))
    container = rendered.one("Deployment")["spec"]["template"]["spec"]["containers"][0]
    return names | {variable["name"] for variable in container.get("env", [])}


def test_what_the_chart_passes_exists(rendered, settings, coming):
    assert passed(rendered) - settings - coming == set()


def test_what_the_values_and_the_readme_name_exists(settings, coming):
    text = (CHART / "values.yaml").read_text() + (CHART / "README.md").read_text()
    named = set(re.findall(r"\b[A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+\b", text))
    assert named - settings - coming == set()


def test_every_plain_setting_can_be_set(settings, secret_settings):
    chart = Chart.load(str(CHART))
    own = passed(render({}))
    for name in settings - secret_settings - own:
        assert name in passed(render({"config": {name: "value"}})), name
        chart.validate_schema({"config": {name: 1}})


def test_no_secret_setting_is_taken_as_a_plain_one(secret_settings):
    assert secret_settings, "the help hides no value"
    for name in secret_settings:
        with pytest.raises(HelmError):
            Chart.load(str(CHART)).validate_schema({"config": {name: "value"}})


def test_secret_settings_come_from_a_secret():
    container = render({"existingSecret": "keys"}).one("Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert {"secretRef": {"name": "keys"}} in container["envFrom"]
    rendered = render({"secret": {"create": True, "values": {"QDRANT_API_KEY": "x"}}})
    assert rendered.one("Secret")["stringData"] == {"QDRANT_API_KEY": "x"}

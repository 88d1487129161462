"""Rendering the chart, as Helm does it."""
import pathlib

import yaml
from helm_python.chart import Chart

CHART = pathlib.Path(__file__).resolve().parents[2] / "charts/faultline"
VALUE_SETS = sorted((CHART / "ci").glob("*-values.yaml"))
NAMESPACE = "ops"


class Rendered:
    """The objects that one set of values gives."""

    def __init__(self, values):
        chart = Chart.load(str(CHART))
        chart.validate_schema(values)
        texts = chart.render(values, name="rel", namespace=NAMESPACE)
        self.notes = next(text for path, text in texts.items() if path.endswith("NOTES.txt"))
        documents = [yaml.safe_load_all(text) for path, text in texts.items() if not path.endswith(".txt")]
        self.objects = [document for stream in documents for document in stream if document]

    def of(self, kind):
        return [found for found in self.objects if found["kind"] == kind]

    def one(self, kind, name=None):
        found = [found for found in self.of(kind) if name in (None, found["metadata"]["name"])]
        assert len(found) == 1, f"{kind} {name or ''}: {[each['metadata']['name'] for each in found]}"
        return found[0]

    def pods(self):
        """(name, metadata, spec) of everything that becomes a pod."""
        for found in self.objects:
            if found["kind"] == "Pod":
                yield found["metadata"]["name"], found["metadata"], found["spec"]
            elif "template" in found.get("spec", {}):
                template = found["spec"]["template"]
                yield found["metadata"]["name"], template["metadata"], template["spec"]


def render(values=None):
    return Rendered(values or {})


def from_file(path):
    return render(yaml.safe_load(path.read_text()))


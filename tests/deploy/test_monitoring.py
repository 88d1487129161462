"""Rules and dashboard ask only for what the program really serves: a running one is asked, and scraped."""
import json
import os
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request

import promql_parser
import pytest
import yaml

# Labels that Prometheus adds to each scraped series, and the series that it makes of each scrape.
ADDED = {"job", "instance"}
MADE_BY_PROMETHEUS = {"up": set()}


def ask(port, path, body=None):
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode() if body else None, headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.fixture(scope="module")
def scraped(program, tmp_path_factory):
    """Name of each series -> label -> values, after requests that succeed, find nothing, and are refused."""
    folder = tmp_path_factory.mktemp("served")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # Without a model in its cache retrieval has a gap.
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "CACHE_DIR": str(folder / "cache"), "DATA_DIR": str(folder),
                   "APP_PORT": str(port), "NO_CLUSTER": "true", "RATE_LIMIT_REQUESTS": "6", "REMEDIATION_MODE": "approve",
                   # Where nobody listens: a model that does not answer, and a collector that takes no traces.
                   "OPENAI_API_KEY": "none", "OPENAI_BASE_URL": "http://127.0.0.1:9", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
                   "LLM_PRICE_INPUT_PER_MTOK": "1", "LLM_PRICE_OUTPUT_PER_MTOK": "1"}
    serving = subprocess.Popen([program, "serve"], env=environment, cwd=folder, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while subprocess.run([program, "healthcheck"], env=environment, capture_output=True).returncode != 0:
            assert serving.poll() is None and time.monotonic() < deadline, "it does not become healthy"
        statuses = [ask(port, "/diagnose", {"error_message": "OOMKilled"})[0],
                    *(ask(port, "/suggest-runbook", {"error_message": "terraform state lock"})[0] for _ in range(2)),
                    *(ask(port, "/diagnose", {"error_message": "disk full"})[0] for _ in range(8))]
        assert 200 in statuses and 429 in statuses, statuses
        alert = {"version": "4", "alerts": [{"labels": {"alertname": "DiskFull", "namespace": "shop", "deployment": "cart"}}]}
        assert [ask(port, "/webhooks/alertmanager", body)[0] for body in (alert, {"version": "3"})] == [202, 422]
        # Workers work off what was taken, the queue is counted every ten seconds, incidents every fifteen.
        awaited = ("faultline_alert_lag_seconds_count", "faultline_alert_queue_depth", "faultline_incidents_by_category{",
                   'cache_lookups_total{cache="suggestions",outcome="hit"}')
        while not all(name in (text := ask(port, "/metrics")[1]) for name in awaited):
            assert time.monotonic() < deadline, "the alert is not worked off"
        # Written by the process's own upkeep, once its store is open.
        while "faultline_remediation_paused" not in ask(port, "/metrics")[1]:
            assert time.monotonic() < deadline, "it does not look after remediations"
        ask(port, "/livez")
        ask(port, "/readyz")
        ask(port, "/nowhere")
        text = ask(port, "/metrics")[1]
    finally:
        serving.terminate()
        serving.wait(timeout=30)
    series = {}
    for line in text.splitlines():
        found = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
        if found:
            labels = series.setdefault(found[1], {})
            for name, value in re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', found[2] or ""):
                labels.setdefault(name, set()).add(value)
    assert len(series) > 6
    return series


def parts(expression):
    """An expression and all that it is made of."""
    yield expression
    for name in ("expr", "lhs", "rhs", "vector_selector", "vs"):
        inner = getattr(expression, name, None)
        if inner is not None and type(inner).__module__.startswith("promql"):
            yield from parts(inner)
    for argument in getattr(expression, "args", None) or []:
        yield from parts(argument)


def problems(query, series, recorded):
    """What a query asks for that is not there."""
    found, selectors, labels = [], 0, set()
    for part in parts(promql_parser.parse(query)):
        kind = type(part).__name__
        if kind == "VectorSelector":
            selectors += 1
            known = {**series, **MADE_BY_PROMETHEUS}
            if part.name in recorded:
                continue
            if part.name not in known:
                found.append(f"no metric {part.name}")
                continue
            labels |= set(known[part.name]) | ADDED
            for matcher in part.matchers.matchers:
                if matcher.name in ADDED:
                    continue
                values = known[part.name].get(matcher.name)
                if values is None:
                    found.append(f"{part.name} has no label {matcher.name}")
                    continue
                regex = "Re" in str(matcher.op)
                wanted = matcher.value.split("|") if regex and "(" not in matcher.value else [matcher.value]
                for value in wanted:
                    # No request fails in this test, and 5xx is a status all the same.
                    if value == "5..":
                        continue
                    if not any(re.fullmatch(value, each) if regex else value == each for each in values):
                        found.append(f"{part.name}: {matcher.name} is never {value}")
        if kind == "AggregateExpr" and part.modifier is not None:
            inner = {label for each in parts(part.expr) if type(each).__name__ == "VectorSelector" and each.name in series for label in series[each.name]}
            found += [f"nothing to group by {label}" for label in part.modifier.labels if label not in inner | ADDED | {"le"}]
    if not selectors:
        found.append("it asks for nothing")
    return found


def filled(query):
    """Grafana's variables, as values."""
    return query.replace("$__rate_interval", "5m").replace("$job", "faultline")


@pytest.fixture(scope="module")
def rules(root):
    (group,) = yaml.safe_load((root / "charts/faultline/monitoring/rules.yaml").read_text())["groups"]
    return group["rules"]


@pytest.fixture(scope="module")
def dashboard(root):
    return json.loads((root / "charts/faultline/monitoring/dashboard.json").read_text())


@pytest.mark.parametrize("query, problem", [
    ("rate(faultline_requests_total[5m])", "no metric faultline_requests_total"),
    ('faultline_gaps_total{step="retrieve"}', "faultline_gaps_total has no label step"),
    ('faultline_gaps_total{stage="retrieval"}', "faultline_gaps_total: stage is never retrieval"),
    ("sum by (pod) (faultline_gaps_total)", "nothing to group by pod"),
    ('x or (1 - on () sum(rate(faultline_http_requests_total{route=~"/diagnose|/nope"}[5m])))', "faultline_http_requests_total: route is never /nope"),
])
def test_the_check_sees_what_is_wrong(scraped, query, problem):
    assert problem in problems(query, scraped, {"x"})


def test_rules_ask_for_what_there_is(rules, scraped):
    recorded = {rule["record"] for rule in rules if "record" in rule}
    found = {rule.get("alert") or rule["record"]: problems(rule["expr"], scraped, recorded) for rule in rules}
    assert {name: each for name, each in found.items() if each} == {}


def test_the_dashboard_asks_for_what_there_is(dashboard, scraped):
    found = {panel["title"]: [problem for target in panel["targets"] for problem in problems(filled(target["expr"]), scraped, set())]
             for panel in dashboard["panels"]}
    assert {title: each for title, each in found.items() if each} == {}


def test_every_metric_of_ours_is_on_the_dashboard(dashboard, scraped):
    text = json.dumps(dashboard)
    ours = {re.sub("_(bucket|sum|count)$", "", name) for name in scraped if name.startswith("faultline_")}
    assert {name for name in ours if name not in text} == set()


def test_there_is_an_alert_for_each_trouble(rules):
    alerts = {rule["alert"]: rule for rule in rules if "alert" in rule}
    assert set(alerts) >= {f"Faultline{name}" for name in (
        "Down", "ErrorRateHigh", "Slow", "MemoryHigh", "GapsRising", "RunbookIndexDegraded", "ClientsRateLimited",
        "AlertQueueNearlyFull", "AlertsGivenUp", "RemediationStuck", "RemediationHangs", "RemediationPaused", "TracesLost")}
    assert alerts["FaultlineErrorRateHigh"]["expr"].endswith("> 0.05") and alerts["FaultlineSlow"]["expr"].endswith("> 2")
    for name, rule in alerts.items():
        assert rule["for"] and rule["labels"]["severity"] in ("critical", "warning"), name
        assert set(rule["annotations"]) == {"summary", "description"}, name


def test_annotations_use_labels_that_the_alert_has(rules):
    recorded = {rule["record"]: rule["expr"] for rule in rules if "record" in rule}
    for rule in rules:
        if "alert" in rule:
            # What an aggregation keeps is written in it; without one, all labels of the scrape are there.
            text = recorded.get(rule["expr"].split(" ")[0], rule["expr"])
            kept = {label.strip() for group in re.findall(r"by \(([^)]*)\)", text) for label in group.split(",")} or ADDED
            used = set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))
            assert used <= kept, rule["alert"]


def test_memory_alert_fires_before_the_limit(rules, root):
    limit = yaml.safe_load((root / "charts/faultline/values.yaml").read_text())["resources"]["limits"]["memory"]
    expression = next(rule["expr"] for rule in rules if rule.get("alert") == "FaultlineMemoryHigh")
    assert limit == "512Mi" and expression.endswith("> 0.9 * 512 * 1024 * 1024")


def test_panels_do_not_overlap(dashboard):
    taken = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken and place["x"] + place["w"] <= 24, panel["title"]
        taken |= cells
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))


def test_what_prometheus_and_grafana_are_told_fits_the_compose_file(root):
    services = yaml.safe_load((root / "docker-compose.yml").read_text())["services"]
    folder = root / "deploy/monitoring"
    prometheus = yaml.safe_load((folder / "prometheus.yml").read_text())
    jobs = {job["job_name"]: job["static_configs"][0]["targets"][0] for job in prometheus["scrape_configs"]}
    assert jobs["faultline"] == "faultline:8000"
    targets = [*jobs.values(), prometheus["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"][0]]
    sources = yaml.safe_load((folder / "grafana/datasources/faultline.yaml").read_text())["datasources"]
    targets += [source["url"].removeprefix("http://") for source in sources]
    for target in targets:
        assert target.split(":")[0] in services, target
    alertmanager = yaml.safe_load((folder / "alertmanager.yml").read_text())
    (receiver,) = [receiver for receiver in alertmanager["receivers"] if receiver["name"] == alertmanager["route"]["receiver"]]
    (webhook,) = receiver["webhook_configs"]
    assert webhook == {"url": "http://faultline:8000/webhooks/alertmanager", "send_resolved": True}


def test_the_job_of_the_chart_is_the_one_that_rules_and_compose_file_use(root):
    template = (root / "charts/faultline/templates/monitoring.yaml").read_text()
    assert "{action: replace, targetLabel: job, replacement: faultline}" in template

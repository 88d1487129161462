#!/usr/bin/env python3
"""A storm of alerts: 10,000 of 100 causes over loopback, in notifications of 100. `make load-alerts` runs it.

Prints what was lost, how many diagnoses were made, and how the memory grew; fails if any alert is lost, a cause is diagnosed twice, or it takes longer
than a minute. ALERTS, CAUSES and DATABASE_URL change what is sent and where it is kept; without DATABASE_URL that is a SQLite file that goes afterwards.
"""
import concurrent.futures
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROGRAM = os.environ.get("FAULTLINE", ROOT / "target/release/faultline")
ALERTS, CAUSES = int(os.environ.get("ALERTS", "10000")), int(os.environ.get("CAUSES", "100"))
IN_ONE, CLIENTS, MOST_SECONDS = 100, 4, 60
SUFFIX = "bcdfghjklmnpqrstvwxz2456789"


def ask(port, path, body=None):
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode() if body else None, headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read().decode()


def alert(number):
    rest, suffix = number, ""
    for _ in range(5):
        rest, letter = divmod(rest, len(SUFFIX))
        suffix += SUFFIX[letter]
    pod = f"app{number % CAUSES}-7d9f8b6c5-{suffix}"
    return {"status": "firing", "startsAt": "2026-02-19T09:55:00Z", "fingerprint": f"{number:016x}",
            "labels": {"alertname": "ContainerKilled", "namespace": "shop", "pod": pod, "container": "app", "severity": "warning", "job": "kube-state-metrics"},
            "annotations": {"summary": "Containers are killed for their memory", "runbook_url": "https://wiki.example.com/runbooks/oomkilled",
                            "description": f"Container app of pod {pod} was terminated: Reason: OOMKilled, exit code 137"}}


def send(port, first):
    """A notification; one that is refused for now is sent again, as Alertmanager does. Returns how often that was needed."""
    body = {"version": "4", "groupKey": "{}:{}", "alerts": [alert(number) for number in range(first, min(first + IN_ONE, ALERTS))]}
    for again in range(1000):
        try:
            ask(port, "/webhooks/alertmanager", body)
            return again
        except urllib.error.HTTPError as error:
            if error.code < 500:
                raise
            time.sleep(0.2)
    raise SystemExit("a notification is never taken")


def memory_mib(process, name):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(rf"{name}:\s+(\d+)", status)[1]) / 1024


def counted(port):
    incidents, cursor = [], ""
    while cursor is not None:
        page = json.loads(ask(port, f"/incidents?limit=200{cursor}"))
        incidents += page["incidents"]
        cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
    return sum(one["alerts"] for one in incidents), len(incidents)


def run(folder):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {"PATH": os.environ["PATH"], "HOME": folder, "CACHE_DIR": f"{folder}/cache", "DATA_DIR": folder, "APP_PORT": str(port),
                   "NO_CLUSTER": "true", "LOG_LEVEL": "warn", "RATE_LIMIT_REQUESTS": "0", "DATABASE_URL": os.environ.get("DATABASE_URL", "")}
    serving = subprocess.Popen([PROGRAM, "serve"], env=environment, cwd=folder)
    try:
        deadline = time.monotonic() + 30
        while subprocess.run([PROGRAM, "healthcheck"], env=environment, capture_output=True).returncode != 0:
            assert serving.poll() is None and time.monotonic() < deadline, "it does not become healthy"
        before, began = memory_mib(serving, "VmRSS"), time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as clients:
            refused = sum(clients.map(lambda first: send(port, first), range(0, ALERTS, IN_ONE)))
        sent = time.monotonic() - began
        seen, incidents = counted(port)
        while seen < ALERTS and time.monotonic() - began < 2 * MOST_SECONDS:
            time.sleep(0.25)
            seen, incidents = counted(port)
        worked = time.monotonic() - began
        diagnoses = sum(int(number) for number in re.findall(r"^faultline_alert_diagnoses_total\{[^}]*\} (\d+)", ask(port, "/metrics"), re.M))
        peak = memory_mib(serving, "VmHWM")
    finally:
        serving.terminate()
        serving.wait(timeout=30)
    print(f"{ALERTS} alerts of {CAUSES} causes, {os.cpu_count()} processors: taken in {sent:.1f} s ({refused} notifications sent again), worked off in {worked:.1f} s")
    print(f"lost {ALERTS - seen}, diagnoses {diagnoses}, incidents {incidents}; memory {before:.0f} MiB at start, {peak:.0f} MiB at most (+{peak - before:.0f})")
    return 0 if seen == ALERTS and diagnoses == incidents == CAUSES and worked <= MOST_SECONDS else 1


with tempfile.TemporaryDirectory(prefix="faultline-alerts") as place:
    sys.exit(run(place))

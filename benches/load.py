#!/usr/bin/env python3
"""Faultline under load and under hostile clients, each figure beside its target. `make load` runs all but the soak.

    benches/load.py [rates] [traces] [start] [memory] [overload] [hostile] [soak]

A server of its own for each part, on loopback, with authentication, rate limit, metrics and the store on, and without a cluster; everything that is
started here is stopped here, and what it wrote is removed. `rates` also starts first_generation.py, the service that Faultline replaces, and takes turns
with it; `traces` measures the same with a collector of traces, which gets a span of every stage of every request. Fails if a target is missed. Beside the program it needs wrk (Debian: apt-get install wrk) and, for `rates` and `traces`, packages from PyPI.

SECONDS_EACH (6) and ROUNDS (3) of `rates` and `traces`, SOAK_SECONDS (600), IDLE_CONNECTIONS (10000), CACHE_DIR (of the model) and FAULTLINE (the program) change what is done.
"""
import asyncio
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import hostile  # noqa: E402
from service import HERE, Collector, Faultline, FirstGeneration  # noqa: E402

SECONDS_EACH, ROUNDS = int(os.environ.get("SECONDS_EACH", "6")), int(os.environ.get("ROUNDS", "3"))
# As many requests a second as the first generation, this many times: distinct texts, one text again.
LEAST_RATIOS = {"/diagnose": (2, 4), "/suggest-runbook": (1, 1)}
SOAK_SECONDS = int(os.environ.get("SOAK_SECONDS", "600"))
PATHS = ["/diagnose", "/suggest-runbook"]
rows = []


def row(what, figure, target, holds):
    """One line of the table. `holds` None = there is no target."""
    rows.append(holds)
    verdict = {True: "ok", False: "MISSED", None: ""}[holds]
    print(f"{what:<58} {figure:>34} {target:>16} {verdict}", flush=True)


class Told:
    """What wrk measured."""

    def __init__(self, port, path, *, keys=(), seconds=SECONDS_EACH, connections=16, repeat=False, named=False, delay_ms=0):
        environment = {**os.environ, "ROUTE": path, "KEYS": ",".join(keys), "DELAY_MS": str(delay_ms)}
        for name, is_set in (("REPEAT", repeat), ("NAMED", named)):
            environment.pop(name, None)
            environment.update({name: "1"} if is_set else {})
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", HERE / "load.lua", f"http://127.0.0.1:{port}"]
        told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
        figures = re.search(r"^TOLD (.*)$", told, re.M)[1].split()
        self.rate, self.p50_ms, self.p99_ms, self.max_ms = map(float, figures[:4])
        self.requests, self.wrong = map(int, figures[4:])


def turns(ours, first, path, **what):
    """What both told, in turns, since a machine's speed changes while it is measured."""
    return [[Told(one.port, path, keys=one.keys, **what) for one in (ours, first)] for _ in range(ROUNDS)]


def compare(what, pairs, least):
    """The rates of both and how they compare. `least` None = there is no target."""
    mine, theirs = (statistics.median(pair[at].rate for pair in pairs) for at in (0, 1))
    ratio = statistics.median(mine.rate / theirs.rate for mine, theirs in pairs)
    target, holds = ("", None) if least is None else (f">= {least} times", ratio >= least)
    row(f"{what}: requests/s", f"{mine:.0f} ({theirs:.0f}), {ratio:.1f} times", target, holds)
    p99, their_p99 = (statistics.median(pair[at].p99_ms for pair in pairs) for at in (0, 1))
    row("    p99 at full rate, 16 connections, ms", f"{p99:.1f} ({their_p99:.1f})", "< 100", p99 < 100)
    wrong, requests = (sum(getattr(mine, name) for mine, _ in pairs) for name in ("wrong", "requests"))
    row("    errors", f"{wrong} of {requests}", "< 0.1 %", wrong < requests * 0.001)


def rates():
    with Faultline(keys=8) as ours, FirstGeneration() as first:
        for path, named in [("/diagnose", False), ("/diagnose", True), ("/suggest-runbook", False)]:
            for repeat in (False, True):
                texts = "one text again" if repeat else "distinct texts"
                # The first generation remembers nothing, so what is recorded has no like there.
                least = None if named else LEAST_RATIOS[path][repeat]
                compare(f"{path}{', recorded' if named else ''}, {texts}", turns(ours, first, path, repeat=repeat, named=named), least)
        mine, theirs = ours.resident_mib(), first.resident_mib()
        row("memory after it, MiB (first generation)", f"{mine:.0f} ({theirs:.0f})", "<= half", mine <= theirs / 2)


def traces():
    with Collector() as collector:
        endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}"}
        with Faultline(keys=8, settings=endpoint) as ours, FirstGeneration() as first:
            for repeat in (False, True):
                texts = "one text again" if repeat else "distinct texts"
                compare(f"/diagnose with traces, {texts}", turns(ours, first, "/diagnose", repeat=repeat), LEAST_RATIOS["/diagnose"][repeat])
        exports, size = collector.stop()
        row("    exports to the collector, MiB", f"{exports}, {size / 2**20:.0f}", "> 0", exports > 0)


def start():
    """With the vectors made by an earlier start, as they are after the first start of an installation or in the image."""
    for embedder, wanted in (("off", "lexical"), ("local", "hybrid")):
        with tempfile.TemporaryDirectory() as data:
            with Faultline(embedder=embedder, data=data) as once:
                if not once.settle(wanted):
                    row(f"start to ready, embedder {embedder}", "no model in the cache", "< 1 s", None)
                    continue
            times = []
            for _ in range(5):
                with Faultline(embedder=embedder, data=data) as one:
                    times.append(one.ready_seconds)
            row(f"start to ready, embedder {embedder}, median of 5, s", f"{statistics.median(times):.2f} (worst {max(times):.2f})", "< 1", statistics.median(times) < 1)


def memory():
    for embedder, wanted, most in (("off", "lexical", 100), ("local", "hybrid", 250)):
        with Faultline(embedder=embedder) as one:
            if not one.settle(wanted):
                row(f"idle memory, embedder {embedder}", "no model in the cache", f"< {most}", None)
                continue
            time.sleep(5)
            row(f"idle memory, embedder {embedder}, MiB", f"{one.resident_mib():.0f} (peak {one.peak_mib():.0f})", f"< {most}", one.resident_mib() < most)
            before = one.resident_mib()
            Told(one.port, "/suggest-runbook", keys=one.keys, seconds=3)
            row("    after 3 s of distinct questions, MiB", f"{one.resident_mib():.0f} (was {before:.0f})", "", None)


def soak():
    with Faultline(keys=8) as ours:
        full = statistics.median(Told(ours.port, "/diagnose", keys=ours.keys, named=True, seconds=5).rate for _ in range(3))
        connections, half = 64, full / 2
        part = max(10, SOAK_SECONDS // 10)
        began, seen, wrong, requests, slowest = time.monotonic(), [], 0, 0, 0.0
        delay_ms = connections / half * 1000
        while time.monotonic() - began < SOAK_SECONDS:
            path = PATHS[len(seen) % 2] if len(seen) % 4 == 3 else "/diagnose"
            told = Told(ours.port, path, keys=ours.keys, named=path == "/diagnose", seconds=part, connections=connections, delay_ms=max(1, round(delay_ms)))
            delay_ms = max(1.0, delay_ms * (told.rate / half if path == "/diagnose" else 1))
            # The connections of the client that has just ended are closed in a moment.
            time.sleep(0.5)
            seen.append((ours.resident_mib(), ours.descriptors()))
            wrong, requests, slowest = wrong + told.wrong, requests + told.requests, max(slowest, told.p99_ms)
            print(f"  {time.monotonic() - began:5.0f} s  {path:<17} {told.rate:7.0f}/s  p99 {told.p99_ms:6.1f} ms  wrong {told.wrong}  {seen[-1][0]:6.1f} MiB  {seen[-1][1]} descriptors", flush=True)
        warm = seen[len(seen) // 5:]
        growth = (warm[-1][0] / warm[0][0] - 1) * 100
        row(f"soak, {SOAK_SECONDS} s at half of {full:.0f}/s: growth after warm-up", f"{growth:+.1f} % to {warm[-1][0]:.0f} MiB", "< 5 %", growth < 5)
        row("    descriptors, warm and at the end", f"{warm[0][1]}, {warm[-1][1]}", "no more", warm[-1][1] <= warm[0][1] + 2)
        row("    worst p99 of a part, ms", f"{slowest:.1f}", "< 100", slowest < 100)
        row("    errors", f"{wrong} of {requests}", "< 0.1 %", wrong < requests * 0.001)


def overload():
    """Ten times what is allowed: a minute's worth ten times over at once by one caller, and ten times the requests that run at once."""
    with Faultline(keys=2, settings={"RATE_LIMIT_REQUESTS": "600"}) as ours:
        told = asyncio.run(hostile.storm(ours, requests=6000, at_once=64))
        report("rate limit, 10 times 600/min", told, 429)
        other = asyncio.run(hostile.ask(ours.port, ours.keys[1]))
        row("    another caller meanwhile, ms", f"{other.status} in {other.ms:.0f}", "200, < 100", other.status == 200 and other.ms < 100)
        back = asyncio.run(hostile.until_answered(ours.port, ours.keys[0], seconds=3))
        row("    the same caller is answered again after, s", f"{back:.2f}", "< 1", back < 1)
    with Faultline(keys=1, settings={"MAX_CONCURRENT_REQUESTS": "8", "RATE_LIMIT_REQUESTS": "0"}) as ours:
        told = asyncio.run(hostile.slow_storm(ours, held=80))
        report("concurrency, 10 times 8", told, 503)
        back = asyncio.run(hostile.until_answered(ours.port, ours.keys[0], seconds=3))
        row("    answered again after, s", f"{back:.2f}", "< 1", back < 1)


def report(what, told, wanted):
    refused = sorted(one.ms for one in told if one.status == wanted)
    others = [one.status for one in told if one.status not in (200, wanted)]
    p99 = refused[int(len(refused) * 0.99)] if refused else float("nan")
    row(f"{what}: {wanted} of {len(told)}", f"{len(refused)}, others {len(others)}", "> 85 %, 0", len(refused) > 0.85 * len(told) and not others)
    row(f"    p99 of a {wanted}, ms", f"{p99:.1f}", "< 100", p99 < 100)


def attacks():
    for what, figure, target, holds in asyncio.run(hostile.all_attacks(int(os.environ.get("IDLE_CONNECTIONS", "10000")))):
        row(what, figure, target, holds)


PARTS = {"rates": rates, "traces": traces, "start": start, "memory": memory, "overload": overload, "hostile": attacks, "soak": soak}


def main():
    wanted = sys.argv[1:] or [name for name in PARTS if name != "soak"]
    if unknown := set(wanted) - set(PARTS):
        sys.exit(f"load: there is no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    if not shutil.which("wrk"):
        sys.exit("load: wrk is missing (Debian: apt-get install wrk)")
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}; clients and servers on the same machine")
    for name in wanted:
        PARTS[name]()
    sys.exit(1 if False in rows else 0)


if __name__ == "__main__":
    main()

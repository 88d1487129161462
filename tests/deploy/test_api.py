"""The service does what its own OpenAPI document says: schemathesis with all its checks finds nothing.

A bounded run with a fixed seed and with authentication; `make fuzz-api` sets AUTH_MODES, EXAMPLES and SEED for longer ones.
"""
import os
import pathlib
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

EXAMPLES, SEED = os.environ.get("EXAMPLES", "5"), os.environ.get("SEED", "1")
AUTH_MODES = os.environ.get("AUTH_MODES", "api-key").split(",")


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def is_ready(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture(params=AUTH_MODES)
def service(program, request, tmp_path):
    """Address of a service with a store and without a cluster, and the headers that its callers send."""
    port, headers = free_port(), []
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "DATA_DIR": str(tmp_path), "APP_PORT": str(port), "NO_CLUSTER": "true",
                   "EMBEDDER": "off", "RATE_LIMIT_REQUESTS": "0", "LOG_LEVEL": "error", "AUTH_MODE": request.param}
    if request.param == "api-key":
        made = subprocess.run([program, "keys", "new", "--name", "fuzz", "--role", "admin", "--entry-only"], check=True, capture_output=True, text=True)
        (tmp_path / "keys.yaml").write_text(made.stdout)
        environment["API_KEYS_FILE"] = str(tmp_path / "keys.yaml")
        headers = ["--header", f"X-Api-Key: {re.search(r'flk_[0-9A-Za-z_-]+', made.stderr)[0]}"]
    with (tmp_path / "log").open("w+") as log:
        serving = subprocess.Popen([program, "serve"], env=environment, cwd=tmp_path, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 60
            while not is_ready(port):
                assert serving.poll() is None and time.monotonic() < deadline, (tmp_path / "log").read_text()
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}", headers
            assert serving.poll() is None, "it died"
            assert "panic" not in (tmp_path / "log").read_text()
        finally:
            serving.terminate()
            serving.wait(timeout=30)


def test_it_does_what_its_document_says(root, service):
    address, headers = service
    schemathesis = pathlib.Path(sys.executable).parent / "schemathesis"
    command = [schemathesis, "run", f"{address}/openapi.json", "--checks", "all", "--max-examples", EXAMPLES, "--seed", SEED,
               "--continue-on-failure", "--no-color", "--generation-database", "none", *headers]
    found = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=3600)
    told = "\n".join(line[:600] for line in (found.stdout + found.stderr).splitlines())
    assert found.returncode == 0, told
    assert int(re.search(r"(\d+) generated", told)[1]) > 500, told

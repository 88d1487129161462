"""The services that load.py measures, and the collector of traces beside them: started, looked at from outside, stopped."""
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

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
PROGRAM = pathlib.Path(os.environ.get("FAULTLINE", ROOT / "target/release/faultline"))
CACHE_DIR = os.environ.get("CACHE_DIR", os.path.expanduser("~/.cache/faultline"))


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Service:
    """A process that answers on a port. Its figures are those of it and its children."""

    keys = ()

    def run(self, command, environment, cwd):
        self.log = tempfile.TemporaryFile("w+")
        began = time.monotonic()
        self.process = subprocess.Popen(command, env=environment, cwd=cwd, stderr=self.log, stdout=self.log)
        while not self.is_answering():
            if self.process.poll() is not None or time.monotonic() - began > 30:
                self.log.seek(0)
                sys.exit(f"load: {command[0]} does not get ready: {self.log.read()[-2000:]}")
            time.sleep(0.005)
        self.ready_seconds = time.monotonic() - began

    def is_answering(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{self.ready_path}", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def tree(self):
        waiting, found = [self.process.pid], []
        while waiting:
            pid = waiting.pop()
            found.append(pid)
            for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
                waiting += map(int, task.read_text().split())
        return found

    def status_mib(self, name):
        kib = 0
        for pid in self.tree():
            kib += int(re.search(rf"{name}:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])
        return kib / 1024

    def resident_mib(self):
        return self.status_mib("VmRSS")

    def peak_mib(self):
        return self.status_mib("VmHWM")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


class Faultline(Service):
    """With authentication, rate limit, metrics and a store in a folder of its own, unless `settings` say otherwise."""

    ready_path = "/readyz"

    def __init__(self, keys=1, embedder="off", data=None, settings=()):
        if not PROGRAM.is_file():
            sys.exit(f"load: {PROGRAM} is missing (cargo build --release)")
        self.port, self.embedder, self.settings = free_port(), embedder, dict(settings)
        self.own = None if data else tempfile.TemporaryDirectory(prefix="faultline-load")
        self.folder = pathlib.Path(data or self.own.name)
        self.count = keys

    def __enter__(self):
        entries, keys = [], []
        for number in range(self.count):
            made = subprocess.run([PROGRAM, "keys", "new", "--name", f"load-{number}", "--role", "developer", "--entry-only"], capture_output=True, text=True, check=True)
            entries.append(made.stdout)
            keys.append(re.search(r"flk_\S+", made.stderr)[0])
        (self.folder / "keys.yaml").write_text("\n".join(entries))
        self.keys = tuple(keys)
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.folder), "APP_PORT": str(self.port), "NO_CLUSTER": "true", "LOG_LEVEL": "error", "AUTH_MODE": "api-key",
            "API_KEYS_FILE": str(self.folder / "keys.yaml"), "DATA_DIR": str(self.folder), "RATE_LIMIT_REQUESTS": "1000000", "EMBEDDER": self.embedder, "CACHE_DIR": CACHE_DIR,
        }
        self.run([PROGRAM, "serve"], {**environment, **self.settings}, self.folder)
        return self

    def __exit__(self, *why):
        super().__exit__(*why)
        if self.own:
            self.own.cleanup()

    def settle(self, retrieval):
        """Waits until runbooks are found in this way. False = they are not."""
        for _ in range(300):
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5) as answer:
                if json.load(answer)["retrieval"] == retrieval:
                    return True
            time.sleep(0.1)
        return False


def python_with(modules, packages):
    """A Python that has these modules: this one, or one in an environment of its own."""
    has_all = lambda python: subprocess.run([python, "-c", f"import {modules}"], capture_output=True).returncode == 0
    venv = ROOT / "target/load-venv"
    python = venv / "bin/python"
    if has_all(sys.executable):
        return sys.executable
    if not python.exists() or not has_all(python):
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages], check=True)
    return python


class Collector(Service):
    """collector.py, which takes traces."""

    def __enter__(self):
        self.port = free_port()
        self.run([python_with("grpc", ["grpcio"]), HERE / "collector.py", str(self.port)], {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}, HERE)
        return self

    def is_answering(self):
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        """How often and how many bytes it was sent."""
        self.process.terminate()
        self.process.wait(timeout=20)
        self.log.seek(0)
        exports, size = re.findall(r"^(\d+) (\d+)$", self.log.read(), re.M)[-1]
        return int(exports), int(size)


class FirstGeneration(Service):
    """first_generation.py with two workers, in an environment of its own where the packages are not at hand."""

    ready_path = "/health"

    def __enter__(self):
        self.port = free_port()
        environment = {**os.environ, "RUNBOOK_DIR": str(ROOT / "runbooks"), "PYTHONDONTWRITEBYTECODE": "1"}
        python = python_with("fastapi, uvicorn, uvloop, httptools", ["fastapi", "uvicorn[standard]"])
        command = [python, "-m", "uvicorn", "--app-dir", HERE, "first_generation:app", "--host", "127.0.0.1", "--port", str(self.port),
                   "--workers", "2", "--log-level", "error", "--no-access-log"]
        self.run(command, environment, HERE)
        return self

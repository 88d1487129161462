"""The rules that the image keeps, and the steps of its build that need no container engine."""
import os
import pathlib
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from dockerfile import parse, vector, without_flags

LIMIT_BYTES = 150_000_000
# gcr.io/distroless/cc-debian13, uncompressed: glibc, libgcc, libstdc++, certificates, time zones. Its size is not measured here.
BASE_BYTES = 30_000_000


@pytest.fixture(scope="module")
def stages(root):
    return {stage.name: stage for stage in parse((root / "Dockerfile").read_text())}


@pytest.fixture(scope="module")
def shipped(stages):
    return list(stages.values())[-1]


def test_the_linter_finds_nothing(root):
    linter = pathlib.Path(sys.prefix) / "bin/hadolint"
    found = subprocess.run([linter, root / "Dockerfile"], capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr


def test_bases_are_pinned(stages):
    for stage in stages.values():
        tag = re.fullmatch(r"[\w./-]+:([\w.-]+)", stage.image)
        assert tag and tag[1] != "latest", stage.image


def test_the_compiler_can_compile_it(root, stages):
    wanted = re.search(r'^rust-version = "(\d+)\.(\d+)"', (root / "Cargo.toml").read_text(), re.M)
    image = re.fullmatch(r"rust:(\d+)\.(\d+)\.\d+-trixie", stages["build"].image)
    assert (int(image[1]), int(image[2])) >= (int(wanted[1]), int(wanted[2]))


def test_no_stage_runs_on_a_newer_system_than_the_one_that_ships(stages, shipped):
    # What is linked against a newer glibc does not start on an older one.
    assert "debian13" in shipped.image
    assert all("trixie" in stage.image for stage in stages.values() if stage is not shipped)


def test_it_runs_as_nobody(shipped):
    assert shipped.all("USER") == ["65532:65532"]
    words = [word for word, _ in shipped.instructions]
    assert "RUN" not in words[:words.index("USER")], "nothing runs as root in what ships"


def test_it_has_no_shell_form(shipped):
    for word in ("ENTRYPOINT", "CMD", "RUN"):
        assert shipped.all(word) and all(vector(rest) for rest in shipped.all(word)), word
    (check,) = shipped.all("HEALTHCHECK")
    command = vector(re.sub(r"^.*?CMD ", "", check))
    assert command == [*vector(shipped.all("ENTRYPOINT")[0]), "healthcheck"]


def test_it_holds_no_secrets(root, stages):
    names = [name for stage in stages.values() for rest in stage.all("ARG") + stage.all("ENV") for name in re.findall(r"\b([A-Z_]+)\b(?==|$)", rest)]
    assert not [name for name in names if re.search("KEY|TOKEN|SECRET|PASSWORD|DATABASE_URL", name)]
    assert not re.search(r"^(ADD|VOLUME) ", (root / "Dockerfile").read_text(), re.M)


def test_what_it_copies_is_there_and_not_ignored(root, stages):
    ignored = (root / ".dockerignore").read_text().split("\n")
    kept = {line[1:] for line in ignored if line.startswith("!")}
    assert "*" in ignored
    copied = set()
    for stage in stages.values():
        for rest in stage.all("COPY"):
            flags, rest = without_flags(rest)
            source = next((flag.removeprefix("--from=") for flag in flags if flag.startswith("--from=")), None)
            if source:
                assert source in stages, source
                continue
            *sources, _ = rest.split()
            for name in sources:
                assert (root / name).exists(), name
                copied.add(name)
    assert copied == kept


def test_what_the_program_includes_is_copied(root, stages):
    copied = {name for rest in stages["build"].all("COPY") for name in without_flags(rest)[1].split()[:-1]}
    for path in (root / "src").rglob("*.rs"):
        for name in re.findall(r'include_\w+!\("\$CARGO_MANIFEST_DIR/([^/"]+)', path.read_text()):
            assert name in copied, f"{path.name} includes {name}"


def test_its_labels_are_those_of_the_specification(root, shipped):
    labels = shipped.labels()
    for name in ("title", "description", "licenses", "vendor", "source", "documentation", "base.name", "version", "revision", "created"):
        assert labels.get(f"org.opencontainers.image.{name}"), name
    assert labels["org.opencontainers.image.base.name"] == shipped.image
    assert labels["org.opencontainers.image.licenses"] in (root / "Cargo.toml").read_text()


def test_its_settings_exist(shipped, settings, coming):
    environment = shipped.environment()
    assert set(environment) - settings - coming == set()
    assert environment["APP_HOST"] == "0.0.0.0" and shipped.all("EXPOSE") == [environment["APP_PORT"]]


def test_the_dependency_layer_can_be_resolved(root, stages, tmp_path):
    """Its commands, with a cargo that only reads the manifest: every target of Cargo.toml has a file."""
    for name in ("Cargo.toml", "Cargo.lock"):
        (tmp_path / name).write_bytes((root / name).read_bytes())
    (tmp_path / "bin").mkdir()
    shim = tmp_path / "bin/cargo"
    shim.write_text('#!/bin/sh\nunset PATH_WITH_SHIM; PATH="$REAL_PATH" exec cargo metadata --locked --offline --no-deps --format-version 1\n')
    shim.chmod(0o755)
    _, command = without_flags(stages["build"].all("RUN")[0])
    environment = {**os.environ, "PATH": f"{shim.parent}:{os.environ['PATH']}", "REAL_PATH": os.environ["PATH"]}
    shell = vector(stages["build"].all("SHELL")[0])
    ran = subprocess.run([*shell, command], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert '"name":"faultline"' in ran.stdout and (tmp_path / "benches").is_dir()


@pytest.fixture(scope="module")
def model(program, stages, tmp_path_factory):
    """The folder that the model stage makes, by its own commands: it gets the model anew, so it has to be asked for."""
    if not os.environ.get("IMAGE_STEPS"):
        pytest.skip("the image's model steps take a minute or two: make image")
    folder = tmp_path_factory.mktemp("opt") / "faultline"
    _, command = without_flags(stages["model"].all("RUN")[0])
    place = stages["model"].environment()["CACHE_DIR"]
    command = command.replace(place, str(folder)).replace("/var/lib/faultline", str(folder.parent / "var"))
    environment = {**os.environ, "CACHE_DIR": str(folder)}
    command = re.sub(r"\bfaultline (model|index)", rf"{shlex.quote(str(program))} \1", command)
    ran = subprocess.run(["/bin/sh", "-ec", command], env=environment, cwd=folder.parent, capture_output=True, text=True, timeout=900)
    if ran.returncode != 0 and "getting the" in ran.stderr + ran.stdout:
        pytest.skip(f"the packages could not be had: {ran.stderr.strip()[-300:]}")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return folder


def test_the_model_folder_holds_the_runtime_its_licences_and_the_vectors(model):
    names = {str(path.relative_to(model)) for path in model.rglob("*") if path.is_file()}
    assert any(re.fullmatch(r"runtime/libonnxruntime\.so\.[\d.]+", name) for name in names), names
    assert {"runtime/LICENSE", "runtime/ThirdPartyNotices.txt"} <= names
    assert any(name.startswith("vectors/") for name in names)


def test_it_is_small(program, model, tmp_path):
    """Model and runtime as they are; the debug build stripped, which is larger than the release build by a tenth at least."""
    stripped = tmp_path / "faultline"
    subprocess.run(["strip", "-s", "-o", stripped, program], check=True)
    size = sum(path.stat().st_size for path in model.rglob("*") if path.is_file())
    total = BASE_BYTES + size + stripped.stat().st_size * 9 // 10
    print(f"model folder {size / 1e6:.1f} MB, program (debug, stripped) {stripped.stat().st_size / 1e6:.1f} MB, base about {BASE_BYTES / 1e6:.0f} MB")
    assert total < LIMIT_BYTES, total


def test_the_shipped_commands_work_from_a_folder_that_cannot_be_written(program, model, shipped, tmp_path):
    """What the last stage runs and declares: --version, model status, serve, healthcheck."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    writable = [path for path in [model, *model.rglob("*")] if path.is_dir()]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **shipped.environment(), "CACHE_DIR": str(model),
                   "DATA_DIR": str(tmp_path), "APP_HOST": "127.0.0.1", "APP_PORT": str(port), "NO_CLUSTER": "true"}
    run = lambda *arguments: subprocess.run([program, *arguments], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    for folder in writable:
        folder.chmod(0o555)
    try:
        for rest in shipped.all("RUN"):
            done = run(*vector(rest)[1:])
            assert done.returncode == 0, done.stdout + done.stderr
        (start,) = shipped.all("CMD")
        serving = subprocess.Popen([program, *vector(start)], env=environment, cwd=tmp_path, stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 30
            while run("healthcheck").returncode != 0:
                assert serving.poll() is None and time.monotonic() < deadline, "it does not become healthy"
            while True:
                health = urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).read().decode()
                if '"retrieval":"hybrid"' in health:
                    break
                assert time.monotonic() < deadline, health
        finally:
            serving.send_signal(signal.SIGTERM)
            assert serving.wait(timeout=30) == 0
        assert run("healthcheck").returncode != 0, "nothing listens any more"
    finally:
        for folder in writable:
            folder.chmod(0o755)

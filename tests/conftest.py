"""What the tests of tests/chart and tests/deploy share. They run by `make deploy`; FAULTLINE names the program."""
import json
import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]

# Settings that the chart and the compose file pass already and that the program will have. What it has must leave this list.
COMING = set()


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def program():
    """The program under test."""
    path = pathlib.Path(os.environ.get("FAULTLINE", ROOT / "target/debug/faultline"))
    assert path.is_file(), f"{path} is missing: cargo build, or set FAULTLINE"
    return path.resolve()


def told(program, *arguments):
    """What the program prints, without the settings of whoever runs the tests."""
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    return subprocess.run([program, *arguments], check=True, capture_output=True, text=True, env=environment, timeout=60).stdout


@pytest.fixture(scope="session")
def coming(settings):
    assert COMING & settings == set(), "the program has these now: take them out of COMING"
    return COMING


@pytest.fixture(scope="session")
def settings(program):
    """Names of all settings of `faultline serve`."""
    names = set(re.findall(r"^\| `([A-Z_]+)` \|", told(program, "settings"), re.M))
    assert len(names) > 20
    return names


@pytest.fixture(scope="session")
def secret_settings(program):
    """Those whose values the program's own help hides: `[env: NAME]` instead of `[env: NAME=value]`.

    Addresses are hidden as well, because one may hold a password; where it holds none it is a plain setting.
    """
    hidden = set(re.findall(r"\[env: ([A-Z_]+)\]", told(program, "serve", "--help")))
    return {name for name in hidden if not name.endswith(("_BASE_URL", "_HOST"))}


@pytest.fixture(scope="session")
def reader_rules(program):
    return json.loads(told(program, "rbac"))["rules"]


@pytest.fixture(scope="session")
def writer_rules(program):
    return json.loads(told(program, "rbac", "--remediation"))["rules"]

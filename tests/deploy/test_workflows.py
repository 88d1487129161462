"""The workflows follow their schema, hold few permissions, and run nothing that a stranger may write."""
import re
import subprocess
import sys

import pytest
import yaml

WORKFLOWS = ["ci.yml", "release.yml"]
# The values of these contexts are written by whoever opens a pull request or an issue.
FROM_STRANGERS = re.compile(r"github\.(event\.(pull_request|issue|comment|review|head_commit)|head_ref)")


def check(schema, path):
    checked = subprocess.run([sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, path], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.fixture(params=WORKFLOWS)
def workflow(request, root):
    return yaml.safe_load((root / ".github/workflows" / request.param).read_text())


def steps(workflow):
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_they_follow_the_schema(root, name):
    path = root / ".github/workflows" / name
    check("vendor.github-workflows", path)
    check("custom.github-workflows-require-timeout", path)


def test_dependabot_follows_the_schema(root):
    check("vendor.dependabot", root / ".github/dependabot.yml")


def test_every_workflow_is_checked(root):
    assert sorted(path.name for path in (root / ".github/workflows").iterdir()) == sorted(WORKFLOWS)


def test_permissions_begin_with_reading(workflow):
    assert workflow["permissions"] == {"contents": "read"}


def test_only_the_release_writes(root):
    jobs = yaml.safe_load((root / ".github/workflows/ci.yml").read_text())["jobs"]
    assert all("permissions" not in job for job in jobs.values())


def test_actions_are_pinned_by_version(workflow):
    for step in steps(workflow):
        if "uses" in step:
            assert re.fullmatch(r"[\w.-]+/[\w./-]+@(v?\d+(\.\d+)*|[0-9a-f]{40})", step["uses"]), step["uses"]


def test_the_token_is_not_left_in_the_clone(workflow):
    clones = [step for step in steps(workflow) if step.get("uses", "").startswith("actions/checkout@")]
    assert clones and all(step["with"]["persist-credentials"] is False for step in clones)


def test_nothing_of_strangers_is_run(workflow):
    triggers = workflow.get("on", workflow.get(True))
    assert "pull_request_target" not in triggers and "workflow_run" not in triggers
    for step in steps(workflow):
        assert "${{" not in step.get("run", ""), "values come by `env`, where no shell reads them"
        assert not FROM_STRANGERS.search(str(step)), step


def test_what_is_run_is_bash(workflow, tmp_path):
    for step in steps(workflow):
        if "run" in step:
            checked = subprocess.run(["bash", "-n"], input=step["run"], capture_output=True, text=True)
            assert checked.returncode == 0, checked.stderr


def test_files_that_they_name_exist(root):
    text = "".join((root / ".github/workflows" / name).read_text() for name in WORKFLOWS)
    for name in set(re.findall(r"charts/faultline[\w./-]*|CHANGELOG\.md", text)):
        assert (root / name).exists(), name


def test_the_compiler_is_the_images(root):
    ci = yaml.safe_load((root / ".github/workflows/ci.yml").read_text())
    assert f"FROM rust:{ci['env']['RUST_VERSION']}-" in (root / "Dockerfile").read_text()

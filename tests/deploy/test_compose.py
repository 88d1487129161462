"""The compose file: valid, hardened, and in step with the program's settings and with what it mounts."""
import re
import subprocess
import sys

import pytest
import yaml

# Settings that the image sets, and those that name files: they want a mount as well, so they belong into an override file.
LEFT_OUT = {"APP_HOST", "APP_PORT", "CACHE_DIR", "ORT_DYLIB_PATH", "DATA_DIR", "RUNBOOK_DIR", "RULES_DIR", "CLUSTER_RECORDING", "API_KEYS_FILE", "POLICY_FILE", "PROMPTS_DIR",
            "REDACT_RULES"}
# Their images hold no program that could ask.
WITHOUT_HEALTH_CHECK = {"loki", "alloy"}


@pytest.fixture(scope="module")
def compose(root):
    return yaml.safe_load((root / "docker-compose.yml").read_text())


@pytest.fixture(scope="module")
def services(compose):
    return compose["services"]


def test_it_follows_the_schema(root):
    """The compose specification's own schema, as check-jsonschema ships it."""
    checked = subprocess.run([sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", root / "docker-compose.yml"],
                             capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_by_default_it_is_the_agent_qdrant_and_postgres(services):
    assert {name for name, service in services.items() if "profiles" not in service} == {"faultline", "qdrant", "postgres"}
    assert {profile for service in services.values() for profile in service.get("profiles", [])} == {"ollama", "monitoring", "logs"}


def test_nothing_has_to_be_configured(root):
    text = "\n".join(line for line in (root / "docker-compose.yml").read_text().splitlines() if not line.lstrip().startswith("#"))
    assert re.findall(r"\$\{[A-Z_]+(?!:-)[^A-Z_:][^}]*\}", text) == []
    assert ":?" not in text


def test_every_service_is_hardened(services):
    for name, service in services.items():
        assert service["read_only"] is True and service["cap_drop"] == ["ALL"] and "cap_add" not in service, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        user = re.sub(r"\$\{\w+:-(\d+)\}", r"\1", service["user"])
        assert int(user.split(":")[0]) > 0, name
        assert not service.get("privileged") and service.get("network_mode") != "host", name


def test_images_are_pinned(services):
    for name, service in services.items():
        image = re.sub(r"\$\{\w+:-([^}]+)\}", r"\1", service["image"])
        tag = image.rpartition(":")[2]
        assert tag != "latest" and (re.search(r"\d+\.\d+", tag) or "build" in service), name


def test_ports_are_open_on_this_machine_alone(services):
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports and all(str(port).startswith("127.0.0.1:") for port in ports)


def test_what_has_no_port_has_no_way_out(compose, services):
    assert compose["networks"]["inside"] == {"internal": True}
    for name in ("qdrant", "postgres", "loki", "alloy"):
        assert services[name]["networks"] == ["inside"], name


def test_services_have_health_checks_and_wait_for_each_other(services):
    for name, service in services.items():
        # The agent's is the image's.
        assert "healthcheck" in service or name in WITHOUT_HEALTH_CHECK or "build" in service, name
        for other, how in service.get("depends_on", {}).items():
            assert other in services
            if how["condition"] == "service_healthy":
                assert "healthcheck" in services[other], f"{name} waits for {other}"


def test_only_the_profile_that_asks_for_it_sees_the_docker_socket(services):
    holders = [name for name, service in services.items() if any("docker.sock" in str(volume) for volume in service.get("volumes", []))]
    assert holders == ["alloy"] and services["alloy"]["profiles"] == ["logs"]


def test_mounted_files_exist_and_volumes_are_declared(root, compose, services):
    used = set()
    for service in services.values():
        for volume in service.get("volumes", []):
            if volume.startswith("./"):
                assert (root / volume.split(":")[0]).exists(), volume
                assert volume.endswith(":ro"), volume
            elif not volume.startswith(("/", "$")):
                used.add(volume.split(":")[0])
    assert used == set(compose["volumes"])


def test_its_settings_are_those_of_the_program(services, settings, coming):
    passed = set(services["faultline"]["environment"])
    assert passed - settings - coming == set()
    assert settings - passed == LEFT_OUT & settings


def test_secrets_are_passed_and_never_written_down(services, secret_settings):
    for name in secret_settings & set(services["faultline"]["environment"]):
        value = services["faultline"]["environment"][name]
        # An address of the Postgres beside it may hold that one's password, itself a variable.
        beside = r"postgres://\w+:\$\{POSTGRES_PASSWORD:-\w+\}@postgres:5432/\w+"
        assert value is None or re.fullmatch(rf"\$\{{\w+:-(?:{beside})?\}}", value), name


def test_the_example_names_only_what_is_used(root, services):
    text = (root / ".env.example").read_text()
    compose = (root / "docker-compose.yml").read_text()
    for name in re.findall(r"^#?([A-Z_]+)=", text, re.M):
        assert f"${{{name}" in compose or re.search(rf"^\s+{name}:", compose, re.M), name
    assert not re.findall(r"^[A-Z_]+=", text, re.M), "everything is optional"


def test_the_memory_limit_is_the_charts(root, services):
    chart = yaml.safe_load((root / "charts/faultline/values.yaml").read_text())
    assert services["faultline"]["mem_limit"] == "512m" and chart["resources"]["limits"]["memory"] == "512Mi"


def test_qdrant_is_the_charts(root, services):
    chart = yaml.safe_load((root / "charts/faultline/values.yaml").read_text())
    assert services["qdrant"]["image"] == "{repository}:{tag}".format(**chart["qdrant"]["image"])

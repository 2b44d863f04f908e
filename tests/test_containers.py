"""The container files agree with the code, the locks and each other; without an engine nothing is built here."""

import ast
import importlib.metadata
import importlib.util
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import typer.main
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from triage_cl.adapters.access_file import Access
from triage_cl.adapters.label_studio import server
from triage_cl.cli.main import app
from triage_cl.privacy.keys import Keys
from triage_cl.settings import SECRETS, Settings

ROOT = Path(__file__).parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
EXAMPLE = re.findall(r"(?m)^(\w+)=(.*)$", (ROOT / "compose.env.example").read_text())
GIVEN = re.compile(r"\$\{(\w+):\?[^}]+\}")

STEPS = {name: service for name, service in SERVICES.items() if service["restart"] == "on-failure"}
SERVERS = {name: service for name, service in SERVICES.items() if name not in STEPS}
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "triage-cl"}
APPLICATIONS = {name: one for name, one in OURS.items() if "TRIAGE_HOME" in one.get("environment", {})}


def command_of(name: str) -> list[str]:
    """What a container of ours runs, the image's entrypoint included."""
    service = SERVICES[name]
    image = ["triage"] if name in OURS else ["label-studio"]
    told = service.get("command", [] if "entrypoint" in service else _default_command(name))
    return [*service.get("entrypoint", image), *told]


def _default_command(name: str) -> list[str]:
    stage = "triage" if name in OURS else "label-studio"
    return list(ast.literal_eval(re.findall(r"^CMD (\[.*\])$", _stage(stage), re.MULTILINE)[0]))


def _stage(name: str) -> str:
    return re.split(r"(?m)^FROM ", DOCKERFILE)[1:][_stage_names().index(name)]


def _stage_names() -> list[str]:
    return re.findall(r"(?m)^FROM \S+ AS (\S+)$", DOCKERFILE)


def environment(name: str, **given: str) -> dict[str, str]:
    """A service's environment, every secret `given` or dummy."""
    told = SERVICES[name].get("environment", {})
    return {key: GIVEN.sub(lambda found: given.get(found[1], "0" * 64), str(value)) for key, value in told.items()}


@pytest.mark.parametrize("name", SERVERS)
def test_every_server_is_restarted_and_has_a_health_check(name: str) -> None:
    assert SERVERS[name]["restart"] == "unless-stopped"
    check = SERVERS[name]["healthcheck"]
    assert check["test"][0] == "CMD"
    assert {"interval", "timeout", "retries", "start_period"} <= set(check)


def test_steps_run_once_and_have_none() -> None:
    assert set(STEPS) == {"migrate", "champion"}
    assert all(step["healthcheck"] == {"disable": True} for step in STEPS.values())


def test_nobody_waits_for_what_never_comes() -> None:
    for service in SERVICES.values():
        for other, when in service.get("depends_on", {}).items():
            expected = "service_completed_successfully" if other in STEPS else "service_healthy"
            assert when == {"condition": expected}


def test_ports_are_published_on_loopback_only_and_once() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert all(re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port) for port in ports)
    assert len(ports) == len(set(ports))
    assert not any("network_mode" in service or "privileged" in service for service in SERVICES.values())


def test_no_secret_is_in_a_file() -> None:
    assert all(value == "" for _, value in EXAMPLE)
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if re.search("KEY|SECRET|PASSWORD|TOKEN$", variable) and value != "true":
                assert GIVEN.fullmatch(value), (name, variable)
    assert "://triage:${" in SERVICES["service"]["environment"]["TRIAGE_DATABASE_URL"]
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()


def test_the_example_names_every_secret_that_is_asked_for() -> None:
    assert {name for name, _ in EXAMPLE} == set(GIVEN.findall((ROOT / "compose.yaml").read_text()))


def test_secrets_are_known_to_those_who_need_them() -> None:
    for name in set(SERVICES) - set(APPLICATIONS):
        assert not [variable for variable in SERVICES[name].get("environment", {}) if variable.startswith("TRIAGE_")]


def test_the_line_in_the_guide_makes_every_secret(tmp_path: Path) -> None:
    guide = (ROOT / "docs/how-to/run-in-containers.md").read_text()
    [line] = re.findall(r"^python3 -c '(.+)' > \.env$", guide, re.MULTILINE)
    command = [sys.executable, "-c", line]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    secrets = dict(re.findall(r"(?m)^(\w+)=(.+)$", made))
    assert set(secrets) == {name for name, _ in EXAMPLE}
    assert len(set(secrets.values())) == len(secrets)
    assert Keys.from_hex(secrets["TRIAGE_KEY"])
    assert len(secrets["TRIAGE_LABEL_STUDIO_TOKEN"]) == len(Access().label_studio_token)


@pytest.mark.parametrize("name", APPLICATIONS)
def test_every_variable_is_a_setting(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told = environment(name)
    assert {key for key in told if key.startswith("TRIAGE_")} <= {
        f"TRIAGE_{one.upper()}" for one in Settings.model_fields
    }
    for key, value in told.items():
        monkeypatch.setenv(key, value)
    settings = Settings()
    assert settings.ledger_url.startswith("postgresql://")
    assert all(getattr(settings, secret) is not None for secret in SECRETS)


def test_every_address_is_that_of_a_service_that_listens_there() -> None:
    urls = [value for value in environment("service").values() if value.startswith("http")]
    assert len(urls) > 5
    for url in urls:
        host, port = urlsplit(url).hostname, urlsplit(url).port
        [name] = [name for name, one in SERVICES.items() if host in _aliases(one)]
        assert str(port) in command_of(name) or name == "receiver"
        assert str(port) in SERVICES[name]["healthcheck"]["test"][-1]
        assert name == "receiver" or f"127.0.0.1:{port}:{port}" in SERVICES[name]["ports"]


def _aliases(service: dict[str, Any]) -> list[str]:
    return list(service.get("networks", {}).get("default", {}).get("aliases", []))


def test_every_volume_is_declared_and_used() -> None:
    mounted = {volume.partition(":")[0] for service in SERVICES.values() for volume in service.get("volumes", ())}
    assert mounted == set(COMPOSE["volumes"])


@pytest.mark.parametrize("name", OURS)
def test_every_command_exists_with_its_options(name: str) -> None:
    command = command_of(name)
    text = _help(tuple(_without_options(command)))
    assert {option for option in command if option.startswith("--")} <= set(re.findall(r"--[\w-]+", text))


def _without_options(command: list[str]) -> list[str]:
    """The program and the names of its commands: what stands before the first option, `-m` aside."""
    end = next((at for at, word in enumerate(command) if word.startswith("--")), len(command))
    return command[:end]


@cache
def _help(command: tuple[str, ...]) -> str:
    if command[0] == "triage":
        [name] = command[1:]
        found: Any = typer.main.get_command(app)
        return " ".join(option for parameter in found.commands[name].params for option in parameter.opts)
    if command == ("python", "-m", "feedback.receiver"):
        assert importlib.util.find_spec(command[2]) is not None  # It has no options: it would start.
        return ""
    if command[:2] == ("python", "-m"):
        runs = [sys.executable, *command[1:]]
    else:
        script = next(iter(importlib.metadata.entry_points(group="console_scripts", name=command[0])))
        runs = [
            sys.executable,
            "-c",
            f"import sys; from {script.module} import {script.attr} as main; sys.exit(main())",
        ]
        runs += command[1:]
    told = subprocess.run([*runs, "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    return told.stdout


def test_label_studio_is_the_version_of_the_lock_and_set_like_ours(tmp_path: Path) -> None:
    [locked] = [
        Requirement(line.rstrip(" \\")) for line in _lock("label-studio.lock") if re.match("label-studio=", line)
    ]
    assert str(locked.specifier) == f"=={server.VERSION}"
    assert SERVICES["label-studio"]["image"].endswith(f":{server.VERSION}")
    told = environment("label-studio")
    ours = server.environment(tmp_path, "triage@example.com", Access())
    ours.pop("LABEL_STUDIO_BASE_DATA_DIR")
    ours.pop("DO_NOT_TRACK")
    assert set(ours) <= set(told)
    public = {name: value for name, value in ours.items() if not re.search("PASSWORD$|USER_TOKEN$", name)}
    assert public == {name: told[name] for name in public}
    assert told["LABEL_STUDIO_USERNAME"] == environment("service")["TRIAGE_LABEL_STUDIO_EMAIL"]


def _lock(name: str) -> list[str]:
    return (ROOT / name).read_text().splitlines()


def test_label_studio_has_a_database_of_its_own() -> None:
    script = COMPOSE["configs"]["label-studio-database"]["content"]
    told = environment("label-studio")
    assert f"CREATE ROLE {told['POSTGRE_USER']} LOGIN" in script
    assert f"CREATE DATABASE {told['POSTGRE_NAME']} OWNER {told['POSTGRE_USER']}" in script
    assert told["POSTGRE_HOST"] in SERVICES


def test_versions_are_those_that_the_project_wants() -> None:
    [python] = set(re.findall(r"^FROM python:([\d.]+)-slim", DOCKERFILE, re.MULTILINE))
    [wanted] = re.findall(r'^requires-python = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert f"{python}.99" in SpecifierSet(wanted)
    [postgres] = re.findall(r"^postgres:(\d+)", SERVICES["postgres"]["image"])
    assert int(postgres) >= 15


def test_images_take_what_is_there_and_is_not_ignored() -> None:
    kept = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    copied = [
        source
        for sources in re.findall(r"^COPY (?!--from)(?:--\S+ )*(.+) \S+$", DOCKERFILE, re.MULTILINE)
        for source in sources.split()
    ]
    assert "src" in copied
    assert all((ROOT / source).exists() for source in copied)
    assert set(copied) == set(kept)


def test_what_is_installed_is_checked_by_its_hash() -> None:
    runs = [
        line for line in re.findall(r"^RUN (.+)$", DOCKERFILE, re.MULTILINE) if " install " in line or "sync" in line
    ]
    installing = [line for line in runs if ".lock" in line]
    assert {lock for line in installing for lock in re.findall(r"[\w-]+\.lock", line)} == {
        "bootstrap.lock",
        "requirements.lock",
        "label-studio.lock",
    }
    assert all("--require-hashes" in line for line in installing)
    assert all("--no-deps" in line and "--offline" in line for line in runs if line not in installing and "uv" in line)


@pytest.mark.parametrize(
    "target", sorted({service["build"]["target"] for service in SERVICES.values() if "build" in service})
)
def test_images_run_without_rights_and_know_their_health(target: str) -> None:
    stage = _stage(target)
    assert re.findall(r"^USER (.+)$", stage, re.MULTILINE) == ["10001:10001"]
    assert "\nHEALTHCHECK " in stage
    assert "\nENTRYPOINT [" in stage


def test_a_health_check_tells_an_answer_from_none(tmp_path: Path, free_port: int) -> None:
    (tmp_path / "page").write_text('{"status":"READY"}')
    command = [sys.executable, "-m", "http.server", str(free_port), "--bind", "127.0.0.1", "--directory", str(tmp_path)]
    page = f"http://127.0.0.1:{free_port}/page"

    def answers(*arguments: str) -> bool:
        asked = [sys.executable, str(ROOT / "containers/answers.py"), *arguments]
        return subprocess.run(asked, capture_output=True, check=False).returncode == 0

    assert not answers(page)
    listening = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        while not answers(page):
            assert listening.poll() is None
        assert answers(page, '"status":"READY"')
        assert not answers(page, "NOT_READY")
        assert not answers(f"{page}s")
    finally:
        listening.kill()
        listening.communicate()

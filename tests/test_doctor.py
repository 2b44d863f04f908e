"""What `triage doctor` tells: what is there, what is missing, what is wrong, and what to do; it changes nothing."""

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from tests.conftest import find_free_port
from triage_cl.adapters.checkup.data import ledger, private, space
from triage_cl.adapters.checkup.finding import Finding, State
from triage_cl.adapters.checkup.installation import label_studio, packages
from triage_cl.adapters.checkup.servers import servers, telemetry
from triage_cl.adapters.key_file import load_or_create
from triage_cl.adapters.label_studio.server import VERSION
from triage_cl.bootstrap import bootstrap, utcnow
from triage_cl.cli.main import app
from triage_cl.settings import Settings, load_settings

URLS = ("label_studio_url", "service_url", "receiver_url", "console_url", "mlflow_url", "evidently_url")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Of an installation where nothing runs; they are in the environment, too."""
    urls = {name: f"http://127.0.0.1:{find_free_port()}" for name in URLS}
    api = f"http://127.0.0.1:{find_free_port()}/api"
    settings = load_settings(home=tmp_path / "data", registry="folder", prefect_api_url=api, **urls)
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    return settings


def doctor(*options: str) -> tuple[int, str]:
    outcome = CliRunner().invoke(app, ["doctor", *options], env={"COLUMNS": "300"})
    return outcome.exit_code, outcome.output


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


@contextmanager
def a_server(url: str, answer: Callable[[BaseHTTPRequestHandler], int]) -> Iterator[None]:
    """Something that listens where that part would."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answer(self))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", int(url.rpartition(":")[2])), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_new_installation_has_nothing_wrong_and_nothing_is_made_by_looking(settings: Settings) -> None:
    status, printed = doctor("--json", "-")
    told = json.loads(printed)
    states = {check["name"]: check["state"] for check in told["checks"]}
    assert (status, told["wrong"]) == (0, 0), printed
    assert {states[name] for name in ("data folder", "key", "access", "ledger", "service", "flows")} == {"missing"}
    assert {states[name] for name in ("python", "packages", "disk", "telemetry")} == {"ok"}
    assert all(check["advice"] for check in told["checks"] if check["state"] != "ok")
    assert not settings.home.exists()


def test_an_installation_in_use_is_told_as_it_is(settings: Settings) -> None:
    with closing(bootstrap(settings)) as opened:
        opened.ensure_ready(utcnow())
        opened.access  # noqa: B018
    status, printed = doctor()
    assert status == 0, printed
    assert "hashed-ensemble@" in printed
    assert "missing  champion" not in printed


def test_what_is_wrong_is_told_with_what_to_do_and_a_status(settings: Settings) -> None:
    with closing(bootstrap(settings)) as opened:
        opened.keys  # noqa: B018
    (settings.home / "key").chmod(0o644)
    status, printed = doctor()
    assert status == 1
    assert f"chmod 600 {settings.home / 'key'}" in printed


def test_a_secret_that_cannot_be_read_is_told(settings: Settings) -> None:
    settings.home.mkdir(mode=0o700)
    (settings.home / "access").write_text("{}")
    status, printed = doctor()
    assert status == 1
    assert "these are no secrets of an installation" in printed


def test_a_wrong_setting_is_told_and_the_installation_is_still_looked_at(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIAGE_REVIEW_SHARE", "7")
    status, printed = doctor()
    assert status == 1
    assert "review_share" in printed
    assert "python" in printed


def test_a_package_that_differs_from_the_lock_is_named(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("psutil==0.0.1 \\\n    --hash=sha256:00\nno-such==1\nonly-there==2 ; sys_platform == 'plan9'\n")
    found = packages(lock)
    assert found.state is State.WRONG
    assert "psutil" in found.found
    assert "no no-such" in found.found
    assert "only-there" not in found.found


def test_label_studio_is_there_at_the_right_version_or_not(tmp_path: Path) -> None:
    assert label_studio(tmp_path).state is State.MISSING
    environment = tmp_path / ".label-studio"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "label-studio").touch()
    place = environment / "lib" / "python3.11" / "site-packages"
    (place / "label_studio-1.0.0.dist-info").mkdir(parents=True)
    found = label_studio(tmp_path)
    assert (found.state, found.advice) == (State.WRONG, "make label-studio")
    (place / "label_studio-1.0.0.dist-info").rename(place / f"label_studio-{VERSION}.dist-info")
    assert label_studio(tmp_path).state is State.OK


def test_a_ledger_of_another_version_is_told(settings: Settings, sqlite_url: str) -> None:
    given = settings.model_copy(update={"database_url": sqlite_url})
    assert [found.state for found in ledger(given)] == [State.OK, State.MISSING]
    engine = sa.create_engine(sqlite_url)
    for revision, advice in (("0001", "triage migrate"), ("9999", "Install a newer triage.")):
        with engine.begin() as connection:
            connection.execute(sa.text("UPDATE alembic_version SET version_num = :to"), {"to": revision})
        (found,) = ledger(given)
        assert (found.state, found.advice) == (State.WRONG, advice)
    engine.dispose()


def test_a_database_that_is_away_is_told_without_its_password(settings: Settings) -> None:
    url = f"postgresql://triage:hunter2@127.0.0.1:{find_free_port()}/ledger"
    (found,) = ledger(settings.model_copy(update={"database_url": url}))
    assert found.state is State.WRONG
    assert "hunter2" not in f"{found}"


@pytest.mark.integration
def test_a_ledger_in_postgresql_is_told(settings: Settings, postgresql_url: str) -> None:
    found = ledger(settings.model_copy(update={"database_url": postgresql_url}))
    assert found[0].state is State.OK
    assert "PostgreSQL" in found[0].found


def test_a_full_disk_is_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert space(settings.home).state is State.OK
    monkeypatch.setattr("triage_cl.adapters.checkup.data.LITTLE_SPACE", 2**80)
    assert space(settings.home).state is State.WRONG


def test_a_key_that_others_can_read_is_wrong(tmp_path: Path) -> None:
    load_or_create(tmp_path / "key")
    assert private(tmp_path / "key", load_or_create).state is State.OK
    (tmp_path / "key").chmod(0o640)
    assert private(tmp_path / "key", load_or_create).state is State.WRONG


def test_a_part_that_answers_and_takes_our_key_is_well(settings: Settings) -> None:
    with closing(bootstrap(settings)) as opened:
        right = f"Bearer {opened.access.api_key}"

    def answer(request: BaseHTTPRequestHandler) -> int:
        return 200 if request.path == "/health" or request.headers["authorization"] == right else 401

    with a_server(settings.service_url, answer):
        assert by_name(servers(settings))["service"].state is State.OK
        wrong = settings.model_copy(update={"api_key": load_settings(api_key="another").api_key})
        found = by_name(servers(wrong))["service"]
    assert found.state is State.WRONG
    assert "refuses the key" in found.found


def test_a_port_that_another_program_has_is_told_with_its_owner(settings: Settings) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(settings.evidently_url.rpartition(":")[2])))
        other.listen()
        with a_server(settings.console_url, lambda _: 404):
            found = by_name(servers(settings))
    for name in ("evidently", "console"):
        assert found[name].state is State.WRONG
        assert f"process {os.getpid()}" in found[name].found
        assert f"TRIAGE_{name.upper()}_URL" in found[name].advice


def test_a_part_on_another_machine_is_expected_to_answer(settings: Settings) -> None:
    elsewhere = settings.model_copy(update={"console_url": "http://192.0.2.1:9"})
    assert by_name(servers(elsewhere))["console"].state is State.WRONG


def test_what_would_switch_telemetry_on_is_named() -> None:
    assert telemetry({}).state is State.OK
    assert telemetry({"DO_NOT_TRACK": "true", "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}).state is State.OK
    found = telemetry({"MLFLOW_DISABLE_TELEMETRY": "false", "COLLECT_ANALYTICS": "1", "DO_NOT_TRACK": "1"})
    assert found.state is State.WRONG
    assert found.advice == "unset MLFLOW_DISABLE_TELEMETRY COLLECT_ANALYTICS"

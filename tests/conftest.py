"""A clean environment, and databases: SQLite files and a private PostgreSQL server on loopback."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import psycopg
import pytest

from tests.label_studio_server import RunningLabelStudio, running_label_studio
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.adapters.sql.migrate import migrate

# Before any test imports a library that would phone home, or send loopback traffic through a proxy.
os.environ |= {"DO_NOT_TRACK": "true", "MLFLOW_DISABLE_TELEMETRY": "true", "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
for _name in ("no_proxy", "NO_PROXY"):
    os.environ[_name] = ",".join(filter(None, [os.environ.get(_name), "127.0.0.1,localhost"]))

#: Independent implementations of the statistics need a newer Python or a C++ compiler: without any there is nothing to
#: compare with.
collect_ignore = [] if find_spec("glide") or find_spec("confseq") else ["test_oracles.py"]

PASSWORD = "hunter2-and-more"
BACKENDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)]

_numbers = count(1)


def find_free_port() -> int:
    """A port on loopback that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(autouse=True)
def _own_key() -> Iterator[None]:
    """An application tells MLflow its key by the environment: it is not the next test's."""
    before = os.environ.get("TRIAGE_KEY")
    yield
    os.environ.pop("TRIAGE_KEY", None)
    if before is not None:
        os.environ["TRIAGE_KEY"] = before


@pytest.fixture
def free_port() -> int:
    return find_free_port()


@dataclass(frozen=True)
class Postgres:
    """A running server of which the tests own everything."""

    port: int

    def url(self, database: str) -> str:
        return f"postgresql://triage:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def create(self, template: str) -> str:
        """The URL of a new database."""
        database = f"ledger_{next(_numbers)}"
        self._execute(f"CREATE DATABASE {database} TEMPLATE {template}")
        return self.url(database)

    def drop(self, url: str) -> None:
        self._execute(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The server; gone with its data when the tests end."""
    binaries = _find_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL's server is not installed (Debian: postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="triage-postgres-"))
    try:
        _own(folder)
        _initdb(binaries, folder)
        port = find_free_port()
        server = _start(binaries, folder, port)
        try:
            _wait_for(server, port, folder / "log")
            yield Postgres(port)
        finally:
            server.send_signal(signal.SIGINT)
            try:
                server.wait(30)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _find_binaries() -> Path | None:
    candidates = sorted(Path("/usr/lib/postgresql").glob("[1-9]*/bin"), key=lambda path: -float(path.parent.name))
    if shutil.which("pg_config"):
        told = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=True)
        candidates.insert(0, Path(told.stdout.strip()))
    if found := shutil.which("initdb"):
        candidates.append(Path(found).parent)
    return next((path for path in candidates if (path / "initdb").exists() and (path / "postgres").exists()), None)


def _as_owner() -> list[str]:
    """PostgreSQL refuses to run as root; a server whose tests were killed ends too."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--pdeathsig=INT"]


def _own(folder: Path) -> None:
    if os.geteuid() == 0:
        try:
            shutil.chown(folder, "postgres", "postgres")
        except LookupError:
            pytest.skip("root needs an account named postgres to run PostgreSQL's server")


def _initdb(binaries: Path, folder: Path) -> None:
    (folder / "password").write_text(PASSWORD)
    command = [binaries / "initdb", "-D", folder / "data", "-U", "triage", "--auth=scram-sha-256", "--no-sync"]
    options = ["--pwfile", folder / "password", "--encoding=UTF8", "--locale=C"]
    # A language that does not sort by bytes, as real servers have it.
    told = subprocess.run([binaries / "initdb", "--help"], capture_output=True, text=True, check=True)
    if "--icu-locale" in told.stdout:
        options += ["--locale-provider=icu", "--icu-locale=en-US"]
    made = subprocess.run([*_as_owner(), *command, *options], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.fail(f"initdb failed:\n{made.stdout}{made.stderr}")


def _start(binaries: Path, folder: Path, port: int) -> subprocess.Popen[bytes]:
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": folder,
        "fsync": "off",
        "track_commit_timestamp": "on",
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with (folder / "log").open("wb") as log:
        command = [*_as_owner(), binaries / "postgres", "-D", folder / "data", *options]
        return subprocess.Popen(command, stdout=log, stderr=log)


def _wait_for(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    for _ in range(300):
        try:
            psycopg.connect(Postgres(port).url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
        if server.poll() is not None:
            break
    pytest.fail(f"PostgreSQL did not start:\n{log.read_text(errors='replace')}")


@pytest.fixture(scope="session")
def _postgresql_template(postgres: Postgres) -> str:
    url = postgres.create("template1")
    _migrate(url)
    return url.rpartition("/")[2]


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "ledger.db"
    _migrate(f"sqlite:///{path}")
    return path


def _migrate(url: str) -> None:
    with closing(Ledger(url)) as ledger:
        migrate(ledger.engine)


@pytest.fixture
def sqlite_url(_sqlite_template: Path, tmp_path: Path) -> str:
    """A migrated SQLite ledger."""
    path = tmp_path / f"ledger-{next(_numbers)}.db"
    shutil.copy(_sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgresql_url(postgres: Postgres, _postgresql_template: str) -> Iterator[str]:
    """A migrated PostgreSQL ledger."""
    url = postgres.create(_postgresql_template)
    yield url
    postgres.drop(url)


@pytest.fixture
def empty_sqlite_url(tmp_path: Path) -> str:
    """A SQLite database that is not there yet."""
    return f"sqlite:///{tmp_path / f'empty-{next(_numbers)}.db'}"


@pytest.fixture
def empty_postgresql_url(postgres: Postgres) -> Iterator[str]:
    """A PostgreSQL database without a ledger."""
    url = postgres.create("template1")
    yield url
    postgres.drop(url)


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Each kind of database in turn."""
    return str(request.param)


@pytest.fixture
def ledger_url(backend: str, request: pytest.FixtureRequest) -> str:
    """A migrated, empty ledger, on each kind of database in turn."""
    return str(request.getfixturevalue(f"{backend}_url"))


@pytest.fixture
def empty_url(backend: str, request: pytest.FixtureRequest) -> str:
    """A database without a ledger, of each kind in turn."""
    return str(request.getfixturevalue(f"empty_{backend}_url"))


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    """A migrated, empty ledger, on each kind of database in turn."""
    with closing(Ledger(ledger_url)) as ledger:
        yield ledger


@pytest.fixture
def sqlite_ledger(sqlite_url: str) -> Iterator[Ledger]:
    """A migrated, empty ledger on SQLite, where the test is about that."""
    with closing(Ledger(sqlite_url)) as ledger:
        yield ledger


@pytest.fixture
def postgresql_ledger(postgresql_url: str) -> Iterator[Ledger]:
    """A migrated, empty ledger on PostgreSQL, where the test is about that."""
    with closing(Ledger(postgresql_url)) as ledger:
        yield ledger


@pytest.fixture(scope="session")
def label_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLabelStudio]:
    """A real Label Studio, one for all tests: each makes projects of its own."""
    with running_label_studio(tmp_path_factory.mktemp("label-studio")) as server:
        yield server

"""Connections: SQLite as one ledger for several processes, PostgreSQL as it comes."""

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc

from triage_cl.adapters.sql.failures import translated
from triage_cl.domain.errors import LedgerUnavailable

#: How long a writer waits for another one, or for a server to answer, before it gives up.
BUSY_SECONDS = 30
CONNECT_SECONDS = 10


def make_engine(url: str, durable: bool = True) -> sa.Engine:
    """An engine for a ledger at `url`; `durable=False` skips the sync to disk, for simulations only.

    Raises LedgerUnavailable if the URL cannot be understood or its folder not made; it never repeats the URL,
    which may hold a password.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed, durable)
    return _postgresql(parsed.set(drivername="postgresql+psycopg"), durable)


def _parsed(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except (exc.ArgumentError, ValueError):
        parsed = None
    if parsed is None or parsed.get_backend_name() not in ("sqlite", "postgresql"):
        # `from None`: the parser's own error may quote a part of the password.
        raise LedgerUnavailable("Its URL is neither sqlite:///PATH nor postgresql://USER@HOST/DATABASE.") from None
    if "@" in (parsed.host or ""):
        raise LedgerUnavailable("Write special characters of the password in its URL as %40 and the like.")
    return parsed


#: Statements' parameters are mail and answers: they stay out of every error.
_OPTIONS = {"hide_parameters": True, "json_serializer": partial(json.dumps, ensure_ascii=False, separators=(",", ":"))}


def _postgresql(url: sa.URL, durable: bool) -> sa.Engine:
    arguments: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS}
    if not durable:
        arguments["options"] = "-c synchronous_commit=off"
    return sa.create_engine(url, pool_pre_ping=True, connect_args=arguments, **_OPTIONS)


def _sqlite(url: sa.URL, durable: bool) -> sa.Engine:
    if url.database and url.database != ":memory:":
        _make_folder(Path(url.database).parent)
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_SECONDS}, **_OPTIONS)

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _: object) -> None:
        # The driver's own transaction control would delay BEGIN; ours is below.
        connection.isolation_level = None
        _share(connection)
        for pragma in (
            f"synchronous={'FULL' if durable else 'OFF'}",
            # A text that is deleted is overwritten, not only unlinked.
            "secure_delete=ON",
            "cache_size=-65536",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        # A writer that starts as a reader cannot wait for its turn, so writers say what they are.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _share(connection: sqlite3.Connection) -> None:
    """Readers and a writer at once; on a new file that others open too, SQLite does not wait for its turn by itself."""
    for _ in range(BUSY_SECONDS * 20):
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            time.sleep(1 / 20)
        else:
            return
    raise sqlite3.OperationalError("database is locked")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerUnavailable(f"Its folder {folder} cannot be made: {error.strerror}.") from error


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that writes: committed and durable when the block ends, else nothing of it happened."""
    with translated(), engine.connect().execution_options(writes=True) as connection, connection.begin():
        yield connection


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction whose statements all read one state of the ledger."""
    one_state = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    options = one_state if engine.dialect.name == "postgresql" else {}
    with translated(), engine.connect().execution_options(**options) as connection, connection.begin():
        yield connection

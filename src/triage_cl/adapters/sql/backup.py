"""A ledger in one file, and a ledger from it, on the same kind of database or the other.

The file is a zip: `manifest.json` and a JSON Lines member for each table, one row an object. The same ledger gives
the same bytes. The key of the installation is not in it: pseudonyms and ids in a restored ledger only match new mail
where the same key is at hand, so keep the key too, and elsewhere. Mail is in it as the ledger has it, redacted.
"""

import base64
import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from triage_cl.adapters.atomic_file import atomic_file
from triage_cl.adapters.sql.engine import reading, writing
from triage_cl.adapters.sql.fact_rows import find_broken_link, lock_counter
from triage_cl.adapters.sql.locks import Lock, take
from triage_cl.adapters.sql.migrate import HEAD, migrate, revision_of
from triage_cl.adapters.sql.partitions import ensure_partitions
from triage_cl.adapters.sql.schema import PARTITIONED, UtcDateTime, counter, feed, metadata
from triage_cl.domain.errors import BadInput, LedgerNotMigrated

FORMAT = "triage-ledger-1"
MANIFEST = "manifest.json"

#: How many rows are in memory at once.
BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Member:
    """A table in the backup: its rows, and the SHA-256 of its lines."""

    rows: int
    sha256: str


def backup(engine: sa.Engine, path: Path) -> dict[str, int]:
    """Write one state of the ledger to `path`, which only its owner may read; the rows of each table.

    Others go on writing meanwhile. Raises NoSpace or BadInput if the file cannot be written.
    """
    if revision_of(engine) != HEAD:
        raise LedgerNotMigrated(f"Only a ledger at revision {HEAD} can be backed up.")
    with (
        reading(engine) as connection,
        atomic_file(path, mode=0o600) as file,
        zipfile.ZipFile(file, "w") as archive,
    ):
        members = {table.name: _write(archive, connection, table) for table in metadata.sorted_tables}
        position, head = connection.execute(sa.select(counter.c.position, counter.c.head)).one()
        tables = {name: asdict(member) for name, member in members.items()}
        manifest = {"format": FORMAT, "revision": HEAD, "position": position, "head": head, "tables": tables}
        with archive.open(_entry(MANIFEST), "w") as out:
            out.write(json.dumps(manifest, indent=1).encode())
    return {name: member.rows for name, member in members.items()}


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o600 << 16
    return entry


def _write(archive: zipfile.ZipFile, connection: sa.Connection, table: sa.Table) -> Member:
    digest = hashlib.sha256()
    rows = 0
    wanted = sa.select(table).order_by(*table.primary_key)
    with (
        archive.open(_entry(f"{table.name}.jsonl"), "w", force_zip64=True) as out,
        connection.execute(wanted, execution_options={"yield_per": BATCH}) as found,
    ):
        for page in found.mappings().partitions():
            lines = b"".join(_line(row) for row in page)
            digest.update(lines)
            out.write(lines)
            rows += len(page)
    return Member(rows, digest.hexdigest())


def _line(row: sa.RowMapping) -> bytes:
    line = json.dumps(dict(row), default=_plain, ensure_ascii=False, separators=(",", ":"))
    return f"{line}\n".encode()


def _plain(value: datetime | date | bytes) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value.isoformat()


def restore(engine: sa.Engine, path: Path) -> dict[str, int]:
    """Fill an empty ledger from a backup, all of it or nothing; the rows of each table.

    Raises BadInput if the ledger is not empty or the file is not a whole backup of this revision.
    """
    with _damage_is_bad_input(path), zipfile.ZipFile(path) as archive:
        manifest = json.loads(archive.read(MANIFEST))
        _check_kind(manifest)
        migrate(engine)
        with writing(engine) as connection:
            _check_empty(connection)
            for one_row in (counter, feed):
                connection.execute(sa.delete(one_row))
            for table in metadata.sorted_tables:
                found = _load(archive, connection, table)
                if asdict(found) != manifest["tables"][table.name]:
                    raise BadInput(f"{path}: {table.name} is not what was backed up.")
            _check_chain(connection, manifest)
    return {name: member["rows"] for name, member in manifest["tables"].items()}


@contextmanager
def _damage_is_bad_input(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}.") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, LookupError, TypeError) as error:
        raise BadInput(f"{path} is not a whole backup of a ledger.") from error


def _check_kind(manifest: dict[str, Any]) -> None:
    if manifest["format"] != FORMAT:
        raise BadInput(f"Its format is {manifest['format']}; this version reads {FORMAT}.")
    if manifest["revision"] != HEAD:
        raise BadInput(
            f"The backup is of revision {manifest['revision']}, this version is at {HEAD}: restore it with the version"
            " that made it, then migrate."
        )


def _check_empty(connection: sa.Connection) -> None:
    take(connection, Lock.GOVERNING)
    lock_counter(connection)
    for table in metadata.sorted_tables:
        if table not in (counter, feed) and connection.execute(sa.select(sa.exists(sa.select(table)))).scalar():
            raise BadInput(f"A backup is restored into an empty ledger only; this one has rows in {table.name}.")


def _check_chain(connection: sa.Connection, manifest: dict[str, Any]) -> None:
    position, head = connection.execute(sa.select(counter.c.position, counter.c.head)).one()
    if (position, head) != (manifest["position"], manifest["head"]):
        raise BadInput(f"The backup ends at position {position}, its manifest says {manifest['position']}.")
    broken = find_broken_link(connection)
    if broken is not None:
        raise BadInput(f"The backup's chain of facts breaks at position {broken}.")


def _load(archive: zipfile.ZipFile, connection: sa.Connection, table: sa.Table) -> Member:
    digest = hashlib.sha256()
    rows = 0
    with archive.open(f"{table.name}.jsonl") as lines:
        while page := list(islice(lines, BATCH)):
            for line in page:
                digest.update(line)
            values = [_row(table, line) for line in page]
            if table in PARTITIONED:
                ensure_partitions(connection, {row["month"] for row in values})
            connection.execute(sa.insert(table), values)
            rows += len(page)
    return Member(rows, digest.hexdigest())


def _row(table: sa.Table, line: bytes) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(line)
    return {column.name: _value(column, row[column.name]) for column in table.c}


def _value(column: sa.Column[Any], value: Any) -> Any:
    if value is None:
        return None
    if isinstance(column.type, UtcDateTime):
        return datetime.fromisoformat(value)
    if isinstance(column.type, sa.LargeBinary):
        return base64.b64decode(value, validate=True)
    return date.fromisoformat(value) if isinstance(column.type, sa.Date) else value

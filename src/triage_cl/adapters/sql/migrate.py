"""The schema's revisions, and how a database gets to the last one.

Alembic takes a second to import, so it is only imported where a database is not there yet.
"""

from pathlib import Path

import sqlalchemy as sa

from triage_cl.adapters.sql.engine import reading, writing
from triage_cl.adapters.sql.locks import Lock, take
from triage_cl.domain.errors import LedgerNotMigrated

#: Every revision, oldest first; `migrations/versions` has one file for each.
REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006")
HEAD = REVISIONS[-1]

MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(engine: sa.Engine, to: str = HEAD) -> None:
    """Bring the ledger to a revision (the last one), in one transaction; several processes may try at once.

    Raises LedgerNotMigrated if the ledger is at a revision that this version does not know.
    """
    found = revision_of(engine)
    if found == to:
        return
    if found is not None and found not in REVISIONS:
        raise LedgerNotMigrated(
            f"It is at revision {found}; the last that this version knows is {HEAD}: install a newer triage."
        )
    with writing(engine) as connection:
        take(connection, Lock.SCHEMA)
        _upgrade(connection, to)


def revision_of(engine: sa.Engine) -> str | None:
    """The revision that the ledger's database is at, None for a database without a ledger."""
    with reading(engine) as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        revision: str | None = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
        return revision


def is_current(engine: sa.Engine) -> bool:
    """Whether the ledger's database is at the last revision."""
    return revision_of(engine) == HEAD


def _upgrade(connection: sa.Connection, to: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, to)

"""Agreements between processes that share a PostgreSQL ledger; SQLite has one writer at a time anyway."""

from enum import IntEnum

import sqlalchemy as sa

#: Keeps our locks apart from those of other programs in the same database.
OURS = 0x74726961


class Lock(IntEnum):
    """What is agreed on: the transaction that holds it is alone with this until it ends."""

    SCHEMA = 1
    GOVERNING = 2
    PARTITIONS = 3


def take(connection: sa.Connection, lock: Lock, shared: bool = False) -> None:
    """Wait for `lock` and hold it until the transaction ends; `shared` holders do not wait for each other.

    PostgreSQL queues for it: a stream of sharers cannot starve who wants it alone.
    """
    if connection.dialect.name == "postgresql":
        function = sa.func.pg_advisory_xact_lock_shared if shared else sa.func.pg_advisory_xact_lock
        connection.execute(sa.select(function(OURS, int(lock))))

"""Monthly partitions on PostgreSQL, so that a month's rows lie together; SQLite has none."""

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from triage_cl.adapters.sql.locks import Lock, take
from triage_cl.adapters.sql.schema import PARTITIONED


def ensure_partitions(
    connection: sa.Connection, months: Iterable[int], tables: Sequence[sa.Table] = PARTITIONED
) -> None:
    """Partitions for these months (such as 202507), made where they are missing.

    A partition is made beside its table and then attached, which lets others go on reading and writing; to create it
    in place would lock them all out, and could deadlock with a reader.
    """
    if connection.dialect.name != "postgresql":
        return
    take(connection, Lock.PARTITIONS)
    for month in sorted(months):
        for table in tables:
            name = f"{table.name}_{month:06d}"
            if connection.scalar(sa.select(sa.func.to_regclass(name))) is None:
                attach = f"ATTACH PARTITION {name} FOR VALUES IN ({month:d})"
                connection.exec_driver_sql(f"CREATE TABLE {name} (LIKE {table.name} INCLUDING ALL)")
                connection.exec_driver_sql(f"ALTER TABLE {table.name} {attach}")

"""Many rows into a table at once: the statement compiled once, the values made ready before the transaction begins."""

from collections.abc import Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

Row = dict[str, Any]


class Bulk:
    """How whole rows are inserted into `table` of one kind of database; one whose key is there already is left alone.

    It does what SQLAlchemy's own bulk insert does, but all that depends on the rows before anybody has to wait.
    """

    def __init__(self, table: sa.Table, dialect: sa.Dialect) -> None:
        insert = postgresql.insert if dialect.name == "postgresql" else sqlite.insert
        compiled = insert(table).on_conflict_do_nothing().compile(dialect=dialect)
        self._text = str(compiled)
        places = getattr(compiled, "positiontup", None)
        self._in_place = itemgetter(*places) if places else None
        writers = {column.name: column.type.dialect_impl(dialect).bind_processor(dialect) for column in table.c}
        self._writers = [(name, write) for name, write in writers.items() if write]

    def ready(self, row: Row) -> Row:
        """`row` as the driver takes it; columns that are numbers may still be missing."""
        for name, write in self._writers:
            if name in row:
                row[name] = write(row[name])
        return row

    def insert(self, connection: sa.Connection, rows: Sequence[Row]) -> int:
        """Insert rows that were made ready, all columns given; how many were new."""
        values = [self._in_place(row) for row in rows] if self._in_place else list(rows)
        return connection.exec_driver_sql(self._text, values).rowcount


@lru_cache(maxsize=64)
def bulk(table: sa.Table, dialect: sa.Dialect) -> Bulk:
    """The one way to insert into `table` in databases of `dialect`."""
    return Bulk(table, dialect)

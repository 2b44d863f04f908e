"""Changes of departments as plain data, from a file: what `--changes` and `--departments` read.

    [{"at": "2025-03-04T00:00:00Z", "change": "added", "department": "orders", "name": "Orders"},
     {"at": "…", "change": "added", "department": "returns", "name": "Returns", "under": "orders"},
     {"at": "…", "change": "renamed", "department": "orders", "name": "Order desk"},
     {"at": "…", "change": "moved", "department": "returns", "under": null},
     {"at": "…", "change": "merged", "department": "orders", "into": "sales"},
     {"at": "…", "change": "split", "department": "sales", "parts": [{"id": "retail", "name": "Retail"}, "wholesale"]},
     {"at": "…", "change": "retired", "department": "fax"}]

A department is named by its id; one that is `under` another is a team of it. A part given with a name is new; one
given by its id alone exists already.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from triage_cl.domain.departments import (
    DepartmentAdded,
    DepartmentChange,
    DepartmentMerged,
    DepartmentMoved,
    DepartmentRenamed,
    DepartmentRetired,
    DepartmentSplit,
    DepartmentUndone,
)
from triage_cl.domain.errors import BadInput

Row = Mapping[str, object]
Changes = tuple[DepartmentChange, ...]
Read = TypeVar("Read")


def read_changes(rows: object) -> list[tuple[datetime, Changes]]:
    """What changes when, in order of time (ties as given); raises BadInput that names the first bad entry."""
    read = [_numbered(number, row, _dated) for number, row in enumerate(_listed(rows), 1)]
    return sorted(read, key=lambda change: change[0])


def read_departments(rows: object) -> tuple[DepartmentAdded, ...]:
    """Departments to begin with, `[{"id": …, "name": …}, …]`; raises BadInput that names the first bad entry."""
    return tuple(_numbered(number, row, _department) for number, row in enumerate(_listed(rows), 1))


def _listed(rows: object) -> Sequence[object]:
    if not isinstance(rows, list):
        raise BadInput("A JSON list is needed.")
    return rows


def _numbered(number: int, row: object, read: Callable[[Row], Read]) -> Read:
    try:
        return read(_object(row))
    except ValueError as error:
        raise BadInput(f"Entry {number} of the list: {error}.") from None


def _object(row: object) -> Row:
    if not isinstance(row, Mapping):
        raise ValueError(f"{row!r} is no JSON object")
    return row


def _dated(row: Row) -> tuple[datetime, Changes]:
    change = _text(row, "change")
    if change not in _READERS:
        raise ValueError(f"{change!r} is none of {', '.join(_READERS)}")
    return _moment(row), _READERS[change](row)


def _moment(row: Row) -> datetime:
    at = datetime.fromisoformat(_text(row, "at"))
    if at.tzinfo is None:
        raise ValueError("its time has no zone")
    return at.astimezone(UTC)


def _text(row: Row, key: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value:
        raise ValueError(f"it needs {key!r}, a text")
    return value


def _department(row: Row) -> DepartmentAdded:
    return DepartmentAdded(_text(row, "id"), _text(row, "name"))


def _added(row: Row) -> Changes:
    return (DepartmentAdded(_text(row, "department"), _text(row, "name"), _under(row)),)


def _renamed(row: Row) -> Changes:
    return (DepartmentRenamed(_text(row, "department"), _text(row, "name")),)


def _moved(row: Row) -> Changes:
    if "under" not in row:
        raise ValueError("it needs 'under', a text or null")
    return (DepartmentMoved(_text(row, "department"), _under(row)),)


def _under(row: Row) -> str | None:
    return None if row.get("under") is None else _text(row, "under")


def _merged(row: Row) -> Changes:
    return (DepartmentMerged(_text(row, "department"), _text(row, "into")),)


def _split(row: Row) -> Changes:
    parts = row.get("parts")
    if not isinstance(parts, list) or not parts:
        raise ValueError("it needs 'parts', a list")
    new = tuple(_department(_object(part)) for part in parts if not isinstance(part, str))
    ids = tuple(part if isinstance(part, str) else part["id"] for part in parts)
    return (*new, DepartmentSplit(_text(row, "department"), ids))


def _retired(row: Row) -> Changes:
    return (DepartmentRetired(_text(row, "department")),)


def _undone(row: Row) -> Changes:
    return (DepartmentUndone(_text(row, "department")),)


_READERS: Mapping[str, Callable[[Row], Changes]] = {
    "added": _added,
    "renamed": _renamed,
    "moved": _moved,
    "merged": _merged,
    "split": _split,
    "retired": _retired,
    "undone": _undone,
}

"""The mail archive: JSON Lines, optionally gzipped, one mail a line, with answers where they are known.

The format is described in the user's guide; this module reads it line by line and stops at no line.
"""

import base64
import binascii
import gzip
import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

from triage_cl.adapters.mail.charsets import clean
from triage_cl.adapters.mail.headers import address_in, sane_time
from triage_cl.adapters.mail.limits import MAX_LINE_BYTES, MAX_SUBJECT, MAX_TEXT
from triage_cl.adapters.mail.parse import parse_message
from triage_cl.domain.emails import Handover, Message, Unreadable
from triage_cl.domain.errors import BadArchiveLine, BadInput

GZIP_MAGIC: Final = b"\x1f\x8b"
_KNOWN = frozenset(
    ("id", "received_at", "sender", "subject", "body", "raw", "raw_base64", "department", "history", "thread")
)
_CONTENT = ("raw", "raw_base64", "subject", "body")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_Fields = dict[str, Any]


class _BadLine(ValueError):
    """Why one line is no mail."""


class _BrokenOff(_BadLine):
    """Nothing can be read after this."""


def read_archive(path: Path, strict: bool = False) -> Iterator[Message | Unreadable]:
    """Each line of the archive at `path` as a message, or the reason why it is none, with its line number.

    Raises BadInput when the file cannot be opened and, if `strict`, BadArchiveLine at the first bad line.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
    with file:
        packed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
        file.seek(0)
        stream: BinaryIO = gzip.GzipFile(fileobj=file) if packed else file  # type: ignore[assignment]
        yield from read_lines(stream, path.name, strict)


def read_lines(stream: BinaryIO, source: str, strict: bool = False) -> Iterator[Message | Unreadable]:
    """The same for an open stream of lines; `source` is its name in what is reported."""
    number = 0
    broken_off = False
    while not broken_off:
        number += 1
        where = f"{source}:{number}"
        try:
            line = _next_line(stream)
            if not line:
                return
            found: Message | Unreadable | None = _message(line, where) if line.strip() else None
        except _BadLine as bad:
            if strict:
                raise BadArchiveLine(f"{where}: {bad}.") from bad
            found = Unreadable(where, str(bad))
            broken_off = isinstance(bad, _BrokenOff)
        if found:
            yield found


def ordered(messages: Iterable[Message]) -> list[Message]:
    """The messages by time of arrival; ties keep their order, and those without a time come last."""
    latest = datetime.max.replace(tzinfo=UTC)
    return sorted(messages, key=lambda message: message.received_at or latest)


def _next_line(stream: BinaryIO) -> bytes:
    """The next line without what follows it; empty at the end."""
    try:
        line = stream.readline(MAX_LINE_BYTES + 1)
        if len(line) <= MAX_LINE_BYTES:
            return line
        while line and not line.endswith(b"\n"):
            line = stream.readline(MAX_LINE_BYTES)
    except (EOFError, OSError, zlib.error) as error:
        raise _BrokenOff("truncated or damaged file") from error
    raise _BadLine("line too long")


def _message(line: bytes, source: str) -> Message:
    fields = _fields(line)
    message = _written(fields, source)
    history = _history(fields.get("history"))
    department = _optional_text(fields, "department") or (history[-1].department if history else None)
    return replace(
        message,
        key=_key(fields) or message.key,
        received_at=_time(fields["received_at"], "bad time") if _given(fields, "received_at") else message.received_at,
        thread=_optional_text(fields, "thread") or message.thread,
        department=department,
        history=history,
        metadata=_metadata(fields),
    )


def _fields(line: bytes) -> _Fields:
    try:
        fields = json.loads(line.removeprefix(_BYTE_ORDER_MARK).decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _BadLine("not UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise _BadLine("not JSON") from error
    if not isinstance(fields, dict):
        raise _BadLine("not an object")
    return fields


def _written(fields: _Fields, source: str) -> Message:
    """The message as the line itself has it: in parts, or raw."""
    if not any(_given(fields, name) for name in _CONTENT):
        raise _BadLine("no text")
    if _given(fields, "raw") or _given(fields, "raw_base64"):
        message = parse_message(_raw(fields), source)
        if isinstance(message, Unreadable):
            raise _BadLine(message.reason)
        return message
    sender, subject, body = (_text(fields, name) for name in ("sender", "subject", "body"))
    return Message(
        source=source,
        key=_digest(sender, subject, body, str(fields.get("received_at"))),
        sender=address_in(sender),
        subject=subject[:MAX_SUBJECT],
        body=body[:MAX_TEXT],
    )


def _raw(fields: _Fields) -> bytes:
    if _given(fields, "raw"):
        return _string(fields["raw"], "raw").encode("utf-8", "replace")
    try:
        return base64.b64decode(_string(fields["raw_base64"], "raw_base64"))
    except (binascii.Error, ValueError) as error:
        raise _BadLine("bad raw_base64") from error


def _history(value: object) -> tuple[Handover, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise _BadLine("bad history")
    return tuple(sorted((_handover(entry) for entry in value), key=lambda handover: handover.at))


def _handover(entry: object) -> Handover:
    if not isinstance(entry, dict):
        raise _BadLine("bad history")
    department = entry.get("department")
    if not isinstance(department, str) or not department.strip():
        raise _BadLine("bad history")
    return Handover(_time(entry.get("at"), "bad history"), clean(department).strip())


def _time(value: object, reason: str) -> datetime:
    """An ISO 8601 time in UTC; one without an offset is taken as UTC."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        moment = moment and sane_time(moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError) as error:
        raise _BadLine(reason) from error
    if moment is None:
        raise _BadLine(reason)
    return moment


def _metadata(fields: _Fields) -> dict[str, str]:
    """What the format does not name: texts as they are, the rest as JSON, nothing for null."""
    return {
        clean(name): clean(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True))
        for name, value in fields.items()
        if name not in _KNOWN and value is not None
    }


def _key(fields: _Fields) -> str:
    value = fields.get("id")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _text(fields, "id")


def _digest(*texts: str) -> str:
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


def _given(fields: _Fields, name: str) -> bool:
    return fields.get(name) is not None


def _text(fields: _Fields, name: str) -> str:
    return clean(_string(fields[name], name)) if _given(fields, name) else ""


def _optional_text(fields: _Fields, name: str) -> str | None:
    return _text(fields, name).strip() or None


def _string(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise _BadLine(f"bad {name}")
    return value

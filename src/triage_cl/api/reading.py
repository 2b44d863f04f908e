"""What a request brings, as mails to decide: each redacted, or the reason why it is none."""

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from triage_cl.adapters.mail.archive import read_lines
from triage_cl.adapters.mail.parse import parse_message
from triage_cl.api.problems import log_unexpected
from triage_cl.domain.emails import Email, Message, Unreadable
from triage_cl.privacy.keys import Keys
from triage_cl.usecases.receive import receive

RAW, OBJECT, LINES = "message/rfc822", "application/json", "application/x-ndjson"
SOURCE = "http"


def count_mails(kind: str, body: bytes) -> int:
    """How many mails a body has at most, without reading any."""
    return body.rstrip().count(b"\n") + 1 if kind == LINES else 1


def read(kind: str, body: bytes, keys: Keys, at: datetime) -> list[Email | Unreadable]:
    """The mails of a body in their order; an empty line is none."""
    return [found for piece in _pieces(kind, body) if (found := _read_one(kind, piece, keys, at)) is not None]


def _pieces(kind: str, body: bytes) -> Iterator[bytes]:
    if kind == LINES:
        yield from body.split(b"\n")
    else:
        # Between the tokens of one object a line end means what a space does.
        yield body.replace(b"\n", b" ").replace(b"\r", b" ") if kind == OBJECT else body


def _read_one(kind: str, piece: bytes, keys: Keys, at: datetime) -> Email | Unreadable | None:
    try:
        found = _message(kind, piece)
        if isinstance(found, Message):
            return receive(found, keys, at)
    except Exception as error:  # one mail that breaks the reader must not take the others of its batch with it
        log_unexpected(error)
        found = Unreadable(SOURCE, "the reader failed")
    if found is None:
        return None
    # What was sent twice is in quarantine once; the name tells nothing about it.
    return replace(found, source=f"{SOURCE}:{keys.pseudonym(piece.decode('latin-1'))}")


def _message(kind: str, piece: bytes) -> Message | Unreadable | None:
    if kind == RAW:
        return parse_message(piece, SOURCE)
    return next(read_lines(io.BytesIO(piece), SOURCE), Unreadable(SOURCE, "empty") if kind == OBJECT else None)

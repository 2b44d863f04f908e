"""The messages of an mbox file (RFC 4155), one at a time, in memory bounded by one message."""

import re
from collections.abc import Iterator
from typing import BinaryIO

from triage_cl.adapters.mail.limits import MAX_MESSAGE_BYTES

_SEPARATOR = re.compile(rb"From (?:.*\d\d:\d\d.*\d{4}|\S+@\S+\s*$)")
_QUOTED_FROM = re.compile(rb"(?m)^>(>*From )")
_LONGEST_SEPARATOR = 200
_READ_BYTES = 64 * 2**10


def messages_of(stream: BinaryIO) -> Iterator[bytes | None]:
    """Each message as raw bytes, `>From ` at the start of a line unquoted; None for one that is too large.

    A line starts a message if it looks like `From <address> <date>`, whether or not a blank line precedes it.
    """
    kept: list[bytes] = []
    size = 0
    at_line_start = True
    while line := stream.readline(_READ_BYTES):
        if at_line_start and size and line.startswith(b"From ") and _SEPARATOR.match(line[:_LONGEST_SEPARATOR]):
            yield _unquoted(kept, size)
            kept, size = [], 0
        size += len(line)
        if size <= MAX_MESSAGE_BYTES:
            kept.append(line)
        at_line_start = line.endswith(b"\n")
    if size:
        yield _unquoted(kept, size)


def _unquoted(lines: list[bytes], size: int) -> bytes | None:
    if size > MAX_MESSAGE_BYTES:
        return None
    raw = b"".join(lines)
    return _QUOTED_FROM.sub(rb"\1", raw) if b"\n>" in raw else raw

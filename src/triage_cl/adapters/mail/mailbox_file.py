"""The messages of an mbox file (RFC 4155), one at a time, in memory bounded by one message."""

import re
from collections.abc import Iterator
from typing import BinaryIO

from triage_cl.adapters.mail.limits import MAX_MESSAGE_BYTES

_SEPARATOR = re.compile(rb"\nFrom (?:.*\d\d:\d\d.*\d{4}|\S+@\S+\s*$)")
_SIGN = b"\nFrom "
_LONGEST_SEPARATOR = 200
_QUOTED_FROM = re.compile(rb"(?m)^>(>*From )")
_READ_BYTES = 64 * 2**10


def messages_of(stream: BinaryIO) -> Iterator[bytes | None]:
    """Each message as raw bytes, `>From ` at the start of a line unquoted; None for one that is too large.

    A line starts a message if it looks like `From <address> <date>`, whether or not a blank line precedes it.
    """
    kept: list[bytes] = []
    size = 0
    for piece, ends_message in _pieces(stream):
        size += len(piece)
        if size <= MAX_MESSAGE_BYTES:
            kept.append(piece)
        if ends_message and size:
            yield _unquoted(kept, size)
            kept, size = [], 0


def _pieces(stream: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    """The stream in pieces, each with whether a message ends with it."""
    text = b""
    at_end = False
    while not at_end:
        block = stream.read(_READ_BYTES)
        at_end = not block
        text += block
        start, position = 0, text.find(_SIGN)
        # A separator that is not all there yet waits for the next block.
        while position >= 0 and (at_end or position + _LONGEST_SEPARATOR < len(text)):
            if _SEPARATOR.match(text, position, _end_of_line(text, position + 1)):
                yield text[start : position + 1], True
                start = position + 1
            position = text.find(_SIGN, position + 1)
        rest = len(text) if at_end else position if position >= 0 else max(start, len(text) - len(_SIGN) + 1)
        yield text[start:rest], at_end
        text = text[rest:]


def _end_of_line(text: bytes, start: int) -> int:
    end = text.find(b"\n", start, start + _LONGEST_SEPARATOR)
    return start + _LONGEST_SEPARATOR if end < 0 else end


def _unquoted(pieces: list[bytes], size: int) -> bytes | None:
    if size > MAX_MESSAGE_BYTES:
        return None
    raw = b"".join(pieces)
    return _QUOTED_FROM.sub(rb"\1", raw) if b">From " in raw and b"\n>" in raw else raw

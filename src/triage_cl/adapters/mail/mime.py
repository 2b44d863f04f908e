"""The readable text of a message, out of whatever MIME structure it has (RFC 2045, RFC 2046), in bounded time."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from triage_cl.adapters.mail.charsets import clean, decode
from triage_cl.adapters.mail.headers import Headers, content_type_of, read_headers
from triage_cl.adapters.mail.html_text import text_from_html
from triage_cl.adapters.mail.limits import MAX_DELIMITERS, MAX_DEPTH, MAX_PARTS, MAX_TEXT, MAX_TEXT_BYTES
from triage_cl.adapters.mail.transfer import transfer_decoded

_MARKED_UP = ("text/html", "text/enriched", "text/richtext")
_READABLE = ("text/plain", *_MARKED_UP)
_LOOKS_LIKE_HTML = re.compile(rb"(?i)\s*(?:<!doctype html|<html|<head|<body)")


@dataclass(frozen=True, slots=True)
class _Part:
    """One node of the MIME tree: where its body stands in the message, and what it says of itself."""

    headers: Headers
    start: int
    end: int
    kind: str
    parameters: dict[str, str]


@dataclass(slots=True)
class _Tree:
    """A message while it is walked, and how much of it may still be looked at."""

    raw: bytes
    parts_left: int = MAX_PARTS
    bytes_left: int = MAX_TEXT_BYTES

    def text(self, part: _Part, depth: int) -> str:
        if _is_attachment(part):
            return ""
        if part.kind.startswith("multipart/"):
            return self._container_text(part, depth)
        if part.kind == "message/rfc822" and depth < MAX_DEPTH:
            return self.text(_part(self.raw, part.start, part.end), depth + 1)
        return self._leaf_text(part) if part.kind in _READABLE else ""

    def _container_text(self, part: _Part, depth: int) -> str:
        parts = list(self._children(part)) if depth < MAX_DEPTH else []
        if not parts:
            return self._leaf_text(part)
        if part.kind == "multipart/alternative":
            parts.sort(key=lambda child: child.kind != "text/plain")
            return next((text for child in parts if (text := self.text(child, depth + 1)).strip()), "")
        texts = (self.text(child, depth + 1).strip() for child in parts)
        return "\n\n".join(text for text in texts if text)

    def _children(self, part: _Part) -> Iterator[_Part]:
        for start, end in _between_delimiters(self.raw, part):
            if self.parts_left == 0:
                return
            self.parts_left -= 1
            yield _part(self.raw, start, end)

    def _leaf_text(self, part: _Part) -> str:
        length = min(part.end - part.start, self.bytes_left)
        self.bytes_left -= length
        data = transfer_decoded(self.raw[part.start : part.start + length], _transfer_encoding(part))
        text = decode(data, part.parameters.get("charset", ""))
        return text_from_html(text) if part.kind in _MARKED_UP or _LOOKS_LIKE_HTML.match(data) else text


def readable_text(raw: bytes, headers: Headers, start: int) -> str:
    """What a person would read of the message whose body starts at `start`; at most MAX_TEXT characters.

    Of alternatives the plain text; of other parts the texts one after the other; no attachments. A message that
    names no boundary, or one that does not occur, is read as if it were plain text.
    """
    kind, parameters = content_type_of(headers)
    text = _Tree(raw).text(_Part(headers, start, len(raw), kind, parameters), 0)
    return clean(text[: 2 * MAX_TEXT]).strip()[:MAX_TEXT]


def _part(raw: bytes, start: int, end: int) -> _Part:
    headers, body = read_headers(raw, start, end)
    return _Part(headers, body, end, *content_type_of(headers))


def _transfer_encoding(part: _Part) -> str:
    value = part.headers.get(b"content-transfer-encoding", b"")[:100]
    return value.decode("latin-1").strip(" \t\r\n\"';").lower()


def _is_attachment(part: _Part) -> bool:
    return part.headers.get(b"content-disposition", b"").lstrip()[:10].lower() == b"attachment"


def _between_delimiters(raw: bytes, part: _Part) -> Iterator[tuple[int, int]]:
    """Where the parts of a multipart stand; the last one may lack its closing delimiter."""
    boundary = part.parameters.get("boundary", "").rstrip()
    delimiter = b"--" + boundary.encode("latin-1", "replace")
    begun = None
    position = part.start if boundary else part.end
    for _ in range(MAX_DELIMITERS):
        found = raw.find(delimiter, position, part.end)
        if found < 0:
            break
        position = found + len(delimiter)
        if raw[found - 1 : found] != b"\n" and found > part.start:
            continue
        line_end = raw.find(b"\n", position, part.end)
        line_end = part.end if line_end < 0 else line_end
        rest = raw[position:line_end].strip()
        if rest not in (b"", b"--"):
            continue
        if begun is not None:
            yield begun, found
        begun = line_end + 1
        if rest or begun >= part.end:
            return
    if begun is not None:
        yield begun, part.end

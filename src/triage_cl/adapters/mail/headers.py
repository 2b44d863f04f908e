"""The header of a message or part (RFC 5322, RFC 2045, RFC 2047), read leniently and in linear time."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_tz

from triage_cl.adapters.mail.charsets import clean, decode
from triage_cl.adapters.mail.limits import MAX_HEADER_BYTES, MAX_HEADER_VALUE_BYTES
from triage_cl.adapters.mail.transfer import transfer_decoded

Headers = dict[bytes, bytes]

_BLANK_LINE = re.compile(rb"\n\r?\n")
_HEADER_LINES = re.compile(rb"(?:(?:[\x21-\x39\x3b-\x7e]{1,200}+[ \t]*:|[ \t]|>?From ).*+(?:\n|\Z))*+")
_HEADER = re.compile(rb"(?m)^([\x21-\x39\x3b-\x7e]{1,200}+)[ \t]*:(.*+(?:\n[ \t].*+)*+)")
_KNOWN = re.compile(
    rb"(?im)^(?:From|To|Cc|Subject|Date|Sender|Reply-To|Message-ID|Received|Return-Path|Delivered-To|MIME-Version"
    rb"|Content-(?:Type|Transfer-Encoding)|In-Reply-To|References|X-Mailer|Newsgroups)[ \t]*:"
)
_PARAMETER = re.compile(rb";\s*([\w\-]{1,40}+)\*?\s*=\s*(?:\"((?:[^\"\\]|\\.)*+)\"?|([^\s;\"]*+))", re.DOTALL)
_ENCODED = r"=\?([^?\s*]{1,60})(?:\*[^?\s]{0,20})?\?([bBqQ])\?([^?]*+)\?="
_ENCODED_WORD = re.compile(_ENCODED)
_ENCODED_WORDS = re.compile(rf"{_ENCODED}(?:\s*{_ENCODED})*+")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_COMMENT = re.compile(r"\([^()]*+\)")
_IN_BRACKETS = re.compile(r"<\s*([^<>\s]+)\s*>")
_ADDRESS = re.compile(r"(?<![^\s<>(),;:\"])[^\s<>(),;:\"@]++@[^\s<>(),;:\"]++")
_MESSAGE_ID = re.compile(rb"<([^<>\s]{1,998}+)>")


def read_headers(raw: bytes, start: int, end: int) -> tuple[Headers, int]:
    """The first value of each header between `start` and `end`, by lower-case name; and where the body begins.

    The header ends at a blank line, or at a line that belongs in no header unless headers of mail follow it.
    """
    if raw.startswith((b"\n", b"\r\n"), start, end):
        return {}, raw.index(b"\n", start) + 1
    blank = _BLANK_LINE.search(raw, start, end)
    stop, body = (blank.start() + 1, blank.end()) if blank else (end, end)
    stop = min(stop, start + MAX_HEADER_BYTES)
    lines = _HEADER_LINES.match(raw, start, stop)
    stray = lines.end() if lines else start
    if stray < stop and not _KNOWN.search(raw, stray, stop):
        stop = body = stray
    headers: Headers = {}
    for name, value in _HEADER.findall(raw[start:stop]):
        headers.setdefault(name.lower(), value)
    return headers, body


def has_mail_header(raw: bytes, start: int, end: int) -> bool:
    """Whether anything between `start` and `end` is a header that mail has."""
    return _KNOWN.search(raw, start, end) is not None


def text_of(value: bytes, charset: str = "") -> str:
    """A header's value as one line of text, encoded words decoded; raw 8-bit text is read as `charset` or UTF-8."""
    value = value[:MAX_HEADER_VALUE_BYTES]
    text = decode(value, "" if value.isascii() else charset)
    if "=?" in text:
        text = _ENCODED_WORDS.sub(lambda words: _decoded_words(words.group()), text)
    return " ".join(clean(text).split())


def content_type_of(headers: Headers) -> tuple[str, dict[str, str]]:
    """The media type in lower case ("text/plain" where missing or broken) and its parameters."""
    value = headers.get(b"content-type", b"")[:MAX_HEADER_VALUE_BYTES]
    kind, _, _ = value.partition(b";")
    parameters: dict[str, str] = {}
    for name, quoted, bare in _PARAMETER.findall(value):
        parameters.setdefault(name.decode("ascii", "replace").lower(), (quoted or bare).decode("latin-1"))
    words = kind.decode("latin-1").lower().split()
    return words[0] if words and "/" in words[0] else "text/plain", parameters


def address_in(text: str) -> str:
    """The first e-mail address of a From line, without the person's name; what there is instead if none."""
    without_names = _QUOTED.sub(" ", text) if text.count('"') < 100 else text
    bracketed = _IN_BRACKETS.search(without_names)
    if bracketed:
        return bracketed.group(1)
    without_comments = _COMMENT.sub(" ", without_names).strip()
    bare = _ADDRESS.search(without_comments) or _ADDRESS.search(text)
    return bare.group() if bare else without_comments or text.strip()


def time_in(value: bytes) -> datetime | None:
    """The moment that a Date header names, in UTC; None unless it is one between 1970 and 2100."""
    try:
        parsed = parsedate_tz(value[:200].decode("ascii", "replace"))
        if parsed is None:
            return None
        return sane_time(datetime(*parsed[:6], tzinfo=UTC) - timedelta(seconds=parsed[9] or 0))
    except (ValueError, OverflowError, IndexError, TypeError):
        return None


def sane_time(moment: datetime) -> datetime | None:
    """`moment` if mail can be of that time, else None."""
    return moment if 1970 <= moment.year < 2100 else None


def ids_in(value: bytes) -> list[str]:
    """The message ids in a Message-ID, References or In-Reply-To header, in order, without their brackets."""
    return [clean(found.decode("latin-1")) for found in _MESSAGE_ID.findall(value[:MAX_HEADER_VALUE_BYTES])]


def _decoded_words(words: str) -> str:
    """Adjacent encoded words as one text: those of one charset may share a character (RFC 2047 forbids it)."""
    pieces: list[tuple[str, bytes]] = []
    for charset, encoding, payload in _ENCODED_WORD.findall(words):
        data = transfer_decoded(payload.encode("utf-8", "surrogatepass"), "base64" if encoding in "bB" else "q")
        if pieces and pieces[-1][0] == charset.lower():
            data = pieces.pop()[1] + data
        pieces.append((charset.lower(), data))
    return "".join(decode(data, charset) for charset, data in pieces)

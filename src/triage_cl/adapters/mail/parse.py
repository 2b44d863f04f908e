"""One raw message (RFC 5322) to a Message: never an exception, never long, whatever the bytes."""

import hashlib
import re
from datetime import datetime

from triage_cl.adapters.mail.headers import (
    Headers,
    address_in,
    content_type_of,
    has_mail_header,
    ids_in,
    read_headers,
    text_of,
    time_in,
)
from triage_cl.adapters.mail.limits import MAX_MESSAGE_BYTES, MAX_SUBJECT
from triage_cl.adapters.mail.mime import readable_text
from triage_cl.domain.emails import Message, Unreadable

_ENVELOPE = re.compile(rb"\s*+(?:>?From [^\n]*\n)?")
_SENDERS = (b"from", b"sender", b"reply-to", b"return-path")


def parse_message(raw: bytes, source: str) -> Message | Unreadable:
    """The message in `raw`, read as far as it can be; Unreadable, with a reason, if it is no mail at all.

    The key is the Message-ID, if there is one, and the SHA-256 of the bytes with line feeds for line ends and
    without a mailbox's envelope line: one message has one key, however it was stored.
    """
    if len(raw) > MAX_MESSAGE_BYTES:
        return Unreadable(source, "too large")
    raw = _normal(raw)
    if not raw:
        return Unreadable(source, "empty")
    headers, body = read_headers(raw, 0, len(raw))
    if not has_mail_header(raw, 0, body):
        return Unreadable(source, "no mail header")
    charset = content_type_of(headers)[1].get("charset", "")
    ids = ids_in(headers.get(b"message-id", b""))
    return Message(
        source=source,
        key=" ".join([*ids[:1], hashlib.sha256(raw).hexdigest()]),
        sender=_sender(headers, charset),
        subject=text_of(headers.get(b"subject", b""), charset)[:MAX_SUBJECT],
        body=readable_text(raw, headers, body),
        received_at=_received_at(headers),
        thread=next(iter(_ancestors(headers) + ids), None),
    )


def _normal(raw: bytes) -> bytes:
    """The message alone, with line feeds for line ends."""
    raw = raw.replace(b"\r\n", b"\n")
    if b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")
    envelope = _ENVELOPE.match(raw)
    return raw[envelope.end() if envelope else 0 :]


def _sender(headers: Headers, charset: str) -> str:
    values = (text_of(headers[name], charset) for name in _SENDERS if name in headers)
    return next((address for value in values if (address := address_in(value))), "")


def _received_at(headers: Headers) -> datetime | None:
    """From the Date header; without a usable one, from the last server that handled the message."""
    return time_in(headers.get(b"date", b"")) or time_in(headers.get(b"received", b"").rpartition(b";")[2])


def _ancestors(headers: Headers) -> list[str]:
    return ids_in(headers.get(b"references", b"")) + ids_in(headers.get(b"in-reply-to", b""))

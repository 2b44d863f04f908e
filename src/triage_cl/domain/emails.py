"""Messages as they arrive, and e-mails as they are kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Handover:
    """Who had a mail from when on: one entry of an archive's `history`."""

    at: datetime
    department: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message as a mail source read it: unredacted, never stored.

    `key` identifies it (Message-ID and content digest, or an archive's id); `source` says where it was
    read (path, member, line). `received_at` is aware UTC, or None where the message does not tell.
    `department` and `history` are an archive's answers, absent in ordinary mail.
    """

    source: str
    key: str
    sender: str
    subject: str
    body: str
    received_at: datetime | None = None
    thread: str | None = None
    department: str | None = None
    history: tuple[Handover, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something in a mail source that is no message; counted by `reason`, never a reason to stop."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class Email:
    """One message as it is kept: redacted text, pseudonymous sender and thread.

    `id` is keyed and tells nothing about the message; `digest` proves the text to whoever has the salt.
    """

    id: str
    received_at: datetime
    sender: str
    subject: str
    body: str
    thread: str | None
    redaction: int
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def length(self) -> int:
        """Characters of subject and body together."""
        return len(self.subject) + len(self.body)

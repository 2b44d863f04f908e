"""What the console asks of the ledger beyond what decides and learns, as types."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from triage_cl.domain.decisions import Action, Decision, ShadowDecision
from triage_cl.domain.facts import Recorded
from triage_cl.usecases.ledger import Backlog, Ledger


@dataclass(frozen=True, slots=True)
class Volume:
    """Decisions made in the hour or on the day that begins at `at`: all, those routed automatically, those drawn."""

    at: datetime
    mails: int = 0
    automatic: int = 0
    drawn: int = 0

    @property
    def automatic_share(self) -> float | None:
        """The share routed automatically; None without mail."""
        return self.automatic / self.mails if self.mails else None


@dataclass(frozen=True, slots=True)
class Listing:
    """Which decisions to list: up to `limit` with numbers from `reach` up to below `before`, that fit what is given."""

    before: int
    reach: int
    limit: int
    department: str | None = None
    action: Action | None = None
    drawn: bool | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A decision with its number in the feed."""

    number: int
    decision: Decision


@dataclass(frozen=True, slots=True)
class Offered:
    """When a mail became a review task, and when that was put away."""

    published_at: datetime
    archived_at: datetime | None


class ConsoleLedger(Ledger, Protocol):
    """A ledger that also counts, lists and tells what waits."""

    def volumes(self, after: int, since: datetime) -> tuple[int, Sequence[Volume]]:
        """The number of the last decision, and what was decided after number `after` and since a time, by hour."""
        ...

    def start_of_last(self, count: int) -> datetime | None:
        """When the last `count` decisions began to be made; None where there are not so many."""
        ...

    def corrections_since(self, since: datetime, after: int, imported: bool = True) -> int:
        """Corrections recorded since a time, looked for after a position; those of archives only if `imported`."""
        ...

    def answers(self, since: datetime, after: int, before: int, limit: int) -> Sequence[Recorded]:
        """Corrections by people recorded since a time, newest first, between two positions (both exclusive)."""
        ...

    def lessons_by_department(self) -> Mapping[str, int]:
        """How many mails' effective answer names each department."""
        ...

    def latest(self, kind: str, count: int) -> Sequence[Recorded]:
        """The last facts of a kind, newest first."""
        ...

    def listed(self, listing: Listing) -> Sequence[Listed]:
        """The decisions that a listing asks for, newest first."""
        ...

    def named(self, prefix: str, limit: int) -> Sequence[Listed]:
        """Decisions about mails whose id begins so, by id."""
        ...

    def shadows_of(self, email_id: str) -> Sequence[ShadowDecision]:
        """What challengers concluded about a mail where they disagreed, by name."""
        ...

    def offered(self, email_id: str) -> Offered | None:
        """When a mail became a review task, and when that was put away; None for one that was not offered."""
        ...

    def facts_about(self, subject: str) -> Sequence[Recorded]:
        """All facts about one thing, in order."""
        ...

    def backlog(self) -> Backlog:
        """The tasks without an answer, and the drawn mail not offered yet."""
        ...

    def quarantined(self) -> Mapping[str, int]:
        """How many could not be read, by reason."""
        ...

    def cursors(self) -> Mapping[str, tuple[str, datetime]]:
        """How far every reader has come, and when it said so."""
        ...

    def fed(self) -> int:
        """The number of the last decision stored."""
        ...

    def feed(self, after: int, limit: int) -> Sequence[tuple[int, Decision]]:
        """Decisions in the order in which they were stored, each with its number, those after a number first."""
        ...

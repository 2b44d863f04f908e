"""Numbers and times as the console writes them; times are UTC."""

from datetime import UTC, datetime, timedelta

from triage_cl.adapters.html_report import UNKNOWN, between, count, evidence, percent, points
from triage_cl.domain.corrections import Correction, Origin, Source

__all__ = [
    "ago",
    "between",
    "clock",
    "count",
    "day",
    "evidence",
    "lasting",
    "manner",
    "moment",
    "percent",
    "points",
    "share",
]

#: How an answer came about.
HOW = {
    Origin.ACCEPTED: "suggestion accepted",
    Origin.CHANGED: "suggestion changed",
    Origin.SCRATCH: "answered from scratch",
}

#: The units of an age, the largest first, and from how many of the next smaller one on each is used.
UNITS = (
    (timedelta(days=1), "d"),
    (timedelta(hours=1), "h"),
    (timedelta(minutes=1), "min"),
    (timedelta(seconds=1), "s"),
)


def lasting(span: timedelta) -> str:
    """A length of time in its largest unit: 40 s, 3 min, 7 h, 12 d; nothing below a second."""
    unit, name = next(((unit, name) for unit, name in UNITS if span >= 2 * unit), UNITS[-1])
    return f"{max(0, span // unit):,} {name}"


def ago(at: datetime | None, now: datetime) -> str:
    """How long ago something was: 3 min ago."""
    return UNKNOWN if at is None else f"{lasting(now - at)} ago"


def moment(at: datetime | None) -> str:
    """A time to the second: 2025-03-04 12:00:05."""
    return UNKNOWN if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def day(at: datetime) -> str:
    """A date: 2025-03-04."""
    return f"{at.astimezone(UTC):%Y-%m-%d}"


def clock(at: datetime | None, now: datetime) -> str:
    """A time of today as 12:05, another one with its date."""
    if at is None:
        return UNKNOWN
    at = at.astimezone(UTC)
    return f"{at:%H:%M}" if at.date() == now.astimezone(UTC).date() else f"{at:%d %b %H:%M}"


def share(part: float, of: float) -> float | None:
    """A part of something as a share of it; None of nothing."""
    return part / of if of else None


def manner(answer: Correction) -> str:
    """How an answer came about: suggestion changed, volunteered."""
    more = {"blind": answer.blind, "volunteered": answer.source is Source.VOLUNTEER}
    return ", ".join([HOW[answer.origin], *(word for word, true in more.items() if true)])

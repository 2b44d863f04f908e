"""A stream of mail of the invented organisation over some weeks: the demo's mail archive."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from random import Random

from triage_cl.synthesis.arrivals import arrivals
from triage_cl.synthesis.facts import Facts
from triage_cl.synthesis.handovers import route
from triage_cl.synthesis.letters import Letter, Pen
from triage_cl.synthesis.organisation import Organisation, Story, Topic, iso, organisation
from triage_cl.synthesis.people import Population
from triage_cl.synthesis.phrasebook import phrasebook
from triage_cl.synthesis.rfc5322 import message

#: A Monday in autumn: the heating season begins with the stream.
A_MONDAY = datetime(2025, 9, 29, tzinfo=UTC)

_RAW, _REPLIES, _OUT_OF_OFFICE, _FORWARDS = 0.25, 0.2, 0.02, 0.03
_SHORTEST_REPLY_DELAY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A mail archive and what is known about it.

    `lines` are the archive's lines in order of `received_at`, ready for JSON, all labelled. `departments` are the
    ids and names at the start, `changes` what becomes of them. `planted` names, per mail, the addresses, numbers
    and links that stand in its sender, subject or body, and must not survive redaction.
    """

    lines: Sequence[dict[str, object]]
    departments: tuple[tuple[str, str], ...]
    changes: tuple[Mapping[str, object], ...]
    launch_at: datetime
    planted: Mapping[str, tuple[str, ...]]


def generate(seed: int, days: int = 56, mails_per_day: int = 120, starts_at: datetime = A_MONDAY) -> Scenario:
    """`days * mails_per_day` mails from `starts_at` (aware UTC) on; the same arguments give the same scenario.

    Halfway a product is launched, and after five eighths a department is split.
    """
    company = organisation()
    story = Story.over(company, starts_at, timedelta(days=days))
    correspondence = Correspondence(Random(seed), story, days * mails_per_day, mails_per_day)
    times = arrivals(Random(seed), starts_at, days, days * mails_per_day)
    lines = [correspondence.line(number, at) for number, at in enumerate(times, start=1)]
    departments = tuple((one.id, one.name) for one in company.departments)
    return Scenario(lines, departments, story.changes(), story.launch_at, correspondence.planted)


@dataclass(slots=True)
class Conversation:
    """A thread: who writes about what, and the last mail so far with its message id."""

    id: str
    topic: Topic
    pen: Pen
    letter: Letter
    message_id: str
    at: datetime

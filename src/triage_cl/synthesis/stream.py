"""A stream of mail of the invented organisation over some weeks, as a mail archive."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from triage_cl.synthesis.arrivals import arrivals
from triage_cl.synthesis.correspondence import Correspondence, Mail
from triage_cl.synthesis.handovers import route
from triage_cl.synthesis.organisation import Story, archive_time, organisation
from triage_cl.synthesis.rfc5322 import message

#: A Monday in autumn: the heating season begins with the stream.
A_MONDAY = datetime(2025, 9, 29, tzinfo=UTC)

_RAW = 0.25


@dataclass(frozen=True, slots=True)
class Scenario:
    """A mail archive and what is known about it.

    `lines` are the archive's lines in order of `received_at`, ready for JSON, all labelled. `departments` are the
    ids and names at the start, `changes` what becomes of them. `planted` names, by the id of the mail, the addresses,
    numbers and links that stand in its sender, subject or body: none may survive redaction.
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
    count = days * mails_per_day
    correspondence = Correspondence(Random(f"{seed} letters"), story, count, mails_per_day)
    times = arrivals(Random(f"{seed} times"), starts_at, days, count)
    mails = [correspondence.mail(number, at) for number, at in enumerate(times, start=1)]
    rng = Random(f"{seed} lines")
    return Scenario(
        lines=[_line(rng, story, mail) for mail in mails],
        departments=tuple((one.id, one.name) for one in company.departments),
        changes=story.changes(),
        launch_at=story.launch_at,
        planted={mail.id: _planted(mail) for mail in mails},
    )


def _line(rng: Random, story: Story, mail: Mail) -> dict[str, object]:
    routing = route(rng, story, mail.topic.department, mail.received_at)
    line = {
        "id": mail.id,
        "received_at": archive_time(mail.received_at),
        **(_raw(rng, story, mail) if rng.random() < _RAW else _columns(mail)),
        "thread": mail.thread,
        "language": mail.pen.facts.book.language,
        "department": routing.department,
    }
    if routing.history:
        line["history"] = [{"at": archive_time(one.at), "department": one.department} for one in routing.history]
    return line


def _columns(mail: Mail) -> dict[str, object]:
    return {"sender": mail.letter.author.sender, "subject": mail.letter.subject, "body": mail.letter.body}


def _raw(rng: Random, story: Story, mail: Mail) -> dict[str, object]:
    mailbox = f"{rng.choice(('info', 'service', 'hello', 'contact'))}@{story.organisation.domain}"
    return {"raw": message(rng, mail.letter, mail.message_id, mail.answers, mailbox, mail.received_at)}


def _planted(mail: Mail) -> tuple[str, ...]:
    text = f"{mail.letter.author.sender}\n{mail.letter.subject}\n{mail.letter.body}"
    return tuple(dict.fromkeys(one for one in mail.identifiers if one in text))

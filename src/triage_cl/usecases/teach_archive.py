"""Teach from an archive that was routed elsewhere: each of its answers is a lesson, and none ever measures."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from triage_cl.domain.corrections import Correction, Origin, Source
from triage_cl.domain.emails import Message, Unreadable
from triage_cl.privacy.keys import Keys
from triage_cl.usecases.departments import introduce
from triage_cl.usecases.learn import taxonomy_at
from triage_cl.usecases.ledger import Ledger, Routed
from triage_cl.usecases.receive import receive

#: Who gave an archive's answers, as far as anybody knows; what their ids begin with.
ARCHIVE = "archive"
LATEST = datetime.max.replace(tzinfo=UTC)

#: Tells how many mails of how many are taught; of None, how many are read.
Progress = Callable[[int, int | None], None]


@dataclass
class Imported:
    """What became of an archive's mail: `mails` is the sum of the other counts.

    `repeated` are mails that had an answer already, `ended` those of departments that ended without an heir;
    `departments_added` are names.
    """

    mails: int = 0
    taught: int = 0
    repeated: int = 0
    unlabelled: int = 0
    ended: int = 0
    quarantined: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    departments_added: list[str] = field(default_factory=list)

    def as_json(self) -> Mapping[str, Any]:
        """The counts as one JSON object."""
        return asdict(self) | {"reasons": dict(sorted(self.reasons.items()))}


def teach_archive(
    ledger: Ledger,
    keys: Keys,
    found: Iterable[Message | Unreadable],
    clock: Callable[[], datetime],
    group: int,
    progress: Progress = lambda done, total: None,
) -> Imported:
    """Record every answer found as a lesson, in order of time, with its mail where that is not there yet.

    Durable when it returns, `group` mails a transaction; done again, it changes nothing. A department that nobody
    ever called so is added. A mail that somebody answered is left alone. The labelled mail is held in memory.
    """
    result = Imported()
    labelled = sorted(_read(ledger, found, clock, group, result, progress), key=_arrival)
    new = _unanswered(ledger, keys, labelled)
    homes = _homes(ledger, new, clock(), result)
    told = [(message, home) for message in new if (home := homes[message.department or ""]) is not None]
    for begin in range(0, len(told), group):
        now = clock()
        page = [_routed(message, home, keys, now) for message, home in told[begin : begin + group]]
        result.taught += len(ledger.take_routed(page, now))
        progress(begin + len(page), len(told))
    result.ended = len(new) - len(told)
    result.repeated = len(labelled) - result.ended - result.taught
    return result


def _arrival(message: Message) -> datetime:
    return message.received_at or LATEST


def _read(
    ledger: Ledger,
    found: Iterable[Message | Unreadable],
    clock: Callable[[], datetime],
    group: int,
    result: Imported,
    progress: Progress,
) -> list[Message]:
    """The labelled messages; what cannot be read is put in quarantine."""
    labelled: list[Message] = []
    unreadable: list[Unreadable] = []
    for result.mails, item in enumerate(found, 1):
        if isinstance(item, Unreadable):
            unreadable.append(item)
        elif item.department:
            labelled.append(item)
        else:
            result.unlabelled += 1
        if result.mails % group == 0:
            progress(result.mails, None)
    for begin in range(0, len(unreadable), group):
        ledger.quarantine(unreadable[begin : begin + group], clock())
    result.quarantined = len(unreadable)
    result.reasons.update(item.reason for item in unreadable)
    return labelled


def _unanswered(ledger: Ledger, keys: Keys, labelled: Sequence[Message]) -> list[Message]:
    """The messages that nobody answered: the others need not be redacted to be left out."""
    ids = [keys.identify(message.key) for message in labelled]
    answered = ledger.corrected_before(ids, ledger.position())
    return [message for id, message in zip(ids, labelled, strict=True) if id not in answered]


def _homes(ledger: Ledger, new: Sequence[Message], at: datetime, result: Imported) -> Mapping[str, str | None]:
    """The department that each name in the archive means today, None where it ended; unknown ones are added."""
    before = taxonomy_at(ledger).lessons_of
    homes = introduce(ledger, [message.department for message in new if message.department], at)
    departments = taxonomy_at(ledger).departments
    result.departments_added = [one.name for id, one in departments.items() if id not in before]
    return homes


def _routed(message: Message, department: str, keys: Keys, now: datetime) -> Routed:
    email = receive(message, keys, now)
    routed_at = message.history[-1].at if message.history else email.received_at
    answer = Correction(
        email_id=email.id,
        department=department,
        source=Source.IMPORT,
        origin=Origin.SCRATCH,
        blind=True,
        reviewer=ARCHIVE,
        answer_id=f"{ARCHIVE}:{email.id}",
        answered_at=min(routed_at, now),
    )
    return Routed(email, answer)

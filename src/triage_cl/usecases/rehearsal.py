"""A labelled archive played to a running deployment in simulated time: its mail, its reviewers, its changes."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from triage_cl.domain.departments import DepartmentAdded
from triage_cl.domain.emails import Email, Message, Unreadable
from triage_cl.domain.errors import BadInput
from triage_cl.usecases.changes import Changes
from triage_cl.usecases.departments import change_departments, introduce
from triage_cl.usecases.ingest import ingest
from triage_cl.usecases.learn import CHANGES, taxonomy_at
from triage_cl.usecases.review import Answer, ReviewTask
from triage_cl.usecases.rounds import Round, plan_rounds
from triage_cl.usecases.simulated_reviewer import SimulatedReviewer
from triage_cl.usecases.triage import Desk


class Table(Protocol):
    """Where reviewers sit: every task they were ever given, and a place for answers, each kept once."""

    def tasks(self) -> Iterable[ReviewTask]:
        """Every task ever offered."""
        ...

    def give(self, answers: Sequence[Answer]) -> int:
        """Leave answers; how many were not there yet."""
        ...


@dataclass
class Rehearsal:
    """Plays an archive to `desk` and `table`; whatever it does twice changes nothing, so it can go on where it was.

    `archive` and `changes` are in order of time; mail that has none comes first.
    """

    desk: Desk
    table: Table
    archive: Sequence[Message]
    unreadable: Sequence[Unreadable]
    changes: Sequence[tuple[datetime, Changes]]
    group: int

    def __post_init__(self) -> None:
        self.archive = sorted(self.archive, key=lambda message: message.received_at is not None)
        self.times = [message.received_at for message in self.archive if message.received_at is not None]
        self.undated = len(self.archive) - len(self.times)
        self.reviewer = SimulatedReviewer(self.archive, self.desk.keys)
        if not self.times:
            raise BadInput("The archive has no mail with a time, so it cannot be rehearsed.")

    def rounds(self) -> list[Round]:
        """All rounds of the archive."""
        return plan_rounds(self.times[0], self.times[-1])

    def remaining(self) -> list[Round]:
        """The rounds from that of the last decision on."""
        last = [decision.decided_at for decision in self.desk.ledger.recent_decisions(1)]
        return [one for one in self.rounds() if not last or one.ends_at > last[0]]

    def open_departments(self, departments: Sequence[DepartmentAdded]) -> None:
        """Add those departments that are not there."""
        known = taxonomy_at(self.desk.ledger).lessons_of
        new = [department for department in departments if department.id not in known]
        change_departments(self.desk.ledger, new, self.times[0])

    def take_in(self, current: Round) -> None:
        """Decide the mail of a round; departments change between the mails before and after their time."""
        recorded = {(found.at, found.fact) for found in self.desk.ledger.facts(kinds=CHANGES)}
        since = current.begins_at
        for at, changes in self.changes:
            if at < current.ends_at and not all((at, change) in recorded for change in changes):
                self._decide(since, at, current)
                change_departments(self.desk.ledger, changes, at)
                since = max(since, at)
        self._decide(since, current.ends_at, current)

    def _decide(self, since: datetime, until: datetime, current: Round) -> None:
        mail = self.archive[self._index(since, current) : self._index(until, current)]
        strays = self.unreadable if current.number == 1 else ()
        ingest(self.desk, [*mail, *strays], lambda: current.ends_at, self.group, decided_at=_arrival)

    def _index(self, at: datetime, current: Round) -> int:
        """Where in the archive a time is; the first round begins with the mail that has none."""
        before = bisect_left(self.times, at)
        return before + self.undated if before or current.number > 1 else 0

    def answer(self, at: datetime) -> int:
        """Leave every answer that is due by `at`, departments called as they are today; how many were new."""
        due = self.reviewer.answer(list(self.table.tasks()), at)
        ids = introduce(self.desk.ledger, [answer.department for answer in due if answer.department], at)
        taxonomy = taxonomy_at(self.desk.ledger)
        today = {name: taxonomy.name_of(id) for name, id in ids.items() if id is not None}
        # Nobody can be told the department of a mail whose department ended without an heir.
        named = [replace(one, department=today[one.department]) for one in due if one.department in today]
        return self.table.give(named)


def _arrival(email: Email) -> datetime:
    return email.received_at

"""What an answer did: whether it counts, whether the champion has learned it, and what that changed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest

from triage_cl.domain.corrections import effective_lessons
from triage_cl.domain.decisions import Conclusion, Decision, conclude
from triage_cl.domain.departments import REFOLDING, Taxonomy
from triage_cl.domain.emails import Email
from triage_cl.domain.facts import Recorded
from triage_cl.learning.similarity import most_similar
from triage_cl.usecases.console_ledger import ConsoleLedger
from triage_cl.usecases.learn import describe_email
from triage_cl.usecases.trace import Trace, answer_in
from triage_cl.usecases.triage import Desk

#: Similar mails are looked for among so many of the last decisions, and so many are told that share at least so much.
RECENT, SIMILAR, LEAST = 500, 5, 0.05


class End(StrEnum):
    """Why an answer does not count."""

    SKIPPED = "skipped"
    WITHDRAWN = "withdrawn"
    OVERRULED = "overruled"
    DEPARTMENT_ENDED = "department-ended"


class Fate(StrEnum):
    """What became of an answer in the champion."""

    LEARNED = "learned"
    WAITS = "not-learned-yet"
    BEFORE_IT = "before-its-lessons"
    UNLEARNED = "unlearned"
    LINGERS = "not-unlearned-yet"
    NEVER = "teaches-nothing"


@dataclass(frozen=True, slots=True)
class Standing:
    """An answer as it counts: for `teaches`, or no longer since position `over` (a skip: never)."""

    answer: Recorded
    teaches: str | None
    end: End | None = None
    over: int | None = None

    @property
    def position(self) -> int:
        """Where the answer is recorded."""
        return self.answer.position


@dataclass(frozen=True, slots=True)
class Reach:
    """Which lessons a version has: those after `start` up to `through`, as edits stood at `as_of`."""

    version: str
    start: int
    through: int
    as_of: int

    def fate(self, standing: Standing) -> Fate:
        """What became of an answer in this version."""
        position, over = standing.position, standing.over
        if standing.teaches is not None and position > self.start:
            return Fate.LEARNED if position <= self.through else Fate.WAITS
        if standing.teaches is not None:
            return Fate.BEFORE_IT
        if over is None or position <= self.start:
            return Fate.NEVER
        if over <= self.as_of:
            return Fate.UNLEARNED
        return Fate.LINGERS if position <= self.through else Fate.NEVER


@dataclass(frozen=True, slots=True)
class Shift:
    """A department's probability for the mail: when it was decided, and now.

    Of a department that was not concluded a decision stores only that it had `at_most` so much.
    """

    department: str
    then: float | None
    at_most: float | None
    now: float


@dataclass(frozen=True, slots=True)
class Alike:
    """Another decided mail, how similar it is (0 to 1), and what the champion concludes about it now."""

    decision: Decision
    email: Email
    similarity: float
    now: Conclusion
    concluded: str | None
    answered: bool

    @property
    def changed(self) -> bool:
        """Whether another department is concluded than when it was decided (by its name of today)."""
        return self.now.department != self.concluded


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the champion makes of a mail after its answers, and of those that are like it."""

    reach: Reach
    shifts: Sequence[Shift]
    alike: Sequence[Alike]


def standings(about: Sequence[Recorded], taxonomy: Taxonomy, ended: int) -> list[Standing]:
    """How each of one mail's answers counts, given in order; `ended` is when a department last ended."""
    lessons = effective_lessons((recorded.position, answer_in(recorded)) for recorded in about)
    counting = {lesson.position for lesson in lessons}
    return [
        _standing(recorded, later, recorded.position in counting, taxonomy, ended)
        for recorded, later in zip_longest(about, about[1:])
    ]


def _standing(recorded: Recorded, later: Recorded | None, counts: bool, taxonomy: Taxonomy, ended: int) -> Standing:
    department = answer_in(recorded).department
    if department is None:
        return Standing(recorded, None, End.SKIPPED)
    if later is not None and not counts:
        end = End.WITHDRAWN if answer_in(later).department is None else End.OVERRULED
        return Standing(recorded, None, end, later.position)
    teaches = taxonomy.teaches(department)
    return Standing(recorded, teaches) if teaches else Standing(recorded, None, End.DEPARTMENT_ENDED, ended)


def department_ended(ledger: ConsoleLedger) -> int:
    """The position of the last change that ended a department, 0 without one."""
    last = (recorded.position for change in REFOLDING for recorded in ledger.latest(change.kind, 1))
    return max(last, default=0)


def reach_of(desk: Desk) -> Reach:
    """Which lessons the champion has by now; NoChampion where there is none."""
    desk.refresh()
    learner = desk.learners[desk.champion.entrant]
    return Reach(desk.champion.version, learner.start, learner.through, learner.as_of)


def receipt(desk: Desk, ledger: ConsoleLedger, trace: Trace, email: Email) -> Receipt:
    """What the champion makes of an answered mail now; NoChampion where there is none. Nothing is stored."""
    reach = reach_of(desk)
    [believed] = desk.probabilities(desk.champion.entrant, desk.describe([email]))
    return Receipt(reach, shifts(trace, believed, desk.taxonomy), alike(desk, ledger, email))


def shifts(trace: Trace, believed: Mapping[str, float], taxonomy: Taxonomy) -> list[Shift]:
    """The department that was concluded and those that were answered, then and now."""
    decision = trace.decision
    concluded = _today(decision.department, taxonomy)
    answered = (_today(answer_in(recorded).department, taxonomy) for recorded in trace.corrections)
    told = dict.fromkeys(name for name in (concluded, *answered) if name is not None)
    return [_shift(decision, name, name == concluded, believed.get(name, 0.0)) for name in told]


def _shift(decision: Decision, department: str, concluded: bool, now: float) -> Shift:
    if concluded:
        return Shift(department, decision.confidence, None, now)
    return Shift(department, None, decision.confidence - decision.margin, now)


def _today(department: str | None, taxonomy: Taxonomy) -> str | None:
    """What a department is today; itself where it ended."""
    return None if department is None else taxonomy.teaches(department) or department


def alike(desk: Desk, ledger: ConsoleLedger, email: Email) -> list[Alike]:
    """The recently decided mails that are most like this one, and what is concluded about them now."""
    decisions = [decision for decision in reversed(ledger.recent_decisions(RECENT)) if decision.email_id != email.id]
    kept = ledger.emails([decision.email_id for decision in decisions])
    candidates = [decision for decision in decisions if decision.email_id in kept]
    key = desk.keys.subkey("features")
    features = (describe_email(key, kept[decision.email_id]) for decision in candidates)
    found = most_similar(describe_email(key, email), list(features), SIMILAR, LEAST)
    return _concluded(desk, ledger, [(candidates[place], share) for place, share in found], kept)


def _concluded(
    desk: Desk, ledger: ConsoleLedger, found: Iterable[tuple[Decision, float]], kept: Mapping[str, Email]
) -> list[Alike]:
    similar = list(found)
    emails = [kept[decision.email_id] for decision, _ in similar]
    answers = ledger.corrections_of([email.id for email in emails])
    believed = desk.probabilities(desk.champion.entrant, desk.describe(emails)) if emails else []
    return [
        Alike(decision, email, share, conclude(now), _today(decision.department, desk.taxonomy), email.id in answers)
        for (decision, share), email, now in zip(similar, emails, believed, strict=True)
    ]

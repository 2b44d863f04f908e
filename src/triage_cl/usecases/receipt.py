"""What an answer did: whether it counts, whether the champion has learned it, and what that changed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise

from triage_cl.domain.corrections import effective_lessons
from triage_cl.domain.decisions import Conclusion, Decision
from triage_cl.domain.departments import ENDING, Taxonomy
from triage_cl.domain.emails import Email
from triage_cl.domain.facts import Recorded
from triage_cl.domain.hierarchy import masses
from triage_cl.domain.reviewers import ReviewerTakenOut, Trust
from triage_cl.learning.similarity import most_similar
from triage_cl.usecases.console_ledger import ConsoleLedger
from triage_cl.usecases.learn import describe_email, taxonomy_at, trust_at
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
    WITHHELD = "withheld"
    TAKEN_OUT = "taken-out"


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
    """An answer as it counts: for `teaches`, or no longer since position `over` (None: it never did)."""

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
        if over is None or over < position or position <= self.start:
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
    now: Conclusion
    shifts: Sequence[Shift]
    alike: Sequence[Alike]


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides whether answers count: departments, when one last ended, and which reviewers were taken out when."""

    taxonomy: Taxonomy
    ended: int = 0
    trust: Trust = field(default_factory=Trust)
    taken_out: Mapping[str, int] = field(default_factory=dict)


def rules_at(ledger: ConsoleLedger) -> Rules:
    """What decides it today."""
    ended = (recorded.position for change in ENDING for recorded in ledger.latest(change.kind, 1))
    gone = ledger.facts(kinds=[ReviewerTakenOut.kind])
    taken_out = {one.fact.reviewer: one.position for one in gone if isinstance(one.fact, ReviewerTakenOut)}
    return Rules(taxonomy_at(ledger), max(ended, default=0), trust_at(ledger), taken_out)


def standings(about: Sequence[Recorded], rules: Rules) -> list[Standing]:
    """How each of one mail's answers counts, given in order."""
    counting = [recorded for recorded in about if rules.trust.counts(answer_in(recorded))]
    lessons = effective_lessons((recorded.position, answer_in(recorded)) for recorded in counting)
    in_force = {lesson.position for lesson in lessons}
    next_one = {earlier.position: later for earlier, later in pairwise(counting)}
    trusted = {recorded.position for recorded in counting}
    return [
        _standing(recorded, next_one.get(recorded.position), recorded.position in in_force, rules)
        if recorded.position in trusted
        else _discounted(recorded, rules)
        for recorded in about
    ]


def _standing(recorded: Recorded, later: Recorded | None, in_force: bool, rules: Rules) -> Standing:
    department = answer_in(recorded).department
    if department is None:
        return Standing(recorded, None, End.SKIPPED)
    if later is not None and not in_force:
        end = End.WITHDRAWN if answer_in(later).department is None else End.OVERRULED
        return Standing(recorded, None, end, later.position)
    teaches = rules.taxonomy.teaches(department)
    return Standing(recorded, teaches) if teaches else Standing(recorded, None, End.DEPARTMENT_ENDED, rules.ended)


def _discounted(recorded: Recorded, rules: Rules) -> Standing:
    answer = answer_in(recorded)
    if answer.withheld:
        return Standing(recorded, None, End.WITHHELD)
    over = rules.taken_out.get(answer.reviewer, 0)
    return Standing(recorded, None, End.TAKEN_OUT, over if over > recorded.position else None)


def reach_of(desk: Desk) -> Reach:
    """Which lessons the champion has by now; NoChampion where there is none."""
    desk.refresh()
    learner = desk.learners[desk.champion.entrant]
    return Reach(desk.champion.version, learner.start, learner.through, learner.as_of)


def receipt(desk: Desk, ledger: ConsoleLedger, trace: Trace, email: Email) -> Receipt:
    """What the champion makes of an answered mail now; NoChampion where there is none. Nothing is stored."""
    reach = reach_of(desk)
    [believed] = desk.probabilities(desk.champion.entrant, desk.describe([email]))
    return Receipt(reach, desk.conclude(believed), shifts(trace, believed, desk.taxonomy), alike(desk, ledger, email))


def shifts(trace: Trace, believed: Mapping[str, float], taxonomy: Taxonomy) -> list[Shift]:
    """The department that was concluded and those that were answered, then and now."""
    decision = trace.decision
    concluded = _today(decision.department, taxonomy)
    answered = (_today(answer_in(recorded).department, taxonomy) for recorded in trace.corrections)
    told = dict.fromkeys(name for name in (concluded, *answered) if name is not None)
    total = masses(believed, taxonomy)
    return [_shift(decision, concluded, name, taxonomy, total.get(name, 0.0)) for name in told]


def _shift(decision: Decision, concluded: str | None, department: str, taxonomy: Taxonomy, now: float) -> Shift:
    if department == concluded:
        return Shift(department, decision.confidence, None, now)
    return Shift(department, None, _at_most(decision, concluded, department, taxonomy), now)


def _at_most(decision: Decision, concluded: str | None, department: str, taxonomy: Taxonomy) -> float:
    """What a department that was not concluded can have had: a team no more than its department, which has no limit."""
    if concluded is None or not taxonomy.agree(concluded, department):
        return decision.confidence - decision.margin
    return decision.confidence if concluded in taxonomy.above(department) else 1.0


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
        Alike(
            decision, email, share, desk.conclude(now), _today(decision.department, desk.taxonomy), email.id in answers
        )
        for (decision, share), email, now in zip(similar, emails, believed, strict=True)
    ]

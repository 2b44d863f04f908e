"""Feedback under faults: webhooks lost, doubled and out of order, processes killed; and whether all promises hold.

Everything but the moment of a kill is told by the seed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from random import Random

from feedback.chaos_office import Ask, Office, Question, asking, open_office
from feedback.chaos_process import ReceiverProcess
from feedback.double import Event, LabelStudioDouble
from feedback.double_staff import Staff
from triage_cl.domain.corrections import Correction, Lesson
from triage_cl.domain.errors import BadInput
from triage_cl.learning.recipes import DEFAULT_RECIPE
from triage_cl.usecases.chaos import (
    differing_answers,
    differing_lessons,
    fingerprint_by_mail,
    lessons_by_mail,
    repeated_answers,
)
from triage_cl.usecases.verify import Finding, verify_lessons, verify_replay

#: So many acts to a mail, and so many acts until the live learner takes in what is new.
ACTS_A_MAIL, ACTS_A_LOOK = 6, 20
#: How far a webhook may fall behind, in acts; for how many a killed process stays away, at most.
BEHIND, AWAY = 5, 3
#: How long a process that will be killed goes on, seconds, at most: within a webhook, and after it.
WITHIN, AFTER = 0.004, 0.05
#: So many questions to Label Studio break off, where anything is lost at all.
BROKEN = 0.05


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong: the parts of webhooks lost and doubled, whether they overtake each other, how many kills.

    Without `reconciles` nobody finds what was lost: then nothing may be said to hold.
    """

    drop: float = 0.0
    duplicate: float = 0.0
    reorder: bool = False
    kills: int = 0
    reconciles: bool = True


@dataclass
class Counts:
    """What happened to webhooks (`missed` ones met no process), processes and questions."""

    sent: int = 0
    dropped: int = 0
    duplicated: int = 0
    reordered: int = 0
    missed: int = 0
    kills: int = 0
    broken_questions: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found, of how much; what happened, and what the ledger has at the end."""

    checked: int
    found: tuple[Finding, ...]
    counts: Counts
    corrections: int
    lessons: Mapping[str, Lesson]
    fingerprint: str


def feedback_under(faults: Faults, seed: int, acts: int, folder: Path) -> Outcome:
    """Both runs of the seed in `folder`, without faults and with them, and everything that must hold of them."""
    if faults.kills > acts:
        raise BadInput(f"{faults.kills} kills need at least as many acts of reviewers, not {acts}.")
    calm = _run(Faults(), seed, acts, folder / "calm", {})
    rough = _run(faults, seed, acts, folder / "rough", calm.lessons)
    found = [Finding(one.position, f"without faults: {one.what}") for one in calm.found]
    found += rough.found
    if rough.fingerprint != calm.fingerprint:
        found.append(Finding(0, "the lessons fold to another fingerprint than without faults"))
    checked = calm.checked + rough.checked + 1
    return Outcome(checked, tuple(found), rough.counts, rough.corrections, rough.lessons, rough.fingerprint)


def report(outcome: Outcome) -> dict[str, object]:
    """An outcome as the command tells it."""
    return {
        "holds": not outcome.found,
        "checked": outcome.checked,
        "found": [{"position": one.position, "what": one.what} for one in outcome.found],
        **asdict(outcome.counts),
        "corrections": outcome.corrections,
        "lessons": len(outcome.lessons),
        "fingerprint": outcome.fingerprint,
    }


def _run(faults: Faults, seed: int, acts: int, folder: Path, lessons: Mapping[str, Lesson]) -> Outcome:
    folder.mkdir(parents=True)
    office, double, departments = open_office(folder, seed, max(1, acts // ACTS_A_MAIL))
    # Repeatable, and no secret: hence these generators.
    staff = Staff(double, departments, Random(f"{seed} reviewers"))  # noqa: S311
    day = Day(office, double, staff, faults, Random(f"{seed} faults"))  # noqa: S311
    try:
        troubles = [Finding(0, f"the receiving side said: {one}") for one in day.pass_by(acts)]
        return _outcome(office, staff, day.counts, troubles, lessons)
    finally:
        day.process.kill()
        office.close()


def _outcome(
    office: Office, staff: Staff, counts: Counts, troubles: list[Finding], lessons: Mapping[str, Lesson]
) -> Outcome:
    ledger, key = office.ledger, office.keys.subkey("features")
    held = staff.held(office.reviewer)
    learned = lessons_by_mail(ledger)
    proofs = [verify_replay(ledger, office.registry, office.snapshots, key), verify_lessons(ledger)]
    found = [*troubles, *differing_answers(ledger, held), *repeated_answers(ledger)]
    found += differing_lessons(ledger, lessons) if lessons else ()
    found += chain.from_iterable(proof.found for proof in proofs)
    if (broken := ledger.broken_link()) is not None:
        found.append(Finding(broken, "the hash chain breaks here"))
    corrections = sum(1 for _ in ledger.facts(kinds=[Correction.kind]))
    checked = len(held) + corrections + sum(proof.checked for proof in proofs)
    fingerprint = fingerprint_by_mail(ledger, DEFAULT_RECIPE, key)
    return Outcome(checked, tuple(found), counts, corrections, learned, fingerprint)


@dataclass
class Day:
    """Reviewers at work, and a receiving side that is told of it as well as the faults allow."""

    office: Office
    double: LabelStudioDouble
    staff: Staff
    faults: Faults
    random: Random
    counts: Counts = field(default_factory=Counts)
    process: ReceiverProcess = field(init=False)
    _calm: bool = False
    _under_way: list[tuple[int, int, Event]] = field(default_factory=list)
    _back_at: int = 0

    def __post_init__(self) -> None:
        asked = asking(self.double)
        breaking = self._breaking(asked) if self.faults.drop else asked
        self.process = ReceiverProcess(self.office, breaking, self.faults.reconciles)

    def _breaking(self, ask: Ask) -> Ask:
        # Apart from the other faults: how often it is asked is nothing that the seed tells.
        chance = Random()  # noqa: S311

        def asked(question: Question) -> tuple[int, object] | None:
            if self._calm or chance.random() >= BROKEN:
                return ask(question)
            self.counts.broken_questions += 1
            return None

        return asked

    def pass_by(self, acts: int) -> Iterator[str]:
        """Let reviewers act so often, then let the receiving side come to rest; what it said was wrong."""
        doomed = set(self.random.sample(range(acts), self.faults.kills))
        for act in range(acts):
            self._send(act, self.staff.act())
            yield from self._deliver(act, kills=act in doomed)
            if act % ACTS_A_LOOK == 0 and self.process.runs:
                yield from self._order("learn")
        self._calm, self._back_at = True, 0
        yield from self._deliver(acts + BEHIND, kills=False)
        yield from self._order("settle")
        yield from self._order("learn")

    def _send(self, act: int, event: Event) -> None:
        """Put a webhook under way as often as it will arrive, for when it will."""
        lost, doubled = self.random.random() < self.faults.drop, self.random.random() < self.faults.duplicate
        copies = 0 if lost else 1 + doubled
        late = [self.random.randint(0, BEHIND) if self.faults.reorder else 0 for _ in range(copies)]
        self._under_way += [(act + behind, act, event) for behind in late]
        self.counts.sent += 1
        self.counts.dropped += copies == 0
        self.counts.duplicated += copies == 2
        self.counts.reordered += any(late)

    def _deliver(self, act: int, kills: bool) -> Iterator[str]:
        due = sorted((one for one in self._under_way if one[0] <= act), key=lambda one: one[:2])
        self._under_way = [one for one in self._under_way if one[0] > act]
        if act < self._back_at and not kills:
            self.counts.missed += len(due)
            return
        self.process.start(self.double.now)
        events: list[Event | None] = [event for *_, event in due]
        *before, last = events or [None]
        for event in before:
            yield from self._order("take", webhook=event)
        if kills:
            self._kill_within(act, last)
        elif last is not None:
            yield from self._order("take", webhook=last)

    def _order(self, do: str, **more: object) -> Iterator[str]:
        self.process.start(self.double.now)
        trouble = self.process.obeyed(self.double.now, do, **more)
        if trouble is not None:
            yield trouble

    def _kill_within(self, act: int, event: Event | None) -> None:
        """Kill the process while it takes a webhook, or some time after, while it looks things up."""
        if event is not None:
            self.process.tell(self.double.now, "take", webhook=event)
        self.process.go_on(self.random.uniform(0, WITHIN if self.random.random() < 0.5 else AFTER))
        self.process.kill()
        self.counts.kills += 1
        self._back_at = act + 1 + self.random.randint(0, AWAY)

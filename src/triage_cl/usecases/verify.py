"""Check the invariants: each check says whether it holds, how much was checked, and what was found."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from triage_cl.domain.corrections import Correction, Lesson, Origin, Source
from triage_cl.domain.decisions import Decision
from triage_cl.domain.errors import BadSnapshot
from triage_cl.domain.versions import ModelVersion
from triage_cl.learning.learner import Learner
from triage_cl.privacy.keys import Keys
from triage_cl.statistics.draws import LEVEL, strata
from triage_cl.usecases.learn import answers_in, fold, lessons_between, trust_at
from triage_cl.usecases.ledger import Answered, Ledger
from triage_cl.usecases.registry import Registry, UnknownVersion
from triage_cl.usecases.retrain import standing_at
from triage_cl.usecases.snapshots import Snapshots


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that should not be, at a ledger position."""

    position: int
    what: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found; it holds when it found nothing."""

    checked: int
    found: tuple[Finding, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return not self.found


def verify_replay(ledger: Ledger, registry: Registry, snapshots: Snapshots, key: bytes) -> Checked:
    """Every registered version, and the live learners as a process would load them, equal their replay."""
    found = []
    versions = list(standing_at(ledger).versions.values())
    for version in versions:
        replayed = fold(ledger, version.recipe, key, version.start, version.through, version.as_of)
        if not _same(replayed, version.fingerprint):
            found.append(Finding(version.through, f"{version.version}: the ledger now folds to another fingerprint"))
        elif wrong := _wrong_snapshot(registry, version, key):
            found.append(Finding(version.through, f"{version.version}: {wrong}"))
    live = [snapshots.load(ledger, version, key) for version in _acting(ledger)]
    for learner in live:
        recipe, start = learner.recipe.name, learner.start
        replayed = fold(ledger, recipe, key, start, learner.through, learner.as_of)
        if not _same(replayed, learner.fingerprint()):
            found.append(Finding(learner.through, f"{recipe}: the live learner differs from its replay"))
    return Checked(len(versions) + len(live), tuple(found))


def _wrong_snapshot(registry: Registry, version: ModelVersion, key: bytes) -> str | None:
    """What is wrong with a version's registered snapshot, None where it is the learner it should be."""
    try:
        learner = Learner.restore(registry.snapshot(version.version), key)
    except (BadSnapshot, UnknownVersion) as error:
        return str(error)
    return None if _same(learner, version.fingerprint) else "the registered snapshot is another"


def _same(learner: Learner, fingerprint: str) -> bool:
    return learner.fingerprint() == fingerprint


def _acting(ledger: Ledger) -> list[ModelVersion]:
    standing = standing_at(ledger)
    return [version for version in (standing.champion, standing.challenger) if version is not None]


def verify_propensities(ledger: Ledger, keys: Keys) -> Checked:
    """Every decision has its review probability and keyed draw, stored before any answer for its mail.

    Mail without a decision may have been answered by an imported archive alone. The number of drawn mails is compared
    with its probabilities by an exact test, over all mail and by probability; an honest ledger is found at fault once
    in a million times (`statistics.draws.LEVEL`).
    """
    answered, given = first_corrections(ledger)
    found: list[Finding] = []
    chances: list[float] = []
    drawn: list[bool] = []
    decided = set()
    for item in ledger.decisions():
        decision = item.decision
        decided.add(decision.email_id)
        chances.append(decision.review_probability)
        drawn.append(decision.drawn)
        wrong = _wrong_draw(item, keys, answered.get(decision.email_id, math.inf))
        found += [Finding(item.position, f"{decision.email_id}: {what}") for what in wrong]
    for email_id in sorted(given.keys() - decided):
        found.append(Finding(given[email_id], f"{email_id}: answered, never decided"))
    found += [Finding(ledger.position(), what) for what in _improbable(chances, drawn)]
    return Checked(len(chances), tuple(found))


def _wrong_draw(item: Answered, keys: Keys, answered: float) -> Iterator[str]:
    """What is wrong with the draw of a mail whose first answer came at position `answered`."""
    decision = item.decision
    if not 0 < decision.review_probability <= 1:
        yield f"review probability {decision.review_probability}"
    if decision.draw != keys.uniform("review", decision.email_id):
        yield "the draw is not the keyed one"
    if answered <= item.position:
        yield "answered before it was decided"
    if item.drawn != decision.drawn:
        yield f"stored as drawn={item.drawn} against its draw"


def _improbable(chances: list[float], drawn: list[bool]) -> Iterator[str]:
    """Which counts of drawn mails chance does not explain; probabilities that cannot be are left out."""
    possible = [place for place, chance in enumerate(chances) if 0 < chance <= 1]
    told = strata([chances[place] for place in possible], [drawn[place] for place in possible])
    for one in told:
        if one.p_value < LEVEL / len(told):
            where = "" if one is told[0] else f" with a probability above {one.above:g} up to {one.upto:g}"
            yield f"{one.drawn} of {one.mails} mails{where} drawn where {one.expected:.1f} were expected"


def first_corrections(ledger: Ledger) -> tuple[dict[str, int], dict[str, int]]:
    """The position of the first correction, by mail; and that of the first that no archive gave."""
    first: dict[str, int] = {}
    given: dict[str, int] = {}
    for position, correction in answers_in(ledger.facts(kinds=[Correction.kind])):
        first.setdefault(correction.email_id, position)
        if correction.source is not Source.IMPORT:
            given.setdefault(correction.email_id, position)
    return first, given


def verify_lessons(ledger: Ledger) -> Checked:
    """Every lesson is the last answer that somebody gave to its mail, marked with why it was given; one a mail.

    Nothing that was only concluded teaches: a lesson whose reviewer is a model version, or that accepts a suggestion
    which nobody was shown, is found.
    """
    head = ledger.position()
    lessons = lessons_between(ledger, 0, head, head)
    mails = list({lesson.email_id for lesson in lessons})
    known, decisions, last = ledger.known(mails), ledger.decisions_of(mails), last_corrections(ledger)
    versions = set(standing_at(ledger).versions)
    found: list[Finding] = []
    taught: set[str] = set()
    for lesson in lessons:
        position, correction = last[lesson.email_id]
        wrong = list(_wrong_answer(lesson, position, correction, versions))
        wrong += _wrong_source(correction, decisions.get(lesson.email_id))
        wrong += ["no mail of this id is there"] if lesson.email_id not in known else []
        wrong += ["a second lesson of this mail"] if lesson.email_id in taught else []
        taught.add(lesson.email_id)
        found += [Finding(lesson.position, f"{lesson.email_id}: {what}") for what in wrong]
    return Checked(len(lessons), tuple(found))


def _wrong_answer(lesson: Lesson, position: int, correction: Correction, versions: set[str]) -> Iterator[str]:
    if (lesson.position, lesson.source) != (position, correction.source) or correction.department is None:
        yield "the lesson is not the last answer"
    if not correction.reviewer or correction.reviewer in versions:
        yield "nobody answered this"
    if not correction.answer_id:
        yield "the answer has no identity"


def _wrong_source(correction: Correction, decision: Decision | None) -> Iterator[str]:
    """What contradicts the mark that says why there is an answer, and what the reviewer was shown."""
    if correction.source is Source.IMPORT:
        if correction.origin is not Origin.SCRATCH:
            yield "an import that says what a reviewer was shown"
    elif decision is None:
        yield f"a {correction.source} answer to mail that was never decided"
    elif decision.drawn != (correction.source is Source.REVIEW):
        yield f"marked {correction.source}, and the mail was {'drawn' if decision.drawn else 'not drawn'}"
    if correction.blind and correction.origin is not Origin.SCRATCH:
        yield f"{correction.origin} where no suggestion was shown"


def last_corrections(ledger: Ledger) -> Mapping[str, tuple[int, Correction]]:
    """The last correction that counts of every mail that has one, with its position."""
    given = answers_in(ledger.facts(kinds=[Correction.kind]))
    return {answer[1].email_id: answer for answer in trust_at(ledger).counting(given)}

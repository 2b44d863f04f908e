"""Check the invariants: each check says whether it holds, how much was checked, and what was found."""

import math
from dataclasses import dataclass

from triage_cl.domain.corrections import Correction, Source
from triage_cl.domain.errors import BadSnapshot
from triage_cl.domain.versions import ModelVersion
from triage_cl.learning.learner import Learner
from triage_cl.privacy.keys import Keys
from triage_cl.usecases.learn import fold
from triage_cl.usecases.ledger import Ledger
from triage_cl.usecases.registry import Registry, UnknownVersion
from triage_cl.usecases.retrain import standing_at
from triage_cl.usecases.snapshots import Snapshots

#: A chance finding this unlikely is reported as a fault.
SIGNIFICANCE_SIGMAS = 5.0


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

    Mail without a decision may have been answered by an imported archive alone. Beside the counts, the number of drawn
    mails is compared with its expectation, the sum of probabilities.
    """
    answered, given = first_corrections(ledger)
    found: list[Finding] = []
    checked = drawn = 0
    expected = variance = 0.0
    decided = set()
    for item in ledger.decisions():
        decision = item.decision
        checked += 1
        decided.add(decision.email_id)
        probability = decision.review_probability
        if not 0 < probability <= 1:
            found.append(Finding(item.position, f"{decision.email_id}: review probability {probability}"))
        if decision.draw != keys.uniform("review", decision.email_id):
            found.append(Finding(item.position, f"{decision.email_id}: the draw is not the keyed one"))
        if answered.get(decision.email_id, math.inf) <= item.position:
            found.append(Finding(item.position, f"{decision.email_id}: answered before it was decided"))
        if item.drawn != decision.drawn:
            found.append(Finding(item.position, f"{decision.email_id}: stored as drawn={item.drawn} against its draw"))
        drawn += decision.drawn
        expected += probability
        variance += probability * (1 - probability)
    for email_id in sorted(given.keys() - decided):
        found.append(Finding(given[email_id], f"{email_id}: answered, never decided"))
    if abs(drawn - expected) > SIGNIFICANCE_SIGMAS * math.sqrt(variance) + 1:
        found.append(Finding(ledger.position(), f"{drawn} mails drawn where {expected:.1f} were expected"))
    return Checked(checked, tuple(found))


def first_corrections(ledger: Ledger) -> tuple[dict[str, int], dict[str, int]]:
    """The position of the first correction, by mail; and that of the first that no archive gave."""
    first: dict[str, int] = {}
    given: dict[str, int] = {}
    for recorded in ledger.facts(kinds=[Correction.kind]):
        if isinstance(recorded.fact, Correction):
            first.setdefault(recorded.fact.email_id, recorded.position)
            if recorded.fact.source is not Source.IMPORT:
                given.setdefault(recorded.fact.email_id, recorded.position)
    return first, given

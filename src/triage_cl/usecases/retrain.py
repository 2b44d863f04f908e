"""Make model versions: the first champion, and challengers folded from the ledger with other recipes."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from triage_cl.domain.versions import (
    CHALLENGER,
    CHAMPION,
    AliasMoved,
    ModelVersion,
    Standing,
    entrant_of,
    fold_standing,
    version_name,
)
from triage_cl.learning.learner import Learner
from triage_cl.learning.recipes import RECIPES, find_recipe
from triage_cl.usecases.learn import fold
from triage_cl.usecases.ledger import Ledger
from triage_cl.usecases.registry import Entry, Registry

#: How many lessons a challenger must have been taught to enter.
LEAST_LESSONS = 100

STANDING = (ModelVersion.kind, AliasMoved.kind)


def standing_at(ledger: Ledger, as_of: int | None = None) -> Standing:
    """Versions and aliases as they stood at a position (None: now)."""
    recorded = ledger.facts(until=as_of, kinds=STANDING)
    return fold_standing((r.position, r.fact) for r in recorded if isinstance(r.fact, ModelVersion | AliasMoved))


def ensure_champion(ledger: Ledger, registry: Registry, recipe: str, key: bytes, at: datetime) -> ModelVersion:
    """The champion; where there is none, or none that this program can fold any more, `recipe` becomes it."""
    champion = standing_at(ledger).champion
    if champion is not None and champion.recipe in RECIPES:
        return champion
    learner = fold(ledger, recipe, key, 0, ledger.position(), ledger.position())
    reason = f"{champion.recipe} has given way to {recipe}" if champion else "the ledger had no champion"
    version = register(ledger, registry, learner, (reason,), at)
    move_alias(ledger, registry, CHAMPION, version, champion, (reason,), "triage", at)
    return version


def challenging_recipe(ledger: Ledger, first: str, challenger: str) -> str:
    """`challenger`, or `first` while the champion is of the challenger's recipe itself."""
    champion = standing_at(ledger).champion
    return first if champion is not None and champion.recipe == challenger else challenger


def retrain(
    ledger: Ledger, registry: Registry, recipe: str, key: bytes, reasons: Sequence[str], at: datetime, start: int = 0
) -> tuple[ModelVersion, Learner]:
    """A new version of `recipe`, folded over everything after `start`.

    It challenges, unless its entrant is champion, or it was taught fewer than `LEAST_LESSONS`: a challenger is judged
    from its entry on, so one that enters knowing nothing has lost already.
    """
    find_recipe(recipe)
    position = ledger.position()
    learner = fold(ledger, recipe, key, start, position, position)
    version = register(ledger, registry, learner, tuple(reasons), at)
    standing = standing_at(ledger)
    champion, challenger = standing.champion, standing.challenger
    if champion is not None and champion.entrant == version.entrant:
        move_alias(ledger, registry, CHAMPION, version, champion, ("retrained", *reasons), "triage", at)
    elif version.lessons >= LEAST_LESSONS:
        move_alias(ledger, registry, CHALLENGER, version, challenger, tuple(reasons), "triage", at)
    return version, learner


def refresh_champion(
    ledger: Ledger, registry: Registry, key: bytes, reasons: Sequence[str], at: datetime
) -> Learner | None:
    """A batch champion folded anew, for it learns in no other way; None where the champion learns by itself."""
    champion = standing_at(ledger).champion
    if champion is None or find_recipe(champion.recipe).kind == "online":
        return None
    return retrain(ledger, registry, champion.recipe, key, reasons, at, champion.start)[1]


def register(
    ledger: Ledger, registry: Registry, learner: Learner, reasons: tuple[str, ...], at: datetime
) -> ModelVersion:
    """The learner as a model version, in the registry and then in the ledger."""
    entry = standing_at(ledger).next_entry(learner.recipe.name, learner.start)
    entrant = entrant_of(learner.recipe.name, learner.start, entry)
    version = ModelVersion(
        version=version_name(entrant, learner.through, learner.as_of),
        recipe=learner.recipe.name,
        start=learner.start,
        through=learner.through,
        as_of=learner.as_of,
        lessons=learner.lessons,
        fingerprint=learner.fingerprint(),
        reasons=reasons,
        entry=entry,
    )
    registry.register(entry_of(version), learner.snapshot(), table_of(ledger, learner))
    ledger.append([version], at)
    return version


def table_of(ledger: Ledger, learner: Learner) -> Path | None:
    """The folder of the static vectors that the learner learned with; without them its snapshot predicts nothing."""
    return ledger.encoder("static").folder if learner.recipe.vectors == "static" else None


def entry_of(version: ModelVersion) -> Entry:
    """What the registry keeps beside the snapshot."""
    return Entry(
        version=version.version,
        recipe=version.recipe,
        start=version.start,
        through=version.through,
        as_of=version.as_of,
        fingerprint=version.fingerprint,
        metrics={"lessons": float(version.lessons)},
        reasons=version.reasons,
    )


def move_alias(
    ledger: Ledger,
    registry: Registry,
    alias: str,
    version: ModelVersion | None,
    previous: ModelVersion | None,
    reasons: tuple[str, ...],
    decided_by: str,
    at: datetime,
) -> None:
    """Record that an alias moves and why, then move it in the registry."""
    moved = AliasMoved(
        alias=alias,
        version=version.version if version else None,
        previous=previous.version if previous else None,
        reasons=reasons,
        decided_by=decided_by,
    )
    ledger.append([moved], at)
    registry.point(alias, moved.version)


def mirror_aliases(ledger: Ledger, registry: Registry, key: bytes) -> list[str]:
    """Aliases that stood otherwise in the registry than in the ledger, now moved: the ledger is the truth.

    A version that the registry lost is folded again.
    """
    moved = []
    standing = standing_at(ledger)
    for alias, name in sorted(standing.aliases.items()):
        if registry.aliased(alias) == name:
            continue
        if name is not None:
            version = standing.versions[name]
            learner = fold(ledger, version.recipe, key, version.start, version.through, version.as_of)
            registry.register(entry_of(version), learner.snapshot(), table_of(ledger, learner))
        registry.point(alias, name)
        moved.append(alias)
    return moved

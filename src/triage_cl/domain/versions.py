"""Model versions, who is champion and who challenges, as the ledger tells it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

CHAMPION = "champion"
CHALLENGER = "challenger"


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A registered snapshot: recipe, the positions it was folded over, and its fingerprint.

    Retraining makes a new version of the same entrant, and what was found out about the entrant stays; a recipe that
    was retired and tries again is another `entry`, and so another entrant.
    """

    kind: ClassVar[str] = "model-version"
    version: str
    recipe: str
    start: int
    through: int
    as_of: int
    lessons: int
    fingerprint: str
    reasons: tuple[str, ...]
    entry: int = 1

    @property
    def subject(self) -> str:
        """What the fact is about."""
        return self.version

    @property
    def identity(self) -> str:
        """A version is registered once."""
        return f"model-version:{self.version}"

    @property
    def entrant(self) -> str:
        """Who takes part in a duel: the recipe, its start where it has one, its entry where it is not the first."""
        return entrant_of(self.recipe, self.start, self.entry)


def entrant_of(recipe: str, start: int = 0, entry: int = 1) -> str:
    """The name of a recipe folded from the lessons after `start` on, at its `entry`-th try."""
    return recipe + (f"+{start}" if start else "") + (f"#{entry}" if entry > 1 else "")


def version_name(entrant: str, through: int, as_of: int) -> str:
    """The id of a version: its entrant and the two positions that name its learner."""
    return f"{entrant}@{through}-{as_of}"


def entrant_in(version: str) -> str:
    """The entrant in a version's id."""
    return version.rpartition("@")[0]


@dataclass(frozen=True, slots=True)
class AliasMoved:
    """`alias` names `version` from now on (None: nobody), because of `reasons`, by decision of `decided_by`."""

    kind: ClassVar[str] = "alias-moved"
    alias: str
    version: str | None
    previous: str | None
    reasons: tuple[str, ...]
    decided_by: str

    @property
    def subject(self) -> str:
        """What the fact is about."""
        return self.alias


@dataclass(frozen=True, slots=True)
class Judgement:
    """One look at a duel: what was decided about the challenger, why, and on which numbers."""

    kind: ClassVar[str] = "judgement"
    champion: str
    challenger: str
    verdict: str
    reasons: tuple[str, ...]
    answered: int
    mails: int
    e_value: float
    gain: float
    gain_low: float
    gain_high: float

    @property
    def subject(self) -> str:
        """What the fact is about."""
        return self.challenger


@dataclass(frozen=True, slots=True)
class Standing:
    """All versions, the champion and the challenger, after some facts.

    `entered` holds, in that order, the position at which each entrant first got an alias: evidence counts from there.
    """

    versions: Mapping[str, ModelVersion] = field(default_factory=dict)
    aliases: Mapping[str, str | None] = field(default_factory=dict)
    entered: Mapping[str, int] = field(default_factory=dict)

    @property
    def champion(self) -> ModelVersion | None:
        """The version that acts."""
        return self._aliased(CHAMPION)

    @property
    def challenger(self) -> ModelVersion | None:
        """The version that would like to."""
        return self._aliased(CHALLENGER)

    def next_entry(self, recipe: str, start: int) -> int:
        """The entry as which a new version takes part: that of the acting entrant, or one more than ever before."""
        acting = [version for version in (self.champion, self.challenger) if version is not None]
        for version in acting:
            if (version.recipe, version.start) == (recipe, start):
                return version.entry
        tried = [v.entry for v in self.versions.values() if (v.recipe, v.start) == (recipe, start)]
        return max((entry for entry in tried if entrant_of(recipe, start, entry) in self.entered), default=0) + 1

    def number_of(self, entrant: str) -> int:
        """Which challenger this is, counted from 1: the first entrant of a ledger was nobody's challenger."""
        return max(1, list(self.entered).index(entrant))

    def _aliased(self, alias: str) -> ModelVersion | None:
        version = self.aliases.get(alias)
        return self.versions[version] if version is not None else None

    def apply(self, position: int, fact: ModelVersion | AliasMoved) -> "Standing":
        """The standing after `fact`, which has `position`."""
        if isinstance(fact, ModelVersion):
            return replace(self, versions={**self.versions, fact.version: fact})
        entered = dict(self.entered)
        if fact.version is not None:
            entered.setdefault(self.versions[fact.version].entrant, position)
        return replace(self, aliases={**self.aliases, fact.alias: fact.version}, entered=entered)


def fold_standing(facts: Iterable[tuple[int, ModelVersion | AliasMoved]]) -> Standing:
    """The standing after `facts`, in order."""
    standing = Standing()
    for position, fact in facts:
        standing = standing.apply(position, fact)
    return standing

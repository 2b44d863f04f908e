"""Model versions, who is champion and who challenges, as the ledger tells it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

CHAMPION = "champion"
CHALLENGER = "challenger"


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A registered snapshot: recipe, the positions it was folded over, and its fingerprint.

    `entrant` names the recipe with its start: retraining makes a new version of the same entrant, and what was
    found out about the entrant stays.
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
        """The recipe with its start."""
        return entrant_of(self.recipe, self.start)


def entrant_of(recipe: str, start: int) -> str:
    """The name of a recipe folded from the lessons after `start` on."""
    return recipe if start == 0 else f"{recipe}+{start}"


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

    `entered` holds the position at which each entrant was first registered: evidence counts from there.
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

    def _aliased(self, alias: str) -> ModelVersion | None:
        version = self.aliases.get(alias)
        return self.versions[version] if version is not None else None

    def apply(self, position: int, fact: ModelVersion | AliasMoved) -> "Standing":
        """The standing after `fact`, which has `position`."""
        if isinstance(fact, AliasMoved):
            return replace(self, aliases={**self.aliases, fact.alias: fact.version})
        entered = {fact.entrant: position, **self.entered}
        return replace(self, versions={**self.versions, fact.version: fact}, entered=entered)


def fold_standing(facts: Iterable[tuple[int, ModelVersion | AliasMoved]]) -> Standing:
    """The standing after `facts`, in order."""
    standing = Standing()
    for position, fact in facts:
        standing = standing.apply(position, fact)
    return standing

"""A learner: a recipe's model, the lessons that it was taught, and the positions that say which they were."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from triage_cl.domain.errors import BadSnapshot
from triage_cl.learning.hashing import Features
from triage_cl.learning.recipes import RECIPES, Recipe
from triage_cl.learning.snapshots import Header, fingerprint_of, key_id, read_snapshot, write_snapshot


class Learner:
    """Predicts departments, and learns lessons in the order of their positions.

    `start` is the position after which its lessons begin, `through` the one up to which they are learned, `as_of`
    the one up to which edits of lessons count; whoever folds the ledger moves the last two on past facts that teach
    nothing. `key` is the key of its features, `encoder` the digest of the encoder of their vectors ("": none).
    """

    def __init__(self, recipe: Recipe, key: bytes, start: int = 0, encoder: str = "") -> None:
        self.recipe = recipe
        self.key = key
        self.encoder = encoder
        self.start = self.through = self.as_of = start
        self._model = recipe.make(key)
        self._taught: dict[str, int] = {}

    @property
    def classes(self) -> list[str]:
        """The departments in the order of the columns of `probabilities`."""
        return self._model.classes

    @property
    def taught(self) -> Mapping[str, int]:
        """How many lessons each department was taught."""
        return dict(self._taught)

    @property
    def lessons(self) -> int:
        """How many lessons were learned."""
        return sum(self._taught.values())

    def learn(
        self,
        position: int,
        features: Features,
        department: str,
        weight: float = 1.0,
        teams: Collection[str] = (),
    ) -> None:
        """Take the lesson at `position`; ValueError if that is not after `through`: no lesson is learned twice.

        `weight` is 1 / the review probability of an answer that measures, 0 for one that nobody asked for: such a
        lesson teaches and leaves the calibration alone. `teams` are those of the department: the lesson says that it is
        one of theirs, or none's that is known.
        """
        if position <= self.through:
            raise ValueError(f"a lesson at {position} for a learner that is through {self.through}")
        self._model.learn(features, department, weight, teams)
        self._taught[department] = self._taught.get(department, 0) + 1
        self.through = position
        self.as_of = max(self.as_of, position)

    def probabilities(self, features: Sequence[Features]) -> NDArray[np.float64]:
        """A row for each mail, a column for each of `classes`; rows sum to 1. Without classes: no columns."""
        return self._model.probabilities(features)

    def contributions(self, features: Features) -> NDArray[np.float64]:
        """What each feature of a mail adds to the score of each of `classes`: a row a feature.

        The higher a sum of a column, the higher the probability.
        """
        return self._model.contributions(features)

    def unseen(self, features: Sequence[Features]) -> list[float | None]:
        """The share of each mail's features that no lesson had; None where it cannot tell."""
        return self._model.unseen(features)

    def fingerprint(self) -> str:
        """SHA-256, in hexadecimal, of the recipe, the key's id and all that the lessons made.

        Positions are not in it: two learners that were taught the same lessons have the same fingerprint, in
        whichever ledger and by whatever way, so that a lesson taken back can be shown to be gone.
        """
        header, arrays = self._described()
        return fingerprint_of(header, arrays)

    def snapshot(self) -> bytes:
        """The learner as bytes for `restore`; the same learner gives the same bytes."""
        header, arrays = self._described()
        return write_snapshot(replace(header, fingerprint=fingerprint_of(header, arrays)), arrays)

    def _described(self) -> tuple[Header, dict[str, NDArray[Any]]]:
        arrays, values = self._model.state()
        header = Header(
            recipe=self.recipe.name,
            recipe_version=self.recipe.version,
            key_id=key_id(self.key),
            encoder=self.encoder,
            start=self.start,
            through=self.through,
            as_of=self.as_of,
            taught=self._taught,
            values=values,
        )
        return header, arrays

    @classmethod
    def restore(cls, data: bytes, key: bytes) -> Self:
        """The learner that a snapshot was taken from; BadSnapshot for damaged bytes, another key or other versions."""
        header, arrays = read_snapshot(data, key)
        recipe = RECIPES.get(header.recipe)
        if recipe is None or recipe.version != header.recipe_version:
            raise BadSnapshot(f"This program has no recipe {header.recipe!r} of version {header.recipe_version}.")
        learner = cls(recipe, key, header.start, header.encoder)
        try:
            learner._model.load(arrays, header.values)
        except (KeyError, ValueError, TypeError) as error:
            raise BadSnapshot(f"Its arrays are not those of {header.recipe!r}: {error}.") from error
        learner._taught = dict(header.taught)
        learner.through, learner.as_of = header.through, header.as_of
        return learner

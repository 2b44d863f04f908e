"""Recipes: the named ways to build a fresh learner. A new one is one entry in `RECIPES`."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from triage_cl.domain.errors import UnknownRecipe
from triage_cl.learning.batch import HashedBatch
from triage_cl.learning.ensemble import HashedEnsemble
from triage_cl.learning.hashing import Features
from triage_cl.learning.joined import JoinedEnsemble


class Model(Protocol):
    """What learns and predicts inside a learner. Its state is plain data and a function of its lessons alone."""

    @property
    def classes(self) -> list[str]:
        """The departments that it can predict, in the order of the columns of `probabilities`."""

    def learn(self, features: Features, department: str, weight: float = 1.0, teams: Collection[str] = ()) -> None:
        """Take one lesson; `weight` is how many it stands for in the calibration.

        Where some of `teams` were taught before, any of them may be right, or the department itself.
        """

    def probabilities(self, features: Sequence[Features]) -> NDArray[np.float64]:
        """A row for each mail, a column for each of `classes`; rows sum to 1, and each is as if it were alone."""

    def contributions(self, features: Features) -> NDArray[np.float64]:
        """What each feature of a mail adds to the score of each of `classes`: a row a feature."""

    def unseen(self, features: Sequence[Features]) -> list[float | None]:
        """The share of each mail's features that no lesson had; None where it cannot tell."""

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Everything that the lessons made, as arrays by name and JSON values by name."""

    def load(self, arrays: Mapping[str, NDArray[Any]], values: Mapping[str, Any]) -> None:
        """Become what `state` was taken from; raises ValueError or KeyError for what no `state` can be."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A named way to build a learner.

    `version` changes whenever the same lessons would make another learner. An "online" learner follows the ledger
    lesson by lesson; a "batch" one is fitted anew when it is retrained. `make` builds a model that was taught nothing
    from the key of its features. `vectors` is the kind of encoder whose vectors it learns from, if any.
    """

    name: str
    version: int
    kind: Literal["online", "batch"]
    description: str
    make: Callable[[bytes], Model]
    vectors: str | None = None


_ALL = (
    Recipe(
        name="hashed-ensemble",
        version=1,
        kind="online",
        description="Logistic regression and counts on hashed words and word pairs, a lesson at a time.",
        make=lambda key: HashedEnsemble(key=key),
    ),
    Recipe(
        name="hashed-static",
        version=1,
        kind="online",
        description="The hashed ensemble and static token vectors, for few labels: some thousand mails a second.",
        make=lambda key: JoinedEnsemble("static", key),
        vectors="static",
    ),
    Recipe(
        name="hashed-sentence",
        version=1,
        kind="online",
        description="The hashed ensemble and a sentence encoder, best with few labels: about 160 mails a second.",
        make=lambda key: JoinedEnsemble("sentence", key),
        vectors="sentence",
    ),
    Recipe(
        name="tfidf-svm",
        version=2,
        kind="batch",
        description="scikit-learn: TF-IDF of hashed words and word pairs, linear support vector machines.",
        make=lambda _: HashedBatch(),
    ),
)

RECIPES: Mapping[str, Recipe] = {recipe.name: recipe for recipe in _ALL}

DEFAULT_RECIPE = "hashed-ensemble"
DEFAULT_CHALLENGER = "tfidf-svm"


def find_recipe(name: str) -> Recipe:
    """The recipe of that name; UnknownRecipe, with the names that there are, where there is none."""
    if name not in RECIPES:
        raise UnknownRecipe(f"{name!r} is none of {', '.join(RECIPES)}.")
    return RECIPES[name]

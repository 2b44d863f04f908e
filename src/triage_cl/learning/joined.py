"""The online learner for few lessons: the ensemble on hashed features, joined by two experts on a mail's vector.

With few lessons an encoder that has read much knows what words mean that no lesson had; with many, hashed features know
this office's mail. What each is worth is learned, as among the experts of the ensemble.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triage_cl.learning.ensemble import HashedEnsemble
from triage_cl.learning.experts import TEMPERATURES, believe_evidence, uncalibrated
from triage_cl.learning.hashing import Features
from triage_cl.learning.teaching import appraise
from triage_cl.learning.vectors import VectorExperts

#: What the five experts are worth at first, as logarithms: 0.6, 4 and 2 on hashed features, 0.15 and 0.3 on the vector.
WORTH = (
    *(-0.5108256237659907, 1.3862943611198906, 0.6931471805599453),
    *(-1.8971199848858813, -1.2039728043259361),
)


class JoinedEnsemble:
    """Features and a vector in, probabilities by class out; classes appear when they are first taught.

    A mail without a vector, or with one that is 0 throughout, is taught to the ensemble on hashed features and decided
    by it alone; so are all until one with a vector was taught. The ensemble learns as if there were no vectors.

    Args:
        kind: the encoder whose vectors it learns from, as `Features.vectors` names it.
        key: what texts are hashed under.
    """

    def __init__(self, kind: str, key: bytes = b"") -> None:
        self.kind = kind
        self._hashed = HashedEnsemble(key=key)
        self._dense = VectorExperts()
        self._calibration = uncalibrated(*WORTH)

    @property
    def classes(self) -> list[Any]:
        """The classes taught so far, in the order of their first lessons."""
        return self._hashed.classes

    def learn(self, features: Features, label: str, weight: float = 1.0, teams: Collection[str] = ()) -> None:
        """Take one lesson; `weight` is for the calibration alone, and `teams` make it partial, as in `HashedEnsemble`.

        ValueError for a vector of another length than those before.
        """
        vector = self._vector(features)
        if vector is not None:
            self._dense.check(vector)
            self._appraise(features, vector, label, weight, teams)
        self._hashed.learn(features, label, weight, teams)
        if vector is not None:
            self._dense.learn(vector, self._hashed.columns(label, teams), len(self.classes))

    def _appraise(
        self, features: Features, vector: NDArray[np.float32], label: str, weight: float, teams: Collection[str]
    ) -> None:
        """Learn what the experts are worth from what they say before a lesson, if they know its class, and it alone."""
        classes = self.classes
        if not self._dense.taught or label not in classes or not set(teams).isdisjoint(classes):
            return
        [evidence] = self._evidence([features], [vector])
        softened, believed = np.empty((TEMPERATURES, len(classes))), np.empty(len(classes))
        appraise(self._calibration, evidence, classes.index(label), float(weight), softened, believed)

    def probabilities(self, features: Sequence[Features]) -> NDArray[np.float64]:
        """A row for each mail, a column for each of `classes`; rows sum to 1, and each is as if it were alone."""
        probabilities = np.empty((len(features), len(self.classes)))
        vectors = [self._vector(each) if self._dense.taught else None for each in features]
        alone = [row for row, vector in enumerate(vectors) if vector is None]
        joined = [(row, vector) for row, vector in enumerate(vectors) if vector is not None]
        if alone:
            probabilities[alone] = self._hashed.probabilities([features[row] for row in alone])
        if joined:
            rows = [row for row, _ in joined]
            evidence = self._evidence([features[row] for row in rows], [vector for _, vector in joined])
            probabilities[rows] = believe_evidence(self._calibration, evidence)
        return probabilities

    def _vector(self, features: Features) -> NDArray[np.float32] | None:
        vector = features.vectors.get(self.kind)
        return vector if vector is not None and vector.any() else None

    def _evidence(self, features: Sequence[Features], vectors: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """What all experts say: by mail, expert and class."""
        hashed = self._hashed.evidence(features)
        return np.concatenate([hashed, self._dense.evidence(vectors, hashed.shape[2])], axis=1)

    def contributions(self, features: Features) -> NDArray[np.float64]:
        """What each hashed feature of a mail adds to the evidence for each of `classes`: a row a feature.

        This is what the words say by themselves: a vector has no words, and what it adds is not told.
        """
        return self._hashed.contributions(features)

    def unseen(self, features: Sequence[Features]) -> list[float | None]:
        """The share of each mail's hashed features that no lesson had; None for a mail without features."""
        return self._hashed.unseen(features)

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Everything that the lessons made, as arrays and JSON values."""
        arrays, values = self._hashed.state()
        return {**arrays, **self._dense.state(), "joined_calibration": self._calibration}, values

    def load(self, arrays: Mapping[str, NDArray[Any]], values: Mapping[str, Any]) -> None:
        """Become what `state` was taken from; ValueError or KeyError for what no `state` can be."""
        if arrays["joined_calibration"].shape != self._calibration.shape:
            raise ValueError("a calibration of another length")
        if arrays["vector_weights"].shape[1:] > (len(values["classes"]),):
            raise ValueError("vectors for another number of classes")
        self._hashed.load(arrays, values)
        self._dense.load(arrays)
        self._calibration = arrays["joined_calibration"].astype(np.float64)

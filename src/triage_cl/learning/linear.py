"""The online learner: multinomial logistic regression on hashed features, a lesson at a time.

Features are weighed by their rarity among the lessons so far. The step is AdaGrad's (Duchi, Hazan and Singer, JMLR
2011) with one sum of squares a feature, shared by the classes: measured on mail it learns faster than one for each
weight, in half the memory. The probabilities are calibrated by two numbers that learn from what was believed just
before each lesson: a sharpness (temperature scaling: Guo et al., ICML 2017) and a doubt, the share that is uniform.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from river import base
from river.base.typing import ClfTarget, FeatureName

from triage_cl.learning.arithmetic import exponential
from triage_cl.learning.hashing import BUCKET_BITS, Features, Packed, describe, pack
from triage_cl.learning.softmax import UNCALIBRATED, chance, learn_lesson, score_mails, weigh_mails
from triage_cl.learning.weights import WeightTable

if TYPE_CHECKING:
    import pandas as pd


class HashedSoftmax(base.MiniBatchClassifier):
    """Text by namespace in, probabilities by department out; departments appear when they are first taught.

    Two ways in, with the same result: River's (`learn_one`, `predict_proba_one`, `learn_many`, ...) takes texts by
    namespace, as `describe` does, and hashes them under `key`; `learn` and `probabilities` take features.

    Args:
        key: what texts are hashed under.
        rate: how far a lesson moves the weights.
        bits: features are hashed to 2 to the power of this many buckets.
    """

    def __init__(self, key: bytes = b"", rate: float = 2.25, bits: int = BUCKET_BITS) -> None:
        self.key = key
        self.rate = rate
        self.bits = bits
        self._classes: dict[str, int] = {}
        self._table = WeightTable(bits)
        self._lessons = 0
        self._calibration: NDArray[np.float64] = np.array(UNCALIBRATED)

    def __repr__(self) -> str:
        # River's own would show the key.
        return f"{type(self).__name__}(rate={self.rate}, bits={self.bits})"

    @property
    def classes(self) -> list[str]:
        """The departments taught so far, in the order of their first lessons."""
        return list(self._classes)

    def learn(self, features: Features, department: str) -> None:
        """Take one lesson."""
        is_new = department not in self._classes
        taught = self._classes.setdefault(department, len(self._classes))
        table = self._table
        table.make_room(features, len(self._classes))
        table.used = learn_lesson(
            table.rows,
            table.buckets,
            table.documents,
            table.logarithms,
            table.squares,
            table.weights,
            table.used,
            self._calibration,
            self._lessons,
            len(self._classes),
            is_new,
            features.indices,
            features.values,
            taught,
            np.float32(self.rate),
        )
        self._lessons += 1

    def probabilities(self, features: Sequence[Features]) -> NDArray[np.float64]:
        """A row for each mail, a column for each of `classes`; rows sum to 1, and each is as if it were alone."""
        table, mails = self._table, pack(features)
        weighed = self._weighed(mails)
        sharpness, doubt = exponential(self._calibration[0]), chance(self._calibration[2])
        classes = len(self._classes)
        return score_mails(table.rows, table.weights, classes, sharpness, doubt, mails.starts, mails.indices, weighed)

    def contributions(self, features: Features) -> NDArray[np.float64]:
        """What each feature of a mail adds to the score of each of `classes`: a row a feature."""
        return self._table.contributions(features.indices, self._weighed(pack([features])), len(self._classes))

    def _weighed(self, mails: Packed) -> NDArray[np.float32]:
        table = self._table
        table.check(mails.indices)
        return weigh_mails(table.rows, table.logarithms, self._lessons, mails.starts, mails.indices, mails.values)

    def unseen(self, features: Sequence[Features]) -> list[float | None]:
        """The share of each mail's features that no lesson had; None for a mail without features."""
        return self._table.unseen(pack(features))

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Everything that the lessons made, as arrays and JSON values, without the room that is left."""
        table, used = self._table, self._table.used
        arrays: dict[str, NDArray[Any]] = {
            "buckets": table.buckets[:used],
            "documents": table.documents[:used],
            "squares": table.squares[:used],
            "weights": table.weights[:used, : len(self._classes)],
            "calibration": self._calibration,
        }
        return arrays, {"classes": self.classes, "lessons": self._lessons}

    def load(self, arrays: Mapping[str, NDArray[Any]], values: Mapping[str, Any]) -> None:
        """Become what `state` was taken from; ValueError or KeyError for what no `state` can be."""
        classes = {str(name): column for column, name in enumerate(values["classes"])}
        if arrays["weights"].shape[1:] != (len(classes),) or arrays["calibration"].shape != (len(UNCALIBRATED),):
            raise ValueError("weights of another shape")
        self._table.fill(arrays["buckets"], arrays["documents"], arrays["weights"], arrays["squares"])
        self._calibration = arrays["calibration"].astype(np.float64)
        self._classes, self._lessons = classes, int(values["lessons"])

    def learn_one(self, x: dict[FeatureName, Any], y: ClfTarget) -> None:
        """River: take one lesson; departments are strings."""
        self.learn(self._described(x), str(y))

    def predict_proba_one(self, x: dict[FeatureName, Any], **_: Any) -> dict[ClfTarget, float]:
        """River: the probability of each department; empty before the first lesson."""
        return dict(zip(self.classes, self.probabilities([self._described(x)])[0].tolist(), strict=True))

    def learn_many(self, X: pd.DataFrame, y: pd.Series[Any]) -> None:  # noqa: N803
        """River: take the lessons of a frame in its order, a column for each namespace."""
        for text, department in zip(X.to_dict("records"), y, strict=True):
            self.learn_one(text, department)

    def predict_proba_many(self, X: pd.DataFrame) -> pd.DataFrame:  # noqa: N803
        """River: a row for each mail of a frame, a column for each department."""
        import pandas as pd

        features = [self._described(text) for text in X.to_dict("records")]
        return pd.DataFrame(self.probabilities(features), index=X.index, columns=self.classes)

    def _described(self, x: Mapping[FeatureName, Any]) -> Features:
        return describe(self.key, {str(namespace): text for namespace, text in x.items()}, self.bits)

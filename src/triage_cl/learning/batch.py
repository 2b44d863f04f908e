"""The batch learner: TF-IDF and logistic regression of scikit-learn, fitted from the start at set lesson counts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triage_cl.learning.hashing import BUCKET_BITS, Features, pack
from triage_cl.learning.softmax import score_mails, weigh_terms
from triage_cl.learning.weights import WeightTable, check_buckets


class HashedBatch:
    """Keeps its lessons' features, and fits again whenever it has a third more of them than at the last fit.

    It fits when it is first asked after a fit is due, so that a fold over thousands of lessons fits once. What it
    believes depends on its lessons alone, not on when it was asked.

    Args:
        strength: how closely it follows its lessons: the inverse of the regularisation (C in scikit-learn).
        bits: features are hashed to 2 to the power of this many buckets.
    """

    def __init__(self, strength: float = 10.0, bits: int = BUCKET_BITS) -> None:
        self._strength = strength
        self._lessons: list[Features] = []
        self._departments: list[str] = []
        self._fitted = 0
        self._classes: list[str] = []
        self._table = WeightTable(bits)
        self._rarity = np.ones(1, np.float32)

    @property
    def classes(self) -> list[str]:
        """The departments of the lessons at the last fit, by name."""
        self._fit()
        return list(self._classes)

    def learn(self, features: Features, department: str) -> None:
        """Keep one lesson."""
        check_buckets(features.indices, self._table.rows.size)
        self._lessons.append(features)
        self._departments.append(department)

    def probabilities(self, features: Sequence[Features]) -> NDArray[np.float64]:
        """A row for each mail, a column for each of `classes`; rows sum to 1, and each is as if it were alone."""
        self._fit()
        packed = pack(features)
        check_buckets(packed.indices, self._table.rows.size)
        weighed = weigh_terms(self._table.rows, self._rarity, packed.starts, packed.indices, packed.values)
        table = self._table
        return score_mails(
            table.rows, table.weights, len(self._classes), 1.0, packed.starts, packed.indices, weighed
        )

    def unseen(self, features: Sequence[Features]) -> list[float | None]:
        """The share of each mail's features that no lesson of the last fit had; None for a mail without features."""
        self._fit()
        return self._table.unseen(pack(features))

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """The lessons end to end and the last fit, as arrays and JSON values."""
        self._fit()
        names = sorted(set(self._departments))
        codes = {name: code for code, name in enumerate(names)}
        packed = pack(self._lessons)
        arrays = {
            "starts": packed.starts,
            "indices": packed.indices,
            "values": packed.values,
            "departments": np.array([codes[name] for name in self._departments], np.int32),
            "buckets": self._table.buckets,
            "weights": self._table.weights,
            "rarity": self._rarity,
        }
        return arrays, {"departments": names, "classes": self._classes, "fitted": self._fitted}

    def load(self, arrays: Mapping[str, NDArray[Any]], values: Mapping[str, Any]) -> None:
        """Become what `state` was taken from; raises ValueError or KeyError for what no `state` can be."""
        starts, indices, kept = arrays["starts"], arrays["indices"], arrays["values"]
        check_buckets(indices, self._table.rows.size)
        if starts[0] != 0 or starts[-1] != len(indices) or len(indices) != len(kept) or (np.diff(starts) < 0).any():
            raise ValueError("lessons that do not lie end to end")
        classes = [str(name) for name in values["classes"]]
        if arrays["weights"].shape != (len(arrays["rarity"]) - 1, len(classes)):
            raise ValueError("weights for another number of classes or features")
        names = [str(name) for name in values["departments"]]
        spans = zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)
        self._lessons = [Features(indices[start:end], kept[start:end]) for start, end in spans]
        self._departments = [names[code] for code in arrays["departments"].tolist()]
        self._table.fill(arrays["buckets"], arrays["weights"], np.zeros(len(arrays["buckets"]), np.float32))
        self._rarity = arrays["rarity"].astype(np.float32)
        self._classes = classes
        self._fitted = int(values["fitted"])

    def _fit(self) -> None:
        due = last_due(len(self._lessons))
        if due == self._fitted:
            return
        self._fitted = due
        packed = pack(self._lessons[:due])
        buckets, columns = np.unique(packed.indices, return_inverse=True)
        self._classes = sorted(set(self._departments[:due]))
        self._rarity = _rarity(columns, buckets.size, due)
        self._table.fill(buckets, np.zeros((buckets.size, len(self._classes)), np.float32), np.zeros(buckets.size))
        if len(self._classes) > 1:
            values = weigh_terms(self._table.rows, self._rarity, packed.starts, packed.indices, packed.values)
            codes = np.searchsorted(self._classes, self._departments[:due])
            shape = (due, buckets.size)
            self._table.weights = _regression(columns, values, packed.starts, shape, codes, self._strength)


def last_due(lessons: int) -> int:
    """The lesson count of the last fit that is due after this many lessons: 1, 2, 3, ..., then a third more each."""
    due = 0
    while (following := max(due + 1, due * 4 // 3)) <= lessons:
        due = following
    return due


def _rarity(columns: NDArray[np.int64], size: int, lessons: int) -> NDArray[np.float32]:
    """The inverse document frequency of each column, smoothed as in scikit-learn; at the end that of no document."""
    documents = np.append(np.bincount(columns, minlength=size), 0)
    return (np.log((1 + lessons) / (1 + documents)) + 1).astype(np.float32)


def _regression(
    columns: NDArray[np.int64],
    values: NDArray[np.float32],
    starts: NDArray[np.int64],
    shape: tuple[int, int],
    codes: NDArray[np.int64],
    strength: float,
) -> NDArray[np.float32]:
    """The weights of a fitted logistic regression, a row a column of the lessons, a column a class."""
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    lessons = csr_matrix((values.astype(np.float64), columns, starts), shape=shape)
    # More threads would add in another order, and give other bits.
    with threadpool_limits(1):
        fitted = LogisticRegression(C=strength, fit_intercept=False, max_iter=300, tol=1e-3).fit(lessons, codes)
    weights = fitted.coef_ if len(fitted.coef_) > 1 else np.vstack([-fitted.coef_ / 2, fitted.coef_ / 2])
    return np.ascontiguousarray(weights.T, np.float32)

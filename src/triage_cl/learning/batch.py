"""The batch learner: TF-IDF and support vector machines of scikit-learn, fitted on all lessons when it is asked."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triage_cl.learning.fitting import USUAL_SHARPNESS, fit_separators, fit_sharpness
from triage_cl.learning.hashing import BUCKET_BITS, Features, Packed, pack
from triage_cl.learning.softmax import softmax_mails, weigh_mails
from triage_cl.learning.tables import WeightTable
from triage_cl.learning.words import BLOCKS


class HashedBatch:
    """Keeps its lessons' features, and fits on all of them when it is asked after new ones.

    So a fold over thousands of lessons fits once, and what it believes depends on its lessons alone, not on when it
    was asked.

    Args:
        bits: features are hashed to 2 to the power of this many buckets.
    """

    def __init__(self, bits: int = BUCKET_BITS) -> None:
        self._lessons: list[Features] = []
        self._departments: list[str] = []
        self._fitted = 0
        self._classes: list[str] = []
        self._table = WeightTable(bits)
        self._sharpness = USUAL_SHARPNESS

    @property
    def classes(self) -> list[str]:
        """The departments of the lessons, by name."""
        self._fit()
        return list(self._classes)

    def learn(
        self,
        features: Features,
        department: str,
        weight: float = 1.0,  # noqa: ARG002
        teams: Collection[str] = (),  # noqa: ARG002
    ) -> None:
        """Keep one lesson; every one weighs the same, and a department is a class of its own beside its teams."""
        self._table.check(features.indices)
        self._lessons.append(features)
        self._departments.append(department)

    def probabilities(self, features: Sequence[Features]) -> NDArray[np.float64]:
        """A row for each mail, a column for each of `classes`; rows sum to 1, and each is as if it were alone."""
        self._fit()
        mails = pack(features)
        found, weighed = self._weighed(mails)
        return softmax_mails(found, weighed, self._table.weights, len(self._classes), self._sharpness, mails.starts)

    def contributions(self, features: Features) -> NDArray[np.float64]:
        """What each feature of a mail adds to the score of each of `classes`: a row a feature."""
        self._fit()
        found, weighed = self._weighed(pack([features]))
        weights = self._table.weights[found, : len(self._classes)]
        return np.where(found[:, np.newaxis] >= 0, weighed[:, np.newaxis].astype(np.float64) * weights, 0.0)

    def _weighed(self, mails: Packed) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The row of each feature, or -1, and its value weighed by rarity."""
        table = self._table
        table.check(mails.indices)
        return weigh_mails(
            table.rows, table.logarithms, self._fitted, mails.starts, mails.indices, mails.values, mails.bounds
        )

    def unseen(self, features: Sequence[Features]) -> list[float | None]:
        """The share of each mail's features that no lesson had; None for a mail without features."""
        self._fit()
        return self._table.unseen(pack(features))

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """The lessons end to end and the last fit, as arrays and JSON values."""
        self._fit()
        names = sorted(set(self._departments))
        codes = {name: code for code, name in enumerate(names)}
        packed = pack(self._lessons)
        arrays: dict[str, NDArray[Any]] = {
            "starts": packed.starts,
            "indices": packed.indices,
            "values": packed.values,
            "bounds": packed.bounds,
            "departments": np.array([codes[name] for name in self._departments], np.int32),
            "buckets": self._table.buckets,
            "documents": self._table.documents,
            "weights": self._table.weights[:, : len(self._classes)],
        }
        values = {"departments": names, "classes": self._classes, "fitted": self._fitted, "sharpness": self._sharpness}
        return arrays, values

    def load(self, arrays: Mapping[str, NDArray[Any]], values: Mapping[str, Any]) -> None:
        """Become what `state` was taken from; ValueError or KeyError for what no `state` can be."""
        starts, indices, kept, bounds = arrays["starts"], arrays["indices"], arrays["values"], arrays["bounds"]
        names, classes = [str(name) for name in values["departments"]], [str(name) for name in values["classes"]]
        if starts[0] != 0 or starts[-1] != len(indices) or len(indices) != len(kept) or (np.diff(starts) < 0).any():
            raise ValueError("lessons that do not lie end to end")
        if bounds.shape != (len(starts) - 1, BLOCKS + 1) or (np.diff(bounds) < 0).any():
            raise ValueError("lessons with other blocks of features")
        if (bounds[:, 0] != 0).any() or (bounds[:, -1] != np.diff(starts)).any():
            raise ValueError("lessons with other blocks of features")
        if arrays["weights"].shape[1:] != (len(classes),):
            raise ValueError("weights for another number of classes")
        self._table.check(indices)
        self._table.fill(arrays["buckets"], arrays["documents"], arrays["weights"])
        spans = zip(starts[:-1].tolist(), starts[1:].tolist(), bounds, strict=True)
        self._lessons = [Features(indices[start:end], kept[start:end], own) for start, end, own in spans]
        self._departments = [names[code] for code in arrays["departments"].tolist()]
        self._classes, self._fitted, self._sharpness = classes, int(values["fitted"]), float(values["sharpness"])

    def _fit(self) -> None:
        if self._fitted == len(self._lessons):
            return
        from scipy.sparse import csr_matrix

        self._fitted = len(self._lessons)
        lessons = pack(self._lessons)
        self._classes = sorted(set(self._departments))
        buckets, columns, documents = np.unique(lessons.indices, return_inverse=True, return_counts=True)
        weights = np.zeros((buckets.size, len(self._classes)), np.float32)
        self._table.fill(buckets, documents, weights)
        weighed = self._weighed(lessons)[1].astype(np.float64)
        matrix = csr_matrix((weighed, columns, lessons.starts), (self._fitted, buckets.size))
        codes = np.searchsorted(self._classes, self._departments)
        self._table.weights[:, : len(self._classes)] = fit_separators(matrix, codes, len(self._classes)).T
        self._sharpness = fit_sharpness(matrix, codes, len(self._classes))

"""Weights by bucket and class that take memory only for the buckets that lessons had."""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from triage_cl.learning.hashing import Features, Packed
from triage_cl.learning.softmax import logarithms_of_one_more

_Number = TypeVar("_Number", bound=np.generic)

_FIRST_ROWS, _FIRST_COLUMNS = 4_096, 8


class WeightTable:
    """A row for each bucket that a lesson had, a column for each class; room grows and never changes a number.

    `rows` gives the row of each bucket, or -1. By row: `buckets`, the bucket; `documents`, how many lessons had it, and
    `logarithms`, log(1 + documents); `squares`, the sum of its squared slopes; `weights`, one for each class. Only the
    first `used` rows mean anything, and as many columns as there are classes.
    """

    def __init__(self, bits: int) -> None:
        self.rows: NDArray[np.int32] = np.full(2**bits, -1, np.int32)
        self.used = 0
        self.buckets: NDArray[np.uint32] = np.zeros(0, np.uint32)
        self.documents: NDArray[np.uint32] = np.zeros(0, np.uint32)
        self.logarithms: NDArray[np.float32] = np.zeros(0, np.float32)
        self.squares: NDArray[np.float32] = np.zeros(0, np.float32)
        self.weights: NDArray[np.float32] = np.zeros((0, 0), np.float32)

    def fill(
        self,
        buckets: NDArray[Any],
        documents: NDArray[Any],
        weights: NDArray[Any],
        squares: NDArray[Any] | None = None,
    ) -> None:
        """Hold these rows and no others; ValueError where they cannot be a table's."""
        squares = np.zeros(len(buckets), np.float32) if squares is None else squares
        if buckets.ndim != 1 or weights.ndim != 2 or not len(buckets) == len(documents) == len(weights) == len(squares):
            raise ValueError("columns of different lengths")
        if np.unique(buckets).size != buckets.size or buckets.max(initial=0) >= self.rows.size:
            raise ValueError("a bucket twice, or beyond the last one")
        self.rows.fill(-1)
        self.rows[buckets] = np.arange(buckets.size, dtype=np.int32)
        self.used = buckets.size
        # Copies: what was read from a snapshot cannot be written to.
        self.buckets = buckets.astype(np.uint32)
        self.documents = documents.astype(np.uint32)
        self.logarithms = logarithms_of_one_more(self.documents)
        self.squares = squares.astype(np.float32)
        self.weights = weights.astype(np.float32)

    def make_room(self, features: Features, classes: int) -> None:
        """Grow, in leaps, so that every one of the features and classes finds a place."""
        self.check(features.indices[-1:])
        height, width = self.weights.shape
        needed = self.used + features.indices.size
        if needed <= height and classes <= width:
            return
        if needed > height:
            height = max(needed, _FIRST_ROWS, height * 3 // 2)
        if classes > width:
            width = max(classes, _FIRST_COLUMNS, width * 2)
        # Memory that was never written to is not resident: leaps cost addresses only.
        weights = np.zeros((height, width), np.float32)
        weights[: self.used, : self.weights.shape[1]] = self.weights[: self.used]
        self.weights = weights
        self.buckets = _lengthened(self.buckets, height)
        self.documents = _lengthened(self.documents, height)
        self.logarithms = _lengthened(self.logarithms, height)
        self.squares = _lengthened(self.squares, height)

    def check(self, indices: NDArray[np.uint32]) -> None:
        """ValueError where features were hashed to more buckets than there are: kernels do not look."""
        if indices.max(initial=0) >= self.rows.size:
            raise ValueError(f"features beyond {self.rows.size} buckets: they were hashed with other settings")

    def contributions(
        self, indices: NDArray[np.uint32], weighed: NDArray[np.float32], classes: int
    ) -> NDArray[np.float64]:
        """What each of a mail's features adds to the scores: a row a feature, a column a class."""
        added = np.zeros((indices.size, classes))
        rows = self.rows[indices]
        known = rows >= 0
        added[known] = weighed[known, np.newaxis].astype(np.float64) * self.weights[rows[known], :classes]
        return added

    def unseen(self, packed: Packed) -> list[float | None]:
        """The share of each mail's features that no lesson had; None for a mail without features."""
        self.check(packed.indices)
        missing = np.concatenate([[0], np.cumsum(self.rows[packed.indices] < 0)])
        counts = np.diff(packed.starts)
        shares = np.diff(missing[packed.starts]) / np.maximum(counts, 1)
        return [share if count else None for share, count in zip(shares.tolist(), counts.tolist(), strict=True)]


def _lengthened(array: NDArray[_Number], length: int) -> NDArray[_Number]:
    longer = np.zeros(length, array.dtype)
    longer[: array.size] = array
    return longer

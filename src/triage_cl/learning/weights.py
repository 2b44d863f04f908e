"""Weights by bucket and class that take memory only for the buckets that were taught."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from triage_cl.learning.hashing import Features, Packed

Number = TypeVar("Number", bound=np.generic)

_FIRST_ROWS, _FIRST_COLUMNS = 4_096, 8


class WeightTable:
    """A row of weights for each taught bucket, a column for each class; room grows and never changes a number.

    `rows` gives the row of each bucket, or -1; `buckets` and `squares` give each row's bucket and sum of squared
    slopes. Only the first `used` rows and the first columns, as many as there are classes, mean anything.
    """

    def __init__(self, bits: int) -> None:
        self.rows = np.full(2**bits, -1, np.int32)
        self.used = 0
        self.buckets = np.zeros(0, np.uint32)
        self.squares = np.zeros(0, np.float32)
        self.weights = np.zeros((0, 0), np.float32)

    def fill(self, buckets: NDArray[np.uint32], weights: NDArray[np.float32], squares: NDArray[np.float32]) -> None:
        """Take these rows, and no others; raises ValueError where they cannot be a table's."""
        if buckets.ndim != 1 or weights.ndim != 2 or not len(buckets) == len(weights) == len(squares):
            raise ValueError("rows of different numbers")
        if np.unique(buckets).size != buckets.size or buckets.max(initial=0) >= self.rows.size:
            raise ValueError("a bucket twice, or beyond the last one")
        self.rows[:] = -1
        self.rows[buckets] = np.arange(buckets.size, dtype=np.int32)
        self.used = buckets.size
        self.buckets = buckets.astype(np.uint32)
        self.squares = squares.astype(np.float32)
        self.weights = weights.astype(np.float32)

    def make_room(self, features: Features, classes: int) -> None:
        """Grow, in leaps, so that every one of the features and classes finds a place."""
        check_buckets(features.indices, self.rows.size)
        height, width = self.weights.shape
        needed = self.used + features.indices.size
        if needed <= height and classes <= width:
            return
        if needed > height:
            height = max(needed, _FIRST_ROWS, height * 3 // 2)
        if classes > width:
            width = max(classes, _FIRST_COLUMNS, width * 2)
        # Zeroed memory is not resident before it is written to, so that the leaps cost addresses only.
        weights = np.zeros((height, width), np.float32)
        weights[: self.used, : self.weights.shape[1]] = self.weights[: self.used]
        self.weights = weights
        self.buckets = _lengthened(self.buckets, height)
        self.squares = _lengthened(self.squares, height)

    def unseen(self, packed: Packed) -> list[float | None]:
        """The share of each mail's features that were never taught; None for a mail without features."""
        check_buckets(packed.indices, self.rows.size)
        missing = np.concatenate([[0], np.cumsum(self.rows[packed.indices] < 0)])
        counts = np.diff(packed.starts)
        shares = np.diff(missing[packed.starts]) / np.maximum(counts, 1)
        return [share if count else None for share, count in zip(shares.tolist(), counts.tolist(), strict=True)]


def check_buckets(indices: NDArray[np.uint32], buckets: int) -> None:
    """Raise ValueError where features were hashed to more buckets than there are: kernels do not look."""
    if indices.max(initial=0) >= buckets:
        raise ValueError(f"features beyond {buckets} buckets: they were hashed with other settings")


def _lengthened(array: NDArray[Number], length: int) -> NDArray[Number]:
    longer = np.zeros(length, array.dtype)
    longer[: array.size] = array
    return longer

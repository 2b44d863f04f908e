"""What is kept by feature and class, with memory only for the buckets that lessons had."""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from triage_cl.learning.compiling import compiled
from triage_cl.learning.hashing import Packed
from triage_cl.learning.softmax import logarithms_of_one_more

_Number = TypeVar("_Number", bound=np.generic)

_FIRST_ROWS = 4_096
# Rows of so many numbers begin where a processor reads them fastest, and need no loop for the rest.
_COLUMNS = 8


@compiled
def any_beyond(indices: NDArray[np.uint32], buckets: int) -> bool:
    """Whether one of the indices is none of so many buckets."""
    highest = 0
    for index in indices:
        highest = max(highest, int(index))
    return highest >= buckets


class WeightTable:
    """A row for each bucket that a lesson had, a column for each class; room grows and never changes a number.

    `rows` gives the row of each bucket, or -1. By row: `buckets`, the bucket; `documents`, how many lessons had it, and
    `logarithms`, log(1 + documents); `squares`, the fading sum of its squared slopes; `weights`, one for each class;
    `counted`, its row in the table of counts, or -1. Only the first `used` rows mean anything, and as many columns as
    there are classes; the columns beyond are 0.
    """

    def __init__(self, bits: int) -> None:
        self.rows: NDArray[np.int32] = np.full(2**bits, -1, np.int32)
        self.used = 0
        self.buckets: NDArray[np.uint32] = np.zeros(0, np.uint32)
        self.documents: NDArray[np.uint32] = np.zeros(0, np.uint32)
        self.logarithms: NDArray[np.float32] = np.zeros(0, np.float32)
        self.squares: NDArray[np.float32] = np.zeros(0, np.float32)
        self.counted: NDArray[np.int32] = np.zeros(0, np.int32)
        self.weights: NDArray[np.float32] = np.zeros((0, _COLUMNS), np.float32)

    def fill(
        self,
        buckets: NDArray[Any],
        documents: NDArray[Any],
        weights: NDArray[Any],
        squares: NDArray[Any] | None = None,
    ) -> None:
        """Hold these rows and no others, none of them counted; ValueError where they cannot be a table's."""
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
        self.counted = np.full(buckets.size, -1, np.int32)
        self.weights = _grown(weights.astype(np.float32), *weights.shape)

    def make_room(self, features: int, classes: int) -> None:
        """Grow, in leaps, so that so many more features and this many classes find a place."""
        height, width = self.weights.shape
        needed = self.used + features
        if needed <= height and classes <= width:
            return
        height = height if needed <= height else max(needed, _FIRST_ROWS, height * 3 // 2)
        self.weights = _grown(self.weights, height, max(classes, width))
        self.buckets = _lengthened(self.buckets, height)
        self.documents = _lengthened(self.documents, height)
        self.logarithms = _lengthened(self.logarithms, height)
        self.squares = _lengthened(self.squares, height)
        self.counted = _lengthened(self.counted, height, -1)

    def check(self, indices: NDArray[np.uint32]) -> None:
        """ValueError where features were hashed to more buckets than there are: kernels do not look."""
        if any_beyond(indices, self.rows.size):
            raise ValueError(f"features beyond {self.rows.size} buckets: they were hashed with other settings")

    def unseen(self, packed: Packed) -> list[float | None]:
        """The share of each mail's features that no lesson had; None for a mail without features."""
        self.check(packed.indices)
        missing = np.concatenate([[0], np.cumsum(self.rows[packed.indices] < 0)])
        counts = np.diff(packed.starts)
        shares = np.diff(missing[packed.starts]) / np.maximum(counts, 1)
        return [share if count else None for share, count in zip(shares.tolist(), counts.tolist(), strict=True)]


class CountTable:
    """How many lessons of each class had a feature: `counts` by row and class, `totals` by row, fading where they do.

    `owners` names the row of the feature in the table of weights, whose `counted` names the row here.
    """

    def __init__(self) -> None:
        self.used = 0
        self.owners: NDArray[np.int32] = np.zeros(0, np.int32)
        self.totals: NDArray[np.float32] = np.zeros(0, np.float32)
        self.counts: NDArray[np.float32] = np.zeros((0, _COLUMNS), np.float32)

    def fill(self, owners: NDArray[Any], totals: NDArray[Any], counts: NDArray[Any], weights: WeightTable) -> None:
        """Hold these rows and no others, owned by rows of `weights`; ValueError where they cannot be a table's."""
        if owners.ndim != 1 or counts.ndim != 2 or not len(owners) == len(totals) == len(counts):
            raise ValueError("counts of different lengths")
        if np.unique(owners).size != owners.size or (owners < 0).any() or owners.max(initial=-1) >= weights.used:
            raise ValueError("counts of a feature twice, or of none")
        weights.counted[owners] = np.arange(owners.size, dtype=np.int32)
        self.used = owners.size
        self.owners = owners.astype(np.int32)
        self.totals = totals.astype(np.float32)
        self.counts = _grown(counts.astype(np.float32), *counts.shape)

    def make_room(self, features: int, classes: int) -> None:
        """Grow, in leaps, so that so many more features and this many classes find a place."""
        height, width = self.counts.shape
        needed = self.used + features
        if needed <= height and classes <= width:
            return
        height = height if needed <= height else max(needed, _FIRST_ROWS, height * 3 // 2)
        self.counts = _grown(self.counts, height, max(classes, width))
        self.owners = _lengthened(self.owners, height)
        self.totals = _lengthened(self.totals, height)


def _grown(array: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    # Memory that was never written to is not resident: leaps cost addresses only.
    larger = np.zeros((height, -(-max(width, 1) // _COLUMNS) * _COLUMNS), np.float32)
    larger[: array.shape[0], : array.shape[1]] = array
    return larger


def _lengthened(array: NDArray[_Number], length: int, filling: int = 0) -> NDArray[_Number]:
    longer = np.full(length, filling, array.dtype)
    longer[: array.size] = array
    return longer

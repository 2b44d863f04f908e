"""The compiled arithmetic that all learners share: weights by rarity, and the softmax.

Every sum is taken in the order of its features or classes, without fused or reordered operations, so that the same
lessons give the same bits on every machine, alone or in a batch, however much room the arrays have.
"""

import numpy as np
from numpy.typing import NDArray

from triage_cl.learning.arithmetic import exponential, logarithm
from triage_cl.learning.compiling import compiled
from triage_cl.learning.words import BLOCKS, NUMBERS

#: The Euclidean length of each block of features before all are joined: see `weigh`. Numbers enter as they are.
_LENGTHS = np.array([1.0, 0.5, 0.5, 0.5, 0.5, 0.3, 0.3, 0.5])

# Where so few buckets are left that features share them, one can seem to be in more lessons than there were.
_LEAST_RARITY = 0.1


@compiled
def logarithms_of_one_more(counts: NDArray[np.uint32]) -> NDArray[np.float32]:
    """log(1 + count) of each."""
    logarithms = np.empty(counts.size, np.float32)
    for i in range(counts.size):
        logarithms[i] = logarithm(1.0 + counts[i])
    return logarithms


@compiled
def weigh(
    rows: NDArray[np.int32],
    logarithms: NDArray[np.float32],
    lessons: int,
    indices: NDArray[np.uint32],
    values: NDArray[np.float32],
    bounds: NDArray[np.int32],
    found: NDArray[np.int32],
    weighed: NDArray[np.float32],
) -> None:
    """Into `found` the row of each feature, or -1; into `weighed` its value times its rarity, scaled to length 1.

    The rarity is the smoothed inverse document frequency (Spärck Jones, 1972) over the lessons so far: 1 + log((1 +
    lessons) / (1 + lessons that had the feature)). Each block is brought to a length of its own first, so that a long
    body does not drown the subject.
    """
    most = 1.0 + logarithm(1.0 + lessons)
    whole = 0.0
    for block in range(NUMBERS):
        begin, end = bounds[block], bounds[block + 1]
        if begin == end:
            continue
        square = 0.0
        for i in range(begin, end):
            row = rows[indices[i]]
            found[i] = row
            rarity = max(most - (np.float64(logarithms[row]) if row >= 0 else 0.0), _LEAST_RARITY)
            weighed[i] = np.float64(values[i]) * rarity
            square += np.float64(weighed[i]) * np.float64(weighed[i])
        scale = np.float32(_LENGTHS[block] / np.sqrt(square))
        for i in range(begin, end):
            weighed[i] *= scale
        whole += _LENGTHS[block] * _LENGTHS[block]
    if whole > 0.0:
        scale = np.float32(1.0 / np.sqrt(whole))
        for i in range(bounds[NUMBERS]):
            weighed[i] *= scale
    for i in range(bounds[NUMBERS], bounds[BLOCKS]):
        found[i] = rows[indices[i]]
        weighed[i] = values[i]


@compiled
def add_weights(
    found: NDArray[np.int32], weights: NDArray[np.float32], weighed: NDArray[np.float32], scores: NDArray[np.float32]
) -> None:
    """Add to the score of each class what the features say for it; one without a row says nothing."""
    for i in range(found.size):
        row = found[i]
        if row >= 0:
            for c in range(scores.size):
                scores[c] += weighed[i] * weights[row, c]


@compiled
def weigh_mails(
    rows: NDArray[np.int32],
    logarithms: NDArray[np.float32],
    lessons: int,
    starts: NDArray[np.int64],
    indices: NDArray[np.uint32],
    values: NDArray[np.float32],
    bounds: NDArray[np.int32],
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """What `weigh` gives for mails packed end to end."""
    found = np.empty(values.size, np.int32)
    weighed = np.empty(values.size, np.float32)
    for mail in range(starts.size - 1):
        start, end = starts[mail], starts[mail + 1]
        here = slice(start, end)
        weigh(rows, logarithms, lessons, indices[here], values[here], bounds[mail], found[here], weighed[here])
    return found, weighed


@compiled
def softmax_mails(
    found: NDArray[np.int32],
    weighed: NDArray[np.float32],
    weights: NDArray[np.float32],
    classes: int,
    sharpness: float,
    starts: NDArray[np.int64],
) -> NDArray[np.float64]:
    """The softmax of the scores times `sharpness`: a row for each of the mails packed end to end, a column a class."""
    probabilities = np.empty((starts.size - 1, classes), np.float64)
    scores = np.empty(weights.shape[1], np.float32)
    for mail in range(starts.size - 1 if classes else 0):
        here = slice(starts[mail], starts[mail + 1])
        scores[:] = np.float32(0.0)
        add_weights(found[here], weights, weighed[here], scores)
        highest = np.float64(scores[:classes].max())
        total = 0.0
        for c in range(classes):
            probabilities[mail, c] = exponential(sharpness * (np.float64(scores[c]) - highest))
            total += probabilities[mail, c]
        for c in range(classes):
            probabilities[mail, c] /= total
    return probabilities

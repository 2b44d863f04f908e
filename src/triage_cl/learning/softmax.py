"""The compiled arithmetic of the learners: scores, probabilities, and one step of learning.

Every sum is taken in the order of its features or classes, without fused or reordered operations, so that the same
lessons give the same bits on every machine, alone or in a batch, however much room the arrays have.
"""

import numpy as np
from numpy.typing import NDArray

from triage_cl.learning.arithmetic import exponential
from triage_cl.learning.compiling import compiled

#: How fast the sharpness of the probabilities follows the lessons.
_SHARPNESS_RATE = 0.1
_SMALL = np.float32(1e-6)


@compiled
def _score(
    rows: NDArray[np.int32],
    weights: NDArray[np.float32],
    indices: NDArray[np.uint32],
    values: NDArray[np.float32],
    scores: NDArray[np.float32],
) -> None:
    scores[:] = np.float32(0.0)
    for i in range(indices.size):
        row = rows[indices[i]]
        if row >= 0:
            for c in range(scores.size):
                scores[c] += values[i] * weights[row, c]


@compiled
def _softmax(scores: NDArray[np.float32], sharpness: float, probabilities: NDArray[np.float64]) -> None:
    highest = scores.max()
    total = 0.0
    for c in range(scores.size):
        probabilities[c] = exponential(sharpness * (np.float64(scores[c]) - np.float64(highest)))
        total += probabilities[c]
    for c in range(scores.size):
        probabilities[c] /= total


@compiled
def score_mails(
    rows: NDArray[np.int32],
    weights: NDArray[np.float32],
    classes: int,
    sharpness: float,
    starts: NDArray[np.int64],
    indices: NDArray[np.uint32],
    values: NDArray[np.float32],
) -> NDArray[np.float64]:
    """The probabilities of each class (columns) for mails packed end to end (rows).

    `rows` gives the row in `weights` of each bucket, or -1; such a feature counts nothing.
    """
    probabilities = np.empty((starts.size - 1, classes), np.float64)
    scores = np.empty(classes, np.float32)
    if classes == 0:
        return probabilities
    for mail in range(starts.size - 1):
        start, end = starts[mail], starts[mail + 1]
        _score(rows, weights, indices[start:end], values[start:end], scores)
        _softmax(scores, sharpness, probabilities[mail])
    return probabilities


@compiled
def _calibrate(
    calibration: NDArray[np.float64], scores: NDArray[np.float32], taught: int, probabilities: NDArray[np.float64]
) -> None:
    """One AdaGrad step of the logarithm of the sharpness, down the log-loss of what was believed before the lesson."""
    sharpness = exponential(calibration[0])
    _softmax(scores, sharpness, probabilities)
    expected = 0.0
    for c in range(scores.size):
        expected += probabilities[c] * np.float64(scores[c])
    slope = sharpness * (expected - np.float64(scores[taught]))
    calibration[1] += slope * slope
    if calibration[1] > 0.0:
        calibration[0] -= _SHARPNESS_RATE * slope / np.sqrt(calibration[1])


@compiled
def learn_lesson(
    rows: NDArray[np.int32],
    buckets: NDArray[np.uint32],
    weights: NDArray[np.float32],
    squares: NDArray[np.float32],
    used: int,
    calibration: NDArray[np.float64],
    classes: int,
    is_new: bool,
    indices: NDArray[np.uint32],
    values: NDArray[np.float32],
    taught: int,
    rate: np.float32,
) -> int:
    """One AdaGrad step down the log-loss of one lesson; returns how many rows are used then.

    `weights` must have room for a row for each of the features and for `classes` columns. `calibration` holds the
    logarithm of the sharpness and its sum of squared slopes; it learns first, unless the class is new.
    """
    scores = np.empty(classes, np.float32)
    probabilities = np.empty(classes, np.float64)
    _score(rows, weights, indices, values, scores)
    if not is_new:
        _calibrate(calibration, scores, taught, probabilities)
    _softmax(scores, 1.0, probabilities)
    slopes = probabilities.astype(np.float32)
    slopes[taught] -= np.float32(1.0)
    total = np.float32(0.0)
    for c in range(classes):
        total += slopes[c] * slopes[c]
    for i in range(indices.size):
        row = np.int64(rows[indices[i]])
        if row < 0:
            row = used
            rows[indices[i]] = row
            buckets[row] = indices[i]
            used += 1
        squares[row] += values[i] * values[i] * total
        step = rate * values[i] / np.sqrt(squares[row] + _SMALL)
        for c in range(classes):
            weights[row, c] -= step * slopes[c]
    return used


@compiled
def weigh_terms(
    rows: NDArray[np.int32],
    rarity: NDArray[np.float32],
    starts: NDArray[np.int64],
    indices: NDArray[np.uint32],
    values: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Values times the rarity of their features, of Euclidean length 1 again, for mails packed end to end.

    `rarity` is by row; its last entry is that of features without a row.
    """
    weighed = np.empty(values.size, np.float32)
    for mail in range(starts.size - 1):
        square = 0.0
        for i in range(starts[mail], starts[mail + 1]):
            weighed[i] = values[i] * rarity[rows[indices[i]]]
            square += np.float64(weighed[i]) * np.float64(weighed[i])
        length = np.float32(np.sqrt(square))
        for i in range(starts[mail], starts[mail + 1]):
            weighed[i] /= length
    return weighed

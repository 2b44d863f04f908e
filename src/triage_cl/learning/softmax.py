"""The compiled arithmetic of the learners: from features to probabilities, and one step of learning.

Every sum is taken in the order of its features or classes, without fused or reordered operations, so that the same
lessons give the same bits on every machine, alone or in a batch, however much room the arrays have.
"""

import numpy as np
from numpy.typing import NDArray

from triage_cl.learning.arithmetic import exponential, logarithm
from triage_cl.learning.compiling import compiled

#: The calibration of a learner that was taught nothing: see `learn_lesson`.
UNCALIBRATED = (0.0, 0.0, -4.0, 0.0)

_CALIBRATION_RATE = 0.1
_SMALL = np.float32(1e-6)


@compiled
def logarithms_of_one_more(counts: NDArray[np.uint32]) -> NDArray[np.float32]:
    """log(1 + count) of each."""
    logarithms = np.empty(counts.size, np.float32)
    for i in range(counts.size):
        logarithms[i] = logarithm(1.0 + counts[i])
    return logarithms


@compiled
def chance(log_odds: float) -> float:
    """The probability that has these logarithmic odds."""
    return 1.0 / (1.0 + exponential(-log_odds))


@compiled
def _weigh(
    rows: NDArray[np.int32],
    logarithms: NDArray[np.float32],
    lessons: int,
    indices: NDArray[np.uint32],
    values: NDArray[np.float32],
    weighed: NDArray[np.float32],
) -> None:
    """Values times 1 + log((1 + lessons) / (1 + lessons that had the feature)), of Euclidean length 1 again.

    The smoothed inverse document frequency (Spärck Jones, 1972), over the lessons so far.
    """
    most = 1.0 + logarithm(1.0 + lessons)
    square = 0.0
    for i in range(indices.size):
        row = rows[indices[i]]
        rarity = most - (np.float64(logarithms[row]) if row >= 0 else 0.0)
        weighed[i] = np.float64(values[i]) * rarity
        square += np.float64(weighed[i]) * np.float64(weighed[i])
    length = np.float32(np.sqrt(square))
    for i in range(indices.size):
        weighed[i] /= length


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
def weigh_mails(
    rows: NDArray[np.int32],
    logarithms: NDArray[np.float32],
    lessons: int,
    starts: NDArray[np.int64],
    indices: NDArray[np.uint32],
    values: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Values weighed by rarity over `lessons`, of Euclidean length 1, for mails packed end to end."""
    weighed = np.empty(values.size, np.float32)
    for mail in range(starts.size - 1):
        start, end = starts[mail], starts[mail + 1]
        _weigh(rows, logarithms, lessons, indices[start:end], values[start:end], weighed[start:end])
    return weighed


@compiled
def score_mails(
    rows: NDArray[np.int32],
    weights: NDArray[np.float32],
    classes: int,
    sharpness: float,
    doubt: float,
    starts: NDArray[np.int64],
    indices: NDArray[np.uint32],
    weighed: NDArray[np.float32],
) -> NDArray[np.float64]:
    """The probabilities of each class (columns) for mails packed end to end (rows).

    `rows` gives the row in `weights` of each bucket, or -1: such a feature counts nothing. The probabilities are the
    softmax of the scores times `sharpness`, and in the share `doubt` uniform.
    """
    probabilities = np.empty((starts.size - 1, classes), np.float64)
    scores = np.empty(classes, np.float32)
    if classes == 0:
        return probabilities
    for mail in range(starts.size - 1):
        start, end = starts[mail], starts[mail + 1]
        _score(rows, weights, indices[start:end], weighed[start:end], scores)
        _softmax(scores, sharpness, probabilities[mail])
        for c in range(classes):
            probabilities[mail, c] = (1.0 - doubt) * probabilities[mail, c] + doubt / classes
    return probabilities


@compiled
def _descend(calibration: NDArray[np.float64], at: int, slope: float) -> None:
    """One AdaGrad step of the number at `at`; the sum of its squared slopes is the next one."""
    calibration[at + 1] += slope * slope
    if calibration[at + 1] > 0.0:
        calibration[at] -= _CALIBRATION_RATE * slope / np.sqrt(calibration[at + 1])


@compiled
def _calibrate(
    calibration: NDArray[np.float64], scores: NDArray[np.float32], taught: int, probabilities: NDArray[np.float64]
) -> None:
    """Move sharpness and doubt down the log-loss of what they made of the scores."""
    sharpness, doubt = exponential(calibration[0]), chance(calibration[2])
    _softmax(scores, sharpness, probabilities)
    uniform = 1.0 / scores.size
    expected = 0.0
    for c in range(scores.size):
        expected += probabilities[c] * np.float64(scores[c])
    softmax = probabilities[taught]
    believed = (1.0 - doubt) * softmax + doubt * uniform
    lead = np.float64(scores[taught]) - expected
    _descend(calibration, 0, -(1.0 - doubt) * softmax * sharpness * lead / believed)
    _descend(calibration, 2, -doubt * (1.0 - doubt) * (uniform - softmax) / believed)


@compiled
def learn_lesson(
    rows: NDArray[np.int32],
    buckets: NDArray[np.uint32],
    documents: NDArray[np.uint32],
    logarithms: NDArray[np.float32],
    squares: NDArray[np.float32],
    weights: NDArray[np.float32],
    used: int,
    calibration: NDArray[np.float64],
    lessons: int,
    classes: int,
    is_new: bool,
    indices: NDArray[np.uint32],
    values: NDArray[np.float32],
    taught: int,
    rate: np.float32,
) -> int:
    """One AdaGrad step down the log-loss of one lesson, the one after `lessons`; returns how many rows are used then.

    The arrays by row must have room for one for each of the features, `weights` for `classes` columns. `calibration`
    is the logarithm of the sharpness and the logarithmic odds of the doubt, each followed by the sum of its squared
    slopes; it learns first, from what was believed before the lesson, unless the class is new.
    """
    weighed = np.empty(indices.size, np.float32)
    scores = np.empty(classes, np.float32)
    slopes = np.empty(classes, np.float32)
    probabilities = np.empty(classes, np.float64)
    _weigh(rows, logarithms, lessons, indices, values, weighed)
    _score(rows, weights, indices, weighed, scores)
    if not is_new:
        _calibrate(calibration, scores, taught, probabilities)
    _softmax(scores, 1.0, probabilities)
    total = np.float32(0.0)
    for c in range(classes):
        slopes[c] = probabilities[c] - (1.0 if c == taught else 0.0)
        total += slopes[c] * slopes[c]
    for i in range(indices.size):
        row = int(rows[indices[i]])
        if row < 0:
            row = used
            rows[indices[i]] = row
            buckets[row] = indices[i]
            used += 1
        squares[row] += weighed[i] * weighed[i] * total
        step = rate * weighed[i] / np.sqrt(squares[row] + _SMALL)
        for c in range(classes):
            weights[row, c] -= step * slopes[c]
        documents[row] += 1
        logarithms[row] = logarithm(1.0 + documents[row])
    return used

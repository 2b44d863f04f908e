"""The online learner: multinomial logistic regression on hashed features, a lesson at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from river import base

from triage_cl.learning.arithmetic import exponential, logarithm
from triage_cl.learning.hashing import BUCKET_BITS, Features, describe, pack

if TYPE_CHECKING:
    import pandas as pd

_FIRST_ROWS, _FIRST_CLASSES = 1_024, 8


@njit(cache=True, nogil=True)
def _score(
    rows: NDArray[np.int32],
    weights: NDArray[np.float32],
    indices: NDArray[np.uint32],
    values: NDArray[np.float32],
    scores: NDArray[np.float32],
) -> None:
    """Add the features' weights to `scores`, in the order of the features."""
    for i in range(indices.size):
        row = rows[indices[i]]
        if row >= 0:
            for c in range(scores.size):
                scores[c] += values[i] * weights[row, c]


@njit(cache=True, nogil=True)
def _normalise(scores: NDArray[np.float32], sharpness: float, probabilities: NDArray[np.float64]) -> None:
    """Softmax of the scores times `sharpness`."""
    highest = scores[0]
    for c in range(1, scores.size):
        highest = max(highest, scores[c])
    total = 0.0
    for c in range(scores.size):
        probabilities[c] = exponential(sharpness * (np.float64(scores[c]) - np.float64(highest)))
        total += probabilities[c]
    for c in range(scores.size):
        probabilities[c] /= total


@njit(cache=True, nogil=True)
def score_many(
    rows: NDArray[np.int32],
    weights: NDArray[np.float32],
    bias: NDArray[np.float32],
    sharpness: float,
    starts: NDArray[np.int64],
    indices: NDArray[np.uint32],
    values: NDArray[np.float32],
) -> NDArray[np.float64]:
    """Probabilities of every class for mails packed end to end, each computed as if it were alone."""
    probabilities = np.empty((starts.size - 1, bias.size), np.float64)
    for mail in range(starts.size - 1):
        scores = bias.copy()
        here = slice(starts[mail], starts[mail + 1])
        _score(rows, weights, indices[here], values[here], scores)
        _normalise(scores, sharpness, probabilities[mail])
    return probabilities


@njit(cache=True, nogil=True)
def _learn(
    rows: NDArray[np.int32],
    weights: NDArray[np.float32],
    squares: NDArray[np.float32],
    bias: NDArray[np.float32],
    bias_squares: NDArray[np.float32],
    indices: NDArray[np.uint32],
    values: NDArray[np.float32],
    taught: int,
    rate: np.float32,
) -> None:
    """One step of AdaGrad on the log-loss of one lesson; every feature has its row."""
    scores = bias.copy()
    _score(rows, weights, indices, values, scores)
    probabilities = np.empty(scores.size, np.float64)
    _normalise(scores, 1.0, probabilities)
    slope = probabilities.astype(np.float32)
    slope[taught] -= np.float32(1.0)
    small = np.float32(1e-6)
    for c in range(slope.size):
        bias_squares[c] += slope[c] * slope[c]
        bias[c] -= rate * slope[c] / np.sqrt(bias_squares[c] + small)
    for i in range(indices.size):
        row = rows[indices[i]]
        for c in range(slope.size):
            step = values[i] * slope[c]
            squares[row, c] += step * step
            weights[row, c] -= rate * step / np.sqrt(squares[row, c] + small)

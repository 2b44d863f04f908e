"""One lesson of the ensemble, compiled: what each expert, and the belief in them, takes from it.

The weights take one step of AdaGrad (Duchi, Hazan and Singer, JMLR 2011) down the log-loss, with one sum of squares a
feature, shared by the classes and slowly fading: measured on mail it learns faster than one for each weight that never
forgets, in half the memory. The right class is held back by a margin, so that lessons go on teaching until it leads
by that much, and not further; a rare class steps further.

A lesson may be partial: one of several classes is right, and nobody said which. Its likelihood is the sum of theirs, so
that each has the part in the lesson that it has in the belief in them (Jin and Ghahramani, Learning with multiple
labels, NIPS 2002): of the step of the weights by what the weights say, of the counts by what all experts say. What is
believed gains nothing else from it: who does not know the class cannot tell which expert was right.
"""

import numpy as np
from numpy.typing import NDArray

from triage_cl.learning.arithmetic import exponential, logarithm
from triage_cl.learning.compiling import compiled
from triage_cl.learning.experts import EXPERTS, TEMPERATURES, believe, gather, usual_odds
from triage_cl.learning.memory import prefetch_rows
from triage_cl.learning.softmax import weigh
from triage_cl.learning.words import SENDER, SUBJECT, THREAD, WORDS

# What the sum of squared slopes of a feature keeps at each lesson that has it.
_KEPT = np.float32(0.99)
# By how much the right class must lead before a lesson moves no weight.
_MARGIN = np.float32(2.0)
# How many times further a lesson of a rare class may move them.
_RAREST = 3.0
# What the counts of a sender or a thread keep at each of its lessons.
_FADED = np.float32(0.6)
_WORTH_RATE = 0.1
# The shares of the temperatures follow the last thousand lessons or so, and a quick start.
_PACE, _HEAD_START, _LONGEST_STEP = 0.001, 20.0, 0.1
_LEAST_SHARE = 1e-4
_SMALL = np.float32(1e-6)
# Smaller slopes and counts are none: so near to 0 numbers are slow, and some libraries have them cut off.
NOTHING = 1e-12
_NO_COUNT = np.float32(1e-6)


@compiled
def appraise(
    calibration: NDArray[np.float64],
    evidence: NDArray[np.float32],
    taught: int,
    weight: float,
    softened: NDArray[np.float64],
    believed: NDArray[np.float64],
) -> None:
    """Move what the experts are worth down the log-loss, and the shares by expectation maximisation, both online.

    The shares are moved by `weight`, in relation to the mean weight so far (Cappé and Moulines, JRSS B 2009, for the
    algorithm; Horvitz and Thompson, JASA 1952, for the weights).
    """
    believe(calibration, evidence, softened, believed)
    experts = evidence.shape[0]
    shares = calibration[2 * experts :]
    part1 = shares[0] * softened[0, taught] / believed[taught]
    part2 = shares[1] * softened[1, taught] / believed[taught]
    part4 = shares[2] * softened[2, taught] / believed[taught]
    for expert in range(experts):
        slope = 0.0
        for c in range(believed.size):
            expected = part1 * softened[0, c] + 0.5 * part2 * softened[1, c] + 0.25 * part4 * softened[2, c]
            slope += expected * np.float64(evidence[expert, c])
        slope -= (part1 + 0.5 * part2 + 0.25 * part4) * np.float64(evidence[expert, taught])
        slope *= exponential(calibration[expert])
        calibration[experts + expert] += slope * slope
        calibration[expert] -= _WORTH_RATE * slope / np.sqrt(calibration[experts + expert])
    if weight <= 0.0:
        return
    shares[TEMPERATURES + 1] += 1.0
    shares[TEMPERATURES + 2] += weight
    mean = shares[TEMPERATURES + 2] / shares[TEMPERATURES + 1]
    pace = max(_PACE * weight / mean, weight / (shares[TEMPERATURES + 2] + _HEAD_START * mean))
    pace = min(pace, _LONGEST_STEP)
    shares[0] += pace * (part1 - shares[0])
    shares[1] += pace * (part2 - shares[1])
    shares[2] += pace * (part4 - shares[2])
    shares[3] += pace * ((1.0 - part1 - part2 - part4) - shares[3])
    total = 0.0
    for k in range(TEMPERATURES + 1):
        shares[k] = max(shares[k], _LEAST_SHARE)
        total += shares[k]
    for k in range(TEMPERATURES + 1):
        shares[k] /= total


@compiled
def share_out(scores: NDArray[np.float32], among: NDArray[np.int64], parts: NDArray[np.float64]) -> None:
    """Into `parts` how a lesson of the classes `among` is shared: by the softmax of their scores, 0 for all others."""
    parts[:] = 0.0
    if among.size == 1:
        parts[among[0]] = 1.0
        return
    highest = -np.inf
    for c in among:
        highest = max(highest, np.float64(scores[c]))
    total = 0.0
    for c in among:
        parts[c] = exponential(np.float64(scores[c]) - highest)
        total += parts[c]
    for c in among:
        parts[c] /= total


@compiled
def share_belief(believed: NDArray[np.float64], among: NDArray[np.int64], parts: NDArray[np.float64]) -> None:
    """Into `parts` how a lesson of the classes `among` is shared: as the belief in them is."""
    total = 0.0
    for c in among:
        total += believed[c]
    for c in among:
        parts[c] = believed[c] / total


@compiled
def slopes_of_loss(
    scores: NDArray[np.float32],
    among: NDArray[np.int64],
    parts: NDArray[np.float64],
    chances: NDArray[np.float64],
    slopes: NDArray[np.float32],
) -> np.float32:
    """Into `slopes` those of the log-loss with the right classes held back; returns the sum of their squares.

    `among` are the classes of which one is right, `parts` their parts in the lesson, by class, as `share_out` gives
    them.
    """
    for c in among:
        scores[c] -= _MARGIN
    highest = np.float64(scores[: chances.size].max())
    total = 0.0
    for c in range(chances.size):
        chances[c] = exponential(np.float64(scores[c]) - highest)
        total += chances[c]
    square = np.float32(0.0)
    slopes[:] = np.float32(0.0)
    for c in range(chances.size):
        slope = chances[c] / total - parts[c]
        if abs(slope) > NOTHING:
            slopes[c] = slope
            square += slopes[c] * slopes[c]
    return square


@compiled
def reach(rate: float, lessons: float, lessons_of: NDArray[np.float64], among: NDArray[np.int64]) -> np.float32:
    """How far the lesson after `lessons` moves the weights; `lessons_of` counts them by class, this one included."""
    own = 0.0
    for c in among:
        own += lessons_of[c]
    rarity = np.sqrt(np.sqrt((lessons + 1.0) * among.size / (lessons_of.size * own)))
    return np.float32(rate * min(_RAREST, rarity))


@compiled
def descend(
    squares: NDArray[np.float32],
    weights: NDArray[np.float32],
    row: int,
    value: np.float32,
    slopes: NDArray[np.float32],
    square: np.float32,
    far: np.float32,
) -> None:
    """Move the weights of a feature with this value down the loss; `square` is the sum of the squared slopes."""
    squares[row] = squares[row] * _KEPT + value * value * square
    step = far * value / np.sqrt(squares[row] + _SMALL)
    for c in range(slopes.size):
        weights[row, c] -= step * slopes[c]


@compiled
def learn_lesson(
    rows: NDArray[np.int32],
    buckets: NDArray[np.uint32],
    documents: NDArray[np.uint32],
    logarithms: NDArray[np.float32],
    squares: NDArray[np.float32],
    weights: NDArray[np.float32],
    counted: NDArray[np.int32],
    owners: NDArray[np.int32],
    totals: NDArray[np.float32],
    counts: NDArray[np.float32],
    used: tuple[int, int],
    words_of: NDArray[np.float64],
    lessons_of: NDArray[np.float64],
    calibration: NDArray[np.float64],
    lessons: int,
    is_new: bool,
    indices: NDArray[np.uint32],
    values: NDArray[np.float32],
    bounds: NDArray[np.int32],
    among: NDArray[np.int64],
    weight: float,
    rate: float,
) -> tuple[int, int]:
    """Take the lesson after `lessons`; returns how many rows of weights and of counts are used then.

    `among` are the classes of which one is right, mostly one alone. The arrays by row must have room for one for each
    of the features, those by class for the taught ones. Everything is taken from what was there before the lesson; the
    calibration learns nothing from the first lesson of a class, nor from a partial one.
    """
    classes, width = words_of.size, weights.shape[1]
    found, weighed = np.empty(indices.size, np.int32), np.empty(indices.size, np.float32)
    evidence = np.empty((EXPERTS, width), np.float32)
    believed = np.empty(classes, np.float64)
    slopes = np.empty(width, np.float32)
    prefetch_rows(rows, indices, logarithms, counted, weights)
    weigh(rows, logarithms, lessons, indices, values, bounds, found, weighed)
    usual = usual_odds(words_of, width)
    gather(found, weighed, bounds, weights, counted, totals, counts, usual, evidence)
    softened = np.empty((TEMPERATURES, classes), np.float64)
    counting, parts = np.zeros(classes, np.float64), np.empty(classes, np.float64)
    if among.size > 1:
        believe(calibration, evidence, softened, believed)
        share_belief(believed, among, counting)
    else:
        counting[among[0]] = 1.0
        if not is_new:
            appraise(calibration, evidence, among[0], weight, softened, believed)
    share_out(evidence[0], among, parts)
    square = slopes_of_loss(evidence[0], among, parts, believed, slopes)
    for c in among:
        lessons_of[c] += counting[c]
    far = reach(rate, float(lessons), lessons_of, among)
    used_rows, used_counts = used
    for i in range(indices.size):
        row = int(rows[indices[i]])
        if row < 0:
            row = used_rows
            rows[indices[i]] = row
            buckets[row] = indices[i]
            used_rows += 1
        found[i] = row
        if square > NOTHING:
            descend(squares, weights, row, weighed[i], slopes, square, far)
        documents[row] += 1
        logarithms[row] = logarithm(1.0 + documents[row])
    for block in (WORDS, SUBJECT, SENDER, THREAD):
        for i in range(bounds[block], bounds[block + 1]):
            row = counted[found[i]]
            if row < 0:
                row = used_counts
                counted[found[i]] = row
                owners[row] = found[i]
                used_counts += 1
            if block <= SUBJECT:
                for c in among:
                    words_of[c] += counting[c]
            else:
                totals[row] *= _FADED
                for c in range(width):
                    left = counts[row, c] * _FADED
                    counts[row, c] = left if left > _NO_COUNT else np.float32(0.0)
            totals[row] += np.float32(1.0)
            for c in among:
                counts[row, c] += np.float32(counting[c])
    return used_rows, used_counts

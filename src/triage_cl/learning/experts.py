"""The compiled arithmetic of the ensemble: three experts on the same features, and what is believed of their evidence.

The experts err differently. Their evidence is added, weighed by what each has proved to be worth (a product of experts,
Hinton, Neural Computation 2002, with learned exponents):

- weights: multinomial logistic regression, which tells apart what the counts cannot;
- counts of words: the share of each class among the lessons that had a word, which is right from the first lesson on;
- counts of sender and thread, which fade: who writes about one thing today writes about it tomorrow.

What is believed is a mixture of the softmax of that sum at the temperatures 1, 2 and 4 and of no knowledge at all. The
shares learn from what was believed just before each lesson: temperature scaling (Guo et al., ICML 2017) that can be
sure of the many and doubtful of the few.
"""

import numpy as np
from numpy.typing import NDArray

from triage_cl.learning.arithmetic import exponential
from triage_cl.learning.compiling import compiled
from triage_cl.learning.memory import prefetch_rows
from triage_cl.learning.softmax import add_weights, weigh
from triage_cl.learning.words import SENDER, SUBJECT, THREAD, WORDS

#: The experts on hashed features. Beliefs can be formed from more: from as many as the evidence has rows.
EXPERTS = 3
TEMPERATURES = 3


def uncalibrated(*worth: float) -> NDArray[np.float64]:
    """The calibration of a learner that was taught nothing, given the logarithms of what its n experts are worth.

    Those come first. From n on stand the sums of the experts' squared slopes; from 2 n on the shares of the
    temperatures and of no knowledge, then how many lessons moved the shares, and their weight.
    """
    return np.array([*worth, *[1e-3] * len(worth), 0.45, 0.35, 0.15, 0.05, 0.0, 0.0])


#: What the experts on hashed features are worth at first, 1.5, 5 and 2, as logarithms.
WORTH = (0.4054651081081644, 1.6094379124341003, 0.6931471805599453)

# A share q of the lessons with a word counts q / (_SURE - q): the odds, held back where all were of one class.
_SURE = np.float32(1.3)
# Lessons of no class that are added to those that had a feature.
_UNSURE = np.float32(1.0)


@compiled
def odds(share: np.float32) -> np.float32:
    """What the share of a class among lessons says for it."""
    return share / (_SURE - share)


@compiled
def gather(
    found: NDArray[np.int32],
    weighed: NDArray[np.float32],
    bounds: NDArray[np.int32],
    weights: NDArray[np.float32],
    counted: NDArray[np.int32],
    totals: NDArray[np.float32],
    counts: NDArray[np.float32],
    usual: NDArray[np.float32],
    evidence: NDArray[np.float32],
) -> None:
    """Into `evidence` what each expert (row) says for each class (column), of features that `weigh` has found.

    `usual` is what the shares of the classes among all lessons say for them: words count by what they say beyond.
    """
    evidence[:] = np.float32(0.0)
    add_weights(found, weights, weighed, evidence[0])
    said = evidence[1]
    known = np.float32(0.0)
    for i in range(bounds[WORDS], bounds[SUBJECT + 1]):
        row = counted[found[i]] if found[i] >= 0 else -1
        if row >= 0:
            most = _SURE * (totals[row] + _UNSURE)
            known += weighed[i]
            for c in range(said.size):
                said[c] += weighed[i] * (counts[row, c] / (most - counts[row, c]))
    for c in range(said.size):
        said[c] -= known * usual[c]
    said = evidence[2]
    for block in (SENDER, THREAD):
        for i in range(bounds[block], bounds[block + 1]):
            row = counted[found[i]] if found[i] >= 0 else -1
            if row >= 0:
                part = np.float32(1.0) / (totals[row] + _UNSURE)
                for c in range(said.size):
                    said[c] += counts[row, c] * part


@compiled
def usual_odds(words_of: NDArray[np.float64], width: int) -> NDArray[np.float32]:
    """What the shares of the classes say for them, given how many words each was taught; 0 beyond them."""
    total = 1.0
    for c in range(words_of.size):
        total += words_of[c]
    usual = np.zeros(width, np.float32)
    for c in range(words_of.size):
        usual[c] = odds(np.float32(words_of[c] / total))
    return usual


@compiled
def believe(
    calibration: NDArray[np.float64],
    evidence: NDArray[np.float32],
    softened: NDArray[np.float64],
    believed: NDArray[np.float64],
) -> None:
    """Into `softened` the softmax of the weighed evidence at each temperature, into `believed` their mixture."""
    experts, classes = evidence.shape[0], believed.size
    highest = -np.inf
    for c in range(classes):
        believed[c] = 0.0
    for expert in range(experts):
        worth = exponential(calibration[expert])
        for c in range(classes):
            believed[c] += worth * np.float64(evidence[expert, c])
    for c in range(classes):
        highest = max(highest, believed[c])
    total1 = total2 = total4 = 0.0
    for c in range(classes):
        at4 = exponential(0.25 * (believed[c] - highest))
        at2 = at4 * at4
        at1 = at2 * at2
        softened[0, c], softened[1, c], softened[2, c] = at1, at2, at4
        total1 += at1
        total2 += at2
        total4 += at4
    shares = calibration[2 * experts :]
    for c in range(classes):
        softened[0, c] /= total1
        softened[1, c] /= total2
        softened[2, c] /= total4
        believed[c] = (
            shares[0] * softened[0, c] + shares[1] * softened[1, c] + shares[2] * softened[2, c] + shares[3] / classes
        )


@compiled
def gather_mails(
    rows: NDArray[np.int32],
    logarithms: NDArray[np.float32],
    weights: NDArray[np.float32],
    counted: NDArray[np.int32],
    totals: NDArray[np.float32],
    counts: NDArray[np.float32],
    words_of: NDArray[np.float64],
    lessons: int,
    starts: NDArray[np.int64],
    indices: NDArray[np.uint32],
    values: NDArray[np.float32],
    bounds: NDArray[np.int32],
) -> NDArray[np.float32]:
    """What `gather` gives for mails packed end to end: by mail, expert and class."""
    mails, classes, width = starts.size - 1, words_of.size, weights.shape[1]
    evidence = np.empty((mails, EXPERTS, classes), np.float32)
    longest = 0
    for mail in range(mails if classes else 0):
        longest = max(longest, starts[mail + 1] - starts[mail])
    found, weighed = np.empty(longest, np.int32), np.empty(longest, np.float32)
    said = np.empty((EXPERTS, width), np.float32)
    usual = usual_odds(words_of, width)
    for mail in range(mails if classes else 0):
        here, size = slice(starts[mail], starts[mail + 1]), starts[mail + 1] - starts[mail]
        prefetch_rows(rows, indices[here], logarithms, counted, weights)
        weigh(rows, logarithms, lessons, indices[here], values[here], bounds[mail], found, weighed)
        gather(found[:size], weighed, bounds[mail], weights, counted, totals, counts, usual, said)
        evidence[mail] = said[:, :classes]
    return evidence


@compiled
def believe_evidence(calibration: NDArray[np.float64], evidence: NDArray[np.float32]) -> NDArray[np.float64]:
    """The probabilities of each class (columns) for each mail (rows), of evidence by mail, expert and class."""
    mails, _, classes = evidence.shape
    probabilities = np.empty((mails, classes), np.float64)
    softened = np.empty((TEMPERATURES, classes), np.float64)
    for mail in range(mails if classes else 0):
        believe(calibration, evidence[mail], softened, probabilities[mail])
    return probabilities

"""Whether a department's precision stands above a bar, and whether it has fallen since: both looked at after every
answer.

Answers are those of mails drawn at random among what the department would route automatically, all with the same
chance at a time: what is drawn for doubt or dispute is no fair sample of precision. That chance may follow from the
past, so that a suspect is reviewed more often.
"""

import numpy as np
from numpy.typing import ArrayLike

from triage_cl.statistics.double_reviews import Ints
from triage_cl.statistics.estimators import Floats
from triage_cl.statistics.reviewers import RATES, log_e_values


def log_evidence(right: ArrayLike, judged: ArrayLike, bar: float) -> Floats:
    """The logarithm of the evidence that more than the share `bar` of decisions are right, `right` of `judged` being.

    The bet that convicts a reviewer of erring more often than tolerated, made on being right: one factor
    1 + λ·(x − bar)/bar for each answer, averaged over fixed λ (Waudby-Smith & Ramdas 2024). While no answer is expected
    to be right with more than the bar's chance, given all before, it ever reaches 1/α with a chance of at most α.

    Raises:
        ValueError: Counts that cannot be, or a bar outside (0, 1).
    """
    return log_e_values(right, judged, bar, RATES)


def least_right(judged: ArrayLike, bar: float, needed: float) -> Ints:
    """How many of so many answers must be right for the logarithm of the evidence to reach `needed`.

    One more than there are where even all of them are too few. Found by bisection, since evidence grows with each.
    """
    answers = np.asarray(judged, dtype=np.intp)
    low, high = np.zeros_like(answers), answers + 1
    while np.any(low < high):
        middle = (low + high) // 2
        enough = (middle > answers) | (log_evidence(np.minimum(middle, answers), answers, bar) >= needed)
        low, high = np.where(enough, low, np.minimum(middle + 1, high)), np.where(enough, middle, high)
    return low


def fall(before: ArrayLike, right: ArrayLike, baseline: ArrayLike, sought: float) -> Floats:
    """The evidence that precision has fallen from `baseline` to `sought`, after one more answer each.

    The logarithm of the likelihood ratio since whenever a fall is likeliest to have begun, 0 where none is (CUSUM: Page
    1954). Were the baseline known it would reach h by chance once in e^h answers at most, on the average (Lorden 1971);
    one that follows from earlier answers alone comes near that.
    """
    normal, kept = np.asarray(baseline, dtype=np.float64), np.asarray(right, dtype=bool)
    ratio = np.where(kept, np.log(sought / normal), np.log((1 - sought) / (1 - normal)))
    return np.asarray(np.maximum(0.0, np.asarray(before) + ratio))

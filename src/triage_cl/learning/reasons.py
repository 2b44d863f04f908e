"""Reasons for a decision: the words of the mail that weighed most for a department.

Nothing is stored: features are hashed, so the words are found by hashing the text again. A reason is exact, not an
approximation of the learner: both recipes add up what each feature contributes.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from triage_cl.learning.hashing import describe, spellings
from triage_cl.learning.learner import Learner

#: A longer reason is cut, in characters.
LONGEST_REASON = 60

_JOINERS = "\u200c\u200d"
_WITHOUT_BRACKETS = str.maketrans("[](){}<>", " " * 8)


def strongest_words(
    learner: Learner, email: Mapping[str, str], homes: Sequence[str | None], department: str | None, count: int
) -> list[str]:
    """At most `count` words and pairs of a mail, by how much they speak for `department` over the others, most first.

    `email` is text by namespace, as `describe` takes it; `homes` names the department that each of the learner's
    classes stands for today, None for none. Only what speaks for the department is given: nothing where it is the
    only one. Words that differ in case alone, or stand in subject and body, are one.
    """
    features = describe(learner.key, email)
    leads = _leads(learner.contributions(features), learner.probabilities([features])[0], homes, department)
    blocks = np.searchsorted(features.bounds, np.arange(features.indices.size), side="right") - 1
    left = dict(zip(zip(blocks.tolist(), features.indices.tolist(), strict=True), leads.tolist(), strict=True))
    total: dict[str, float] = {}
    shown: dict[str, str] = {}
    for block, bucket, text in spellings(learner.key, email):
        if (block, bucket) in left:
            word = _readable(text)
            shown.setdefault(word.casefold(), word)
            total[word.casefold()] = total.get(word.casefold(), 0.0) + left.pop((block, bucket))
    strongest = sorted(total, key=lambda word: -total[word])[: max(count, 0)]
    return [shown[word] for word in strongest if total[word] > 0]


def _readable(text: str) -> str:
    """In one line, without brackets (a pair may have one of two) and without what a screen cannot show."""
    letters = (letter if letter.isprintable() or letter in _JOINERS else " " for letter in text)
    return " ".join("".join(letters).translate(_WITHOUT_BRACKETS).split())[:LONGEST_REASON]


def _leads(
    contributions: NDArray[np.float64],
    probabilities: NDArray[np.float64],
    homes: Sequence[str | None],
    department: str | None,
) -> NDArray[np.float64]:
    """What each feature adds for a department, less the mean over the departments.

    Classes that were merged count by their parts of the probability: the slope of the logarithm of its sum.
    """
    names = sorted({home for home in homes if home is not None})
    if department not in names:
        return np.zeros(len(contributions))
    added = np.empty((len(contributions), len(names)))
    for column, name in enumerate(names):
        parts = np.where([home == name for home in homes], probabilities, 0.0)
        added[:, column] = (contributions * (parts / parts.sum())).sum(axis=1)
    leads: NDArray[np.float64] = added[:, names.index(department)] - added.mean(axis=1)
    return leads

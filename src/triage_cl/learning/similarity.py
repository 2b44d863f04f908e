"""Which mails are alike, told by their hashed features: no text is read."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from triage_cl.learning.hashing import BUCKET_BITS, Features


def most_similar(features: Features, others: Sequence[Features], count: int, least: float) -> list[tuple[int, float]]:
    """At most `count` of the others, most similar first, each by its place and its similarity, from `least` to 1.

    The weighted Jaccard index: the features that both mails have, as a share of those that either has, each weighing
    log((n + 1) / k) where k of the n mails have it, so that what stands in every mail hardly counts. Of equally similar
    ones the first comes first.
    """
    told = [_distinct(each) for each in (features, *others)]
    together = np.concatenate(told)
    owners = np.repeat(np.arange(len(told)), [each.size for each in told])
    _, places, mails = np.unique(together, return_inverse=True, return_counts=True)
    weights = np.log((len(told) + 1) / mails)[places]
    total = np.bincount(owners, weights, len(told))
    common = np.bincount(owners, np.where(np.isin(together, told[0]), weights, 0.0), len(told))
    either = total[0] + total - common
    similarity = np.divide(common, either, out=np.zeros(len(told)), where=either > 0)[1:]
    ranked = np.argsort(-similarity, kind="stable")[:count].tolist()
    return [(place, float(similarity[place])) for place in ranked if similarity[place] >= least]


def _distinct(features: Features) -> NDArray[np.int64]:
    """A number for each feature of a mail; the same bucket in another block is another feature."""
    blocks = np.searchsorted(features.bounds, np.arange(features.indices.size), side="right") - 1
    distinct: NDArray[np.int64] = (blocks.astype(np.int64) << BUCKET_BITS) | features.indices
    return distinct

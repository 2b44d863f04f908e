"""Accuracy by department and segment: the same estimate on each slice of the mail, small slices taken together.

A slice is what one label says of a mail: its department, its language, the kind of its sender, its length or its hour.
Slices of one kind are a partition, so an estimate on a slice is the estimate of `estimators` on its mails alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from triage_cl.statistics.estimators import Floats, Interval, aipw_mean

Bools = NDArray[np.bool_]
#: One name or number a mail.
Labels = Sequence[str] | NDArray[np.generic]

#: Labels with a smaller share of the mail are taken together, and so are all beyond the largest so many.
LEAST_SHARE, MOST_SLICES = 0.02, 20
#: What slices that were taken together are called.
POOLED = "(others)"


@dataclass(frozen=True, slots=True)
class Reviewed:
    """Decisions as columns, one entry a mail.

    `drawn` says that somebody was asked, `answered` that they told whose the mail is; `correct` counts where both hold.
    `probability` is that of being asked, `confidence` what was believed when deciding, `clusters` the threads.
    """

    correct: NDArray[np.generic]
    drawn: Bools
    answered: Bools
    probability: Floats
    confidence: Floats
    clusters: NDArray[np.generic]

    @classmethod
    def of(
        cls,
        correct: ArrayLike,
        drawn: ArrayLike,
        answered: ArrayLike,
        probability: ArrayLike,
        confidence: ArrayLike,
        clusters: ArrayLike,
    ) -> "Reviewed":
        """The columns from whatever can become one.

        Raises:
            ValueError: The columns differ in length.
        """
        asked = np.asarray(drawn, dtype=bool)
        columns = cls(
            np.asarray(correct),
            asked,
            asked & np.asarray(answered, dtype=bool),
            np.asarray(probability, dtype=np.float64),
            np.asarray(confidence, dtype=np.float64),
            np.asarray(clusters),
        )
        if len(sizes := {getattr(columns, name).size for name in cls.__slots__}) > 1:
            raise ValueError(f"columns of different lengths: {sorted(sizes)}")
        return columns

    def __getitem__(self, which: Bools | NDArray[np.intp]) -> "Reviewed":
        """Some of the mails."""
        return Reviewed(*(getattr(self, name)[which] for name in self.__slots__))

    def __len__(self) -> int:
        return len(self.drawn)


@dataclass(frozen=True, slots=True)
class Slice:
    """One slice of the mail: `kind` is what the label says ("department", "language"), `name` the label.

    `mails` and `answers` are counts, `missing` the share of those asked about that nobody answered, 0 where nobody was
    asked. `accuracy` is None where there are too few answers to tell.
    """

    kind: str
    name: str
    mails: int
    answers: int
    missing: float
    accuracy: Interval | None


def accuracy_by(
    reviewed: Reviewed,
    labels: Mapping[str, Labels],
    least_share: float = LEAST_SHARE,
    most: int = MOST_SLICES,
    level: float = 0.95,
) -> list[Slice]:
    """How often decisions are right by each kind of label, the largest slices first and the pooled ones last.

    `labels` has one label a mail under each kind. Each interval holds for its slice alone; of twenty, one is expected
    to miss. Labels with less than `least_share` of the mail, and those beyond the `most` largest, are one slice.

    Raises:
        ValueError: Labels and mails differ in number, or a probability is outside (0, 1].
    """
    return [
        told
        for kind, names in labels.items()
        for name, mails in _partition(names, len(reviewed), least_share, most)
        for told in [_slice(kind, name, reviewed[mails], level)]
    ]


def _partition(names: Labels, mails: int, least_share: float, most: int) -> list[tuple[str, NDArray[np.intp]]]:
    """The places of each label's mails, the largest first, those that are too small together."""
    if len(names) != mails:
        raise ValueError(f"{len(names)} labels for {mails} mails")
    labels, label, counts = np.unique(np.asarray(names), return_inverse=True, return_counts=True)
    ranked = np.argsort(-counts, kind="stable")
    kept = ranked[: most if len(ranked) <= most else most - 1]
    kept = kept[counts[kept] >= least_share * mails]
    alone = [(str(labels[one]), np.flatnonzero(label == one)) for one in kept]
    rest = np.flatnonzero(~np.isin(label, kept))
    return [*alone, (POOLED, rest)] if rest.size else alone


def _slice(kind: str, name: str, mails: Reviewed, level: float) -> Slice:
    asked, answers = int(mails.drawn.sum()), int(mails.answered.sum())
    accuracy = aipw_mean(
        mails.correct, mails.answered, mails.probability, mails.confidence, level=level, clusters=mails.clusters
    )
    return Slice(kind, name, len(mails), answers, (asked - answers) / max(1, asked), accuracy)

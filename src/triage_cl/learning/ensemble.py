"""The online learner: an ensemble of weights and counts on hashed features, taught a lesson at a time.

What it computes stands in `experts`, what a lesson changes in `teaching`.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from river import base
from river.base.typing import ClfTarget, FeatureName

from triage_cl.learning.arithmetic import exponential
from triage_cl.learning.experts import EXPERTS, WORTH, believe_evidence, gather_mails, odds, uncalibrated, usual_odds
from triage_cl.learning.hashing import BUCKET_BITS, Features, describe, pack
from triage_cl.learning.softmax import weigh_mails
from triage_cl.learning.tables import CountTable, WeightTable
from triage_cl.learning.teaching import learn_lesson
from triage_cl.learning.words import SENDER, SUBJECT, THREAD, WORDS

if TYPE_CHECKING:
    import pandas as pd


class HashedEnsemble(base.MiniBatchClassifier):
    """Texts by namespace in, probabilities by class out; classes appear when they are first taught.

    Two ways in, with the same result: River's (`learn_one`, `predict_proba_one`, `learn_many`, ...) takes texts and
    numbers by namespace, as `describe` does, and hashes them under `key`; `learn` and `probabilities` take features.
    Classes are of any type that can be a key of a dict. Memory is bounded: 2 ** bits rows, each of one number a class
    in the table of weights and, for words, senders and threads, in that of counts.

    Args:
        key: what texts are hashed under; a secret one keeps what was learned from telling its words.
        rate: how far a lesson moves the weights.
        bits: features are hashed to 2 to the power of this many buckets.

    Examples:
        >>> model = HashedEnsemble()
        >>> model.learn_one({"subject": "Invoice", "body": "Please pay the invoice."}, "billing")
        >>> model.learn_one({"subject": "Printer", "body": "The printer is on fire."}, "it")
        >>> model.predict_one({"body": "Which invoice?"})
        'billing'
    """

    def __init__(self, key: bytes | None = None, rate: float = 2.0, bits: int = BUCKET_BITS) -> None:
        self.key = key
        self.rate = rate
        self.bits = bits
        self._classes: dict[Hashable, int] = {}
        self._retired: set[Hashable] = set()
        self._weights = WeightTable(bits)
        self._counts = CountTable()
        self._words_of: NDArray[np.float64] = np.zeros(0)
        self._lessons_of: NDArray[np.float64] = np.zeros(0)
        self._lessons = 0
        self._columns: NDArray[np.int64] = np.arange(0)
        self._calibration: NDArray[np.float64] = uncalibrated(*WORTH)

    def __repr__(self) -> str:
        # River's own would show the key.
        return f"{type(self).__name__}(rate={self.rate}, bits={self.bits})"

    @property
    def _multiclass(self) -> bool:
        return True

    @property
    def _mutable_attributes(self) -> set[str]:
        return {"rate"}

    @property
    def classes(self) -> list[Any]:
        """The classes taught so far, in the order of their first lessons."""
        return list(self._classes)

    def retire(self, label: Hashable) -> None:
        """Give a class no probability any more, the others theirs in the same proportions; a new lesson brings it back.

        KeyError where it was never taught.
        """
        if label not in self._classes:
            raise KeyError(label)
        self._retired.add(label)

    def learn(self, features: Features, label: Hashable, weight: float = 1.0, teams: Collection[Hashable] = ()) -> None:
        """Take one lesson.

        Every lesson teaches alike; `weight` is for the calibration: how many lessons like it this one stands for, 1 /
        its chance of having been asked for, or 0 where nobody asked. Where some of `teams` were taught before, the
        lesson is partial: any of them may be right, or the label itself.
        """
        self._weights.check(features.indices)
        is_new = label not in self._classes
        self._classes.setdefault(label, len(self._classes))
        self._retired.discard(label)
        if is_new:
            self._words_of = np.append(self._words_of, 0.0)
            self._lessons_of = np.append(self._lessons_of, 0.0)
            self._columns = np.arange(len(self._classes))
        among = self.columns(label, teams)
        self._weights.make_room(features.indices.size, len(self._classes))
        self._counts.make_room(features.indices.size, len(self._classes))
        weights, counts = self._weights, self._counts
        weights.used, counts.used = learn_lesson(
            weights.rows,
            weights.buckets,
            weights.documents,
            weights.logarithms,
            weights.squares,
            weights.weights,
            weights.counted,
            counts.owners,
            counts.totals,
            counts.counts,
            (weights.used, counts.used),
            self._words_of,
            self._lessons_of,
            self._calibration,
            self._lessons,
            is_new,
            features.indices,
            features.values,
            features.bounds,
            among,
            float(weight),
            float(self.rate),
        )
        self._lessons += 1

    def columns(self, label: Hashable, teams: Collection[Hashable]) -> NDArray[np.int64]:
        """The columns of a lesson's classes: its label's, then those of the teams that were ever taught."""
        column = self._classes[label]
        taught = sorted(self._classes[team] for team in teams if team in self._classes) if teams else ()
        return np.array([column, *taught], np.int64) if taught else self._columns[column : column + 1]

    def probabilities(self, features: Sequence[Features]) -> NDArray[np.float64]:
        """A row for each mail, a column for each of `classes`; rows sum to 1, and each is as if it were alone."""
        probabilities = believe_evidence(self._calibration, self.evidence(features))
        if self._retired:
            probabilities[:, [self._classes[label] for label in self._retired]] = 0.0
            left = probabilities.sum(axis=1, keepdims=True)
            np.divide(probabilities, left, out=probabilities, where=left > 0.0)
        return probabilities

    def evidence(self, features: Sequence[Features]) -> NDArray[np.float32]:
        """What each expert says, before it is weighed: by mail, expert and class."""
        mails, weights, counts = pack(features), self._weights, self._counts
        weights.check(mails.indices)
        return gather_mails(
            weights.rows,
            weights.logarithms,
            weights.weights,
            weights.counted,
            counts.totals,
            counts.counts,
            self._words_of,
            self._lessons,
            mails.starts,
            mails.indices,
            mails.values,
            mails.bounds,
        )

    def contributions(self, features: Features) -> NDArray[np.float64]:
        """What each feature of a mail adds to the evidence for each of `classes`: a row a feature."""
        mail, table, classes = pack([features]), self._weights, len(self._classes)
        table.check(mail.indices)
        found, weighed = weigh_mails(
            table.rows, table.logarithms, self._lessons, mail.starts, mail.indices, mail.values, mail.bounds
        )
        worth = [exponential(self._calibration[expert]) for expert in range(EXPERTS)]
        usual = usual_odds(self._words_of, table.weights.shape[1])[:classes]
        block = np.searchsorted(features.bounds, np.arange(found.size), side="right") - 1
        added = np.zeros((found.size, classes))
        for i, row in enumerate(found.tolist()):
            if row < 0:
                continue
            x = float(weighed[i])
            added[i] = worth[0] * x * table.weights[row, :classes]
            counted = table.counted[row]
            if counted < 0:
                continue
            shares = self._counts.counts[counted, :classes] / (self._counts.totals[counted] + 1.0)
            if block[i] in (WORDS, SUBJECT):
                added[i] += worth[1] * x * (odds(shares) - usual)
            elif block[i] in (SENDER, THREAD):
                added[i] += worth[2] * shares
        return added

    def unseen(self, features: Sequence[Features]) -> list[float | None]:
        """The share of each mail's features that no lesson had; None for a mail without features."""
        return self._weights.unseen(pack(features))

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Everything that the lessons made, as arrays and JSON values, without the room that is left."""
        weights, counts, classes = self._weights, self._counts, len(self._classes)
        arrays: dict[str, NDArray[Any]] = {
            "buckets": weights.buckets[: weights.used],
            "documents": weights.documents[: weights.used],
            "squares": weights.squares[: weights.used],
            "weights": weights.weights[: weights.used, :classes],
            "owners": counts.owners[: counts.used],
            "totals": counts.totals[: counts.used],
            "counts": counts.counts[: counts.used, :classes],
            "words_of": self._words_of,
            "lessons_of": self._lessons_of,
            "calibration": self._calibration,
        }
        retired = [label for label in self._classes if label in self._retired]
        return arrays, {"classes": self.classes, "retired": retired, "lessons": self._lessons}

    def load(self, arrays: Mapping[str, NDArray[Any]], values: Mapping[str, Any]) -> None:
        """Become what `state` was taken from; ValueError or KeyError for what no `state` can be."""
        classes = {name: column for column, name in enumerate(values["classes"])}
        for name in ("weights", "counts"):
            if arrays[name].shape[1:] != (len(classes),):
                raise ValueError(f"{name} for another number of classes")
        for name in ("words_of", "lessons_of"):
            if arrays[name].shape != (len(classes),):
                raise ValueError(f"{name} for another number of classes")
        if arrays["calibration"].shape != self._calibration.shape:
            raise ValueError("a calibration of another length")
        self._weights.fill(arrays["buckets"], arrays["documents"], arrays["weights"], arrays["squares"])
        self._counts.fill(arrays["owners"], arrays["totals"], arrays["counts"], self._weights)
        self._words_of = arrays["words_of"].astype(np.float64)
        self._lessons_of = arrays["lessons_of"].astype(np.float64)
        self._calibration = arrays["calibration"].astype(np.float64)
        self._classes, self._lessons = classes, int(values["lessons"])
        self._columns = np.arange(len(classes))
        self._retired = set(values["retired"])

    def learn_one(self, x: dict[FeatureName, Any], y: ClfTarget) -> None:
        """River: take one lesson."""
        self.learn(self._described(x), y)

    def predict_proba_one(self, x: dict[FeatureName, Any], **_: Any) -> dict[ClfTarget, float]:
        """River: the probability of each class; empty before the first lesson."""
        return dict(zip(self.classes, self.probabilities([self._described(x)])[0].tolist(), strict=True))

    def learn_many(self, X: pd.DataFrame, y: pd.Series[Any]) -> None:  # noqa: N803
        """River: take the lessons of a frame in its order, a column for each namespace."""
        for x, label in zip(X.to_dict("records"), y, strict=True):
            self.learn_one(x, label)

    def predict_proba_many(self, X: pd.DataFrame) -> pd.DataFrame:  # noqa: N803
        """River: a row for each mail of a frame, a column for each class."""
        import pandas as pd

        features = [self._described(x) for x in X.to_dict("records")]
        return pd.DataFrame(self.probabilities(features), index=X.index, columns=self.classes)

    def _described(self, x: Mapping[FeatureName, Any]) -> Features:
        return describe(self.key or b"", {str(namespace): value for namespace, value in x.items()}, self.bits)

"""Online learners of text beside each other: ours, and those that others would take, each given the same mail.

Every one is driven as its own guide says, one mail at a time unless it says otherwise, on one thread. Text becomes
what each wants inside what is measured, as hashing is inside ours.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Protocol

from triage_cl.learning.ensemble import HashedEnsemble
from triage_cl.learning.hashing import BUCKET_BITS, describe_many

#: A mail as text by namespace, as `describe` takes it.
Text = Mapping[str, str]

KEY = bytes(32)

#: How many mails go at once where a learner takes several.
BATCH = 256


class Contestant(Protocol):
    """A learner in the comparison."""

    def predict(self, mails: Sequence[Text]) -> Sequence[Any]:
        """The label of each mail."""

    def progress(self, mails: Sequence[Text], labels: Sequence[str]) -> Sequence[Any]:
        """The same, all predicted before the first of them is learned."""


@dataclass(frozen=True, slots=True)
class Peer:
    """How to make a contestant for some labels, and how many mails it takes at once.

    `package` is what has to be installed for it.
    """

    name: str
    make: Callable[[Sequence[str]], Contestant]
    predicts: int = 1
    learns: int = 1
    package: str = "triage_cl"

    @property
    def installed(self) -> bool:
        """Whether it can be made here."""
        return find_spec(self.package) is not None


class _Ours:
    """Features once, for the prediction and for the lesson, as the product does it."""

    def __init__(self, _: Sequence[str]) -> None:
        self._learner = HashedEnsemble(key=KEY)

    def predict(self, mails: Sequence[Text]) -> Sequence[Any]:
        return self._labels(describe_many(KEY, mails))

    def progress(self, mails: Sequence[Text], labels: Sequence[str]) -> Sequence[Any]:
        features = describe_many(KEY, mails)
        predicted = self._labels(features)
        for each, label in zip(features, labels, strict=True):
            self._learner.learn(each, label)
        return predicted

    def _labels(self, features: Any) -> Sequence[Any]:
        believed, classes = self._learner.probabilities(features), self._learner.classes
        if not classes:
            return [None] * len(features)
        return [classes[column] for column in believed.argmax(axis=1).tolist()]


class _ByRiver:
    """Any classifier with River's interface."""

    def __init__(self, learner: Any, taken: Callable[[Text], Any]) -> None:
        self._learner, self._taken = learner, taken

    def predict(self, mails: Sequence[Text]) -> Sequence[Any]:
        return [self._learner.predict_one(self._taken(mail)) for mail in mails]

    def progress(self, mails: Sequence[Text], labels: Sequence[str]) -> Sequence[Any]:
        taken = [self._taken(mail) for mail in mails]
        predicted = [self._learner.predict_one(each) for each in taken]
        for each, label in zip(taken, labels, strict=True):
            self._learner.learn_one(each, label)
        return predicted


def _river_s_way(_: Sequence[str]) -> Contestant:
    return _ByRiver(HashedEnsemble(key=KEY), dict)


def _joined(mail: Text) -> str:
    return "\n".join(mail.values())


def _river_counts(_: Sequence[str]) -> Contestant:
    from river.feature_extraction import BagOfWords
    from river.naive_bayes import MultinomialNB

    return _ByRiver(BagOfWords() | MultinomialNB(), _joined)  # type: ignore[no-untyped-call]


def _river_softmax(_: Sequence[str]) -> Contestant:
    from river.feature_extraction import BagOfWords
    from river.linear_model import SoftmaxRegression

    return _ByRiver(BagOfWords() | SoftmaxRegression(), _joined)


def _river_planes(_: Sequence[str]) -> Contestant:
    from river.feature_extraction import BagOfWords
    from river.linear_model import PAClassifier
    from river.multiclass import OneVsRestClassifier

    return _ByRiver(BagOfWords() | OneVsRestClassifier(PAClassifier()), _joined)  # type: ignore[no-untyped-call]


def _river_tfidf(_: Sequence[str]) -> Contestant:
    from river.feature_extraction import TFIDF
    from river.linear_model import LogisticRegression
    from river.multiclass import OneVsRestClassifier

    return _ByRiver(TFIDF() | OneVsRestClassifier(LogisticRegression()), _joined)


class _ScikitLearn:
    """Hashed words and pairs, logistic regression by stochastic gradient descent."""

    def __init__(self, labels: Sequence[str]) -> None:
        from sklearn.feature_extraction.text import HashingVectorizer
        from sklearn.linear_model import SGDClassifier

        self._labels = labels
        self._hashing = HashingVectorizer(ngram_range=(1, 2), n_features=2**18, alternate_sign=False)
        self._classifier = SGDClassifier(loss="log_loss", random_state=0)
        self._classifier.partial_fit(self._hashing.transform([""]), labels[:1], classes=labels)

    def predict(self, mails: Sequence[Text]) -> Sequence[Any]:
        found: Sequence[Any] = self._classifier.predict(self._hashing.transform(map(_joined, mails)))
        return found

    def progress(self, mails: Sequence[Text], labels: Sequence[str]) -> Sequence[Any]:
        rows = self._hashing.transform(map(_joined, mails))
        predicted: Sequence[Any] = self._classifier.predict(rows)
        self._classifier.partial_fit(rows, labels)
        return predicted


_WORDS = re.compile(r"\w+")
_MEANINGFUL = str.maketrans(":|\n\r", "    ")


def _as_written(text: str) -> str:
    return text.translate(_MEANINGFUL)


def _words(text: str) -> str:
    return " ".join(_WORDS.findall(text.lower()))


class _VowpalWabbit:
    """One class against all, words and pairs of adjacent words. A lesson tells what was predicted just before it."""

    def __init__(self, labels: Sequence[str], bits: int, written: Callable[[str], str]) -> None:
        from vowpalwabbit import Workspace

        self._workspace = Workspace(f"--oaa {len(labels)} --ngram 2 --bit_precision {bits} --quiet")
        self._labels: list[str | None] = [None, *labels]
        self._numbers = {label: number for number, label in enumerate(labels, start=1)}
        self._written = written

    def predict(self, mails: Sequence[Text]) -> Sequence[Any]:
        return [self._labels[self._workspace.predict(self._line(mail))] for mail in mails]

    def progress(self, mails: Sequence[Text], labels: Sequence[str]) -> Sequence[Any]:
        return [self._lesson(mail, label) for mail, label in zip(mails, labels, strict=True)]

    def _lesson(self, mail: Text, label: str) -> str | None:
        example = self._workspace.parse(f"{self._numbers[label]} {self._line(mail)}")
        self._workspace.learn(example)
        predicted = self._labels[int(example.get_prediction())]
        self._workspace.finish_example(example)
        return predicted

    def _line(self, mail: Text) -> str:
        return " ".join(f"|{namespace} {self._written(text)}" for namespace, text in mail.items())


def _vowpal_wabbit(labels: Sequence[str]) -> Contestant:
    """As many buckets as ours for each of its classes, of which it counts a power of two; at most a GiB of weights."""
    return _VowpalWabbit(labels, min(BUCKET_BITS + (len(labels) - 1).bit_length(), 26), _words)


def _small_vowpal_wabbit(labels: Sequence[str]) -> Contestant:
    return _VowpalWabbit(labels, 18, _as_written)


#: Ours, in the three ways that it is used.
ALONE = Peer("triage_cl", _Ours)
IN_BATCHES = Peer("triage_cl, in batches", _Ours, BATCH, BATCH)
RIVER_S_WAY = Peer("triage_cl through River", _river_s_way)
OURS = (ALONE, IN_BATCHES, RIVER_S_WAY)

PEERS = (
    Peer("Vowpal Wabbit", _vowpal_wabbit, package="vowpalwabbit"),
    Peer("Vowpal Wabbit, small, as written", _small_vowpal_wabbit, package="vowpalwabbit"),
    Peer("scikit-learn SGDClassifier", _ScikitLearn, BATCH, package="sklearn"),
    Peer("River MultinomialNB", _river_counts, package="river"),
    Peer("River SoftmaxRegression", _river_softmax, package="river"),
    Peer("River PAClassifier", _river_planes, package="river"),
    Peer("River TFIDF LogisticRegression", _river_tfidf, package="river"),
)

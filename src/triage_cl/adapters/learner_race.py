"""How fast and how right learners are on the same mail, in rounds, so that a busy moment of the machine meets all.

Rates are by processor time, of one thread each: what else runs on the machine counts little.
"""

import gc
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import Any

from triage_cl.adapters.learner_peers import KEY, Contestant, Peer, Text
from triage_cl.learning.ensemble import HashedEnsemble

ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Mails:
    """Texts with their labels, in order."""

    texts: Sequence[Text]
    labels: Sequence[str]

    def chunks(self, size: int, count: int | None = None) -> Iterator["Mails"]:
        """The first `count` of them (None: all), so many at a time."""
        count = len(self.texts) if count is None else count
        for start in range(0, count, size):
            end = min(start + size, count)
            yield Mails(self.texts[start:end], self.labels[start:end])


@dataclass(frozen=True, slots=True)
class Timed:
    """What one round of a contestant came to. `right` says of each mail that it had time for whether it was right."""

    predict_per_second: float
    predict_and_learn_per_second: float
    right: Sequence[bool]


def race(peers: Sequence[Peer], mails: Mails, seconds: float) -> Mapping[str, Timed]:
    """The best of three rounds of each peer: it learns the stream for `seconds` at most, then predicts what it learned.

    One thread each.
    """
    from threadpoolctl import threadpool_limits

    labels = sorted(set(mails.labels))
    rounds: dict[str, list[Timed]] = {peer.name: [] for peer in peers}
    for peer in peers:
        _warm(peer.make(labels), mails)
    # Only now: a limit is for libraries that are loaded.
    with threadpool_limits(1):
        for _ in range(ROUNDS):
            for peer in peers:
                rounds[peer.name].append(_timed(peer, labels, mails, seconds))
    return {name: _best(each) for name, each in rounds.items()}


def _best(rounds: Sequence[Timed]) -> Timed:
    return Timed(
        max(each.predict_per_second for each in rounds),
        max(each.predict_and_learn_per_second for each in rounds),
        max((each.right for each in rounds), key=len),
    )


def _timed(peer: Peer, labels: Sequence[str], mails: Mails, seconds: float) -> Timed:
    contestant = peer.make(labels)
    gc.collect()
    right: list[bool] = []
    started, passed = process_time(), 0.0
    for chunk in mails.chunks(peer.learns):
        predicted = contestant.progress(chunk.texts, chunk.labels)
        right += [one == other for one, other in zip(predicted, chunk.labels, strict=True)]
        passed = process_time() - started
        if passed > seconds:
            break
    return Timed(_predictions_per_second(contestant, peer, mails, len(right), seconds), len(right) / passed, right)


def _warm(contestant: Contestant, mails: Mails) -> None:
    """What is compiled or imported on first use is so now."""
    contestant.progress(mails.texts[:2], mails.labels[:2])
    contestant.predict(mails.texts[:2])


def _predictions_per_second(contestant: Contestant, peer: Peer, mails: Mails, count: int, seconds: float) -> float:
    done = 0
    started, passed = process_time(), 0.0
    for chunk in mails.chunks(peer.predicts, count):
        contestant.predict(chunk.texts)
        done += len(chunk.texts)
        passed = process_time() - started
        if passed > seconds:
            break
    return done / passed


def p99_seconds(mails: Mails) -> float:
    """What all but one in a hundred of our single predictions take at most, text in, probabilities out; best of three.

    After all of the mails were learned.
    """
    learner = HashedEnsemble(key=KEY)
    texts: list[dict[Any, Any]] = [dict(text) for text in mails.texts]
    for text, label in zip(texts, mails.labels, strict=True):
        learner.learn_one(text, label)
    return min(_p99(learner, texts) for _ in range(ROUNDS))


def _p99(learner: HashedEnsemble, texts: Sequence[dict[Any, Any]]) -> float:
    taken = []
    for text in texts:
        started = perf_counter()
        learner.predict_proba_one(text)
        taken.append(perf_counter() - started)
    return sorted(taken)[int(0.99 * len(taken))]

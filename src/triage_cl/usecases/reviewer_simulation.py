"""Double reviews of an invented population, looked at again and again: who is flagged, how soon and how rightly."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from triage_cl.statistics.double_reviews import ALL, NONE, Ints, SecondLooks, Streams, Suspicions
from triage_cl.statistics.estimators import Floats
from triage_cl.statistics.reviewers import Bools, Flags, anchoring, settled
from triage_cl.usecases.reviewer_answers import Reviewers
from triage_cl.usecases.reviewer_population import Population

#: Flags are looked at whenever everybody has answered so many more mails, so many times.
MAILS_A_LOOK, LOOKS = 4, 150

#: The planted effect of a shown suggestion, how much it differs between reviewers, and how much of the mail is blind.
ANCHORING, ANCHORING_SPREAD, BLIND = 0.08, 0.03, 0.2

#: No reviewer's number and no department's.
NOBODY = -1

#: Among people with about as many double reviews, or as little evidence against them, anybody is asked.
ABOUT_AS_MANY, ABOUT_AS_INNOCENT = 3.0, 1.0


@dataclass(frozen=True, slots=True)
class Watched:
    """What came of a watch: a row a repetition, a column a reviewer; `naive` are the flags of the negative control.

    `answers` is how many answers a reviewer had given when flagged, or in all; second answers and verdicts included.
    `doubled` and `agreed` are random double reviews; `double_share` is that of all mails that had a second answer, the
    aimed ones included.
    """

    reviewers: Reviewers
    flagged: Bools
    naive: Bools
    answers: Ints
    doubled: Ints
    agreed: Ints
    double_share: float

    def found_within(self, answers: int | None) -> float | None:
        """The share of the malicious that were flagged within so many answers of theirs (None: ever).

        None where nobody is malicious.
        """
        found = self.flagged if answers is None else self.flagged & (self.answers <= answers)
        malicious = self.reviewers.malicious
        return float(np.mean(found[malicious])) if malicious.any() else None

    @property
    def false_discovery_rate(self) -> float:
        """The expected share of the flagged who are honest and within the tolerance."""
        return self._false_discoveries(self.flagged)

    @property
    def naive_false_discovery_rate(self) -> float:
        """The same of the control: whoever was seen to disagree more often than the tolerance, at any look."""
        return self._false_discoveries(self.naive)

    def _false_discoveries(self, flagged: Bools) -> float:
        false = (flagged & self.reviewers.tolerable).sum(axis=1)
        return float(np.mean(false / np.maximum(1, flagged.sum(axis=1))))


def watch(
    population: Population, repetitions: int, random: np.random.Generator, looked: Callable[[], object] = lambda: None
) -> Watched:
    """`repetitions` populations at once, each watched for 600 mails a reviewer; `looked` is called after each look."""
    office = _Office(Reviewers.drawn(population, repetitions, random), random)
    for _ in range(LOOKS):
        office.work()
        looked()
    return office.outcome()


@dataclass(frozen=True, slots=True)
class _Doubles:
    """Mails that two have answered: the repetition, who, the truth, what they answered, and the stream aimed at."""

    run: Ints
    first: Ints
    second: Ints
    truth: Ints
    answered: Ints
    aimed: Ints

    def __getitem__(self, which: Bools | Ints) -> "_Doubles":
        return _Doubles(*(getattr(self, name)[which] for name in self.__slots__))


class _Office:
    """Reviewers at work. Whoever is flagged answers no more, and is no second or third reviewer."""

    def __init__(self, reviewers: Reviewers, random: np.random.Generator) -> None:
        self._reviewers, self._random = reviewers, random
        population, shape = reviewers.population, reviewers.error.shape
        self._streams = Streams(population.departments, population.tolerance, population.pair_tolerance)
        self._judged, self._wrong = (np.zeros((*shape, self._streams.count), dtype=np.intp) for _ in range(2))
        self._answered = np.zeros((*shape, len(population.departments)), dtype=np.intp)
        self._answers, self._doubled, self._agreed = (np.zeros(shape, dtype=np.intp) for _ in range(3))
        self._log_e, self._naive = np.zeros(shape), np.zeros(shape, dtype=bool)
        self._flags, self._suspicions = Flags.none(shape), Suspicions.none(shape)
        self._mails = self._doubles = 0

    def work(self) -> None:
        """Everybody answers some more mails, some of which a second and, where needed, a third one answers too."""
        run, first = (np.repeat(places, MAILS_A_LOOK) for places in np.nonzero(self._working))
        truth = self._mail(run.size)
        answered = self._reviewers.answers(run, first, truth, self._random)
        aimed = self._second_looks().drawn(self._streams, (run, first), answered, self._random.random(run.size))
        second = np.full_like(first, NOBODY)
        chosen = aimed != NONE
        second[chosen] = self._second(run[chosen], first[chosen], aimed[chosen])
        self._answers += MAILS_A_LOOK * self._working
        self._mails += run.size
        self._answered += _tally(self._answered.shape, run, first, answered)
        self._settle(_Doubles(run, first, second, truth, answered, aimed)[second != NOBODY])

    @property
    def _working(self) -> Bools:
        return ~self._flags.flagged

    def _mail(self, count: int) -> Ints:
        """The true departments of so many mails."""
        bounds = np.cumsum(self._reviewers.population.departments)
        truth: Ints = np.searchsorted(bounds, self._random.random(count) * bounds[-1], side="right")
        return truth

    def _second_looks(self) -> SecondLooks:
        population = self._reviewers.population
        suspicions = self._suspicions if population.steered else Suspicions.none(self._answers.shape)
        return SecondLooks.planned(self._streams, suspicions, self._answered, population.double, self._working)

    def _second(self, run: Ints, first: Ints, aimed: Ints) -> Ints:
        """One of those with the fewest reviews in the stream; where it is aimed, no suspect of it."""
        of_run = Suspicions(self._suspicions.stream[run], self._suspicions.nearness[run])
        allowed = self._working[run] & ~_at(first, self._answers.shape[1])
        allowed &= ~(of_run.of(aimed) & (aimed != ALL)[:, None])
        reviews = self._judged[run, :, aimed] + ABOUT_AS_MANY * self._random.random(allowed.shape)
        return _least(reviews, allowed)

    def _settle(self, doubles: _Doubles) -> None:
        run, one = doubles.run, doubles.answered
        other = self._reviewers.answers(run, doubles.second, doubles.truth, self._random)
        asked = np.flatnonzero(one != other)
        third = self._third(doubles[asked])
        asked, third = asked[third != NOBODY], third[third != NOBODY]
        verdict = np.full_like(one, NOBODY)
        verdict[asked] = self._reviewers.answers(run[asked], third, doubles.truth[asked], self._random)
        judged, against_first, against_second = settled(one, other, verdict)
        self._doubles += run.size
        self._answers += self._counted(run, doubles.second) + self._counted(run[asked], third)
        counting = self._streams.counting(one, other, doubles.aimed) & judged[:, None]
        for who, against in ((doubles.first, against_first), (doubles.second, against_second)):
            self._count(self._judged, run, who, counting)
            self._count(self._wrong, run[against], who[against], counting[against])
            self._compare(run, who, doubles.aimed == ALL, one == other)
        self._look(np.concatenate([run, run]), np.concatenate([doubles.first, doubles.second]))

    def _compare(self, run: Ints, who: Ints, at_random: Bools, alike: Bools) -> None:
        """Count how often the two of a random double review agree."""
        self._doubled += self._counted(run[at_random], who[at_random])
        self._agreed += self._counted(run[at_random & alike], who[at_random & alike])

    def _third(self, doubles: _Doubles) -> Ints:
        """Somebody else who works, of those against whom least speaks."""
        count = self._answers.shape[1]
        allowed = self._working[doubles.run] & ~_at(doubles.first, count) & ~_at(doubles.second, count)
        against = self._flags.log_e[doubles.run] + ABOUT_AS_INNOCENT * self._random.random(allowed.shape)
        return _least(against, allowed)

    def _counted(self, run: Ints, who: Ints) -> Ints:
        """How many of the reviews are each reviewer's."""
        return _tally(self._answers.shape, run, who)

    @staticmethod
    def _count(table: Ints, run: Ints, who: Ints, counting: Bools) -> None:
        """Count in each reviewer's streams the reviews that count there."""
        review, stream = np.nonzero(counting)
        np.add.at(table, (run[review], who[review], stream), 1)

    def _look(self, run: Ints, who: Ints) -> None:
        """Look at those who were reviewed."""
        population, streams = self._reviewers.population, self._streams
        judged, wrong = self._judged[run, who], self._wrong[run, who]
        by_stream, growths = streams.log_e_values(judged, wrong), streams.growths(judged, wrong)
        self._log_e[run, who] = streams.log_e_value(by_stream)
        told = Suspicions.told(streams, by_stream, growths, np.log(population.reviewers / population.level))
        self._suspicions.stream[run, who], self._suspicions.nearness[run, who] = told.stream, told.nearness
        self._flags = self._flags.after(self._log_e, population.level)
        self._naive |= self._doubled - self._agreed > population.tolerance * self._doubled

    def outcome(self) -> Watched:
        """What came of it so far."""
        return Watched(
            self._reviewers,
            self._flags.flagged,
            self._naive,
            self._answers,
            self._doubled,
            self._agreed,
            self._doubles / self._mails,
        )


def _at(who: Ints, count: int) -> Bools:
    """A row of `count` for each, True at `who`."""
    rows: Bools = np.arange(count) == who[:, None]
    return rows


def _least(key: Floats, allowed: Bools) -> Ints:
    """The place of the least allowed key in each row; -1 where none is."""
    return np.where(allowed.any(axis=1), np.argmin(np.where(allowed, key, np.inf), axis=1), NOBODY)


def _tally(shape: tuple[int, ...], *places: Ints) -> Ints:
    """How often each place of a table occurs."""
    return np.bincount(np.ravel_multi_index(places, shape), minlength=math.prod(shape)).reshape(shape)


def anchoring_covered(reviewers: int, repetitions: int, random: np.random.Generator, answers: int = 200) -> float:
    """How often the interval holds a planted effect of 8 points, which differs between reviewers."""
    return float(np.mean([_covers(reviewers, answers, random) for _ in range(repetitions)]))


def _covers(reviewers: int, answers: int, random: np.random.Generator) -> bool:
    names = np.repeat(np.arange(reviewers), answers)
    accepting = random.beta(15, 5, reviewers)
    pull = random.normal(ANCHORING, ANCHORING_SPREAD, reviewers)
    blind = random.random(names.size) < BLIND
    accepted = random.random(names.size) < np.clip(accepting[names] + np.where(blind, 0.0, pull[names]), 0, 1)
    told = anchoring(accepted[~blind], accepted[blind], names[~blind].tolist(), names[blind].tolist())
    return told is not None and told.low <= ANCHORING <= told.high

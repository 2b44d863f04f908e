"""Double reviews of an invented population, looked at again and again: who is flagged, how soon and how rightly."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from triage_cl.statistics.estimators import Floats
from triage_cl.statistics.reviewers import Bools, Flags, anchoring, log_e_values, settled, steered_rates
from triage_cl.usecases.reviewer_answers import Ints, Reviewers
from triage_cl.usecases.reviewer_population import Population

#: Flags are looked at whenever everybody has answered so many more mails, so many times.
MAILS_A_LOOK, LOOKS = 10, 60

#: The planted effect of a shown suggestion, how much it differs between reviewers, and how much of the mail is blind.
ANCHORING, ANCHORING_SPREAD, BLIND = 0.08, 0.03, 0.2

#: No reviewer's number and no department's.
NOBODY = -1


@dataclass(frozen=True, slots=True)
class Watched:
    """What came of a watch: a row a repetition, a column a reviewer; `naive` are the flags of the negative control.

    `answers` is how many answers a reviewer had given when flagged, or in all; second answers and verdicts included.
    """

    reviewers: Reviewers
    flagged: Bools
    naive: Bools
    answers: Ints
    judged: Ints
    doubled: Ints
    agreed: Ints

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


class _Office:
    """Reviewers at work. Whoever is flagged answers no more, and is no second or third reviewer."""

    def __init__(self, reviewers: Reviewers, random: np.random.Generator) -> None:
        self._reviewers, self._random = reviewers, random
        shape = reviewers.error.shape
        self._flags = Flags.none(shape)
        self._naive = np.zeros(shape, dtype=bool)
        self._answers, self._wrong, self._judged, self._doubled, self._agreed = (
            np.zeros(shape, dtype=np.intp) for _ in range(5)
        )

    def work(self) -> None:
        """Everybody answers some more mails, some of which a second and, where needed, a third one answers too."""
        population, random = self._reviewers.population, self._random
        working = ~self._flags.flagged
        self._answers += MAILS_A_LOOK * working
        chance = self._chance() * working
        run, first, _ = np.nonzero(random.random((*chance.shape, MAILS_A_LOOK)) < chance[..., None])
        second = self._somebody(working[run] & ~_at(first, population.reviewers))
        run, first, second = run[second != NOBODY], first[second != NOBODY], second[second != NOBODY]
        departments = np.array(population.departments) / sum(population.departments)
        truth = random.choice(departments.size, size=run.size, p=departments)
        self._settle(run, first, second, truth)
        self._look(population)

    def _chance(self) -> Floats:
        population = self._reviewers.population
        if not population.steered:
            return np.full(self._answers.shape, population.double)
        return steered_rates(self._flags.log_e, population.double)

    def _somebody(self, allowed: Bools) -> Ints:
        """One of those allowed in each row, at random; -1 where nobody is."""
        chosen = np.argmax(self._random.random(allowed.shape) + allowed, axis=1)
        return np.where(allowed.any(axis=1), chosen, NOBODY)

    def _settle(self, run: Ints, first: Ints, second: Ints, truth: Ints) -> None:
        one = self._reviewers.answers(run, first, truth, self._random)
        other = self._reviewers.answers(run, second, truth, self._random)
        asked = np.flatnonzero(one != other)
        third = self._third(run[asked], first[asked], second[asked])
        asked, third = asked[third != NOBODY], third[third != NOBODY]
        verdict = np.full_like(one, NOBODY)
        verdict[asked] = self._reviewers.answers(run[asked], third, truth[asked], self._random)
        judged, against_first, against_second = settled(one, other, verdict)
        self._answers += self._counted(run, second) + self._counted(run[asked], third)
        for who, against in ((first, against_first), (second, against_second)):
            self._doubled += self._counted(run, who)
            self._agreed += self._counted(run, who, one == other)
            self._judged += self._counted(run, who, judged)
            self._wrong += self._counted(run, who, against)

    def _third(self, run: Ints, first: Ints, second: Ints) -> Ints:
        """Somebody else who works, and against whom nothing speaks so far."""
        innocent = ~self._flags.flagged[run] & (self._flags.log_e[run] <= 0)
        count = self._answers.shape[1]
        return self._somebody(innocent & ~_at(first, count) & ~_at(second, count))

    def _counted(self, run: Ints, who: Ints, which: Bools | None = None) -> Ints:
        """How many of the reviews (all, or those of `which`) are each reviewer's."""
        places = run * self._answers.shape[1] + who
        chosen = places if which is None else places[which]
        return np.bincount(chosen, minlength=self._answers.size).reshape(self._answers.shape)

    def _look(self, population: Population) -> None:
        evidence = log_e_values(self._wrong, self._judged, population.tolerance)
        self._flags = self._flags.after(evidence, population.level)
        self._naive |= self._doubled - self._agreed > population.tolerance * self._doubled

    def outcome(self) -> Watched:
        """What came of it so far."""
        return Watched(
            self._reviewers,
            self._flags.flagged,
            self._naive,
            self._answers,
            self._judged,
            self._doubled,
            self._agreed,
        )


def _at(who: Ints, count: int) -> Bools:
    """A row of `count` for each, True at `who`."""
    rows: Bools = np.arange(count) == who[:, None]
    return rows


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

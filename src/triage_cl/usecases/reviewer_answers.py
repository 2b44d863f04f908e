"""What the people of an invented population answer."""

from dataclasses import dataclass

import numpy as np

from triage_cl.statistics.double_reviews import Ints
from triage_cl.statistics.estimators import Floats
from triage_cl.statistics.reviewers import Bools
from triage_cl.usecases.reviewer_population import FOCUSED, Malice, Population


@dataclass(frozen=True, slots=True)
class Reviewers:
    """Drawn reviewers: a row a repetition, a column a reviewer."""

    population: Population
    error: Floats
    malicious: Bools

    @classmethod
    def drawn(cls, population: Population, repetitions: int, random: np.random.Generator) -> "Reviewers":
        """As many populations as there are repetitions, each with error rates of its own."""
        shape = (repetitions, population.reviewers)
        malicious = np.broadcast_to(np.arange(population.reviewers) < population.malicious_reviewers, shape)
        return cls(population, random.beta(*population.errors, shape), malicious)

    @property
    def tolerable(self) -> Bools:
        """The honest whose error rate is within the tolerance: to flag one of them is a false discovery."""
        return ~self.malicious & (self.error <= self.population.tolerance)

    def honest(self) -> "Reviewers":
        """The same people, were all of them honest."""
        return Reviewers(self.population, self.error, np.zeros_like(self.malicious))

    def answers(self, run: Ints, who: Ints, truth: Ints, random: np.random.Generator) -> Ints:
        """What reviewer `who` of repetition `run` answers to each mail of department `truth`."""
        answered = self._honest(self.error[run, who], truth, random)
        flipped = self.malicious[run, who] & (random.random(truth.size) < self.population.flips)
        return np.where(flipped, self._flipped(truth, answered, random), answered)

    def _honest(self, error: Floats, truth: Ints, random: np.random.Generator) -> Ints:
        focus, drawn = self.population.focus, random.random(truth.size)
        answered = np.where(drawn < (1 - focus) * error, self._mistaken(truth, random), truth)
        if not focus:
            return answered
        shares = np.asarray(self.population.departments) / np.sum(self.population.departments)
        confused = np.isin(truth, FOCUSED) & (1 - drawn < focus * error / shares[list(FOCUSED)].sum())
        return np.where(confused, sum(FOCUSED) - truth, answered)

    def _mistaken(self, truth: Ints, random: np.random.Generator) -> Ints:
        count = len(self.population.departments)
        neighbour = np.where((truth ^ 1) < count, truth ^ 1, truth - 1)
        return np.where(random.random(truth.size) < 0.5, neighbour, self._another(truth, random))

    def _flipped(self, truth: Ints, answered: Ints, random: np.random.Generator) -> Ints:
        match self.population.malice:
            case Malice.UNIFORM:
                return self._another(truth, random)
            case Malice.ONE:
                return np.full_like(truth, len(self.population.departments) - 1)
            case Malice.SWAP:
                return np.where(truth < 2, 1 - truth, answered)

    def _another(self, truth: Ints, random: np.random.Generator) -> Ints:
        count = len(self.population.departments)
        return (truth + random.integers(1, count, truth.size)) % count

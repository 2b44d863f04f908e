"""Duels whose truth is known: how many challengers are promoted, after how many reviews, and by naive rules."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from triage_cl.domain.promotion import PromotionRule
from triage_cl.statistics.discoveries import entrant_level
from triage_cl.statistics.duel_paths import Bools, Ints, Paths, Reviews, ever, first, follow
from triage_cl.statistics.estimators import Floats
from triage_cl.usecases.naive_promotion import adaptive_bets, peeked_z
from triage_cl.usecases.promotion_population import Disputes, Population
from triage_cl.usecases.promotion_scenarios import Look


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What became of each duel, and how many answers it had by then; a row a repetition, a column a challenger."""

    promoted: Bools
    retired: Bools
    reviews: Floats

    def quantile(self, share: float) -> float | None:
        """After how many reviews that share of the duels had been promoted; None where fewer ever were."""
        needed = np.quantile(np.where(self.promoted, self.reviews, np.inf), share, method="higher")
        return float(needed) if np.isfinite(needed) else None


@dataclass(frozen=True, slots=True)
class Simulated:
    """What came of all duels under the rule, under uniform review, and by each naive rule in the same runs."""

    population: Population
    duels: Verdicts
    uniform: Verdicts | None
    control: dict[str, Bools]

    @property
    def promoted(self) -> float:
        """The share of duels that ended with a promotion."""
        return float(self.duels.promoted.mean())

    @property
    def false_promotions(self) -> float:
        """The share of repetitions in which a challenger was promoted that is not better."""
        return false_promotions(self.duels.promoted) if self._none_better else 0.0

    @property
    def false_discovery_rate(self) -> float:
        """The expected share of promotions that are false: all or none are, so one false promotion is all of them."""
        return self.false_promotions

    @property
    def _none_better(self) -> bool:
        return self.population.gain <= 0 or self.population.late_bloomer

    @property
    def reviews_over_oracle(self) -> float | None:
        """The reviews by which four duels in five are promoted, over those of a test of fixed size."""
        needed, oracle = self.duels.quantile(0.8), self.population.oracle
        return None if needed is None or oracle is None else needed / oracle

    @property
    def reviews_over_uniform(self) -> float | None:
        """The reviews by which four duels in five are promoted, over those of the same test under uniform review."""
        needed = self.duels.quantile(0.8)
        uniform = self.uniform.quantile(0.8) if self.uniform else None
        return None if needed is None or uniform is None else needed / uniform


def false_promotions(promoted: Bools) -> float:
    """The share of repetitions with any promotion."""
    return float(promoted.any(axis=1).mean())


def simulate(
    population: Population,
    repetitions: int,
    seed: int,
    look: Look = Look.EVERY,
    challengers: int = 1,
    rule: PromotionRule = PromotionRule(),
    done: Callable[[], object] = lambda: None,
) -> Simulated:
    """`repetitions` offices, each with so many challengers one after another; `done` is called after each of them."""
    random = np.random.default_rng(seed)
    offices = _Offices(population, rule, look, challengers, repetitions)
    for number in range(1, challengers + 1):
        offices.judge(Disputes.drawn(population, repetitions, random), number)
        done()
    uniform = offices.reviewing_uniformly(random) if population.gain > 0 else None
    return Simulated(population, offices.duels, uniform, offices.control)


class _Offices:
    """Offices side by side, which judge one challenger after another under one error budget each."""

    def __init__(
        self, population: Population, rule: PromotionRule, look: Look, challengers: int, repetitions: int
    ) -> None:
        self._population, self._rule, self._look, self._challengers = population, rule, look, challengers
        self._promoted: Ints = np.zeros(repetitions, dtype=np.intp)
        self._verdicts: list[Verdicts] = []
        self._control: list[dict[str, Bools]] = []

    def judge(self, disputes: Disputes, number: int) -> None:
        """The duel of the `number`-th challenger in each office."""
        levels = np.array([entrant_level(number, int(promoted), self._rule.alpha) for promoted in self._promoted])
        reviews = disputes.counted(self._population)
        paths = self._follow(reviews, self._population.asked_again)
        verdicts = self._verdicts_of(paths, reviews.answered, self._looked(disputes), levels)
        self._promoted = self._promoted + verdicts.promoted
        self._verdicts.append(verdicts)
        self._control.append(self._naive(disputes, reviews, paths))

    def reviewing_uniformly(self, random: np.random.Generator) -> Verdicts:
        """One duel in each office where all mail is reviewed with the same probability, and all of it counts."""
        disputes = Disputes.uniform(self._population, self._promoted.size, random)
        paths = self._follow(disputes.counted(self._population), self._population.asked_again)
        levels = np.full(len(disputes.gain), entrant_level(1, 0, self._rule.alpha))
        return self._verdicts_of(paths, disputes.position, np.ones(disputes.gain.shape, dtype=bool), levels)

    @staticmethod
    def _verdicts_of(paths: Paths, reviews: Ints, looked: Bools, levels: Floats) -> Verdicts:
        last = reviews.shape[1] - 1
        proved, futile = first(paths.proved(levels) & looked), first(paths.futile(levels) & looked)
        promoted = (proved <= last) & (proved <= futile)
        needed = np.take_along_axis(reviews, np.minimum(proved, last)[:, None], axis=1)[:, 0]
        return Verdicts(promoted, ~promoted & (futile <= last), needed.astype(np.float64))

    def _naive(self, disputes: Disputes, reviews: Reviews, paths: Paths) -> dict[str, Bools]:
        population, alpha = self._population, self._rule.alpha
        naive = {"peeked_z": peeked_z(reviews, alpha)}
        if self._challengers > 1:
            naive["own_budgets"] = ever(paths.proved(alpha))
        if population.delay:
            naive["arrival_order"] = self._ever(disputes.by_arrival(population))
        if population.missing:
            naive["missing_ignored"] = self._ever(disputes.unasked(population))
        if population.anchoring:
            naive["suggestions_shown"] = self._ever(disputes.counted_shown(population), population.asked_again)
        if population.late_bloomer:
            naive["adaptive_bets"] = adaptive_bets(reviews, alpha)
        return naive

    def _ever(self, reviews: Reviews, asked_again: float = 1.0) -> Bools:
        """Whether each duel is promoted by the same test on other reviews."""
        return ever(self._follow(reviews, asked_again).proved(self._rule.alpha))

    def _follow(self, reviews: Reviews, asked_again: float) -> Paths:
        return follow(reviews, self._rule, self._population.least_probability, asked_again)

    def _looked(self, disputes: Disputes) -> Bools:
        looked = np.ones(disputes.decided.shape, dtype=bool)
        if self._look is Look.DAY:
            day = np.floor(disputes.decided)
            looked[:, :-1] = day[:, 1:] > day[:, :-1]
        return looked

    @property
    def duels(self) -> Verdicts:
        """What became of all duels."""
        parts = ([getattr(each, name) for each in self._verdicts] for name in Verdicts.__slots__)
        return Verdicts(*(np.stack(part, axis=1) for part in parts))

    @property
    def control(self) -> dict[str, Bools]:
        """Which duels each naive rule ends with a promotion."""
        names = self._control[0] if self._control else {}
        return {name: np.stack([promoted[name] for promoted in self._control], axis=1) for name in names}

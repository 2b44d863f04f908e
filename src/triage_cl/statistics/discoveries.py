"""Entrants over time under one error budget: a challenger every week promises no false promotion every year."""

from dataclasses import dataclass, replace
from math import pi


def entrant_level(number: int, promoted: int, level: float = 0.05) -> float:
    """At which level the `number`-th entrant is judged (from 1), `promoted` of the earlier ones having been promoted.

    e-LOND (Xu & Ramdas 2024): an e-value of at least one over it is a discovery, and of all discoveries at most the
    share `level` is expected to be false, whatever one duel has to do with another. The shares 6/(π² k²) sum to one.
    Where earlier duels still run, those that will be promoted do not count yet, which errs on the safe side.
    """
    if number < 1 or not 0 <= promoted < number:
        raise ValueError(f"entrants count from 1, and only earlier ones are promoted, not {number} and {promoted}")
    return min(1.0, level * 6 / (pi * number) ** 2 * (promoted + 1))


@dataclass(frozen=True, slots=True)
class Entrants:
    """How many have entered and how many of them were promoted; what the next one's level follows from."""

    entered: int = 0
    promoted: int = 0
    level: float = 0.05

    @property
    def next_level(self) -> float:
        """The level at which whoever enters next is judged; it stays with that entrant."""
        return entrant_level(self.entered + 1, self.promoted, self.level)

    def after_entry(self) -> "Entrants":
        """With one more that has entered."""
        return replace(self, entered=self.entered + 1)

    def after_promotion(self) -> "Entrants":
        """With one more of the entered promoted.

        Raises:
            ValueError: All that entered are promoted already.
        """
        if self.promoted == self.entered:
            raise ValueError(f"all {self.entered} entrants are promoted already")
        return replace(self, promoted=self.promoted + 1)

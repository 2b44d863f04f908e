"""Whether as many mails were drawn as their review probabilities say: exact, over all mail and by probability.

The number of mails drawn is a sum of independent draws with unequal probabilities: its distribution is the
Poisson-binomial one (Poisson 1837), computed here without approximation but for the arithmetic's rounding.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import fftconvolve

from triage_cl.statistics.estimators import Floats

#: How unlikely chance findings are, over all tests of one check together.
LEVEL = 1e-6
#: What is this unlikely on either side is left out after each block: above the rounding of the arithmetic, and over a
#: hundred million mails together still below any level in use.
NEGLIGIBLE = 1e-13
#: How many mails are one block of a long convolution.
BLOCK = 2048


@dataclass(frozen=True, slots=True)
class Stratum:
    """Mails whose review probability is in (`above`, `upto`]: how many, how many were drawn and were to be drawn.

    `p_value` is the chance of a count at least as far from what was to be expected, two-sided.
    """

    above: float
    upto: float
    mails: int
    drawn: int
    expected: float
    p_value: float


def strata(probability: ArrayLike, drawn: ArrayLike) -> list[Stratum]:
    """All mail first, then each factor of two in probability apart; nothing where there is no mail.

    A draw that ignores its probability in one stratum shows there though the total fits. Compare each p-value with
    `LEVEL` over their number (Bonferroni).

    Raises:
        ValueError: A probability is outside (0, 1], or the arrays differ in length.
    """
    chance, told = np.asarray(probability, dtype=np.float64), np.asarray(drawn, dtype=bool)
    if chance.size != told.size:
        raise ValueError(f"{told.size} draws for {chance.size} probabilities")
    if not np.all((chance > 0) & (chance <= 1)):
        raise ValueError("every review probability must be in (0, 1]")
    if not chance.size:
        return []
    halvings = np.ceil(np.log2(chance)).astype(int)
    apart = [_stratum(chance, told, halvings == one, 2.0 ** (one - 1), 2.0**one) for one in np.unique(halvings)[::-1]]
    return [_stratum(chance, told, np.ones(chance.size, dtype=bool), 0.0, 1.0), *apart]


def two_sided(probability: ArrayLike, drawn: int) -> float:
    """The chance that a sum of such draws is as far out as `drawn`: twice the smaller tail, at most 1.

    Raises:
        ValueError: `drawn` is less than none or more than all.
    """
    chance = np.asarray(probability, dtype=np.float64)
    if not 0 <= drawn <= chance.size:
        raise ValueError(f"{drawn} of {chance.size} cannot be drawn")
    least, mass = _distribution(chance)
    place = drawn - least
    lower, upper = float(np.sum(mass[: max(0, place + 1)])), float(np.sum(mass[max(0, place) :]))
    return min(1.0, 2 * max(0.0, min(lower, upper)))


def _stratum(chance: Floats, drawn: NDArray[np.bool_], of: NDArray[np.bool_], above: float, upto: float) -> Stratum:
    count = int(np.count_nonzero(drawn[of]))
    return Stratum(above, upto, int(of.sum()), count, float(chance[of].sum()), two_sided(chance[of], count))


def _distribution(chance: Floats) -> tuple[int, Floats]:
    """The distribution of the sum: the least number with more than negligible chance, and the chances from there on."""
    least = 0
    mass: Floats = np.ones(1)
    for block in _blocks(chance):
        mass = np.clip(fftconvolve(mass, block), 0.0, None)
        kept = np.flatnonzero((np.cumsum(mass) > NEGLIGIBLE) & (np.cumsum(mass[::-1])[::-1] > NEGLIGIBLE))
        least, mass = least + int(kept[0]), mass[kept[0] : kept[-1] + 1]
    return least, mass


def _blocks(chance: Floats) -> Iterator[Floats]:
    """The distributions of the sums of some mails each: pairs of sums are convolved until one is left."""
    for first in range(0, chance.size, BLOCK):
        some = chance[first : first + BLOCK]
        padded = np.zeros(1 << (some.size - 1).bit_length())
        padded[: some.size] = some
        sums: Floats = np.stack([1 - padded, padded], axis=1)
        while len(sums) > 1:
            sums = np.asarray(fftconvolve(sums[0::2], sums[1::2], axes=1))
        yield sums[0][: some.size + 1]

"""Invented reviewers, some of whom answer wrongly on purpose, and the mail that they review."""

from dataclasses import dataclass
from enum import StrEnum

from triage_cl.domain.reviewers import TOLERANCE

#: How generated mail is shared out among its departments, the largest first.
SHARES = (0.214, 0.176, 0.154, 0.101, 0.097, 0.081, 0.064, 0.063, 0.05)

#: Two neighbouring departments that people may confuse above all.
FOCUSED = (2, 3)


class Malice(StrEnum):
    """What a malicious reviewer answers in place of the truth."""

    UNIFORM = "uniform"
    ONE = "one"
    SWAP = "swap"


@dataclass(frozen=True, slots=True)
class Population:
    """Who reviews what. The shares of mail and the rates of error are the planted truth.

    `malicious` is the share of reviewers who flip the share `flips` of their answers: to any other department, all to
    the smallest one, or the two largest departments for each other (`malice`). Everybody's own error rate is drawn from
    a beta distribution (`errors`), so that some honest ones are above the `tolerance`; half of those errors go to the
    department's neighbour, so that honest people err alike; with `focus` that share of all errors is made between two
    departments (`FOCUSED`) instead. The share `double` of mails is reviewed twice, `steered` to suspects or at random.
    Within the tolerance is who errs at most so often over all their mail; `pair_tolerance` is for each two departments.
    """

    malice: Malice = Malice.UNIFORM
    malicious: float = 0.1
    flips: float = 1.0
    double: float = 0.05
    steered: bool = True
    reviewers: int = 50
    tolerance: float = TOLERANCE
    pair_tolerance: float | None = None
    level: float = 0.05
    errors: tuple[float, float] = (2.0, 30.0)
    departments: tuple[float, ...] = SHARES
    focus: float = 0.0

    @property
    def malicious_reviewers(self) -> int:
        """How many are malicious; they are the first ones."""
        return round(self.reviewers * self.malicious)

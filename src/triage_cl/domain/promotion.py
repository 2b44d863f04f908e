"""Whether the challenger takes over: a pure decision with its reasons."""

from dataclasses import dataclass, replace
from enum import StrEnum
from math import pi


class Verdict(StrEnum):
    """What becomes of a challenger."""

    PROMOTE = "promote"
    KEEP = "keep"
    RETIRE = "retire"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a duel says so far, valid at any time of looking.

    `gain` is the challenger's share of right mails minus the champion's over all `mails` of the duel, with its
    confidence sequence `gain_low` to `gain_high`; `answered` counts the disputed mails with an answer.
    """

    mails: int
    disputed: int
    answered: int
    e_value: float
    gain: float
    gain_low: float
    gain_high: float


@dataclass(frozen=True, slots=True)
class PromotionRule:
    """What a promotion needs: an e-value of 1/alpha (Ville 1939) and a gain that is above `least_gain`.

    A challenger is retired when its gain is shown to stay under `least_gain + futility`, or when `most_answers`
    disputed answers have not decided.
    """

    alpha: float = 0.05
    least_gain: float = 0.0
    futility: float = 0.005
    most_answers: int = 5_000

    def for_challenger(self, number: int) -> "PromotionRule":
        """The rule for a ledger's `number`-th challenger: the errors of all of them together stay below alpha.

        Their shares 6/(pi² k²) sum to one, so by the union bound a new challenger every week promises no false
        promotion every year.
        """
        return replace(self, alpha=self.alpha * 6 / (pi * number) ** 2)


@dataclass(frozen=True, slots=True)
class PromotionDecision:
    """The verdict with its reasons."""

    verdict: Verdict
    reasons: tuple[str, ...]


def decide_promotion(evidence: Evidence, rule: PromotionRule) -> PromotionDecision:
    """Promote when the gain is proved, retire when it is shown to be out of reach, else keep collecting."""
    seen = f"after {evidence.answered} answers on {evidence.disputed} disputed of {evidence.mails} mails"
    between = f"gain {evidence.gain:+.3f} (between {evidence.gain_low:+.3f} and {evidence.gain_high:+.3f}) {seen}"
    needed = 1 / rule.alpha
    against = []
    if evidence.e_value < needed:
        against.append(f"e-value {evidence.e_value:.3g} is below {needed:.3g}")
    if evidence.gain_low <= rule.least_gain:
        against.append(f"the gain may still be {evidence.gain_low:+.3f}")
    if not against:
        return PromotionDecision(Verdict.PROMOTE, (f"e-value {evidence.e_value:.3g} reached {needed:.3g}", between))
    if evidence.gain_high < rule.least_gain + rule.futility:
        return PromotionDecision(Verdict.RETIRE, (f"the gain is at most {evidence.gain_high:+.3f}", between))
    if evidence.answered >= rule.most_answers:
        return PromotionDecision(Verdict.RETIRE, (f"undecided after {evidence.answered} answers", between))
    return PromotionDecision(Verdict.KEEP, (*against, between))

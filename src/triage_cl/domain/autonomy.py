"""How much a department's mail may do by itself: earned by evidence, lost by evidence, ended by a switch."""

from dataclasses import dataclass
from enum import StrEnum
from math import exp, log, pi

from triage_cl.domain.decisions import Action


class Autonomy(StrEnum):
    """What a department lets the champion do with its mail."""

    OBSERVE = "observe"
    """Decide without effect: people route all mail and see no conclusion."""
    SUGGEST = "suggest"
    """Tell people what it concludes."""
    AUTO = "auto"
    """Route mail by itself where it is sure enough."""


def permitted(action: Action, autonomy: Autonomy) -> Action:
    """What becomes of an action under the autonomy of the department that was concluded."""
    if autonomy is Autonomy.OBSERVE:
        return Action.ASK
    return Action.SUGGEST if autonomy is Autonomy.SUGGEST and action is Action.AUTO else action


@dataclass(frozen=True, slots=True)
class AutonomyRule:
    """What it takes to earn autonomy and to lose it.

    Automatic routing needs a precision above `bar`, which a cost table implies; suggestions one above `suggest_bar`:
    more often right than wrong. `alpha` is the chance with which a department whose precision is never above a bar ever
    passes it. A fall to `margin` below the bar is to be told soon; `fallen` is the evidence (natural logarithm) that it
    takes. `reviews` random mails a day and department are reviewed, and `closer` times as many once the evidence for a
    fall is past the share `suspicious` of what is needed.
    """

    bar: float = 0.9
    suggest_bar: float = 0.5
    alpha: float = 0.01
    margin: float = 0.05
    fallen: float = log(1000)
    reviews: float = 30.0
    closer: float = 5.0
    suspicious: float = 0.4

    def __post_init__(self) -> None:
        if not (0 < self.suggest_bar <= self.bar < 1 and 0 < self.margin < self.bar and 0 < self.alpha < 1):
            raise ValueError(f"bars, margin and alpha must be shares, and the margin below the bar: {self}")
        if not (self.fallen > 0 and self.reviews > 0 and self.closer >= 1 and 0 < self.suspicious <= 1):
            raise ValueError(f"evidence and reviews must be above 0, and never fewer on suspicion: {self}")

    def needed(self, attempt: int) -> float:
        """The evidence (natural logarithm) with which a bar is passed at a department's `attempt`-th try, from 1.

        The levels alpha·6/(pi² j²) sum to alpha, so that trying again and again promises nothing (union bound).
        """
        return log((pi * attempt) ** 2 / (6 * self.alpha))

    @property
    def sought(self) -> float:
        """The precision that a fall is taken to lead to."""
        return self.bar - self.margin

    @property
    def baselines(self) -> tuple[float, float]:
        """Between which precisions a department is taken to be while it routes automatically.

        What was seen flatters whoever has just passed the bar. A department that is taken for perfect falls with its
        first error, and one that is taken for as good as the bar is never seen to fall.
        """
        most = 1 - (1 - self.bar) / 5
        return min(self.bar + self.margin / 2, (self.bar + most) / 2), most

    def baseline(self, record: "TrackRecord") -> float:
        """The precision that a department is taken to have before its next answer: as seen so far, within bounds."""
        least, most = self.baselines
        return min(most, max(least, record.right / max(1, record.judged)))

    def reviews_for(self, fall: float) -> float:
        """How many random mails of a department are reviewed a day, from its evidence for a fall."""
        return self.reviews * (self.closer if fall >= self.suspicious * self.fallen else 1)


@dataclass(frozen=True, slots=True)
class Standing:
    """A department's autonomy, and at which attempt to earn it, counted from 1; each loss begins another."""

    autonomy: Autonomy = Autonomy.OBSERVE
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """What random reviews tell of a department: `right` of `judged` answers, all since the attempt began.

    `above_suggest` and `above_auto` are the evidence (natural logarithms) that its precision is above either bar,
    `fall` the evidence that it has fallen since it routes automatically.
    """

    judged: int
    right: int
    above_suggest: float = 0.0
    above_auto: float = 0.0
    fall: float = 0.0


@dataclass(frozen=True, slots=True)
class AutonomyDecision:
    """A department's standing from now on, with the reasons."""

    standing: Standing
    reasons: tuple[str, ...]


def decide_autonomy(
    standing: Standing, record: TrackRecord, rule: AutonomyRule, stopped: bool = False
) -> AutonomyDecision:
    """A step up when a bar is passed, back to suggestions when precision has fallen, nothing at all when stopped."""
    if stopped:
        return AutonomyDecision(_begun_again(standing, Autonomy.OBSERVE), ("everything was stopped",))
    if standing.autonomy is Autonomy.AUTO:
        return _kept_or_lost(standing, record, rule)
    return _earned_or_not(standing, record, rule)


def _kept_or_lost(standing: Standing, record: TrackRecord, rule: AutonomyRule) -> AutonomyDecision:
    if record.fall >= rule.fallen:
        fell = f"precision fell towards {rule.sought:.0%}: evidence {_e(record.fall)} reached {_e(rule.fallen)}"
        return AutonomyDecision(_begun_again(standing, Autonomy.SUGGEST), (fell,))
    far = f"evidence for a fall to {rule.sought:.0%} is {_e(record.fall)} of {_e(rule.fallen)}"
    return AutonomyDecision(standing, (far,))


def _earned_or_not(standing: Standing, record: TrackRecord, rule: AutonomyRule) -> AutonomyDecision:
    needed, reasons = rule.needed(standing.attempt), [f"{record.right} of {record.judged} random reviews were right"]
    steps = (
        (Autonomy.SUGGEST, rule.suggest_bar, record.above_suggest),
        (Autonomy.AUTO, rule.bar, record.above_auto),
    )
    autonomy = standing.autonomy
    for step, bar, evidence in steps[list(Autonomy).index(autonomy) :]:
        passed = evidence >= needed
        reasons.append(f"evidence for more than {bar:.0%}: {_e(evidence)} of {_e(needed)} for {step}")
        if not passed:
            break
        autonomy = step
    return AutonomyDecision(Standing(autonomy, standing.attempt), tuple(reasons))


def _begun_again(standing: Standing, autonomy: Autonomy) -> Standing:
    """Another attempt, if there was something to lose."""
    return Standing(autonomy, standing.attempt + (standing.autonomy is Autonomy.AUTO))


def _e(logarithm: float) -> str:
    return f"{exp(min(logarithm, 700.0)):.3g}"

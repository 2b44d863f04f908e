"""What the champion concluded about a mail, and what was done with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Action(StrEnum):
    """What happens to a mail."""

    AUTO = "auto"
    """Routed without anybody looking."""
    SUGGEST = "suggest"
    """Routed by a person who sees the conclusion."""
    ASK = "ask"
    """Routed by a person alone: the champion abstains."""


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What one learner believes: the likeliest department, its probability, and its lead over the second."""

    department: str | None
    confidence: float
    margin: float


#: What a learner that was taught nothing concludes.
NOTHING = Conclusion(None, 0.0, 0.0)


def conclude(probabilities: Mapping[str, float]) -> Conclusion:
    """The conclusion from probabilities by department; equal ones go to the first id, so that a replay agrees."""
    if not probabilities:
        return NOTHING
    ranked = sorted(probabilities.items(), key=lambda item: (-item[1], item[0]))
    best, confidence = ranked[0]
    runner_up = ranked[1][1] if len(ranked) > 1 else 0.0
    return Conclusion(best, confidence, confidence - runner_up)


@dataclass(frozen=True, slots=True)
class Bars:
    """From which confidence on a mail is routed automatically, and from which on a department is suggested.

    Nothing is routed automatically by a champion that was taught fewer than `least_lessons`: whoever knows one
    department is sure of it.
    """

    automatic: float = 0.9
    suggest: float = 0.3
    least_lessons: int = 200

    def __post_init__(self) -> None:
        if not 0 <= self.suggest <= self.automatic:
            raise ValueError(f"bars must rise from 0: suggest {self.suggest}, automatic {self.automatic}")


def decide_action(conclusion: Conclusion, bars: Bars, lessons: int) -> Action:
    """What to do with a mail of which this was concluded by a champion that was taught so many lessons."""
    if conclusion.department is None or conclusion.confidence < bars.suggest:
        return Action.ASK
    sure = conclusion.confidence >= bars.automatic and lessons >= bars.least_lessons
    return Action.AUTO if sure else Action.SUGGEST


@dataclass(frozen=True, slots=True)
class Decision:
    """The stored decision: made once, before any answer for the mail exists, and never changed.

    `version`, `through` and `as_of` name the champion that concluded, so that its fold gives the same
    probabilities again; `unseen` is the share of the mail's features that it was never taught, None where it
    cannot tell; `draw` is uniform in [0, 1) and keyed to the mail; `disputed` says that a challenger
    concluded otherwise.
    """

    email_id: str
    version: str
    department: str | None
    confidence: float
    margin: float
    unseen: float | None
    action: Action
    review_probability: float
    draw: float
    blind: bool
    disputed: bool
    decided_at: datetime
    through: int
    as_of: int

    @property
    def drawn(self) -> bool:
        """Whether this mail is given to a reviewer."""
        return self.draw < self.review_probability

    @property
    def priority(self) -> float:
        """Tasks are worked in ascending order of this (sequential Poisson sampling, Ohlsson 1998)."""
        return self.draw / self.review_probability


@dataclass(frozen=True, slots=True)
class ShadowDecision:
    """What a challenger concluded where it disagrees with the champion; without effect."""

    email_id: str
    challenger: str
    department: str | None
    confidence: float

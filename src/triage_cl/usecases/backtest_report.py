"""What a backtest tells a reader: plain values, in the order of the report, for whoever writes or draws it.

Shares and errors are within [0, 1]. What carries an `Interval` was estimated from reviewers' answers alone, as in
production; everything else named accuracy, precision or recall is known only because a backtest has the truth.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from triage_cl.statistics.estimators import Interval


@dataclass(frozen=True, slots=True)
class Halves:
    """A figure over all mail, and over the second half alone, where the cold start is past; None where unknown."""

    all: float | None
    second_half: float | None


@dataclass(frozen=True, slots=True)
class Headline:
    """The figures to know first. `automatic_accuracy` and `estimate` are None where nothing supports them."""

    mails: int
    decided: int
    quarantined: int
    reviewed: int
    review_share: float
    accuracy: Halves
    macro_f1: Halves
    ece: Halves
    automatic_share: float
    automatic_accuracy: float | None
    estimate: Interval | None


@dataclass(frozen=True, slots=True)
class Period:
    """Some days of the stream. `accuracy` is None where no mail of the period has a known truth."""

    starts_on: date
    days: int
    mails: int
    accuracy: float | None
    estimate: Interval | None
    reviewed: int
    automatic_share: float


@dataclass(frozen=True, slots=True)
class DepartmentRow:
    """How one department fares; `mails` are those that are truly its own, `estimate` is of its precision."""

    name: str
    mails: int
    precision: float | None
    recall: float | None
    answers: int
    estimate: Interval | None


@dataclass(frozen=True, slots=True)
class Confusion:
    """Mails by true (rows) and concluded (columns) department, both in the order of `names`."""

    names: tuple[str, ...] = ()
    mails: tuple[tuple[int, ...], ...] = ()


#: What stands for the departments beyond the largest, and for mails of which nothing was concluded.
OTHER, NOTHING = "other", "nothing concluded"


def confusion_of(truths: Sequence[str], conclusions: Sequence[str | None], most: int = 12) -> Confusion:
    """The confusion of the `most` largest departments by name, largest first, the rest of them as "other".

    Raises:
        ValueError: The sequences differ in length.
    """
    told = [NOTHING if name is None else name for name in conclusions]
    pairs = Counter(zip(truths, told, strict=True))
    sizes = Counter(truths)
    ranked = sorted(set(truths) | set(told) - {NOTHING}, key=lambda name: (-sizes[name], name))
    shown = {name: name for name in ranked[:most]} | dict.fromkeys(ranked[most:], OTHER) | {NOTHING: NOTHING}
    names = tuple(dict.fromkeys([*(shown[name] for name in ranked), *([NOTHING] if NOTHING in told else [])]))
    mails: Counter[tuple[str, str]] = Counter()
    for (truth, conclusion), count in pairs.items():
        mails[shown[truth], shown[conclusion]] += count
    return Confusion(names, tuple(tuple(mails[row, column] for column in names) for row in names))


@dataclass(frozen=True, slots=True)
class DriftRow:
    """A look at drift: its verdict (quiet, watch or retrain) and why."""

    at: datetime
    verdict: str
    reasons: tuple[str, ...]


class Turn(StrEnum):
    """What happened to a model version."""

    REGISTERED = "challenger registered"
    BECAME_CHAMPION = "became champion"
    ROLLED_BACK = "became champion again"
    KEPT = "challenger kept"
    RETIRED = "challenger retired"


#: The turns after which another version acts.
CHANGES_OF_CHAMPION = frozenset({Turn.BECAME_CHAMPION, Turn.ROLLED_BACK})


@dataclass(frozen=True, slots=True)
class ChampionRow:
    """A turn in the life of a model version, with its reasons."""

    at: datetime
    version: str
    turn: Turn
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Baseline:
    """Something simpler, measured on the same stream in the same way."""

    name: str
    accuracy: Halves


@dataclass(frozen=True, slots=True)
class Look:
    """A look at a duel after so many mails: the gain with its confidence sequence, and the e-value."""

    mails: int
    low: float
    mean: float
    high: float
    e_value: float


@dataclass(frozen=True, slots=True)
class DuelRow:
    """A duel over time; promotion needs an e-value of `needed` and a low end above zero."""

    name: str
    looks: tuple[Look, ...]
    needed: float = 20.0


@dataclass(frozen=True, slots=True)
class BacktestReport:
    """Everything a backtest's report shows; `options` are names and values as text."""

    archive: str
    seed: int
    options: tuple[tuple[str, str], ...]
    headline: Headline
    over_time: tuple[Period, ...] = ()
    coverage_error: tuple[tuple[float, float], ...] = ()
    departments: tuple[DepartmentRow, ...] = ()
    confusion: Confusion = Confusion()
    drift: tuple[DriftRow, ...] = ()
    champions: tuple[ChampionRow, ...] = ()
    baselines: tuple[Baseline, ...] = ()
    duels: tuple[DuelRow, ...] = ()

"""What changes of departments do to accuracy: the answers that there are, counted anew."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from triage_cl.domain.departments import Taxonomy
from triage_cl.statistics.estimators import Interval, aipw_mean
from triage_cl.usecases.ledger import Answered, Ledger

#: How many decisions are counted, the last ones.
MOST_DECISIONS = 20_000
#: After so many rounds a share that is counted by itself has settled to six digits.
ROUNDS = 30


@dataclass(frozen=True, slots=True)
class Recount:
    """Accuracy before and after changes of departments, None where there are too few answers to tell.

    So many `decisions`, and `answers` to them, are of departments that end and count no more. Of the departments that
    are `new` nothing is known yet.
    """

    before: Interval | None
    after: Interval | None
    decisions: int
    answers: int
    new: tuple[str, ...]


def recount(ledger: Ledger, before: Taxonomy, after: Taxonomy) -> Recount:
    """The accuracy of the last decisions as it counts under the departments `before` and `after` a change."""
    made = lately_decided(ledger)
    staying = [item for item in made if not _leaves(item, before)]
    leaving = [item for item in staying if _leaves(item, after)]
    return Recount(
        before=accuracy_under(made, before),
        after=accuracy_under(made, after),
        decisions=len(leaving),
        answers=sum(map(is_told, leaving)),
        new=tuple(id for id in after.departments if id not in before.departments),
    )


def lately_decided(ledger: Ledger) -> list[Answered]:
    """The last decisions, with the settled answers of the drawn."""
    recent = ledger.recent_decisions(MOST_DECISIONS)
    return list(ledger.decisions(since=recent[0].decided_at)) if recent else []


def accuracy_under(made: Sequence[Answered], taxonomy: Taxonomy) -> Interval | None:
    """The share of right conclusions among `made` (AIPW), as they count where `taxonomy` holds; None if unknown.

    A conclusion for a department that ended does not count, and neither does mail that was answered to be of one. How
    much of that is among the mail nobody was asked about, nobody knows: so the share is one of two estimated totals,
    in which such an answer stands for mail that is as often right as the rest (ratio estimator, linearised: Särndal,
    Swensson & Wretman 1992, 5.6).
    """
    kept = [item for item in made if item.decision.department is None or _home(item.decision.department, taxonomy)]
    if not kept:
        return None
    told = np.array([is_told(item) for item in kept])
    left = told & np.array([_leaves(item, taxonomy) for item in kept])
    right = np.array([_is_right(item, taxonomy) for item in kept], dtype=np.float64)
    chances = np.array([item.decision.review_probability for item in kept])
    believed = [item.decision.confidence for item in kept]
    threads = [item.thread or item.decision.email_id for item in kept]
    found = aipw_mean(right, told & ~left, chances, believed, clusters=threads)
    for _ in range(ROUNDS if found and left.any() else 0):
        right[left] = found.point if found else 0.0
        found = aipw_mean(right, told, chances, believed, clusters=threads)
    return found and _stretched(found, float(np.sum(told / chances) / np.sum((told & ~left) / chances)))


def _stretched(found: Interval, times: float) -> Interval:
    """The interval so much wider: the share is one of the mail that stays, not of all."""
    low, high = (found.point + times * (end - found.point) for end in (found.low, found.high))
    return Interval(found.point, max(0.0, low), min(1.0, high))


def _home(department: str | None, taxonomy: Taxonomy) -> str | None:
    return None if department is None else taxonomy.teaches(department)


def is_told(item: Answered) -> bool:
    """Whether somebody who was asked said whose the mail is."""
    return item.decision.drawn and item.answer is not None and item.answer.department is not None


def _is_right(item: Answered, taxonomy: Taxonomy) -> bool:
    answer = item.answer.department if item.answer else None
    concluded, said = _home(item.decision.department, taxonomy), _home(answer, taxonomy)
    return said is not None and taxonomy.agree(concluded, said)


def _leaves(item: Answered, taxonomy: Taxonomy) -> bool:
    """Whether a decision counts no more: it, or its answer, is of a department that ended."""
    named = (item.decision.department, item.answer.department if item.answer and item.decision.drawn else None)
    return any(department is not None and _home(department, taxonomy) is None for department in named)

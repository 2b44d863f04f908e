"""Invented decisions by columns, a page at a time, with the answers of those that were drawn: one day's mail."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from triage_cl.statistics.reviewers import Bools
from triage_cl.statistics.sketches import ACTIONS, Decisions
from triage_cl.usecases.reviewer_population import SHARES

#: Midnight of a Monday, in seconds from 1970, and how long a day is.
MONDAY, DAY_SECONDS = 1_767_571_200, 86_400
#: The least review probability, that of disputed mail, and how much mail is disputed.
FLOOR, DISPUTED, DISPUTED_SHARE = 0.005, 0.2, 0.02
#: Nothing is concluded of so much mail.
NOTHING_CONCLUDED = 0.01


class Page(NamedTuple):
    """Decisions, and for each whether it is wrong: to be looked at where the mail was drawn, and only there."""

    decisions: Decisions
    wrong: Bools


def pages(rows: int, page: int, random: np.random.Generator, midnight: int = MONDAY) -> Iterator[Page]:
    """So many decisions of the day that begins at `midnight`, in the order of time."""
    for start in range(0, rows, page):
        count = min(page, rows - start)
        yield _page(midnight + DAY_SECONDS * (start + np.arange(count)) // rows, random)


def _page(decided_at: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]", random: np.random.Generator) -> Page:
    count = decided_at.size
    department = np.searchsorted(np.cumsum(SHARES), random.random(count) * sum(SHARES), side="right")
    department[random.random(count) < NOTHING_CONCLUDED] = -1
    confidence = random.beta(6, 1, count)
    probability = np.maximum(FLOOR, np.where(random.random(count) < DISPUTED_SHARE, DISPUTED, 0.2 * (1 - confidence)))
    decisions = Decisions(
        departments=[f"d{number}" for number in range(len(SHARES))],
        department=department,
        action=np.where(confidence > 0.9, 0, np.where(confidence > 0.3, 1, len(ACTIONS) - 1)),
        decided_at=decided_at,
        confidence=confidence,
        length=np.exp(random.normal(6.5, 1.0, count)).astype(np.int64),
        unseen=random.beta(1, 15, count),
        probability=probability,
        drawn=random.random(count) < probability,
    )
    return Page(decisions, random.random(count) < 1 - confidence)

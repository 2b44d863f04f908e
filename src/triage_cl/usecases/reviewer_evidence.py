"""What judged double reviews tell of each reviewer, review by review, and who is flagged since when.

Evidence is wealth: whoever bets that a reviewer errs more often than is tolerated starts with 1 and shares it out among
streams of reviews (`statistics.double_reviews`). With a new department there are more streams: half of the wealth then
stays where it is, half is shared out anew. A bet may follow from the past, so the promise of the flags holds.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from triage_cl.domain.corrections import Correction
from triage_cl.domain.departments import Taxonomy
from triage_cl.domain.double_reviews import DoubleReview, Outcome
from triage_cl.domain.facts import Recorded
from triage_cl.statistics.double_reviews import ALL, Ints, Streams, Suspicions
from triage_cl.statistics.estimators import Floats
from triage_cl.statistics.reviewers import Flags
from triage_cl.usecases.ledger import Ledger

#: At most this share of the flags is expected to be wrong.
LEVEL = 0.05
#: How many facts back mail is counted by department, where wealth is shared out.
LATELY = 5_000
#: The streams before anything is known of departments; nothing counts in them.
NO_STREAMS = Streams((0.5, 0.5))


@dataclass(frozen=True, slots=True)
class Flag:
    """Since when a reviewer is flagged."""

    position: int
    at: datetime


@dataclass
class Counted:
    """How many judged reviews a reviewer has in each stream, and how many went against them.

    `stakes` is the logarithm of the wealth in each stream when it was last shared out, `before` that of the stream's
    evidence then.
    """

    judged: Ints
    wrong: Ints
    stakes: Floats
    before: Floats

    @classmethod
    def nothing(cls, streams: Streams) -> "Counted":
        """The counts of somebody of whom nothing is known."""
        size = streams.log_weights.size
        return cls(np.zeros(size, np.intp), np.zeros(size, np.intp), streams.log_weights.copy(), np.zeros(size))

    def wealth(self, streams: Streams) -> Floats:
        """The logarithm of the wealth in each stream."""
        return self.stakes + streams.log_e_values(self.judged, self.wrong) - self.before

    def among(self, streams: Streams, was: Streams, moved: Ints) -> "Counted":
        """The same counts among more streams; `moved` tells where each of those that there were is now."""
        new = Counted.nothing(streams)
        new.judged[moved], new.wrong[moved] = self.judged, self.wrong
        wealth, stays = self.wealth(was), np.full(new.stakes.size, -np.inf)
        stays[moved] = wealth
        new.stakes = np.logaddexp(stays, np.logaddexp.reduce(wealth) + streams.log_weights) - np.log(2)
        new.before = streams.log_e_values(new.judged, new.wrong)
        return new


class Evidence:
    """The evidence against everybody who had part in a double review; reviews come in the order of the ledger.

    Flags are raised among as many reviewers as had part in a review by then.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._places: dict[str, int] = {}
        self._counted: dict[str, Counted] = {}
        self._flags = Flags.none((0,))
        self.streams = NO_STREAMS
        self.flagged: dict[str, Flag] = {}

    @property
    def departments(self) -> list[str]:
        """The ids of the departments in the order of the streams."""
        return list(self._places)

    def log_e_value(self, reviewer: str) -> float:
        """The logarithm of the evidence against a reviewer; of a flagged one, as it was then."""
        met = list(self._counted)
        return float(self._flags.log_e[met.index(reviewer)]) if reviewer in self._counted else 0.0

    def pair(self, stream: int) -> tuple[str, ...]:
        """The two departments of a stream, () for that of all reviews."""
        if stream == ALL:
            return ()
        return tuple(self.departments[int(side[stream - 1])] for side in _pairs(len(self._places)))

    @property
    def enough(self) -> float:
        """The logarithm of the evidence for which the first of so many reviewers is flagged."""
        return float(np.log(max(1, len(self._counted)) / LEVEL))

    def suspected(self, reviewer: str, aim: Sequence[str]) -> bool:
        """Whether somebody is suspected of the very thing that a review is aimed at."""
        return bool(aim) and bool(self.suspicions([reviewer]).of([self._stream(aim)]).any())

    def suspicions(self, reviewers: Sequence[str]) -> Suspicions:
        """Of what these are suspected."""
        counted = [self._counted.get(reviewer) or Counted.nothing(self.streams) for reviewer in reviewers]
        judged, wrong = (np.array([getattr(one, counts) for one in counted]) for counts in ("judged", "wrong"))
        evidence, growths = self.streams.log_e_values(judged, wrong), self.streams.growths(judged, wrong)
        return Suspicions.told(self.streams, evidence, growths, self.enough)

    def meet(self, reviewers: Iterable[str]) -> None:
        """Count reviewers who had part in a double review."""
        new = [one for one in dict.fromkeys(reviewers) if one not in self._counted]
        self._counted |= {one: Counted.nothing(self.streams) for one in new}
        log_e, flagged = np.zeros(len(new)), np.zeros(len(new), dtype=bool)
        self._flags = Flags(np.append(self._flags.log_e, log_e), np.append(self._flags.flagged, flagged))

    def judge(self, review: DoubleReview, taxonomy: Taxonomy, recorded: Recorded) -> None:
        """Take in a review that was judged, between reviewers who were met, and see whom to flag."""
        if taxonomy.lessons_of.keys() - self._places.keys():
            self._extend(taxonomy, recorded.position)
        if review.second is None or self.streams is NO_STREAMS:
            return
        first, second = (self._places[one.department] for one in (review.first, review.second))
        streams = self.streams.counting(first, second, self._stream(review.aim))
        log_e = self._flags.log_e.copy()
        against = {Outcome.AGAINST_FIRST: review.first, Outcome.AGAINST_SECOND: review.second}.get(review.outcome)
        for one in (review.first, review.second):
            mine = self._counted[one.reviewer]
            mine.judged += streams
            mine.wrong += streams & (one is against)
            if one.reviewer not in self.flagged:
                log_e[list(self._counted).index(one.reviewer)] = np.logaddexp.reduce(mine.wealth(self.streams))
        self._flag(log_e, recorded)

    def _flag(self, log_e: Floats, recorded: Recorded) -> None:
        if max(log_e) < -np.log(LEVEL):
            # Not enough for a flag, whatever the others have.
            self._flags = replace(self._flags, log_e=log_e)
            return
        self._flags = self._flags.after(log_e, LEVEL)
        for reviewer, flagged in zip(self._counted, self._flags.flagged, strict=True):
            if flagged:
                self.flagged.setdefault(reviewer, Flag(recorded.position, recorded.at))

    def _stream(self, pair: Sequence[str]) -> int:
        """The stream of two departments."""
        places = sorted(self._places[id] for id in pair)
        if not places:
            return ALL
        return int(_streams_of_pairs(len(self._places))[places[0], places[1]])

    def _extend(self, taxonomy: Taxonomy, position: int) -> None:
        """Have streams for all departments that ever were, new ones behind those that there are."""
        new = [id for id in taxonomy.lessons_of if id not in self._places]
        self._places |= {id: len(self._places) + number for number, id in enumerate(new)}
        size = len(self._places)
        if size < len(NO_STREAMS.shares):
            return
        was, self.streams = self.streams, Streams(self._shares(taxonomy, position))
        if was is NO_STREAMS:
            self._counted = {one: Counted.nothing(self.streams) for one in self._counted}
            return
        moved = np.append(ALL, _streams_of_pairs(size)[_pairs(len(was.shares))])
        self._counted = {one: mine.among(self.streams, was, moved) for one, mine in self._counted.items()}

    def _shares(self, taxonomy: Taxonomy, position: int) -> tuple[float, ...]:
        """How often each department was answered lately, and once more for each so that none is nothing."""
        lately = self._ledger.facts(max(0, position - LATELY), position, [Correction.kind])
        answered = (one.fact.department for one in lately if isinstance(one.fact, Correction))
        given = Counter(taxonomy.teaches(department) for department in answered if department is not None)
        total = given.total() + len(self._places)
        return tuple((given[id] + 1) / total for id in self._places)


def _pairs(departments: int) -> tuple[Ints, Ints]:
    """The lower and the higher department of each pair, in the order of their streams."""
    lower, higher = np.triu_indices(departments, 1)
    return lower, higher


def _streams_of_pairs(departments: int) -> Ints:
    """The stream of each lower (row) and higher department (column)."""
    table, pairs = np.zeros((departments, departments), dtype=np.intp), _pairs(departments)
    table[pairs] = 1 + np.arange(pairs[0].size)
    return table

"""From rows about two windows of mail to the numbers on which drift is judged; the arithmetic is the domain's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from triage_cl.domain.drift import (
    NEVER,
    SHIFT_BARS,
    WATCH_ONLY,
    Accuracy,
    Bars,
    Kind,
    Measure,
    accuracy_drop,
    shift,
    weighted_accuracy,
)

Rows = Sequence[Mapping[str, object]] | pd.DataFrame


@dataclass(frozen=True, slots=True)
class Column:
    """A column that is compared.

    `name` is its name in the rows, `title` the one for people. `worse` is the direction that is for the worse: a
    learner that becomes surer, or knows more of the features, is no reason to act. A `cyclic` column tells about
    whole weeks only, and even then is no reason to train anything.
    """

    name: str
    title: str
    kind: Kind
    category: bool = False
    worse: int = 0
    cyclic: bool = False


DEPARTMENT = Column("department", "Departments", "prediction", category=True)
CONFIDENCE = Column("confidence", "Confidence", "prediction", worse=-1)
LENGTH = Column("length", "Mail length", "data")
HOUR = Column("hour", "Hour of arrival", "data", cyclic=True)
WEEKDAY = Column("weekday", "Weekday", "data", category=True, cyclic=True)
UNSEEN = Column("unseen", "Unseen features", "data", worse=1)
COLUMNS = (DEPARTMENT, CONFIDENCE, LENGTH, HOUR, WEEKDAY, UNSEEN)

#: Columns beside the compared ones; where rows have no `decided`, what was decided is `department`.
DECIDED = "Decided department"
ANSWER = "Reviewer's department"
PROBABILITY = "Review probability"

WEEKDAYS = ("1 Monday", "2 Tuesday", "3 Wednesday", "4 Thursday", "5 Friday", "6 Saturday", "7 Sunday")

#: Into how many bins a number is cut, at quantiles of the reference window.
BINS = 10
#: How many mails a category must be expected to have in the smaller window to be a bin of its own (Cochran 1954).
LEAST_EXPECTED = 5


def titled(rows: Rows) -> pd.DataFrame:
    """The rows as a table under the titles for people; a mail without a department has "none"."""
    names = [*(column.name for column in COLUMNS), "decided", "answer", "review_probability"]
    frame = pd.DataFrame(rows, columns=names)
    table = {c.title: frame[c.name] if c.category else frame[c.name].astype(float) for c in COLUMNS}
    table[DEPARTMENT.title] = frame["department"].astype(object).fillna("none")
    table[WEEKDAY.title] = frame["weekday"].map(dict(enumerate(WEEKDAYS)))
    table[DECIDED] = frame["decided"].astype(object).fillna(table[DEPARTMENT.title])
    return pd.DataFrame({**table, ANSWER: frame["answer"], PROBABILITY: frame["review_probability"].astype(float)})


def answered(table: pd.DataFrame) -> pd.DataFrame:
    """The mails that a drawn reviewer answered."""
    return table[table[ANSWER].notna()]


def comparable(before: pd.DataFrame, after: pd.DataFrame) -> list[Column]:
    """The columns that have values in both windows."""
    return [column for column in COLUMNS if all(table[column.title].notna().any() for table in (before, after))]


def measures(before: pd.DataFrame, after: pd.DataFrame) -> list[Measure]:
    """How far each column shifted, and by how much accuracy on all mail fell."""
    shifts = [_shift(column, before, after) for column in comparable(before, after) or [DEPARTMENT]]
    return [*shifts, accuracy_drop(accuracy(before), accuracy(after))]


def _shift(column: Column, before: pd.DataFrame, after: pd.DataFrame) -> Measure:
    counts = bin_counts(before[column.title], after[column.title])
    return shift(column.title.lower(), column.kind, *counts, bars=_bars(column, before, after))


def accuracy(table: pd.DataFrame) -> Accuracy:
    """The accuracy on all mail of a window, estimated from its answered mails."""
    known = answered(table)
    return weighted_accuracy(zip(known[DECIDED] == known[ANSWER], known[PROBABILITY], strict=True))


def bin_counts(before: "pd.Series[float]", after: "pd.Series[float]") -> tuple[list[int], list[int]]:
    """How many values each bin holds in both windows, missing ones left out.

    Numbers are cut at deciles of the reference window. Rare categories share the last bin, which may be empty, so
    that chance alone does not look like a shift.
    """
    before, after = before.dropna(), after.dropna()
    if pd.api.types.is_numeric_dtype(before):
        edges = np.unique(np.quantile(before, np.arange(1, BINS) / BINS))
        codes = [np.searchsorted(edges, values) for values in (before, after)]
        counts = [np.bincount(code, minlength=len(edges) + 1) for code in codes]
        return counts[0].tolist(), counts[1].tolist()
    return _category_counts(before, after)


def _category_counts(before: "pd.Series[float]", after: "pd.Series[float]") -> tuple[list[int], list[int]]:
    table = pd.DataFrame({"before": before.value_counts(), "after": after.value_counts()}).fillna(0).astype(int)
    expected = table.sum(axis=1) * min(len(before), len(after)) / (len(before) + len(after))
    frequent, rare = table[expected >= LEAST_EXPECTED], table[expected < LEAST_EXPECTED].sum()
    counts = [[*frequent[window].tolist(), int(rare[window])] for window in ("before", "after")]
    return counts[0], counts[1]


def _bars(column: Column, before: pd.DataFrame, after: pd.DataFrame) -> Bars:
    if column.cyclic:
        return WATCH_ONLY if _same_weekdays(before, after) else NEVER
    rise = after[column.title].mean() - before[column.title].mean() if column.worse else 0.0
    return NEVER if rise * column.worse < 0 else SHIFT_BARS


def _same_weekdays(before: pd.DataFrame, after: pd.DataFrame) -> bool:
    """Whether every weekday that usually has mail, which are all bins but the last, has some in both windows."""
    return all(all(counts[:-1]) for counts in bin_counts(before[WEEKDAY.title], after[WEEKDAY.title]))

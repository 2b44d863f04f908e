"""What changes of departments do to accuracy, counted from the answers that there are."""

from collections.abc import Sequence
from random import Random

import pytest

from tests.builders import NOON, NOW, a_correction, after, an_admission
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.domain.departments import (
    DepartmentAdded,
    DepartmentChange,
    DepartmentMerged,
    DepartmentRenamed,
    DepartmentRetired,
    DepartmentSplit,
)
from triage_cl.usecases.account import decided_since
from triage_cl.usecases.departments import consequences
from triage_cl.usecases.recount import Recount

NAMES = ("billing", "sales", "legal")


@pytest.fixture
def ledger(sqlite_url: str) -> Ledger:
    ledger = Ledger(sqlite_url)
    ledger.append([DepartmentAdded(name, name.title()) for name in NAMES], NOON)
    return ledger


def decide(ledger: Ledger, pairs: Sequence[tuple[str | None, str]], chance: float = 1.0, seed: int = 0) -> None:
    """Mail with what was concluded and whose it was; a share `chance` of it was drawn and answered."""
    told, random = list(enumerate(pairs)), Random(seed)
    drawn = {number: random.random() < chance for number, _ in told}
    ledger.admit(
        [
            an_admission(
                f"mail-{number}",
                department=concluded,
                confidence=0.8,
                review_probability=chance,
                draw=0.0 if drawn[number] else chance,
                decided_at=after(seconds=number),
            )
            for number, (concluded, _) in told
        ],
        NOW,
    )
    answers = [a_correction(f"mail-{number}", truth, answered_at=after(days=1)) for number, (_, truth) in told]
    ledger.append([answer for number, answer in enumerate(answers) if drawn[number]], after(days=1))


def a_day() -> list[tuple[str | None, str]]:
    """A hundred mails of each department; a few are taken for another's, five are nobody's."""
    right = [(name, name) for name in NAMES for _ in range(80)]
    wrong = [("billing", "sales")] * 20 + [("sales", "legal")] * 15 + [("legal", "billing")] * 20
    return [*right, *wrong, *[(None, "legal")] * 5]


def told(ledger: Ledger, *changes: DepartmentChange) -> Recount:
    return consequences(ledger, changes).accuracy


def test_before_a_change_it_is_the_accuracy_that_everything_else_tells(ledger: Ledger) -> None:
    decide(ledger, a_day(), chance=0.5)
    assert told(ledger, DepartmentAdded("it", "IT")).before == decided_since(ledger).accuracy


def test_a_rename_or_an_addition_changes_no_accuracy(ledger: Ledger) -> None:
    decide(ledger, a_day())
    renamed, added = told(ledger, DepartmentRenamed("sales", "Shop")), told(ledger, DepartmentAdded("it", "IT"))
    assert renamed.before == renamed.after == added.after
    assert (renamed.new, added.new) == ((), ("it",))


def test_after_a_merge_nobody_confuses_the_two(ledger: Ledger) -> None:
    decide(ledger, a_day())
    merged = told(ledger, DepartmentMerged("sales", "billing"))
    assert merged.before is not None
    assert merged.after is not None
    assert merged.before.point == pytest.approx(240 / 300)
    assert merged.after.point == pytest.approx(260 / 300)
    assert (merged.decisions, merged.answers) == (0, 0)


def test_what_was_concluded_or_answered_of_a_department_that_ends_counts_no_more(ledger: Ledger) -> None:
    decide(ledger, a_day())
    retired = told(ledger, DepartmentRetired("legal"))
    assert retired.after is not None
    # Of 300 mails 100 were concluded to be of it, and 20 more were.
    assert (retired.decisions, retired.answers) == (120, 120)
    assert retired.after.point == pytest.approx(160 / 180)


def test_of_the_parts_of_a_split_nothing_is_known_yet(ledger: Ledger) -> None:
    decide(ledger, a_day())
    parts = [DepartmentAdded("contracts", "Contracts"), DepartmentAdded("court", "Court")]
    split, retired = (
        told(ledger, *parts, DepartmentSplit("legal", ("contracts", "court"))),
        told(ledger, DepartmentRetired("legal")),
    )
    assert split.new == ("contracts", "court")
    assert (split.after, split.answers) == (retired.after, retired.answers)


def test_with_few_answers_it_is_told_that_there_are_too_few(ledger: Ledger) -> None:
    assert told(ledger, DepartmentRetired("legal")) == Recount(None, None, 0, 0, ())
    decide(ledger, [("billing", "billing")])
    assert told(ledger, DepartmentRetired("legal")).after is None


@pytest.mark.parametrize("seed", range(3))
def test_what_is_left_out_is_estimated_where_nobody_was_asked(ledger: Ledger, seed: int) -> None:
    pairs = a_day() * 10
    Random(seed).shuffle(pairs)
    decide(ledger, pairs, chance=0.3, seed=seed)
    after = told(ledger, DepartmentRetired("legal")).after
    assert after is not None
    width = after.high - after.low
    # The interval itself misses once in twenty times, half as wide again once in three hundred.
    assert after.low - width / 4 <= 160 / 180 <= after.high + width / 4
    assert width < 0.08

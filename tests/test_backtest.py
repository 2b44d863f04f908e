"""A deployment in simulated time: when answers come, what changes meanwhile, and what is counted."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.builders import NOON, after
from triage_cl.adapters.folder_registry import FolderRegistry
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.adapters.sql.migrate import migrate
from triage_cl.domain.departments import DepartmentAdded, DepartmentMerged, DepartmentRenamed, DepartmentSplit
from triage_cl.domain.emails import Handover, Message, Unreadable
from triage_cl.domain.errors import BadInput
from triage_cl.domain.review import ReviewPolicy
from triage_cl.usecases.backtest import Backtest
from triage_cl.usecases.backtest_outcome import Change, Options, Outcome, readable
from triage_cl.usecases.backtest_summary import summarise

WORDS = {"Billing": "invoice refund", "Support": "router broken", "Legal": "contract court"}
NAMES = tuple(WORDS)


def a_message(number: int, department: str | None = None, at: datetime | None = None, **changes: object) -> Message:
    name = department or NAMES[number * 7 % 3]
    told = {"source": f"a:{number}", "key": str(number), "sender": "x@y.example", "subject": WORDS.get(name, name)}
    told |= {"body": f"{WORDS.get(name, name)} {number}", "received_at": at or after(hours=number), "department": name}
    return Message(**told | changes)  # type: ignore[arg-type]


def outcome_of(folder: Path, archive: list[Message], **options: object) -> tuple[Outcome, dict[str, object]]:
    ledger = Ledger(f"sqlite:///{folder / 'ledger.db'}", durable=False)
    migrate(ledger.engine)
    chosen = Options(**{"policy": ReviewPolicy(share=1.0)} | options)  # type: ignore[arg-type]
    outcome = Backtest(ledger, FolderRegistry(folder / "registry"), archive, chosen).run()
    ledger.close()
    return outcome, summarise(outcome, chosen, {})


@pytest.mark.parametrize("hours", [0, 0.5, 3])
def test_an_answer_is_known_to_every_mail_after_it(tmp_path: Path, hours: float) -> None:
    archive = [a_message(number) for number in range(120)]
    outcome, told = outcome_of(tmp_path, archive, delay=timedelta(hours=hours))
    assert told["accuracy"]["all"] > 0.9  # type: ignore[index]
    assert len(outcome.reviewed) == 120


def test_answers_after_the_window_teach_and_count_and_do_not_measure(tmp_path: Path) -> None:
    archive = [a_message(number) for number in range(40)]
    outcome, told = outcome_of(tmp_path, archive, delay=timedelta(days=7))
    assert (told["reviewed"], told["review_share"], outcome.lessons) == (40, 1.0, 40)
    assert outcome.answers == {}


def test_the_last_answer_in_the_window_measures(tmp_path: Path) -> None:
    history = (Handover(after(hours=1), "Support"), Handover(after(days=2), "Billing"))
    outcome, _ = outcome_of(tmp_path, [a_message(0, "Billing", history=history)])
    assert list(outcome.answers.values()) == ["billing"]


def test_after_a_merge_old_names_mean_the_heir(tmp_path: Path) -> None:
    merge = Change(after(hours=150), (DepartmentMerged("legal", "support"),))
    archive = [a_message(number) for number in range(300)]
    outcome, told = outcome_of(tmp_path, archive, delay=timedelta(hours=2), changes=(merge,))
    assert set(outcome.truths[160:]) == {"billing", "support"}
    assert told["accuracy"]["second_half"] > 0.95  # type: ignore[index]
    assert len(outcome.answers) == 300


def test_answers_for_a_department_that_was_split_teach_nobody(tmp_path: Path) -> None:
    split = Change(after(hours=20), (DepartmentSplit("legal", ("billing",)),))
    outcome, told = outcome_of(tmp_path, [a_message(n) for n in range(60)], changes=(split,))
    assert told["decided"] == 60
    assert "legal" not in set(outcome.answers.values())


def test_it_is_told_how_a_renamed_department_fares_beside_a_new_one(tmp_path: Path) -> None:
    """The archive calls legal otherwise from the 150th hour on; only one of the two deployments is told so."""
    archive = [a_message(number) for number in range(300)]
    archive[150:] = [replace(one, department="Law") if one.department == "Legal" else one for one in archive[150:]]
    renamed = Change(after(hours=150), (DepartmentRenamed("legal", "Law"),))
    added = Change(after(hours=150), (DepartmentAdded("law", "Law"),))
    rows: list[Any] = []
    for number, change in enumerate((renamed, added)):
        (tmp_path / str(number)).mkdir()
        _, told = outcome_of(tmp_path / str(number), archive, delay=timedelta(days=2), changes=(change,))
        rows += told["after_changes"]  # type: ignore[arg-type]
    known, new = rows
    assert (known["department"], known["name"], new["department"]) == ("legal", "Law", "law")
    assert (known["before"]["mails"], new["before"]) == (50, {"mails": 0, "accuracy": None})
    assert known["weeks"]["1"]["accuracy"] == 1.0
    assert known["weeks"]["1"]["mails"] == new["weeks"]["1"]["mails"] == 50
    assert new["weeks"]["1"]["accuracy"] < 0.9


def test_a_change_that_cannot_be_made_says_when_and_what(tmp_path: Path) -> None:
    rename = Change(after(hours=5), (DepartmentRenamed("poetry", "Prose"),))
    with pytest.raises(BadInput, match=r"2025-03-04.*poetry"):
        outcome_of(tmp_path, [a_message(number) for number in range(30)], changes=(rename,))


def test_the_same_id_twice_is_one_mail_and_is_counted(tmp_path: Path) -> None:
    archive = [a_message(number) for number in range(10)]
    outcome, told = outcome_of(tmp_path, archive + archive[:3])
    assert (told["mails"], told["decided"], told["repeated"]) == (13, 10, 3)
    assert len(outcome.decisions) == 10


def test_mail_without_labels_is_decided_and_never_scored(tmp_path: Path) -> None:
    archive = [replace(a_message(number), department=None) for number in range(9)]
    _, told = outcome_of(tmp_path, archive)
    assert (told["decided"], told["reviewed"], told["accuracy"]) == (9, 0, {"all": None, "second_half": None})


def test_mail_without_a_time_comes_last() -> None:
    messages, unreadable = readable(
        iter([a_message(1, received_at=None), a_message(2), Unreadable("x", "why"), a_message(3, at=NOON)])
    )
    assert [message.key for message in messages] == ["3", "2", "1"]
    assert [bad.reason for bad in unreadable] == ["why"]
    assert messages[-1].received_at == messages[-2].received_at


def test_nothing_happens_in_periods_without_mail(tmp_path: Path) -> None:
    archive = [
        *(a_message(n) for n in range(120)),
        *(a_message(n, at=after(days=9_000, hours=n)) for n in range(120, 240)),
    ]
    outcome, told = outcome_of(tmp_path, archive, retrain_every=timedelta(days=1))
    assert told["decided"] == 240
    assert len([fact for fact in outcome.history if fact.fact.kind == "model-version"]) < 25


@pytest.mark.parametrize("per_day", [10, 40])
def test_a_budget_a_day_is_kept(tmp_path: Path, per_day: int) -> None:
    archive = [a_message(number, at=after(minutes=number * 3)) for number in range(4_800)]
    options = {"policy": ReviewPolicy(share=0.05, per_day=per_day), "retrain_every": timedelta(days=2)}
    outcome, _ = outcome_of(tmp_path, archive, **options)
    drawn: dict[str, int] = {}
    for decision in outcome.decisions:
        day = decision.decided_at.date().isoformat()
        drawn[day] = drawn.get(day, 0) + decision.drawn
    days = len(drawn) - 1
    assert sum(drawn.values()) <= 1.25 * per_day * days + per_day
    assert sum(drawn.values()) >= 0.6 * per_day * days

"""A rehearsal: an archive cut into rounds, its changes and answers at their times, and going on where it was."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import NOON
from tests.office import TOPICS
from triage_cl.adapters.folder_registry import FolderRegistry
from triage_cl.adapters.jsonl_reviews import JsonlReviews
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.domain.corrections import Correction
from triage_cl.domain.departments import DepartmentAdded, DepartmentRenamed, DepartmentRetired, DepartmentSplit
from triage_cl.domain.emails import Message, Unreadable
from triage_cl.domain.errors import BadInput
from triage_cl.domain.facts import Fact
from triage_cl.domain.review import ReviewPolicy
from triage_cl.privacy.keys import Keys
from triage_cl.usecases.changes import Changes, read_changes, read_departments
from triage_cl.usecases.departments import change_departments, introduce
from triage_cl.usecases.learn import CHANGES, taxonomy_at
from triage_cl.usecases.reconcile import reconcile
from triage_cl.usecases.rehearsal import Rehearsal
from triage_cl.usecases.retrain import ensure_champion
from triage_cl.usecases.review import publish
from triage_cl.usecases.rounds import MOST_ROUNDS, Round, plan_rounds
from triage_cl.usecases.snapshots import Snapshots
from triage_cl.usecases.triage import Desk

DAY = timedelta(days=1)
AT = "2025-03-04T12:00:00Z"
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@pytest.fixture
def ledger(sqlite_url: str) -> Ledger:
    return Ledger(sqlite_url)


def letter(number: int, **changes: object) -> Message:
    """One of an archive's mails, four a day."""
    names = list(TOPICS)
    name = names[number % len(names)]
    told = {
        "source": f"line {number}",
        "key": f"mail-{number}",
        "sender": "someone@example.org",
        "subject": TOPICS[name][number % 6],
        "body": " ".join(TOPICS[name]),
        "received_at": NOON + number * DAY / 4,
        "department": name.title(),
    }
    return Message(**told | changes)  # type: ignore[arg-type]


def a_rehearsal(
    ledger: Ledger,
    folder: Path,
    archive: Sequence[Message],
    changes: Sequence[tuple[datetime, Changes]] = (),
    unreadable: Sequence[Unreadable] = (),
) -> Rehearsal:
    keys = Keys.from_seed(3)
    registry = FolderRegistry(folder / "registry")
    if not ledger.position():
        ledger.append([ReviewPolicy(share=0.5)], NOON)
    ensure_champion(ledger, registry, "hashed-ensemble", keys.subkey("features"), NOON)
    desk = Desk(ledger, keys, Snapshots())
    return Rehearsal(desk, JsonlReviews(folder / "reviews"), archive, unreadable, changes, group=7)


def play(rehearsal: Rehearsal, rounds: Sequence[Round]) -> None:
    """The rounds, without Prefect."""
    ledger, queue = rehearsal.desk.ledger, rehearsal.table
    assert isinstance(queue, JsonlReviews)
    for current in rounds:
        rehearsal.take_in(current)
        publish(ledger, queue, current.ends_at)
        rehearsal.answer(current.ends_at)
        reconcile(ledger, JsonlReviews(queue.folder), current.ends_at)


def story(ledger: Ledger) -> tuple[list[tuple[str, datetime]], list[tuple[datetime, Fact]]]:
    """What was decided when, and how the departments changed when."""
    decided = [(item.decision.email_id, item.decision.decided_at) for item in ledger.decisions()]
    return decided, [(recorded.at, recorded.fact) for recorded in ledger.facts(kinds=CHANGES)]


def answers_in(ledger: Ledger) -> list[str]:
    return [r.fact.answer_id for r in ledger.facts(kinds=[Correction.kind]) if isinstance(r.fact, Correction)]


@given(TIMES, st.timedeltas(timedelta(), timedelta(days=4_000)))
def test_rounds_cover_all_mail_without_a_gap(first_at: datetime, length: timedelta) -> None:
    rounds = plan_rounds(first_at, first_at + length)
    assert 1 <= len(rounds) <= MOST_ROUNDS
    assert rounds[0].begins_at <= first_at
    assert first_at + length < rounds[-1].ends_at
    assert all(earlier.ends_at == later.begins_at for earlier, later in pairwise(rounds))
    assert not rounds[-1].retrains


def test_eight_weeks_are_looked_at_weekly_and_challenged_fortnightly() -> None:
    rounds = plan_rounds(NOON, NOON + 55 * DAY)
    assert [one.number for one in rounds if one.looks] == [14, 21, 28, 35, 42, 49, 56]
    assert [one.number for one in rounds if one.retrains] == [14, 28, 42]


def test_a_rehearsal_decides_every_mail_once_and_learns_what_was_answered(ledger: Ledger, tmp_path: Path) -> None:
    archive = [letter(number) for number in range(40)]
    stray = Unreadable("line 41", "no JSON")
    rehearsal = a_rehearsal(ledger, tmp_path, archive, unreadable=[stray])
    play(rehearsal, rehearsal.remaining())
    decided = [item.decision for item in ledger.decisions()]
    answers = [r.fact for r in ledger.facts(kinds=[Correction.kind]) if isinstance(r.fact, Correction)]
    assert [decision.decided_at for decision in decided] == [message.received_at for message in archive]
    assert {answer.email_id for answer in answers} <= {decision.email_id for decision in decided if decision.drawn}
    assert len(answers) > 5
    assert set(taxonomy_at(ledger).departments) == set(TOPICS)
    assert ledger.quarantined() == {"no JSON": 1}


@pytest.mark.parametrize("torn_in", [1, 4, 9])
def test_a_rehearsal_that_was_stopped_goes_on_where_it_was(torn_in: int, ledger: Ledger, tmp_path: Path) -> None:
    archive = [letter(number) for number in range(40)]
    changes = [(NOON + 5 * DAY, (DepartmentAdded("fax", "Fax"), DepartmentRetired("legal")))]
    begun = a_rehearsal(ledger, tmp_path, archive, changes)
    play(begun, begun.remaining()[:torn_in])
    begun.take_in(begun.rounds()[torn_in])
    before, answered = story(ledger), answers_in(ledger)

    again = a_rehearsal(ledger, tmp_path, archive, changes)
    assert again.remaining()[0].number == torn_in + 1
    again.take_in(again.remaining()[0])
    assert story(ledger) == before
    play(again, again.remaining())
    decided, changed = story(ledger)
    assert [at for _, at in decided] == [message.received_at for message in archive]
    assert changed.count((changes[0][0], DepartmentRetired("legal"))) == 1
    assert answers_in(ledger)[: len(answered)] == answered
    assert len(set(answers_in(ledger))) == len(answers_in(ledger))


def test_departments_change_between_the_mails_before_and_after(ledger: Ledger, tmp_path: Path) -> None:
    archive = [letter(number) for number in range(8)]
    at = NOON + 1.1 * DAY
    rehearsal = a_rehearsal(ledger, tmp_path, archive, [(at, (DepartmentAdded("fax", "Fax"),))])
    play(rehearsal, rehearsal.remaining())
    (added,) = [r for r in ledger.facts(kinds=[DepartmentAdded.kind]) if r.fact == DepartmentAdded("fax", "Fax")]
    before = [item.decision.decided_at < at for item in ledger.decisions() if item.position < added.position]
    after = [item.decision.decided_at >= at for item in ledger.decisions() if item.position >= added.position]
    assert before == [True] * 5
    assert after == [True] * 3


def test_mail_without_a_time_is_decided_in_the_first_round(ledger: Ledger, tmp_path: Path) -> None:
    archive = [*(letter(number) for number in range(8)), letter(9, received_at=None)]
    rehearsal = a_rehearsal(ledger, tmp_path, archive)
    first = rehearsal.rounds()[0]
    rehearsal.take_in(first)
    assert [item.decision.decided_at for item in ledger.decisions()][-1] == first.ends_at
    play(rehearsal, rehearsal.remaining())
    assert sum(1 for _ in ledger.decisions()) == 9


def test_an_archive_without_any_time_cannot_be_rehearsed(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no mail with a time"):
        a_rehearsal(ledger, tmp_path, [letter(1, received_at=None)])


def test_an_unknown_name_becomes_a_department_once(ledger: Ledger) -> None:
    assert introduce(ledger, ["Billing", "Sales & Co", "Billing"], NOON) == {
        "Billing": "billing",
        "Sales & Co": "sales-co",
    }
    assert introduce(ledger, ["billing", "Sales; Co"], NOON) == {"billing": "billing", "Sales; Co": "sales-co-2"}
    assert len(list(ledger.facts())) == 3


def test_a_former_name_still_means_its_department(ledger: Ledger) -> None:
    introduce(ledger, ["Billing", "Fax", "Legal", "Court"], NOON)
    change_departments(ledger, [DepartmentRenamed("billing", "Accounts"), DepartmentRetired("fax")], NOON)
    change_departments(ledger, [DepartmentAdded("law", "Law"), DepartmentSplit("legal", ("law", "court"))], NOON)
    named = introduce(ledger, ["Billing", "Accounts", "Fax", "Legal", "Law"], NOON)
    assert named == {"Billing": "billing", "Accounts": "billing", "Fax": None, "Legal": None, "Law": "law"}


def test_changes_are_read_in_order_of_time() -> None:
    rows = [
        {"at": "2025-03-05T01:00:00+01:00", "change": "renamed", "department": "sales", "name": "Orders"},
        {"at": AT, "change": "split", "department": "sales", "parts": [{"id": "retail", "name": "Retail"}, "legal"]},
    ]
    assert read_changes(rows) == [
        (NOON, (DepartmentAdded("retail", "Retail"), DepartmentSplit("sales", ("retail", "legal")))),
        (datetime(2025, 3, 5, tzinfo=UTC), (DepartmentRenamed("sales", "Orders"),)),
    ]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("sales", "no JSON object"),
        ({"at": AT, "department": "sales"}, "'change'"),
        ({"at": AT, "change": "sold", "department": "sales"}, "'sold' is none of added"),
        ({"at": "soon", "change": "retired", "department": "sales"}, "soon"),
        ({"at": "2025-03-04", "change": "retired", "department": "sales"}, "no zone"),
        ({"at": AT, "change": "merged", "department": "sales"}, "'into'"),
        ({"at": AT, "change": "added", "department": "sales", "name": 7}, "'name'"),
        ({"at": AT, "change": "split", "department": "sales", "parts": []}, "'parts'"),
        ({"at": AT, "change": "split", "department": "sales", "parts": [7]}, "no JSON object"),
    ],
)
def test_a_bad_change_is_named_with_its_number(row: object, why: str) -> None:
    good = {"at": AT, "change": "retired", "department": "fax"}
    with pytest.raises(BadInput, match=f"Entry 2 of the list: .*{why}"):
        read_changes([good, row])


def test_departments_are_read_with_id_and_name() -> None:
    assert read_departments([{"id": "billing", "name": "Billing"}]) == (DepartmentAdded("billing", "Billing"),)
    with pytest.raises(BadInput, match="JSON list"):
        read_departments({"id": "billing", "name": "Billing"})

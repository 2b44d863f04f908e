"""The views say what the ledger holds, in the database and as Parquet, the same on every kind of database."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from tests.builders import NOON, NOW, a_correction, after, an_admission, one_of_each_kind
from triage_cl.adapters.atomic_file import atomic_file
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.adapters.sql.views import BATCH, VIEWS, columns_of, export_views
from triage_cl.domain.corrections import ANSWER_WINDOW, Source
from triage_cl.domain.errors import BadInput
from triage_cl.domain.reviewers import ReviewerTakenOut

DRAWN = {"review_probability": 0.6}


@pytest.fixture
def told(ledger: Ledger) -> Ledger:
    fill(ledger)
    return ledger


def fill(ledger: Ledger) -> None:
    """A bit of everything."""
    ledger.append(one_of_each_kind(), after(seconds=0.25))
    ledger.admit(
        [
            an_admission("drawn-right", **DRAWN),
            an_admission("drawn-wrong", department="sales", unseen=None, **DRAWN),
            an_admission("drawn-skipped", **DRAWN),
            an_admission("drawn-silent", **DRAWN),
            an_admission("abstained", department=None, **DRAWN),
            an_admission("undrawn", decided_at=after(days=40)),
        ],
        NOW,
    )
    ledger.append(
        [
            a_correction("drawn-right", "orders"),
            a_correction("drawn-right", "billing", answered_at=NOON + ANSWER_WINDOW),
            a_correction("drawn-right", "sales", answered_at=NOON + ANSWER_WINDOW + timedelta(seconds=0.5)),
            a_correction("drawn-wrong", "orders", source=Source.VOLUNTEER),
            a_correction("drawn-wrong", "billing"),
            a_correction("drawn-skipped", None),
            a_correction("abstained", "billing", blind=True),
            a_correction("undrawn", "billing", source=Source.VOLUNTEER),
        ],
        after(hours=3),
    )


def rows_of(folder: Path, view: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(folder / f"{view}.parquet").to_pylist()
    return rows


def test_the_views_named_are_those_of_the_database_with_their_columns(ledger: Ledger) -> None:
    with ledger.engine.connect() as connection:
        inspector = sa.inspect(connection)
        found = {
            view: [column["name"] for column in inspector.get_columns(view)] for view in inspector.get_view_names()
        }
    assert found == {view: list(columns_of(view)) for view in VIEWS}


def test_each_view_is_written_with_as_many_rows_as_told(told: Ledger, tmp_path: Path) -> None:
    rows = export_views(told.engine, tmp_path)
    assert rows == {view: len(rows_of(tmp_path, view)) for view in VIEWS}
    assert min(rows.values()) > 0
    assert {path.name for path in tmp_path.iterdir() if path.suffix == ".parquet"} == {
        f"{view}.parquet" for view in VIEWS
    }
    assert not list(tmp_path.glob(".*"))


def test_an_empty_ledger_s_files_have_their_columns_and_types(ledger: Ledger, tmp_path: Path) -> None:
    assert set(export_views(ledger.engine, tmp_path).values()) == {0}
    schema = pq.read_schema(tmp_path / "triage_decisions.parquet")
    assert schema.names == list(columns_of("triage_decisions"))
    assert schema.field("decided_at").type == pa.timestamp("us", tz="UTC")
    assert schema.field("correct").type == pa.bool_()


def test_a_decision_is_right_or_wrong_by_its_settled_answer(told: Ledger, tmp_path: Path) -> None:
    export_views(told.engine, tmp_path)
    rows = {row["email_id"]: row for row in rows_of(tmp_path, "triage_decisions")}
    assert {id: (row["answer"], row["correct"]) for id, row in rows.items()} == {
        "drawn-right": ("billing", True),
        "drawn-wrong": ("billing", False),
        "drawn-skipped": (None, None),
        "drawn-silent": (None, None),
        "abstained": ("billing", False),
        "undrawn": (None, None),
    }
    right = rows["drawn-right"]
    assert (right["received_at"], right["decided_at"]) == (NOON, NOON)
    assert (right["answered_at"], right["answer_position"]) == (NOON + ANSWER_WINDOW, len(one_of_each_kind()) + 2)
    assert (right["drawn"], right["unseen"], rows["undrawn"]["drawn"]) == (True, 0.1, False)
    assert rows["undrawn"]["decided_at"] == after(days=40)
    assert right["length"] == len("Invoice 12") + len("Where is my money?")


def test_the_view_s_answers_are_those_that_the_ledger_measures_by(told: Ledger, tmp_path: Path) -> None:
    export_views(told.engine, tmp_path)
    viewed = {row["email_id"]: row["answer"] for row in rows_of(tmp_path, "triage_decisions")}
    measured = {item.decision.email_id: item.answer and item.answer.department for item in told.decisions()}
    assert viewed == measured


def test_what_does_not_count_is_seen_and_neither_measures_nor_teaches(told: Ledger, tmp_path: Path) -> None:
    told.append([ReviewerTakenOut("reviewer-9c", since_at=after(hours=2))], NOON)
    told.append(
        [
            a_correction("drawn-right", "orders", reviewer="reviewer-9c", answered_at=after(hours=3)),
            a_correction("drawn-wrong", "orders", reviewer="reviewer-9c", answered_at=after(hours=1)),
            a_correction("abstained", "orders", withheld=True, answered_at=after(hours=4)),
        ],
        NOON,
    )
    export_views(told.engine, tmp_path)
    told_apart = [(row["counts"], row["withheld"]) for row in rows_of(tmp_path, "triage_corrections")[-3:]]
    assert told_apart == [(False, False), (True, False), (False, True)]
    answers = {row["email_id"]: row["answer"] for row in rows_of(tmp_path, "triage_decisions")}
    assert (answers["drawn-right"], answers["drawn-wrong"], answers["abstained"]) == ("billing", "orders", "billing")
    assert answers == {item.decision.email_id: item.answer and item.answer.department for item in told.decisions()}
    lessons = {row["email_id"]: row["department"] for row in rows_of(tmp_path, "triage_lessons")}
    assert (lessons["drawn-right"], lessons["drawn-wrong"], lessons["abstained"]) == ("sales", "orders", "billing")
    gone = {row["reviewer"]: row["since_at"] for row in rows_of(tmp_path, "triage_taken_out")}
    assert gone == {"reviewer-0d": None, "reviewer-9c": after(hours=2)}


def test_lessons_are_the_latest_answers(told: Ledger, tmp_path: Path) -> None:
    export_views(told.engine, tmp_path)
    lessons = {row["email_id"]: row["department"] for row in rows_of(tmp_path, "triage_lessons")}
    assert lessons == {
        "mail-1": "billing",
        "drawn-right": "sales",
        "drawn-wrong": "billing",
        "abstained": "billing",
        "undrawn": "billing",
    }


def test_facts_come_typed(told: Ledger, tmp_path: Path) -> None:
    export_views(told.engine, tmp_path)
    corrections = rows_of(tmp_path, "triage_corrections")
    assert [row["blind"] for row in corrections] == [False] * 7 + [True, False]
    assert corrections[3]["answered_at"] == NOON + ANSWER_WINDOW + timedelta(seconds=0.5)
    assert corrections[0]["at"] == after(seconds=0.25)
    [judgement] = rows_of(tmp_path, "triage_judgements")
    assert (judgement["e_value"], judgement["gain_low"], judgement["answered"]) == (1.5, -0.02, 12)
    [drift] = rows_of(tmp_path, "triage_drift")
    assert json.loads(drift["measures"]) == [["length", 0.14], ["hour", 0.02]]
    assert drift["current_to"] == "2025-03-07T00:00:00+00:00"
    [version] = rows_of(tmp_path, "triage_model_versions")
    assert (version["version"], version["lessons"]) == ("hashed-ensemble@0-0", 0)
    [promotion] = rows_of(tmp_path, "triage_promotions")
    assert (promotion["alias"], promotion["previous"], promotion["reasons"]) == (
        "champion",
        None,
        '["it is the first"]',
    )


def test_departments_tell_each_change(told: Ledger, tmp_path: Path) -> None:
    export_views(told.engine, tmp_path)
    changes = rows_of(tmp_path, "triage_departments")
    assert [(row["change"], row["department"]) for row in changes] == [
        ("added", "billing"),
        ("added", "sales"),
        ("renamed", "sales"),
        ("moved", "sales"),
        ("merged", "sales"),
        ("added", "orders"),
        ("split", "billing"),
        ("retired", "orders"),
        ("undone", "orders"),
    ]
    assert changes[2]["name"] == "Sales & Größe"
    assert (changes[3]["under"], changes[4]["merged_into"]) == ("billing", "billing")
    assert changes[6]["split_into"] == '["orders"]'


def test_no_text_and_no_sender_is_exported(ledger: Ledger, tmp_path: Path) -> None:
    mail = {"subject": "my secret", "body": "my secret", "sender": "my secret", "thread": "my secret"}
    ledger.admit([an_admission(email={**mail, "metadata": {"my secret": "my secret"}})], NOW)
    export_views(ledger.engine, tmp_path)
    [row] = rows_of(tmp_path, "triage_emails")
    assert row == {
        "email_id": "mail-1",
        "received_at": NOON,
        "length": 18,
        "position": 0,
        "text_kept": True,
        "redaction": 1,
    }
    assert "my secret" not in str([rows_of(tmp_path, view) for view in VIEWS])


@pytest.mark.integration
def test_both_kinds_of_database_export_the_same(
    sqlite_ledger: Ledger, postgresql_ledger: Ledger, tmp_path: Path
) -> None:
    exported = []
    for ledger in (sqlite_ledger, postgresql_ledger):
        fill(ledger)
        export_views(ledger.engine, tmp_path)
        exported.append({view: rows_of(tmp_path, view) for view in VIEWS})
    assert exported[0] == exported[1]


def test_more_rows_than_a_batch_are_all_there(sqlite_ledger: Ledger, tmp_path: Path) -> None:
    count = BATCH + 5
    sqlite_ledger.append([a_correction(f"mail-{number}") for number in range(count)], NOON)
    assert export_views(sqlite_ledger.engine, tmp_path)["triage_corrections"] == count
    assert [row["position"] for row in rows_of(tmp_path, "triage_corrections")] == list(range(1, count + 1))


def test_exporting_again_replaces_the_files(ledger: Ledger, tmp_path: Path) -> None:
    export_views(ledger.engine, tmp_path)
    ledger.append([a_correction()], datetime(2025, 1, 1, tzinfo=UTC))
    assert export_views(ledger.engine, tmp_path)["triage_corrections"] == 1
    assert len(rows_of(tmp_path, "triage_corrections")) == 1


def test_the_folder_is_made_or_bad_input(sqlite_ledger: Ledger, tmp_path: Path) -> None:
    export_views(sqlite_ledger.engine, tmp_path / "new" / "folder")
    assert (tmp_path / "new" / "folder" / "triage_emails.parquet").exists()
    with pytest.raises(BadInput, match="cannot be written"):
        export_views(sqlite_ledger.engine, tmp_path / "new" / "folder" / "triage_emails.parquet")


def test_a_file_that_is_not_finished_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def write_half() -> None:
        with atomic_file(path) as file:
            file.write(b"half of the n")
            raise KeyError

    with pytest.raises(KeyError):
        write_half()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_pipe_is_written_to_and_never_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(pipe.read_bytes)
        with atomic_file(pipe) as file:
            file.write(b"told")
    assert read.result() == b"told"
    assert pipe.is_fifo()


def test_a_link_goes_on_pointing_at_the_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with atomic_file(tmp_path / "link") as file:
        file.write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"new"

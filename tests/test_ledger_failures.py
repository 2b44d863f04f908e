"""What the ledger says when it was tampered with, cannot be reached or is full; and what it never says."""

import logging
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.builders import NOON, NOW, a_correction, after, an_admission
from triage_cl.adapters.sql.engine import writing
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.adapters.sql.schema import counter, facts
from triage_cl.domain.errors import BadInput, LedgerNotMigrated, LedgerUnavailable, NoSpace
from triage_cl.domain.facts import to_body


def _moved(old: int, new: int) -> sa.Update:
    return sa.update(facts).where(facts.c.position == old).values(position=new)


third = sa.update(facts).where(facts.c.position == 3)
seventh = {"position": 7, "kind": "correction", "subject": "mail-7", "at": NOON, "body": {}, "digest": ""}
TAMPERING: dict[str, tuple[int, list[sa.Executable]]] = {
    "body": (3, [third.values(body=to_body(a_correction("mail-2", "sales")))]),
    "kind": (3, [third.values(kind="judgement")]),
    "subject": (3, [third.values(subject="mail-9")]),
    "identity": (3, [third.values(identity=None)]),
    "time": (3, [third.values(at=after(days=1))]),
    "order": (3, [_moved(3, 99), _moved(4, 3), _moved(99, 4)]),
    "deletion": (3, [sa.delete(facts).where(facts.c.position == 3)]),
    "insertion": (7, [sa.insert(facts).values(seventh)]),
    "truncation": (5, [sa.delete(facts).where(facts.c.position > 4)]),
    "everything": (1, [sa.delete(facts)]),
    "counter": (7, [sa.update(counter).values(position=9)]),
}


@pytest.mark.parametrize("what", TAMPERING)
def test_tampering_with_any_fact_is_found(ledger: Ledger, what: str) -> None:
    ledger.append([a_correction(f"mail-{number}") for number in range(6)], NOON)
    assert ledger.broken_link() is None
    position, changes = TAMPERING[what]
    with ledger.engine.begin() as connection:
        for change in changes:
            connection.execute(change)
    assert ledger.broken_link() == position


@pytest.mark.parametrize("column", ["body", "at"])
def test_a_fact_that_cannot_even_be_read_breaks_the_chain(sqlite_ledger: Ledger, column: str) -> None:
    ledger = sqlite_ledger
    ledger.append([a_correction(f"mail-{number}") for number in range(6)], NOON)
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE facts SET {column} = 'rubbish' WHERE position = 3")
    assert ledger.broken_link() == 3


def test_a_full_disk_is_no_space_and_loses_nothing_acknowledged(sqlite_ledger: Ledger) -> None:
    ledger = sqlite_ledger
    ledger.append([a_correction()], NOON)
    with ledger.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(NoSpace, match="full"):
        ledger.admit([an_admission(f"mail-{number}") for number in range(200)], NOW)
    assert ledger.spending() == (0, 0, None)
    assert ledger.position() == 1


@pytest.mark.integration
def test_a_server_without_space_is_no_space(postgresql_ledger: Ledger) -> None:
    raised = "DO $$ BEGIN RAISE EXCEPTION 'Datei konnte nicht erweitert werden' USING ERRCODE = 'disk_full'; END $$"
    with pytest.raises(NoSpace, match="erweitert"), writing(postgresql_ledger.engine) as connection:
        connection.exec_driver_sql(raised)


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no database at all\n" * 200)
    with pytest.raises(LedgerUnavailable, match="not a database"):
        Ledger(f"sqlite:///{path}").position()
    assert path.read_text().startswith("no database")


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LedgerUnavailable, match="cannot be made"):
        Ledger(f"sqlite:///{tmp_path / 'file' / 'sub' / 'ledger.db'}")


def test_a_database_without_a_ledger_is_not_migrated(empty_url: str) -> None:
    with closing(Ledger(empty_url)) as ledger:
        with pytest.raises(LedgerNotMigrated, match="triage migrate"):
            ledger.append([a_correction()], NOON)
        with pytest.raises(LedgerNotMigrated):
            ledger.position()


def test_a_server_that_does_not_answer_is_unavailable_in_one_sentence(free_port: int) -> None:
    ledger = Ledger(f"postgresql://triage:hunter2@127.0.0.1:{free_port}/ledger")
    with pytest.raises(LedgerUnavailable) as raised:
        ledger.position()
    assert "refused" in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "hunter2" not in _everything_said(raised.value)


@pytest.mark.integration
def test_a_wrong_password_is_not_repeated(postgresql_url: str) -> None:
    ledger = Ledger(postgresql_url.replace("hunter2-and-more", "swordfish"))
    with pytest.raises(LedgerUnavailable, match="authentication failed") as raised:
        ledger.position()
    assert "swordfish" not in _everything_said(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://triage:hun@ter2@host/ledger",
        "postgresql://triage:hun/ter2@host/ledger",
        "postgresql://triage:hunter2@host:12hunter2/ledger",
        "mysql://triage:hunter2@host/ledger",
        "hunter2",
        "",
    ],
)
def test_a_url_that_cannot_be_used_is_not_repeated(url: str) -> None:
    with pytest.raises(LedgerUnavailable) as raised:
        Ledger(url).position()
    assert "ter2" not in _everything_said(raised.value)


def test_no_text_of_a_mail_is_in_an_error_or_a_log(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(LedgerUnavailable, match="redaction") as raised:
        ledger.admit([an_admission(email={"body": "my secret", "redaction": None})], NOW)
    assert "my secret" not in caplog.text + _everything_said(raised.value)


@pytest.mark.integration
def test_a_value_that_the_database_cannot_hold_is_bad_input(postgresql_ledger: Ledger) -> None:
    ledger = postgresql_ledger
    with pytest.raises(BadInput, match="NUL"):
        ledger.admit([an_admission(email={"body": "a\0b"})], NOW)
    assert ledger.known(["mail-1"]) == set()


def _everything_said(error: BaseException | None) -> str:
    said = []
    while error is not None:
        said.append(f"{error} {error.args}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join(said)

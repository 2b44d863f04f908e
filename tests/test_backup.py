"""A backup is the whole ledger in one file, and becomes the same ledger again on either kind of database."""

import json
import stat
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.builders import NOON, NOW, a_correction, after, an_admission, one_of_each_kind
from tests.word_encoder import word_encoders
from triage_cl.adapters.sql.backup import BATCH, backup, restore
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.adapters.sql.migrate import migrate
from triage_cl.adapters.sql.schema import metadata
from triage_cl.domain.corrections import Correction
from triage_cl.domain.decisions import ShadowDecision
from triage_cl.domain.emails import Unreadable
from triage_cl.domain.errors import BadInput, LedgerNotMigrated
from triage_cl.domain.second_looks import Purpose, SecondLook


def fill(ledger: Ledger) -> None:
    """Something in every table, and more than a batch in some."""
    ledger.append([*one_of_each_kind(), *(a_correction(f"mail-{number}") for number in range(BATCH))], NOON)
    shadow = ShadowDecision("disputed", "other", None, 1 / 3)
    text = {"subject": "Größe 🙂", "body": "a\r\n\u2028b", "thread": "t", "metadata": {"list": "ä"}}
    ledger.admit(
        [
            an_admission("mail-1", email=text, agreeing=("other",), margin=1 / 3, unseen=None),
            an_admission("disputed", disagreements=(shadow,), department=None, review_probability=0.6),
            *(an_admission(f"later-{days}", decided_at=after(days=days, microseconds=1)) for days in range(0, 90, 10)),
        ],
        NOW,
    )
    ledger.encoders = word_encoders()
    ledger.vectors(list(ledger.emails(["mail-1", "later-10"]).values()), "sentence")
    ledger.ask([SecondLook("mail-1#double1", "mail-1", Purpose.DOUBLE, after(seconds=0.5), 1 / 3, "Größe", 0.05)])
    ledger.answers_a_day = 10
    assert ledger.append_answers([a_correction("later-10")], NOON, ledger.position())
    ledger.published({"disputed": "task-1"}, after(seconds=0.5))
    ledger.move_cursor("reader", "7", NOON)
    ledger.quarantine([Unreadable("inbox:1", "no body")], NOON)


def everything_in(ledger: Ledger) -> dict[str, list[dict[str, object]]]:
    with ledger.engine.connect() as connection:
        return {
            table.name: [
                dict(row) for row in connection.execute(table.select().order_by(*table.primary_key)).mappings()
            ]
            for table in metadata.sorted_tables
        }


@pytest.fixture
def saved(sqlite_ledger: Ledger, tmp_path: Path) -> Path:
    fill(sqlite_ledger)
    backup(sqlite_ledger.engine, tmp_path / "backup.zip")
    return tmp_path / "backup.zip"


@pytest.fixture
def other(empty_url: str) -> Iterator[Ledger]:
    with closing(Ledger(empty_url)) as ledger:
        yield ledger


@pytest.mark.integration
def test_a_ledger_survives_the_way_to_postgresql_and_back(
    saved: Path, sqlite_ledger: Ledger, postgresql_ledger: Ledger, empty_sqlite_url: str, tmp_path: Path
) -> None:
    rows = restore(postgresql_ledger.engine, saved)
    assert backup(postgresql_ledger.engine, tmp_path / "second.zip") == rows
    assert (tmp_path / "second.zip").read_bytes() == saved.read_bytes()
    with closing(Ledger(empty_sqlite_url)) as back:
        restore(back.engine, tmp_path / "second.zip")
        assert everything_in(back) == everything_in(sqlite_ledger)
        assert back.broken_link() is None
        assert list(back.decisions()) == list(postgresql_ledger.decisions()) == list(sqlite_ledger.decisions())


def test_the_rows_of_every_table_are_told(saved: Path, other: Ledger) -> None:
    rows = restore(other.engine, saved)
    assert rows == {name: len(found) for name, found in everything_in(other).items()}
    assert min(rows.values()) > 0


def test_a_restored_ledger_goes_on(saved: Path, other: Ledger) -> None:
    restore(other.engine, saved)
    position = other.position()
    [recorded] = other.append([a_correction("mail-1"), a_correction("new")], after(days=90))
    assert recorded.position == position + 1
    assert other.admit([an_admission("mail-1"), an_admission("new", decided_at=after(days=365))], NOW) == ["new"]
    assert other.broken_link() is None


def test_a_backup_tells_the_head_of_its_chain_and_is_its_owner_s_alone(saved: Path, sqlite_ledger: Ledger) -> None:
    with zipfile.ZipFile(saved) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        assert {*archive.namelist()} == {"manifest.json", *(f"{table}.jsonl" for table in manifest["tables"])}
        assert archive.testzip() is None
    [last] = [row for row in everything_in(sqlite_ledger)["facts"] if row["position"] == manifest["position"]]
    assert manifest["head"] == last["digest"]
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600


def test_the_ledger_of_one_moment_is_saved_while_others_write(ledger: Ledger, other: Ledger, tmp_path: Path) -> None:
    fill(ledger)
    stop, first = Event(), Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            ledger.append([a_correction(f"busy-{number}")], NOON)
            ledger.admit([an_admission(f"busy-{number}")], NOW)
            first.set()

    writer = Thread(target=write)
    writer.start()
    try:
        first.wait(30)
        rows = backup(ledger.engine, tmp_path / "busy.zip")
    finally:
        stop.set()
        writer.join()
    assert restore(other.engine, tmp_path / "busy.zip") == rows
    answered = {fact.fact.email_id for fact in other.facts() if isinstance(fact.fact, Correction)}
    admitted = other.known([f"busy-{number}" for number in range(1, ledger.position())])
    assert other.broken_link() is None
    # Each mail was admitted just after its answer.
    assert admitted <= answered
    assert len({id for id in answered if id.startswith("busy")} - admitted) <= 1


def test_a_ledger_with_anything_in_it_is_not_overwritten(saved: Path, other: Ledger) -> None:
    migrate(other.engine)
    other.quarantine([Unreadable("inbox:9", "no body")], NOON)
    with pytest.raises(BadInput, match="rows in quarantine"):
        restore(other.engine, saved)
    assert other.position() == 0


def _rewritten(path: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    other = path.with_name("changed.zip")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(other, "w") as new:
        for name in old.namelist():
            content = change(name, old.read(name))
            if content is not None:
                new.writestr(name, content)
    return other


def _in_manifest(old: str, new: str) -> Callable[[str, bytes], bytes]:
    return lambda name, content: content.replace(old.encode(), new.encode()) if name == "manifest.json" else content


def _in_table(table: str, old: str, new: str) -> Callable[[str, bytes], bytes]:
    return lambda name, content: content.replace(old.encode(), new.encode()) if name == f"{table}.jsonl" else content


DAMAGE = {
    "changed": (_in_table("payloads", "a\\r", "b\\r"), "payloads is not what was backed up"),
    "changed fact": (_in_table("facts", '"sales"', '"billing"'), "not what was backed up"),
    "line lost": (lambda name, content: content[content.index(b"\n") + 1 :] if "emails" in name else content, "emails"),
    "member lost": (lambda name, content: None if name == "decisions.jsonl" else content, "not a whole backup"),
    "manifest lost": (lambda name, content: None if name == "manifest.json" else content, "not a whole backup"),
    "manifest of another kind": (_in_manifest('"format"', '"version"'), "not a whole backup"),
    "another format": (_in_manifest("triage-ledger-1", "triage-ledger-9"), "this version reads triage-ledger-1"),
    "another revision": (_in_manifest('"revision": "', '"revision": "9'), "with the version that made it"),
    "another head": (_in_manifest('"head": "', '"head": "9'), "its manifest says"),
    "column lost": (_in_table("emails", '"length"', '"size"'), "not a whole backup"),
    "not JSON": (_in_table("emails", "{", "["), "not a whole backup"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_backup_is_refused_whole(saved: Path, empty_sqlite_url: str, damage: str) -> None:
    change, match = DAMAGE[damage]
    with closing(Ledger(empty_sqlite_url)) as ledger:
        with pytest.raises(BadInput, match=match):
            restore(ledger.engine, _rewritten(saved, change))
        assert restore(ledger.engine, saved)["facts"] > BATCH


def test_a_backup_whose_chain_was_rewritten_is_refused(saved: Path, sqlite_ledger: Ledger, other: Ledger) -> None:
    with sqlite_ledger.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE facts SET kind = 'judgement' WHERE position = 20")
    backup(sqlite_ledger.engine, saved)
    with pytest.raises(BadInput, match="breaks at position 20"):
        restore(other.engine, saved)
    assert other.position() == 0


@pytest.mark.parametrize("length", [0, 100, -30])
def test_half_a_file_is_refused(saved: Path, empty_sqlite_url: str, length: int) -> None:
    saved.write_bytes(saved.read_bytes()[:length])
    with closing(Ledger(empty_sqlite_url)) as ledger, pytest.raises(BadInput, match="not a whole backup"):
        restore(ledger.engine, saved)


def test_a_file_that_is_not_there_is_bad_input(sqlite_ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="No such file"):
        restore(sqlite_ledger.engine, tmp_path / "nowhere.zip")
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="cannot be written"):
        backup(sqlite_ledger.engine, tmp_path / "file" / "backup.zip")


def test_what_is_no_ledger_is_not_backed_up(empty_sqlite_url: str, tmp_path: Path) -> None:
    with closing(Ledger(empty_sqlite_url)) as ledger, pytest.raises(LedgerNotMigrated):
        backup(ledger.engine, tmp_path / "backup.zip")
    assert not (tmp_path / "backup.zip").exists()

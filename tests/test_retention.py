"""Old text that teaches nobody goes; everything else about the mail stays."""

from pathlib import Path

from tests.builders import NOON, NOW, a_correction, after, an_admission
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.adapters.sql.retention import BATCH, forget_texts

MAILS = {
    "answered": {"decided_at": NOON, "review_probability": 0.6},
    "skipped": {"decided_at": NOON, "review_probability": 0.6},
    "unanswered": {"decided_at": NOON, "review_probability": 0.6},
    "undrawn": {"decided_at": NOON},
    "recent": {"decided_at": after(days=2)},
}


def test_old_text_goes_unless_it_is_a_lesson(ledger: Ledger) -> None:
    ledger.admit([an_admission(id, **decision) for id, decision in MAILS.items()], NOW)
    ledger.append([a_correction("answered"), a_correction("skipped", None)], NOON)
    before = list(ledger.decisions())
    assert forget_texts(ledger.engine, decided_before=after(days=1)) == 2
    assert ledger.emails(list(MAILS)).keys() == {"answered", "skipped", "recent"}
    assert ledger.known(list(MAILS)) == set(MAILS)
    assert list(ledger.decisions()) == before
    assert ledger.broken_link() is None
    assert forget_texts(ledger.engine, decided_before=after(days=1)) == 0


def test_the_moment_itself_is_not_before(ledger: Ledger) -> None:
    ledger.admit([an_admission()], NOW)
    assert forget_texts(ledger.engine, decided_before=NOON) == 0
    assert forget_texts(ledger.engine, decided_before=after(seconds=1e-6)) == 1


def test_more_than_a_transaction_s_worth_goes_too(ledger: Ledger) -> None:
    ids = [f"mail-{number}" for number in range(2 * BATCH + 1)]
    ledger.admit([an_admission(id) for id in ids], NOW)
    ledger.append([a_correction(ids[0]), a_correction(ids[BATCH])], NOON)
    assert forget_texts(ledger.engine, decided_before=after(days=1)) == len(ids) - 2
    assert ledger.emails(ids).keys() == {ids[0], ids[BATCH]}


def test_a_forgotten_text_is_not_in_the_database_s_files_any_more(sqlite_ledger: Ledger, tmp_path: Path) -> None:
    ledger = sqlite_ledger
    ledger.admit([an_admission(f"mail-{number}", email={"body": "my old secret " * 500}) for number in range(20)], NOW)
    ledger.append([a_correction("mail-3")], NOON)
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE payloads SET body = 'a lesson' WHERE email_id = 'mail-3'")
    assert forget_texts(ledger.engine, decided_before=after(days=1)) == 19
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("ledger-*"))
    assert b"a lesson" in kept
    assert b"old secret" not in kept

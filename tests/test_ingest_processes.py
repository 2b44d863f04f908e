"""Several processes take mail in together, over one ledger."""

from pathlib import Path

from tests.test_cli import MAIL, assert_one_sentence, told, triage


def a_mailbox(folder: Path, mails: int) -> Path:
    path = folder / "mail.mbox"
    separator = "From ann@customer.example Tue Mar  4 10:00:00 2025\n"
    path.write_text("\n".join(separator + MAIL.format(number=number) for number in range(mails)))
    return path


def test_processes_share_the_mail_and_lose_none(tmp_path: Path) -> None:
    path = a_mailbox(tmp_path, 150)
    (tmp_path / "empty.eml").write_bytes(b"")
    first = told(triage(tmp_path, "ingest", str(path), "empty.eml", "--processes", "2", "--json", "-"))
    assert (first["mails"], first["decided"], first["repeated"]) == (151, 150, 0)
    assert first["reasons"] == {"empty": 1}
    assert first["actions"] == {"ask": 150}
    again = told(triage(tmp_path, "ingest", str(path), "--json", "-"))
    assert (again["decided"], again["repeated"]) == (150, 150)
    assert told(triage(tmp_path, "verify", "propensities", "--json", "-"))["checked"] == 150


def test_a_share_is_taken_in_alone(tmp_path: Path) -> None:
    path = a_mailbox(tmp_path, 60)
    parts = [told(triage(tmp_path, "ingest", str(path), "--share", f"{n}/2", "--json", "-")) for n in (1, 2)]
    assert sum(part["decided"] for part in parts) == 60
    assert all(0 < part["decided"] < 60 for part in parts)
    assert all(part["repeated"] == 0 for part in parts)


def test_what_stops_one_process_stops_all_and_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text('{"id": "1", "body": "hello"}\nno json\n')
    result = triage(tmp_path, "ingest", "bad.jsonl", "--strict", "--processes", "2")
    assert_one_sentence(result, "bad.jsonl:2")


def test_a_share_that_is_none_is_refused(tmp_path: Path) -> None:
    path = a_mailbox(tmp_path, 1)
    for share in ("0/2", "3/2", "half", "1/2/3", "1"):
        assert_one_sentence(triage(tmp_path, "ingest", str(path), "--share", share), share, "1/4")
    assert_one_sentence(triage(tmp_path, "ingest", str(path), "--share", "1/2", "--processes", "2"), "--share")
    assert_one_sentence(triage(tmp_path, "ingest", str(tmp_path), "--follow", "--processes", "2"), "--follow")

"""`triage ingest --teach` as its users meet it."""

import json
from pathlib import Path

from tests.test_cli import a_small_archive, an_archive, assert_one_sentence, labelled, told, triage


def test_an_archive_teaches_and_then_mail_is_decided(tmp_path: Path) -> None:
    archive = a_small_archive(tmp_path / "archive.jsonl.gz")
    taught = told(triage(tmp_path, "ingest", "--teach", str(archive), "--json", "-"))
    assert (taught["mails"], taught["taught"], taught["repeated"]) == (400, 400, 0)
    assert sorted(taught["departments_added"]) == ["Billing", "Legal", "Support"]
    assert len(list((tmp_path / "data" / "snapshots").iterdir())) == 1
    new = an_archive(tmp_path / "new.jsonl.gz", [labelled(401, "", "invoice refund payment")])
    decided = told(triage(tmp_path, "ingest", str(new), "--json", "-"))
    assert (decided["decided"], decided["imported"]) == (1, 0)
    assert decided["actions"].keys() <= {"auto", "suggest"}
    for check in ("replay", "propensities", "lessons", "audit"):
        assert told(triage(tmp_path, "verify", check, "--json", "-"))["holds"] is True


def test_the_same_archive_again_teaches_nothing(tmp_path: Path) -> None:
    archive = a_small_archive(tmp_path / "archive.jsonl.gz", mails=30)
    told(triage(tmp_path, "ingest", "--teach", str(archive), "--json", "-"))
    learned = told(triage(tmp_path, "learn", "--json", "-"))
    again = told(triage(tmp_path, "ingest", "--teach", str(archive), "--json", "-"))
    assert (again["taught"], again["repeated"], again["departments_added"]) == (0, 30, [])
    assert told(triage(tmp_path, "learn", "--json", "-")) == learned
    shown = triage(tmp_path, "ingest", str(archive))
    assert "imported before, with an answer" in shown.stdout


def test_what_teaches_nothing_is_told(tmp_path: Path) -> None:
    unlabelled = json.dumps({"id": "x", "subject": "hello", "body": "there"})
    archive = an_archive(tmp_path / "archive.jsonl.gz", [labelled(1, "Parcels", "lost"), unlabelled, "{broken"])
    shown = triage(tmp_path, "ingest", "--teach", str(archive))
    rows = [" ".join(line.split()) for line in shown.stdout.splitlines()]
    for row in ("mails 3", "taught 1", "without a department 1", "quarantined 1", "not JSON 1"):
        assert row in rows
    assert "departments added Parcels" in rows
    assert_one_sentence(triage(tmp_path, "ingest", "--teach", "--strict", str(archive)), "archive.jsonl.gz:3")


def test_an_archive_that_teaches_is_not_followed(tmp_path: Path) -> None:
    refused = triage(tmp_path, "ingest", "--teach", "--follow", str(tmp_path))
    assert_one_sentence(refused, "--teach", "--follow")
    assert not (tmp_path / "data").exists()

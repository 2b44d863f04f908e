"""The command as its users meet it: one sentence for what goes wrong, JSON for machines, nothing lost."""

import gzip
import json
import os
import resource
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import find_free_port

MAIL = """From: Ann <ann@customer.example>
Subject: Invoice {number}
Message-ID: <{number}@customer.example>
Date: Tue, 04 Mar 2025 09:12:00 +0000

I was charged twice, call me on +44 20 7946 0018. Number {number}.
"""


def triage(
    home: Path, *arguments: str, settings: dict[str, str] | None = None, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run the command with its data in `home` and a folder as registry."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TRIAGE_")}
    environment |= {"TRIAGE_HOME": str(home / "data"), "TRIAGE_REGISTRY": "folder"} | (settings or {})
    command = [sys.executable, "-m", "triage_cl.cli", *arguments]
    return subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=False, **options)


def told(result: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The JSON on standard output of a command that succeeded."""
    assert result.returncode == 0, result.stderr
    return dict(json.loads(result.stdout))


def assert_one_sentence(result: subprocess.CompletedProcess[str], *words: str) -> None:
    """A failure that names `words` in one line, without a traceback."""
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    for word in words:
        assert word in result.stderr


@pytest.fixture
def mailbox(tmp_path: Path) -> Path:
    folder = tmp_path / "mail"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.eml").write_text(MAIL.format(number=number))
    (folder / "empty.eml").write_bytes(b"")
    return folder


def an_archive(path: Path, lines: list[str]) -> Path:
    with gzip.open(path, "wt") as file:
        file.write("\n".join(lines) + "\n")
    return path


def labelled(number: int, department: str, words: str) -> str:
    day, hour = divmod(number, 24)
    return json.dumps(
        {
            "id": str(number),
            "received_at": f"2025-01-{day % 28 + 1:02}T{hour:02}:00:00Z",
            "sender": f"{number % 9}@x.example",
        }
        | {"subject": words, "body": f"{words} number {number}", "department": department}
    )


def a_small_archive(path: Path, mails: int = 400) -> Path:
    topics = [("Billing", "invoice refund payment"), ("Support", "router broken crash"), ("Legal", "contract court")]
    return an_archive(path, [labelled(n, *topics[n * 7 % 3]) for n in range(mails)])


def test_ingesting_twice_decides_each_mail_once(tmp_path: Path, mailbox: Path) -> None:
    first = told(triage(tmp_path, "ingest", str(mailbox), "--json", "-"))
    again = told(triage(tmp_path, "ingest", str(mailbox), "--json", "-"))
    assert (first["mails"], first["decided"], first["quarantined"], first["repeated"]) == (6, 5, 1, 0)
    assert first["actions"] == {"ask": 5}
    assert (again["decided"], again["repeated"]) == (5, 5)


def test_nothing_unredacted_is_in_any_file(tmp_path: Path, mailbox: Path) -> None:
    told(triage(tmp_path, "ingest", str(mailbox), "--json", "-", settings={"TRIAGE_REVIEW_SHARE": "1"}))
    told(triage(tmp_path, "review", "publish", "--json", "-"))
    for path in (tmp_path / "data").rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert b"ann@customer" not in content, path
        assert b"7946 0018" not in content, path


def test_every_promise_holds_after_ingesting(tmp_path: Path, mailbox: Path) -> None:
    triage(tmp_path, "ingest", str(mailbox))
    for check in ("replay", "propensities", "lessons", "audit"):
        assert told(triage(tmp_path, "verify", check, "--json", "-"))["holds"] is True


def test_a_backtest_gives_the_same_bytes_twice(tmp_path: Path) -> None:
    archive = a_small_archive(tmp_path / "archive.jsonl.gz")
    results = []
    for run in ("one", "two"):
        options = ("--json", f"{run}.json", "--report", f"{run}.html", "--retrain-every", "5", "--review-share", "0.5")
        result = triage(tmp_path, "backtest", str(archive), *options)
        assert result.returncode == 0, result.stderr
        results.append(((tmp_path / f"{run}.json").read_bytes(), (tmp_path / f"{run}.html").read_bytes()))
    assert results[0] == results[1]
    told_once = json.loads(results[0][0])
    assert told_once["decided"] == 400
    assert told_once["accuracy"]["second_half"] > 0.8
    assert "Had triage been deployed" in triage(tmp_path, "backtest", str(archive)).stdout


def test_another_seed_draws_other_mails(tmp_path: Path) -> None:
    archive = a_small_archive(tmp_path / "archive.jsonl.gz", mails=120)
    told_by = [told(triage(tmp_path, "backtest", str(archive), "--seed", seed, "--json", "-")) for seed in ("1", "2")]
    assert told_by[0]["fingerprint"] != told_by[1]["fingerprint"]


def test_a_backtest_answered_at_once_knows_each_answer_before_the_next_mail(tmp_path: Path) -> None:
    archive = a_small_archive(tmp_path / "archive.jsonl.gz", mails=90)
    options = ("--review-share", "1", "--label-delay", "0", "--json", "-")
    result = told(triage(tmp_path, "backtest", str(archive), *options))
    assert result["reviewed"] == 90
    assert result["accuracy"]["all"] > 0.85


def test_bad_archive_lines_are_counted_and_skipped(tmp_path: Path) -> None:
    good = [labelled(number, "Billing", "invoice") for number in range(3)]
    archive = an_archive(tmp_path / "archive.jsonl.gz", [good[0], "{not json", good[1], "[]", good[2]])
    result = told(triage(tmp_path, "ingest", str(archive), "--json", "-"))
    assert (result["decided"], result["quarantined"]) == (3, 2)
    assert sum(result["reasons"].values()) == 2


def test_a_bad_archive_line_is_one_sentence_when_strict(tmp_path: Path) -> None:
    archive = an_archive(tmp_path / "archive.jsonl.gz", [labelled(1, "Billing", "invoice"), "{not json"])
    assert_one_sentence(triage(tmp_path, "ingest", "--strict", str(archive)), "archive.jsonl.gz:2")


def test_a_missing_path_is_one_sentence(tmp_path: Path) -> None:
    assert_one_sentence(triage(tmp_path, "ingest", "nowhere.mbox"), "nowhere.mbox", "does not exist")
    assert_one_sentence(triage(tmp_path, "backtest", "nowhere.jsonl"), "nowhere.jsonl")


def test_a_wrong_option_says_which_and_exits_with_two(tmp_path: Path) -> None:
    result = triage(tmp_path, "backtest", "archive.jsonl", "--review-shore", "0.1")
    assert result.returncode == 2
    assert "--review-shore" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("options", "word"),
    [(("--review-share", "0"), "share"), (("--label-delay", "-1"), "negative"), (("--champion", "oracle"), "oracle")],
)
def test_a_value_that_cannot_be_is_one_sentence(tmp_path: Path, options: tuple[str, ...], word: str) -> None:
    archive = a_small_archive(tmp_path / "archive.jsonl.gz", mails=10)
    assert_one_sentence(triage(tmp_path, "backtest", str(archive), *options), word)


def test_wrong_settings_name_the_setting(tmp_path: Path) -> None:
    result = triage(tmp_path, "settings", settings={"TRIAGE_REVIEW_SHARE": "a lot"})
    assert_one_sentence(result, "review_share")
    (tmp_path / "triage.toml").write_text("revew_share = 0.1\n")
    assert_one_sentence(triage(tmp_path, "settings"), "revew_share")
    (tmp_path / "triage.toml").write_text("this is no toml")
    assert_one_sentence(triage(tmp_path, "settings"), "triage.toml")


def test_settings_come_from_the_environment_before_the_file(tmp_path: Path) -> None:
    (tmp_path / "triage.toml").write_text("review_share = 0.2\nautomatic_bar = 0.8\n")
    shown = told(triage(tmp_path, "settings", "--json", "-", settings={"TRIAGE_REVIEW_SHARE": "0.3"}))
    assert (shown["review_share"], shown["automatic_bar"]) == (0.3, 0.8)


def test_settings_show_no_secret(tmp_path: Path) -> None:
    secret = {"TRIAGE_KEY": "ab" * 32, "TRIAGE_DATABASE_URL": "postgresql://triage:hunter2@db.example/triage"}
    shown = triage(tmp_path, "settings", "--json", "-", settings=secret)
    assert "abab" not in shown.stdout
    assert "hunter2" not in shown.stdout


def test_an_unreachable_database_is_one_sentence_without_the_password(tmp_path: Path, mailbox: Path) -> None:
    url = f"postgresql://triage:hunter2@127.0.0.1:{find_free_port()}/triage"
    result = triage(tmp_path, "ingest", str(mailbox), settings={"TRIAGE_DATABASE_URL": url})
    assert_one_sentence(result, "ledger")
    assert "hunter2" not in result.stderr


def test_an_unreachable_model_registry_is_one_sentence(tmp_path: Path, mailbox: Path) -> None:
    uri = f"http://127.0.0.1:{find_free_port()}"
    settings = {"TRIAGE_REGISTRY": "mlflow", "TRIAGE_MLFLOW_TRACKING_URI": uri}
    assert_one_sentence(triage(tmp_path, "ingest", str(mailbox), settings=settings), "registry")


def test_a_disk_that_takes_no_more_is_one_sentence_and_what_was_acknowledged_is_kept(
    tmp_path: Path, mailbox: Path
) -> None:
    told(triage(tmp_path, "ingest", str(mailbox), "--json", "-"))
    size = (tmp_path / "data" / "ledger.db").stat().st_size

    def small_files() -> None:
        # A file that may not grow: the signal would kill the process before the error reaches it.
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    many = tmp_path / "many.jsonl"
    many.write_text("\n".join(labelled(number, "Billing", "invoice " * 200) for number in range(3_000)) + "\n")
    result = triage(tmp_path, "ingest", str(many), preexec_fn=small_files)
    assert_one_sentence(result, "disk")
    assert told(triage(tmp_path, "verify", "propensities", "--json", "-"))["checked"] >= 5


def test_departments_change_by_command(tmp_path: Path) -> None:
    for arguments in (
        ("add", "Billing", "Customer Care"),
        ("rename", "Billing", "Accounts"),
        ("split", "Customer Care", "Contracts", "Complaints"),
        ("merge", "Complaints", "accounts"),
    ):
        assert triage(tmp_path, "departments", *arguments).returncode == 0
    listed = told(triage(tmp_path, "departments", "show", "--json", "-"))["departments"]
    assert [(one["id"], one["name"]) for one in listed] == [("billing", "Accounts"), ("contracts", "Contracts")]
    assert_one_sentence(triage(tmp_path, "departments", "retire", "Poetry"), "Poetry")
    assert_one_sentence(triage(tmp_path, "departments", "add", "Billing"), "billing")
    tried = told(triage(tmp_path, "departments", "undo", "Customer Care", "--dry-run", "--json", "-"))
    assert ("customer-care" in {one["id"] for one in tried["departments"]}, tried["recorded"]) == (True, False)
    assert told(triage(tmp_path, "departments", "show", "--json", "-"))["departments"] == listed
    for name in ("Complaints", "Customer Care", "Accounts"):
        assert triage(tmp_path, "departments", "undo", name).returncode == 0
    names = [one["name"] for one in told(triage(tmp_path, "departments", "show", "--json", "-"))["departments"]]
    assert names == ["Billing", "Customer Care", "Contracts", "Complaints"]
    assert_one_sentence(triage(tmp_path, "departments", "undo", "Poetry"), "Poetry")


def test_teams_are_added_and_moved_by_command(tmp_path: Path) -> None:
    triage(tmp_path, "departments", "add", "IT", "Network")
    tried = told(triage(tmp_path, "departments", "add", "Wifi", "--under", "network", "--dry-run", "--json", "-"))
    assert [(one["id"], one["parent"]) for one in tried["departments"]][-1] == ("wifi", "network")
    assert triage(tmp_path, "departments", "add", "Wifi", "--under", "network").returncode == 0
    moved = told(triage(tmp_path, "departments", "move", "Network", "--under", "IT", "--json", "-"))
    assert [(one["id"], one["parent"]) for one in moved["departments"]] == [
        ("it", None),
        ("network", "it"),
        ("wifi", "network"),
    ]
    assert "    Wifi" in triage(tmp_path, "departments", "show").stdout
    assert_one_sentence(triage(tmp_path, "departments", "retire", "IT"), "network", "Move or end them first")
    assert_one_sentence(triage(tmp_path, "departments", "move", "IT", "--under", "Wifi"), "above itself")
    assert_one_sentence(triage(tmp_path, "departments", "move", "Wifi"), "--under", "--top")
    told(triage(tmp_path, "departments", "move", "Wifi", "--top", "--json", "-"))
    undone = told(triage(tmp_path, "departments", "undo", "Wifi", "--json", "-"))
    assert undone["departments"] == moved["departments"]


def test_mail_is_reviewed_in_the_terminal_and_the_model_has_learned(tmp_path: Path, mailbox: Path) -> None:
    triage(tmp_path, "departments", "add", "Billing", "Support")
    everything = {"TRIAGE_REVIEW_SHARE": "1"}
    triage(tmp_path, "ingest", str(mailbox), settings=everything)
    reviewed = triage(tmp_path, "review", settings=everything, input="1\nbil\ns\nwhat\n2\nq\n")
    assert "4 answered, 4 recorded" in reviewed.stdout
    assert "Your last answers: 3 given, 3 learned," in reviewed.stdout
    again = triage(tmp_path, "review", settings=everything, input="q\n")
    assert again.stdout.index("Your last answers: 3 given, 3 learned,") < again.stdout.index("0 answered")
    assert told(triage(tmp_path, "learn", "--json", "-", settings=everything))["learners"][0]["lessons"] == 3


def test_a_backup_is_restored_into_an_empty_ledger(tmp_path: Path, mailbox: Path) -> None:
    triage(tmp_path, "ingest", str(mailbox))
    told(triage(tmp_path, "backup", "ledger.backup", "--json", "-"))
    elsewhere = {"TRIAGE_DATABASE_URL": f"sqlite:///{tmp_path / 'other.db'}"}
    told(triage(tmp_path, "restore", "ledger.backup", "--json", "-", settings=elsewhere))
    assert told(triage(tmp_path, "verify", "propensities", "--json", "-", settings=elsewhere))["checked"] == 5
    assert_one_sentence(triage(tmp_path, "restore", "ledger.backup"), "empty")


def test_the_views_are_exported_as_parquet(tmp_path: Path, mailbox: Path) -> None:
    import pyarrow.parquet as parquet

    triage(tmp_path, "ingest", str(mailbox))
    counts = told(triage(tmp_path, "export", "views", "--json", "-"))
    table = parquet.read_table(tmp_path / "views" / "triage_decisions.parquet")
    assert table.num_rows == counts["triage_decisions"] == 5


def test_text_without_a_lesson_is_forgotten_once_it_is_old(tmp_path: Path, mailbox: Path) -> None:
    triage(tmp_path, "ingest", str(mailbox))
    assert told(triage(tmp_path, "forget", "--json", "-")) == {"texts": 0}
    with sqlite3.connect(tmp_path / "data" / "ledger.db") as connection:
        connection.execute("UPDATE decisions SET decided_at = '2020-01-01 00:00:00.000000'")
    assert told(triage(tmp_path, "forget", "--json", "-")) == {"texts": 5}
    assert told(triage(tmp_path, "verify", "audit", "--json", "-"))["holds"] is True


def test_a_device_is_written_to_and_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "sink").symlink_to(os.devnull)
    assert triage(tmp_path, "settings", "--json", "sink").returncode == 0
    assert Path(os.devnull).is_char_device()
    assert (tmp_path / "sink").is_symlink()


def test_the_machine_is_measured(tmp_path: Path) -> None:
    measured = told(triage(tmp_path, "bench", "calibrate", "--json", "-"))
    assert measured["cpu_loops_per_second"] > 0
    assert measured["fsyncs_per_second"] > 0


def test_an_unfinished_or_foreign_folder_is_no_demo(tmp_path: Path) -> None:
    (tmp_path / "triage-demo").mkdir()
    (tmp_path / "triage-demo" / "letter.txt").write_text("Dear diary")
    assert_one_sentence(triage(tmp_path, "demo"), "--home")
    assert (tmp_path / "triage-demo" / "letter.txt").read_text() == "Dear diary"

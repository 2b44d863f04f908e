"""`triage ingest --follow` beside a mailbox in use: every mail is decided soon and once, nothing there is touched."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from triage_cl.adapters.mail import watching
from triage_cl.adapters.mail.watching import watch
from triage_cl.domain.emails import Message, Unreadable
from triage_cl.domain.errors import BadInput

MAIL = "From: ann@customer.example\nSubject: {subject}\nMessage-ID: <{subject}@customer.example>\n\nIt is {subject}.\n"
PATIENCE = 60


def deliver(maildir: Path, name: str, flags: str | None = None) -> Path:
    """Put a message into a Maildir as a mail server does."""
    written = maildir / "tmp" / name
    written.write_text(MAIL.format(subject=name))
    final = maildir / "new" / name if flags is None else maildir / "cur" / f"{name}:2,{flags}"
    return written.rename(final)


def a_maildir(path: Path, *names: str) -> Path:
    for folder in ("tmp", "new", "cur"):
        (path / folder).mkdir(parents=True)
    for name in names:
        deliver(path, name)
    return path


def state_of(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Names, modes, times of change and contents of everything in a folder."""
    found = {}
    for path in [folder, *folder.rglob("*")]:
        status = path.stat()
        content = path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(folder))] = (status.st_mode, status.st_mtime_ns, content)
    return found


class Following:
    """A running `triage ingest --follow`."""

    def __init__(self, home: Path, *arguments: str) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TRIAGE_")}
        environment |= {"TRIAGE_HOME": str(home / "data"), "TRIAGE_REGISTRY": "folder"}
        self.ledger = home / "data" / "ledger.db"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "triage_cl.cli", "ingest", "--follow", *arguments],
            cwd=home,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def count(self, table: str) -> int:
        """Rows of a table, 0 before the ledger is there."""
        if not self.ledger.exists():
            return 0
        with closing(sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True)) as connection:
            try:
                return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
            except sqlite3.OperationalError:
                return 0

    def wait(self, decided: int = 0, quarantined: int = 0) -> float:
        """Until there are so many; how many seconds that took."""
        begun = time.monotonic()
        while self.count("decisions") < decided or self.count("quarantine") < quarantined:
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < begun + PATIENCE, (self.count("decisions"), self.count("quarantine"))
            time.sleep(0.05)
        return time.monotonic() - begun

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Ask it to end; its status and what it printed."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, err

    def result(self) -> dict[str, Any]:
        """Ask it to end; the JSON that it printed."""
        status, out, err = self.end()
        assert (status, err) == (0, "")
        return dict(json.loads(out))


@contextmanager
def following(home: Path, *folders: Path, json: bool = True) -> Iterator[Following]:
    """A process that follows these folders, gone afterwards."""
    running = Following(home, *map(str, folders), *(["--json", "-"] if json else []))
    try:
        yield running
    finally:
        running.process.kill()
        running.process.communicate()


def test_mail_that_arrives_is_decided_within_seconds(tmp_path: Path) -> None:
    maildir = a_maildir(tmp_path / "Maildir", "one")
    with following(tmp_path, maildir) as running:
        running.wait(decided=1)
        deliver(maildir, "two")
        assert running.wait(decided=2) < 10
        assert running.result()["decided"] == 2


def test_nothing_in_the_mailbox_changes(tmp_path: Path) -> None:
    maildir = a_maildir(tmp_path / "Maildir", "one", "two")
    deliver(maildir, "read", flags="RS")
    a_maildir(maildir / ".Archive", "old")
    (maildir / "new" / os.fsdecode(b"damaged-\xff")).write_bytes(b"")
    for path in [*maildir.rglob("*"), maildir]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = state_of(maildir)
    with following(tmp_path, maildir) as running:
        running.wait(decided=4, quarantined=1)
        assert running.result()["reasons"] == {"empty": 1}
    assert state_of(maildir) == before
    for path in [maildir, *maildir.rglob("*")]:
        path.chmod(0o755)


def test_mail_that_is_read_flagged_or_still_written_is_the_same_mail(tmp_path: Path) -> None:
    maildir = a_maildir(tmp_path / "Maildir", "one")
    (maildir / "tmp" / "unfinished").write_text(MAIL.format(subject="unfinished"))
    with following(tmp_path, maildir) as running:
        running.wait(decided=1)
        read = (maildir / "new" / "one").rename(maildir / "cur" / "one:2,S")
        deliver(maildir, "two")
        running.wait(decided=2)
        read.rename(maildir / "cur" / "one:2,FS")
        deliver(maildir, "three")
        running.wait(decided=3)
        assert running.result() | {"drawn": 0} == {
            "mails": 3,
            "decided": 3,
            "repeated": 0,
            "imported": 0,
            "quarantined": 0,
            "reasons": {},
            "actions": {"ask": 3},
            "drawn": 0,
        }


@pytest.mark.parametrize("ended", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_a_restart_goes_on_and_decides_nothing_twice(tmp_path: Path, ended: int) -> None:
    maildir = a_maildir(tmp_path / "Maildir", "one", "two")
    with following(tmp_path, maildir) as running:
        running.wait(decided=2)
        running.end(ended)
    deliver(maildir, "three")
    with following(tmp_path, maildir) as running:
        running.wait(decided=3)
        told = running.result()
        assert (told["decided"], told["repeated"], running.count("decisions")) == (3, 2, 3)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_end_it_with_the_table(tmp_path: Path, number: int) -> None:
    with following(tmp_path, a_maildir(tmp_path / "Maildir", "one"), json=False) as running:
        running.wait(decided=1)
        status, out, err = running.end(number)
    assert (status, err) == (0, "")
    assert "drawn for review" in out


def test_a_folder_of_messages_is_followed_and_what_grows_is_left_until_it_is_whole(tmp_path: Path) -> None:
    folder = tmp_path / "mail"
    folder.mkdir()
    (folder / "one.eml").write_text(MAIL.format(subject="one"))
    with following(tmp_path, folder) as running:
        running.wait(decided=1)
        with (folder / "large.eml").open("w", buffering=1) as file:
            file.write(MAIL.format(subject="large"))
            (folder / "sub").mkdir()
            (folder / "sub" / "two.eml").write_text(MAIL.format(subject="two"))
            while running.count("decisions") < 2:
                file.write("and more\n")
                time.sleep(0.1)
        running.wait(decided=3)
        assert running.result()["decided"] == 3
    with closing(sqlite3.connect(running.ledger)) as connection:
        assert connection.execute("SELECT count(*) FROM emails").fetchone() == (3,)


def test_what_is_no_folder_cannot_be_followed(tmp_path: Path) -> None:
    (tmp_path / "inbox").write_text("From ann@example.org Tue Mar  4 10:00:00 2025\n")
    with following(tmp_path, tmp_path / "inbox") as running:
        out, err = running.process.communicate(timeout=PATIENCE)
    assert running.process.returncode == 1
    assert out == ""
    assert "is no folder" in err
    assert len(err.splitlines()) == 1
    with pytest.raises(BadInput):
        watch([tmp_path / "inbox"], lambda: True)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks that follow each other at once."""
    monkeypatch.setattr(watching, "LOOK_SECONDS", 0.02)


Steps = dict[int, Callable[[], object]]


def seen(folder: Path, steps: Steps | None = None, looks: int = 4, **options: Any) -> list[str]:
    """Subjects and reasons of what is found; after so many empty looks a step is taken."""
    found: list[str] = []
    done: list[int] = []
    for item in watch([folder], lambda: len(done) >= looks, **options):
        match item:
            case Message():
                found.append(item.subject)
            case Unreadable():
                found.append(f"[{item.source}: {item.reason}]")
            case None:
                done.append(len(done) + 1)
                (steps or {}).get(done[-1], lambda: None)()
    return found


@pytest.mark.usefixtures("quick")
def test_mail_that_vanishes_before_it_is_read_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    maildir = a_maildir(tmp_path / "Maildir", "here", "gone")
    listed = watching.Folder.arrivals
    vanished: list[Path] = []

    def listed_and_gone(folder: watching.Folder) -> list[watching.Arrival]:
        found = listed(folder)
        if not vanished:
            vanished.append((maildir / "new" / "gone").rename(tmp_path / "elsewhere"))
        return found

    monkeypatch.setattr(watching.Folder, "arrivals", listed_and_gone)
    assert seen(maildir) == ["here"]


@pytest.mark.usefixtures("quick")
def test_mail_that_moved_before_it_was_read_is_found_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maildir = a_maildir(tmp_path / "Maildir", "moved")
    listed = watching.Folder.arrivals

    def listed_and_moved(folder: watching.Folder) -> list[watching.Arrival]:
        found = listed(folder)
        if (maildir / "new" / "moved").exists():
            (maildir / "new" / "moved").rename(maildir / "cur" / "moved:2,S")
        return found

    monkeypatch.setattr(watching.Folder, "arrivals", listed_and_moved)
    assert seen(maildir) == ["moved"]


@pytest.mark.usefixtures("quick")
def test_a_file_of_a_new_subfolder_is_found_and_hidden_ones_are_not(tmp_path: Path) -> None:
    maildir = a_maildir(tmp_path / "Maildir", "one")
    (maildir / "new" / ".hidden").write_text(MAIL.format(subject="hidden"))
    (maildir / "dovecot.index").write_bytes(b"\0")
    (maildir / "plain").mkdir()
    (maildir / "plain" / "x").write_text(MAIL.format(subject="plain"))
    (maildir / ".Link").symlink_to(maildir)
    assert seen(maildir, {1: lambda: a_maildir(maildir / ".Sub", "two")}) == ["one", "two"]


@pytest.mark.usefixtures("quick")
def test_a_folder_of_maildirs_is_followed(tmp_path: Path) -> None:
    for user in ("ann", "bob"):
        a_maildir(tmp_path / "users" / user, f"of-{user}")
    (tmp_path / "users" / "bob" / "tmp" / "unfinished").write_text(MAIL.format(subject="unfinished"))
    assert seen(tmp_path / "users") == ["of-ann", "of-bob"]


@pytest.mark.usefixtures("quick")
def test_mail_is_read_in_the_order_of_names_and_what_comes_meanwhile_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maildir = a_maildir(tmp_path / "Maildir", "2", "3")
    deliver(maildir, "1", flags="S")
    monkeypatch.setattr(watching, "LOOK_SECONDS", 0.0002)
    order: list[str] = []
    for item in watch([maildir], lambda: len(order) == 4):
        if isinstance(item, Message):
            order.append(item.subject)
            if len(order) == 1:
                deliver(maildir, "4")
    assert order in (["1", "4", "2", "3"], ["1", "2", "4", "3"])


@pytest.mark.usefixtures("quick")
def test_a_file_that_cannot_be_read_is_told_once_and_a_pipe_is_left_alone(tmp_path: Path) -> None:
    maildir = a_maildir(tmp_path / "Maildir", "one")
    os.mkfifo(maildir / "new" / "pipe")
    (maildir / "cur" / "empty:2,S").write_bytes(b"")
    (maildir / "new" / "dangling").symlink_to("nowhere")
    assert sorted(seen(maildir)) == ["[Maildir/empty: empty]", "one"]


@pytest.mark.usefixtures("quick")
def test_a_folder_that_cannot_be_listed_is_told_once_and_followed_again(tmp_path: Path) -> None:
    maildir = a_maildir(tmp_path / "Maildir", "one")
    away = tmp_path / "away"
    steps: Steps = {
        1: lambda: maildir.rename(away),
        4: lambda: away.rename(maildir),
        5: lambda: deliver(maildir, "two"),
    }
    told: list[str] = []
    assert seen(maildir, steps, looks=9, warn=told.append) == ["one", "two"]
    assert [trouble for trouble in told if str(maildir) in trouble]
    assert len(told) == len(set(told))


@pytest.mark.usefixtures("quick")
def test_changes_within_one_tick_of_a_coarse_clock_are_seen(tmp_path: Path) -> None:
    maildir = a_maildir(tmp_path / "Maildir", "one")
    stopped = (maildir / "new").stat().st_mtime_ns

    def deliver_unnoticed() -> None:
        deliver(maildir, "two")
        os.utime(maildir / "new", ns=(stopped, stopped))

    assert seen(maildir, {1: deliver_unnoticed}) == ["one", "two"]


@pytest.mark.usefixtures("quick")
def test_a_name_that_is_no_text_is_followed_all_the_same(tmp_path: Path) -> None:
    maildir = a_maildir(tmp_path / "Maildir")
    (maildir / "new" / os.fsdecode(b"\xff")).write_text(MAIL.format(subject="odd"))
    assert seen(maildir) == ["odd"]

"""The demo as a newcomer runs it, killed in its middle and run again: the real parts, on little mail."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = pytest.mark.integration

COMMAND = [sys.executable, "-m", "triage_cl.cli"]
SMALL = ("demo", "--home", "demo", "--days", "16", "--mails-per-day", "40")


def environment(**settings: str) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("TRIAGE_", "PREFECT_"))}
    return plain | settings


def decided(ledger: Path) -> int:
    """Mails decided so far, 0 before the ledger is there."""
    import sqlite3

    if not ledger.is_file():
        return 0
    with sqlite3.connect(f"file:{ledger}?mode=ro", uri=True) as connection:
        try:
            return int(connection.execute("SELECT count(*) FROM decisions").fetchone()[0])
        except sqlite3.OperationalError:
            return 0


def run(folder: Path, *arguments: str, **settings: str) -> dict[str, Any]:
    done = subprocess.run(
        [*COMMAND, *arguments, "--json", "-"],
        cwd=folder,
        env=environment(**settings),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def kill_in_the_middle(folder: Path) -> int:
    """Start the demo, kill it without warning once a third of the mail is decided; how many were."""
    process = subprocess.Popen([*COMMAND, *SMALL], cwd=folder, env=environment(), stderr=subprocess.DEVNULL)
    try:
        ledger = folder / "demo" / "ledger.db"
        until = time.monotonic() + 240
        while decided(ledger) < 200:
            assert process.poll() is None, "the demo ended before it could be killed"
            assert time.monotonic() < until, "the demo decided nothing"
            time.sleep(0.2)
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGKILL)
        process.wait()
        _, orphans = psutil.wait_procs(family, timeout=60)
        assert orphans == []
        return decided(ledger)
    finally:
        process.kill()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, dict[str, Any]]:
    """A demo that was killed and run again: its folder, what was decided by the kill, what it told at the end."""
    folder = tmp_path_factory.mktemp("demo")
    before = kill_in_the_middle(folder)
    return folder, before, run(folder, *SMALL)


def test_a_killed_demo_leaves_no_process_and_goes_on_where_it_was(demo: tuple[Path, int, dict[str, Any]]) -> None:
    folder, before, told = demo
    assert 200 <= before < told["decided"] == told["mails"] == 640
    assert (folder / "demo" / "summary.json").is_file()


def test_the_demo_reviews_learns_watches_and_judges(demo: tuple[Path, int, dict[str, Any]]) -> None:
    _, _, told = demo
    assert told["reviewed"] > 50
    assert told["lessons"] > 40
    assert {found["verdict"] for found in told["drift"]} <= {"quiet", "watch", "retrain"}
    assert told["drift"]
    assert told["challengers"] == [] or told["challengers"][0]["reasons"]
    assert told["accuracy"]["low"] < told["accuracy"]["point"] < told["accuracy"]["high"]
    assert told["seconds"] > 0
    assert told["peak_mib"] > 100


@pytest.mark.parametrize("check", ["replay", "propensities", "lessons", "audit"])
def test_every_promise_holds_after_the_kill(demo: tuple[Path, int, dict[str, Any]], check: str) -> None:
    folder, _, _ = demo
    assert run(folder, "verify", check, TRIAGE_HOME="demo")["holds"] is True


def test_the_reports_are_there_and_no_text_is_outside_the_ledger_and_the_queue(
    demo: tuple[Path, int, dict[str, Any]],
) -> None:
    folder, _, told = demo
    reports = {path.name for path in (folder / "demo" / "reports").glob("drift-*.html")}
    assert {found["report"] for found in told["drift"]} <= reports
    lines = (folder / "demo" / "reviews" / "tasks.jsonl").read_text().splitlines()
    bodies = [task["body"][:60].encode() for line in lines if len((task := json.loads(line))["body"]) > 60]
    assert bodies
    for place in ("mlflow-artifacts", "mlflow.db", "prefect", "evidently", "reports", "logs"):
        root = folder / "demo" / place
        for path in [root] if root.is_file() else root.rglob("*"):
            content = path.read_bytes() if path.is_file() else b""
            assert not any(body in content for body in bodies), path

"""Processes of a demo: none outlives whoever started it, and a server that is away is told as such."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from triage_cl.adapters.processes import free_port, start, stop, wait_healthy
from triage_cl.domain.errors import OrchestratorUnavailable

#: Starts a child of its own, tells both, and stays.
STAY = (
    "import os, subprocess, sys, time\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "print(os.getpid(), child.pid, flush=True)\n"
    "time.sleep(600)\n"
)


def wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def told(log: Path) -> list[int]:
    wait_until(lambda: log.exists() and log.read_text().endswith("\n"))
    return [int(pid) for pid in log.read_text().split()]


def test_stopping_ends_a_process_and_what_it_started(tmp_path: Path) -> None:
    process = start([sys.executable, "-c", STAY], tmp_path, os.environ, tmp_path / "log")
    pids = told(tmp_path / "log")
    stop(process)
    assert len(pids) == 2
    wait_until(lambda: all(gone(pid) for pid in pids))


def test_no_process_outlives_a_starter_that_is_killed(tmp_path: Path) -> None:
    program = (
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "from triage_cl.adapters.processes import start\n"
        f"kept = start([sys.executable, '-c', {STAY!r}], Path('.'), os.environ, Path('log'))\n"
        "time.sleep(600)\n"
    )
    starter = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path)
    pids = told(tmp_path / "log")
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    wait_until(lambda: all(gone(pid) for pid in pids))
    assert len(pids) == 2


def test_what_a_process_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    process = start([sys.executable, "-c", STAY], tmp_path, os.environ, tmp_path / "log")
    parent, child = told(tmp_path / "log")
    os.kill(parent, signal.SIGKILL)
    assert process.wait() == 128 + signal.SIGKILL
    wait_until(lambda: gone(child))
    stop(process)


def test_a_followed_process_is_read_line_by_line(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-c",
        "import sys; print('one'); print('two'); print('aside', file=sys.stderr); sys.exit(3)",
    ]
    process = start(command, tmp_path, os.environ, tmp_path / "log", follow=True)
    assert process.stdout is not None
    assert [line.strip() for line in process.stdout] == [b"one", b"two"]
    assert process.wait() == 3
    assert (tmp_path / "log").read_text() == "aside\n"
    stop(process)


def test_a_server_that_does_not_answer_is_told_with_its_address() -> None:
    url = f"http://127.0.0.1:{free_port()}/api"
    with pytest.raises(OrchestratorUnavailable, match=url):
        wait_healthy(url, 0.2)


def test_a_server_that_ended_is_not_waited_for(tmp_path: Path) -> None:
    process = start([sys.executable, "-c", "raise SystemExit(7)"], tmp_path, os.environ, tmp_path / "log")
    with pytest.raises(OrchestratorUnavailable, match="ended with status 7"):
        wait_healthy(f"http://127.0.0.1:{free_port()}/api", 30, process)
    stop(process)


def test_a_process_that_is_stopped_before_it_has_begun_is_not_waited_for(tmp_path: Path) -> None:
    for _ in range(10):
        process = start([sys.executable, "-c", STAY], tmp_path, os.environ, tmp_path / "log")
        stop(process, 30)
        assert process.returncode != -signal.SIGKILL

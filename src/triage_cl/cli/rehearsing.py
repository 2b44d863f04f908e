"""Run the loop's real parts as processes and follow them: Prefect's server, the served flows, the rehearsal."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from triage_cl.adapters.processes import (
    free_port,
    prefect_environment,
    start,
    start_prefect_server,
    stop,
    wait_healthy,
)
from triage_cl.cli.output import console, progress_bar
from triage_cl.domain.errors import TriageError
from triage_cl.settings import Settings


class RehearsalFailed(TriageError):
    """The demo stopped before its end; run it again and it goes on where it was."""


def rehearse(settings: Settings, root: Path) -> dict[str, float]:
    """Run everything once to the end of the mail; `seconds` it took and `peak_mib`, the largest sum of memory."""
    started = time.perf_counter()
    with Memory() as memory, contextlib.ExitStack() as running:
        _run(settings, root, running)
        peak = memory.peak_mib
    return {"seconds": round(time.perf_counter() - started, 1), "peak_mib": round(peak, 1)}


def _run(settings: Settings, root: Path, running: contextlib.ExitStack) -> None:
    home = settings.home
    logs = home / "logs"
    logs.mkdir(exist_ok=True)
    port = free_port()
    url = f"http://127.0.0.1:{port}/api"
    environment = os.environ | prefect_environment(home, url) | settings.environment()
    with console(stderr=True).status("Starting Prefect and MLflow …"):
        server = start_prefect_server(home, port)
        running.callback(stop, server)
        prepare = [sys.executable, "-m", "triage_cl.cli", "learn", "--json", os.devnull]
        champion = _start(prepare, root, environment, logs / "champion.log", running)
        wait_healthy(url, 120, server)
        _start([sys.executable, "-m", "flows.serve", "--no-schedules"], root, environment, logs / "flows.log", running)
        if champion.wait() != 0:
            raise RehearsalFailed(_last_words(logs / "champion.log"))
    command = [sys.executable, "-m", "flows.rehearsal", "--mail", str(home / "mail.jsonl")]
    for name in ("departments", "changes"):
        if (home / f"{name}.json").is_file():
            command += [f"--{name}", str(home / f"{name}.json")]
    rehearsal = _start(command, root, environment, logs / "rehearsal.log", running, follow=True)
    _follow(rehearsal)
    if rehearsal.wait() != 0:
        raise RehearsalFailed(_last_words(logs / "rehearsal.log"))


def _start(
    command: list[str],
    root: Path,
    environment: dict[str, str],
    log: Path,
    running: contextlib.ExitStack,
    follow: bool = False,
) -> "subprocess.Popen[bytes]":
    process = start(command, root, environment, log, follow)
    running.callback(stop, process)
    return process


def _follow(rehearsal: "subprocess.Popen[bytes]") -> None:
    """Show the rehearsal's progress: one JSON line a round."""
    with progress_bar() as bar:
        task = bar.add_task("days", total=None)
        for told in _lines(rehearsal):
            counts = ", ".join(f"{told[name]:,} {name}" for name in ("mails", "reviewed", "lessons"))
            text = f"{told['at'][:10]}  {counts}"
            bar.update(task, completed=told["round"], total=told["rounds"], description=text)


def _lines(process: "subprocess.Popen[bytes]") -> Iterator[dict[str, Any]]:
    for line in process.stdout or ():
        with contextlib.suppress(ValueError):
            told = json.loads(line)
            if isinstance(told, dict) and "round" in told:
                yield told


def _last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines() or [""]
    return f"The last line of {log}: {lines[-1]}"


class Memory:
    """Samples the memory of this process and all its children; shared pages count once (PSS, Linux)."""

    def __init__(self, every_seconds: float = 2.0) -> None:
        self.peak_mib = 0.0
        self._every = every_seconds
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _sample(self) -> None:
        import psutil

        own = psutil.Process()
        while not self._done.wait(self._every):
            total = 0
            for process in [own, *own.children(recursive=True)]:
                with contextlib.suppress(psutil.Error):
                    full = process.memory_full_info()
                    total += getattr(full, "pss", full.rss)
            self.peak_mib = max(self.peak_mib, total / 2**20)

"""Mail taken in by several processes at once, each of them its share, into one ledger."""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from subprocess import Popen

from triage_cl.adapters.processes import LOOK_SECONDS, start, stop
from triage_cl.domain.errors import TriageError
from triage_cl.usecases.ingest import Ingested


def ingest_in_processes(
    arguments: Sequence[str], processes: int, folder: Path, look: Callable[[], None] = lambda: None
) -> Ingested:
    """What so many processes of `triage ingest ARGUMENTS` make of their shares together; `look` is called meanwhile.

    They end with this one, however it ends; TriageError, with what the first one said that failed, after the others
    are stopped. What they print is kept in `folder` until then.
    """
    with tempfile.TemporaryDirectory(dir=folder) as made:
        results = [Path(made) / f"{number}.json" for number in range(1, processes + 1)]
        running = [_start(arguments, result, number, processes) for number, result in enumerate(results, 1)]
        try:
            _wait(running, results, look)
        finally:
            for process in running:
                stop(process)
        total = Ingested()
        for result in results:
            total.add(json.loads(result.read_text()))
    return total


def _start(arguments: Sequence[str], result: Path, number: int, of: int) -> "Popen[bytes]":
    mine = ["--share", f"{number}/{of}", "--json", str(result)]
    command = [sys.executable, "-m", "triage_cl.cli", "ingest", *mine, *arguments]
    return start(command, Path.cwd(), os.environ, result.with_suffix(".log"))


def _wait(processes: Sequence["Popen[bytes]"], results: Sequence[Path], look: Callable[[], None]) -> None:
    """Return when all have ended well; TriageError as soon as one has not."""
    while True:
        ended = [process.poll() for process in processes]
        for status, result in zip(ended, results, strict=True):
            if status:
                raise TriageError(f"A process that took mail in ended with status {status}. {_last_words(result)}")
        if None not in ended:
            return
        look()
        time.sleep(LOOK_SECONDS)


def _last_words(result: Path) -> str:
    lines = result.with_suffix(".log").read_text(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("triage: ") if lines else ""

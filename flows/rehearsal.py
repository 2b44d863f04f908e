"""Rehearse a deployment over a labelled archive in simulated time: `python -m flows.rehearsal --mail ARCHIVE`.

Needs a Prefect server and `python -m flows.serve --no-schedules` beside it. Stopped, it goes on where it was.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from flows.environment import in_words, point_at_server
from triage_cl.adapters.processes import wait_healthy


def main(arguments: Sequence[str] | None = None) -> int:
    """Rehearse to the end of the archive; 1 and one sentence where that is not possible."""
    options = _options(arguments)
    # Errors are told here, in a sentence; Prefect keeps the story of each run.
    os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "CRITICAL"
    # Nobody is there to be asked.
    os.environ["TRIAGE_APPROVAL"] = "false"
    try:
        point_at_server()
        wait_healthy(os.environ["PREFECT_API_URL"], options.wait)
        _rehearse(options)
    except Exception as error:
        # The outermost line: whatever Prefect could not do is told in its own words.
        sys.stderr.write(f"triage: {in_words(error)}\n")
        return 1
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m flows.rehearsal", description=__doc__)
    parser.add_argument("--mail", type=Path, required=True, help="the labelled archive, .jsonl or .jsonl.gz")
    parser.add_argument("--departments", type=Path, help="JSON list of departments to begin with, id and name each")
    parser.add_argument("--changes", type=Path, help="JSON list of department changes, made at their dates")
    parser.add_argument("--wait", type=float, default=60, metavar="SECONDS", help="how long to wait for the server")
    return parser.parse_args(arguments)


def _rehearse(options: argparse.Namespace) -> None:
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    from flows.rehearse import rehearse

    # A run waits a second for its heartbeat to stop; these are over before the first beat.
    with temporary_settings(updates={PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        rehearse(options.mail, options.departments, options.changes)


if __name__ == "__main__":
    sys.exit(main())

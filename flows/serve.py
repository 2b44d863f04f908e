"""Run everything that `prefect.yaml` describes, in this process: `python -m flows.serve`."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from triage_cl.adapters.processes import prefect_environment, wait_healthy
from triage_cl.domain.errors import TriageError
from triage_cl.settings import load_settings

if TYPE_CHECKING:
    from prefect.deployments.runner import RunnerDeployment

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped; 1 and one sentence where there is no server to serve for."""
    options = _options(arguments)
    try:
        point_at_server()
        wait_healthy(os.environ["PREFECT_API_URL"], options.wait)
        _serve(options.schedules)
    except TriageError as error:
        sys.stderr.write(f"triage: {error}\n")
        return 1
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m flows.serve", description=__doc__)
    parser.add_argument("--schedules", action=argparse.BooleanOptionalAction, default=True, help="run by the clock")
    parser.add_argument("--wait", type=float, default=60, metavar="SECONDS", help="how long to wait for the server")
    return parser.parse_args(arguments)


def point_at_server() -> None:
    """Set this process and its children to the Prefect server of the settings; to be called before Prefect is loaded.

    What the environment says already stays. Without a server's address Prefect would start one of its own.
    """
    settings = load_settings()
    for name, value in prefect_environment(settings.home, settings.prefect_api_url).items():
        os.environ.setdefault(name, value)
    # The runs are processes of their own, and load the flows from here whatever folder they run in.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))


def _serve(schedules: bool) -> None:
    from prefect import serve

    from flows.deployments import all_deployments
    from flows.leftovers import clear_leftovers

    deployments = all_deployments(schedules)
    clear_leftovers(deployments)
    serve(*deployments, print_starting_message=False)


if __name__ == "__main__":
    sys.exit(main())

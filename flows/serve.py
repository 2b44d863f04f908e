"""Run everything that `prefect.yaml` describes, in this process: `python -m flows.serve`."""

import argparse
import os
import sys
from collections.abc import Sequence

from flows.environment import in_words, point_at_server
from triage_cl.adapters.processes import wait_healthy


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped; 1 and one sentence where there is no server to serve for."""
    options = _options(arguments)
    try:
        point_at_server()
        wait_healthy(os.environ["PREFECT_API_URL"], options.wait)
        _serve(options.schedules)
    except Exception as error:
        # The outermost line: whatever Prefect could not do is told in its own words.
        sys.stderr.write(f"triage: {in_words(error)}\n")
        return 1
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m flows.serve", description=__doc__)
    parser.add_argument("--schedules", action=argparse.BooleanOptionalAction, default=True, help="run by the clock")
    parser.add_argument("--wait", type=float, default=60, metavar="SECONDS", help="how long to wait for the server")
    return parser.parse_args(arguments)


def _serve(schedules: bool) -> None:
    from prefect import serve

    from flows.deployments import all_deployments
    from flows.leftovers import prepare_server

    deployments = all_deployments(schedules)
    prepare_server(deployments)
    serve(*deployments, print_starting_message=False)


if __name__ == "__main__":
    sys.exit(main())

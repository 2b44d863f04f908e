"""`triage flows`: serve the deployments, and see what they did."""

from typing import Annotated

import typer

from triage_cl.cli.output import Json, print_table, write_json

commands = typer.Typer(help="Run by itself what should, and see what ran.", no_args_is_help=True)


def plug_into(app: typer.Typer) -> None:
    """Add the commands of this application."""
    app.add_typer(commands, name="flows")


@commands.command()
def serve(
    schedules: Annotated[bool, typer.Option(help="Run by the clock.")] = True,
    wait: Annotated[float, typer.Option(metavar="SECONDS", help="How long to wait for the Prefect server.")] = 60,
) -> None:
    """Serve all deployments for the Prefect server of the settings, until Ctrl-C."""
    from flows.serve import main

    raise typer.Exit(main(["--schedules" if schedules else "--no-schedules", "--wait", str(wait)]))


@commands.command()
def status(
    runs: Annotated[int, typer.Option(min=1, help="How many runs of each deployment.")] = 3, json: Json = None
) -> None:
    """Show what is deployed, and how the last runs ended."""
    import os

    from flows.environment import point_at_server
    from triage_cl.adapters.processes import wait_healthy

    point_at_server()
    wait_healthy(os.environ["PREFECT_API_URL"], 5)
    from flows.status import status_of_all

    found = status_of_all(runs)
    if write_json({"deployments": found}, json):
        return
    rows = [(one["deployment"], one["state"]) for one in found]
    print_table("Deployments", rows, ("deployment", "state"))
    ran = [(one["deployment"], run["name"], run["at"] or "", run["state"]) for one in found for run in one["runs"]]
    print_table("Last runs", ran, ("deployment", "run", "at", "state"))

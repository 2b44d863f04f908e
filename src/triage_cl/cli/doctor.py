"""`triage doctor`: what is there, what is missing, what to do."""

from typing import TYPE_CHECKING

import typer

from triage_cl.cli.output import Json, console, write_json

if TYPE_CHECKING:
    from triage_cl.adapters.checkup.finding import Finding


def plug_into(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(doctor)


def doctor(json: Json = None) -> None:
    """Look at the installation, the data folder and every part of the deployment; nothing is changed.

    Ends with status 1 where something is wrong; what is only missing is made or started when it is needed.
    """
    from triage_cl.adapters.checkup.finding import State

    found = _look()
    wrong = sum(one.state is State.WRONG for one in found)
    if not write_json({"checks": [one.as_json() for one in found], "wrong": wrong}, json):
        _print(found)
    raise typer.Exit(1 if wrong else 0)


def _look() -> "list[Finding]":
    from triage_cl.adapters.checkup.data import data
    from triage_cl.adapters.checkup.encoders import encoders
    from triage_cl.adapters.checkup.finding import wrong
    from triage_cl.adapters.checkup.installation import installation
    from triage_cl.adapters.checkup.servers import servers
    from triage_cl.cli.checkout import checkout
    from triage_cl.domain.errors import BadSettings
    from triage_cl.settings import load_settings

    installed = installation(checkout())
    try:
        settings = load_settings()
    except BadSettings as error:
        return [*installed, wrong("settings", str(error), "Correct the environment or triage.toml.")]
    return [*installed, *encoders(settings), *data(settings), *servers(settings)]


def _print(found: "list[Finding]") -> None:
    from rich.table import Table
    from rich.text import Text

    colours = {"ok": "green", "missing": "yellow", "wrong": "red"}
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("", "", "found", "what to do"):
        table.add_column(name, overflow="fold")
    for one in found:
        table.add_row(
            Text(one.state.value, colours[one.state.value]), Text(one.name), Text(one.found), Text(one.advice)
        )
    console().print(table)

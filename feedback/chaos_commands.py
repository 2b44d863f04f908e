"""`triage chaos`: everything goes wrong on purpose, and the promises must hold."""

from typing import Annotated

import typer

from triage_cl.cli.output import Json, console, print_table, write_json

commands = typer.Typer(help="Let things go wrong on purpose, and check that the promises hold.", no_args_is_help=True)

#: How many findings are shown to people.
SHOWN = 20


def plug_into(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(commands, name="chaos")


@commands.command()
def feedback(
    drop: Annotated[float, typer.Option(min=0, max=1, help="The part of webhooks that never arrive.")] = 0.1,
    duplicate: Annotated[float, typer.Option(min=0, max=1, help="The part of webhooks that arrive twice.")] = 0.1,
    reorder: Annotated[bool, typer.Option(help="Whether webhooks overtake each other.")] = True,
    kills: Annotated[int, typer.Option(min=0, help="How often the receiving process is killed.")] = 20,
    acts: Annotated[int, typer.Option(min=1, help="How much reviewers do.")] = 2000,
    seed: Annotated[int, typer.Option(help="It tells everything but the moment of a kill.")] = 1,
    json: Json = None,
) -> None:
    """Lose, double and reorder webhooks and kill the receiver; then compare with Label Studio and with a calm run.

    Label Studio is a stand-in in this process with the fields and ways of the real one, which is not driven yet. The
    ledger and everything else is in a temporary folder: nothing of this installation is touched.
    """
    import tempfile
    from pathlib import Path

    from feedback.chaos import Faults, feedback_under, report

    with tempfile.TemporaryDirectory() as folder:
        outcome = feedback_under(Faults(drop, duplicate, reorder, kills), seed, acts, Path(folder))
    told = report(outcome)
    if not write_json(told, json):
        counted = [(name.replace("_", " "), f"{value:,}") for name, value in told.items() if type(value) is int]
        print_table("feedback: it holds" if told["holds"] else "feedback: it does not hold", counted)
        for finding in outcome.found[:SHOWN]:
            console().print(f"  at {finding.position}: {finding.what}", markup=False)
        if len(outcome.found) > SHOWN:
            console().print(f"  … and {len(outcome.found) - SHOWN:,} more")
    if not told["holds"]:
        raise typer.Exit(1)

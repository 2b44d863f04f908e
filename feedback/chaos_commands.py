"""`triage chaos`: everything goes wrong on purpose, and the promises must hold."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from triage_cl.cli.output import Json, console, print_table, progress_bar, write_json

commands = typer.Typer(help="Let things go wrong on purpose, and check that the promises hold.", no_args_is_help=True)

#: How many findings are shown to people.
SHOWN = 20
#: How much reviewers do in a real Label Studio, where an act takes some tenths of a second, and on the double.
ACTS, ACTS_ON_THE_DOUBLE = 300, 2000


def plug_into(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(commands, name="chaos")


@commands.command()
def feedback(
    drop: Annotated[float, typer.Option(min=0, max=1, help="The part of webhooks that never arrive.")] = 0.1,
    duplicate: Annotated[float, typer.Option(min=0, max=1, help="The part of webhooks that arrive twice.")] = 0.1,
    reorder: Annotated[bool, typer.Option(help="Whether webhooks overtake each other.")] = True,
    kills: Annotated[
        int,
        typer.Option(min=0, help="How often the receiving process is killed; Label Studio goes down a tenth of it."),
    ] = 20,
    acts: Annotated[
        int | None,
        typer.Option(min=1, help=f"How much reviewers do; {ACTS} unless told, {ACTS_ON_THE_DOUBLE} on the double."),
    ] = None,
    seed: Annotated[int, typer.Option(help="It tells everything but the moment of a kill.")] = 1,
    double: Annotated[
        bool, typer.Option("--double", help="Take the stand-in for Label Studio: faster, and none is needed.")
    ] = False,
    json: Json = None,
) -> None:
    """Lose webhooks, kill the receiver and Label Studio; then compare the ledger with it, and with a calm run.

    Label Studio is one that is started for it and ended. It, the ledger and everything else is in a temporary folder:
    nothing of this installation is touched.
    """
    import tempfile
    from contextlib import ExitStack
    from pathlib import Path

    from feedback.chaos import feedback_under, report
    from feedback.chaos_day import Faults
    from feedback.chaos_double import on_the_double
    from feedback.chaos_label_studio import in_label_studio
    from triage_cl.cli.checkout import checkout

    acts = acts or (ACTS_ON_THE_DOUBLE if double else ACTS)
    faults = Faults(drop, duplicate, reorder, kills)
    faults.check(acts)
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        acted = opened.enter_context(_progress(acts))
        boards = on_the_double if double else opened.enter_context(in_label_studio(checkout(), folder / "server"))
        outcome = feedback_under(faults, seed, acts, folder, boards, acted)
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


@contextmanager
def _progress(acts: int) -> Iterator[Callable[[str], None]]:
    """A bar for each of both days; tells what moves them."""
    with progress_bar() as bar:
        days = {day: bar.add_task(f"{day} day", total=acts) for day in ("calm", "rough")}
        yield lambda day: bar.advance(days[day])

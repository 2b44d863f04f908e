"""`triage bench`: measurements, never tests."""

import typer

from triage_cl.cli import bench_drift, bench_edits, bench_learner, bench_pipeline, bench_replay, bench_serving
from triage_cl.cli.output import Json, print_table, write_json

commands = typer.Typer(help="Measure, stated beside a calibrator.", no_args_is_help=True)


def plug_into(app: typer.Typer) -> None:
    """Add the commands of this module."""
    bench_learner.plug_into(commands)
    bench_pipeline.plug_into(commands)
    bench_drift.plug_into(commands)
    bench_edits.plug_into(commands)
    bench_replay.plug_into(commands)
    bench_serving.plug_into(commands)
    app.add_typer(commands, name="bench")


@commands.callback()
def _group() -> None:
    """Measure, stated beside a calibrator."""


@commands.command()
def calibrate(json: Json = None) -> None:
    """How fast this machine is right now: a CPU loop, and syncs to the disk of the data folder."""
    from triage_cl.adapters.calibrator import calibrate as measure
    from triage_cl.bootstrap import bootstrap

    result = measure(bootstrap().home)
    if not write_json(result, json):
        print_table("This machine, now", [(name.replace("_", " "), f"{value:,.0f}") for name, value in result.items()])

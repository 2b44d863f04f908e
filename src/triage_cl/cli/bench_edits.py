"""`triage bench edits`: how soon a changed answer counts in the live learner."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from triage_cl.cli.output import Json, console, print_table, progress_bar, write_json


def plug_into(commands: typer.Typer) -> None:
    """Add the command to `triage bench`."""
    commands.command()(edits)


def edits(
    lessons: Annotated[int, typer.Option(min=100, help="How many lessons the ledger has.")] = 100_000,
    edits: Annotated[int, typer.Option(min=20, help="How many of them are changed or deleted, in bursts.")] = 10_000,
    json: Json = None,
) -> None:
    """Change and delete answers in a ledger of generated mail while new ones arrive; the live learner is checked."""
    from triage_cl.adapters.calibrator import calibrate
    from triage_cl.adapters.edit_load import EditLoad
    from triage_cl.bootstrap import bootstrap

    home = bootstrap().home
    with tempfile.TemporaryDirectory(dir=home) as folder:
        console(stderr=True).print(f"Writing and folding a ledger of {lessons:,} lessons …")
        load = EditLoad(Path(folder), lessons)
        with progress_bar() as bar:
            task = bar.add_task("bursts", total=20)
            measured = load.run(edits, lambda done: bar.update(task, completed=done))
        load.close()
    result = {
        "lessons": lessons,
        "edits": edits,
        "recent_seconds": round(max(measured.recent), 3),
        "oldest_seconds": round(max(measured.oldest), 3),
        "burst_seconds": round(max(measured.bursts), 3),
        "new_lesson_p99_seconds": round(measured.lesson_delay(0.99), 3),
        "new_lessons": len(measured.lessons),
        "checks": measured.checks,
        "holds": not measured.differing,
    }
    if not write_json(result | {"calibration": calibrate(home)}, json):
        rows = [(name.replace("_", " "), f"{value:,}") for name, value in result.items()]
        print_table("Edits in the live learner, the slowest of each kind", rows)

"""`triage bench feedback`: how soon a reviewer's answer is safe, and how soon the served model has learned it."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from triage_cl.cli import benchmarks
from triage_cl.cli.output import Json, print_table, progress_bar, write_json


def plug_into(_: typer.Typer) -> None:
    """Add the command to `triage bench`."""
    benchmarks.commands.command()(feedback)


def feedback(
    mails: Annotated[int, typer.Option(min=100, help="How many mails the ledger has, decided.")] = 20_000,
    lessons: Annotated[int, typer.Option(min=10, help="How many of them are answered before.")] = 3_000,
    answers: Annotated[
        int, typer.Option(min=10, help="Webhooks of reviewers who wait for each other's reply.")
    ] = 10_000,
    reviewers: Annotated[int, typer.Option(min=1, help="How many of them are under way at once.")] = 100,
    rate: Annotated[float, typer.Option(min=1, help="Webhooks a second, come what may.")] = 50,
    seconds: Annotated[float, typer.Option(min=1, help="For how long.")] = 60,
    json: Json = None,
) -> None:
    """Answer mail by webhook: the real receiver and the real service, each a process, over one ledger on disk.

    Label Studio's part is played by this process, which sends what it would send.
    """
    import tempfile
    from pathlib import Path

    from feedback.answer_bench import Shape, measure
    from triage_cl.bootstrap import bootstrap

    home = bootstrap().home
    shape = Shape(mails, lessons, answers, reviewers, rate, seconds)
    with tempfile.TemporaryDirectory(dir=home) as folder, progress_bar() as bar:
        task = bar.add_task("", total=None)
        told = measure(shape, Path(folder), lambda what: bar.update(task, description=what))
    if not write_json(told, json):
        print_table("Answers by webhook, measured", list(_rows(told)))


def _rows(told: Mapping[str, Any], about: str = "") -> Iterator[tuple[str, str]]:
    for name, value in told.items():
        if isinstance(value, Mapping):
            yield from _rows(value, f"{about}{name.replace('_', ' ')}: ")
        else:
            yield about + name.replace("_", " "), f"{value:,}"

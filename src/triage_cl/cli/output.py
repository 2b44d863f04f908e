"""What commands print: tables and progress for people, one JSON object for machines."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

Json = Annotated[
    str | None, typer.Option("--json", metavar="PATH", help="Write the result as one JSON object; '-' prints it.")
]


def console(stderr: bool = False) -> "Console":
    """A console for people."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=stderr)


def as_json(result: Mapping[str, Any]) -> str:
    """The one way that results become JSON: keys as given, no NaN."""
    return json.dumps(result, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_json(result: Mapping[str, Any], target: str | None) -> bool:
    """Write `result` where `--json` says; whether standard output is taken by it."""
    if target is None:
        return False
    if target == "-":
        sys.stdout.write(as_json(result))
        return True
    write_file(Path(target), as_json(result))
    return False


def write_file(path: Path, text: str) -> None:
    """Write a whole file or none of it; a device is written to."""
    from triage_cl.adapters.atomic_file import atomic_file

    with atomic_file(path) as file:
        file.write(text.encode())


def print_table(
    title: str, rows: Sequence[Sequence[str]], header: Sequence[str] = (), whole: Sequence[str] = ()
) -> None:
    """A table for people, on standard output; what stands in the columns named `whole` is never broken."""
    from rich.table import Table

    table = Table(title=title, show_header=bool(header), title_justify="left", box=None, pad_edge=False)
    for number, name in enumerate(header or [""] * max((len(row) for row in rows), default=1)):
        style = "bold" if number == 0 and not header else None
        table.add_column(name, overflow="fold", style=style, no_wrap=bool(name) and name in whole)
    for row in rows:
        table.add_row(*row)
    console().print(table)


@contextmanager
def progress_bar() -> Iterator["Progress"]:
    """A progress bar on a terminal's standard error, nothing in a pipe."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as bar:
        yield bar

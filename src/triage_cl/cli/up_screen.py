"""How the programs of a stack are doing: a live table on a terminal, a line for each change in a pipe."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from triage_cl.adapters.supervision.condition import Condition, Health
from triage_cl.adapters.supervision.configuration import log_of
from triage_cl.adapters.supervision.program import Program

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

Conditions = Mapping[str, Condition]
Show = Callable[[Conditions], None]

COLOURS = {
    Health.WAITING: "dim",
    Health.STARTING: "yellow",
    Health.WELL: "green",
    Health.SILENT: "red",
    Health.ENDED: "red",
}


@contextmanager
def screen(programs: Sequence[Program], logs: Path, out: "Console") -> Iterator[Show]:
    """What shows the state of `programs` on `out`, as long as the block lasts."""
    if not out.is_terminal:
        yield _lines(programs, logs, out)
        return
    from rich.live import Live

    with Live(console=out, auto_refresh=False) as live:
        yield lambda conditions: live.update(_table(programs, conditions, logs), refresh=True)


def _lines(programs: Sequence[Program], logs: Path, out: "Console") -> Show:
    before: dict[str, tuple[Health, int]] = {}

    def show(conditions: Conditions) -> None:
        now = {name: (condition.health, condition.restarts) for name, condition in conditions.items()}
        news = [program for program in programs if before.get(program.name) != now[program.name]]
        for program in news:
            told = in_words(program, conditions, logs)
            out.print(f"{program.name}: {told}{_where(program, conditions[program.name])}", soft_wrap=True)
        before.update(now)
        if news and _all_well(conditions):
            out.print(_ALL_WELL)
        out.file.flush()

    return show


_ALL_WELL = "Everything answers; Ctrl-C stops it."


def _all_well(conditions: Conditions) -> bool:
    return all(condition.well for condition in conditions.values())


def _where(program: Program, condition: Condition) -> str:
    return f", {program.url}" if program.url and condition.well else ""


def _table(programs: Sequence[Program], conditions: Conditions, logs: Path) -> "Table":
    from rich.table import Table
    from rich.text import Text

    caption = _ALL_WELL if _all_well(conditions) else "Starting; Ctrl-C stops it."
    table = Table(box=None, pad_edge=False, caption=caption, caption_justify="left", header_style="bold")
    for name in ("", "", "where", "how it is", "restarts"):
        table.add_column(name, overflow="fold")
    for program in programs:
        condition = conditions[program.name]
        told = Text(in_words(program, conditions, logs), COLOURS[condition.health])
        restarts = str(condition.restarts or "")
        table.add_row(Text(program.name, "bold"), program.purpose, program.url, told, restarts)
    return table


def in_words(program: Program, conditions: Conditions, logs: Path) -> str:
    """How a program is, and since when."""
    condition = conditions[program.name]
    since = _clock(condition.since)
    match condition.health:
        case Health.WAITING:
            missing = [name for name in program.after if name in conditions and not conditions[name].well]
            return f"waits for {' and '.join(missing)}" if missing else "waits"
        case Health.STARTING:
            return f"starting since {since}"
        case Health.WELL if program.once:
            return f"done at {since}"
        case Health.WELL:
            return f"{'answers' if program.health else 'runs'} since {since}"
        case Health.SILENT:
            return f"no answer since {since}; see {log_of(program, logs)}"
        case Health.ENDED:
            return (
                f"ended at {since} (status {condition.exit_status}) and is started again; see {log_of(program, logs)}"
            )


def _clock(at: datetime) -> str:
    return f"{at.astimezone():%H:%M:%S}"

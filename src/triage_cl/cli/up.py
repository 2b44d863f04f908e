"""`triage up`: the whole stack on this machine, under one supervisor, until it is told to stop."""

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triage_cl.cli.output import Json, console, write_json

if TYPE_CHECKING:
    from triage_cl.adapters.supervision.condition import Condition
    from triage_cl.adapters.supervision.program import Program
    from triage_cl.settings import Settings

Names = Annotated[str, typer.Option(metavar="A,B", help="Run these programs and no others.")]


def plug_into(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(up)


def up(
    only: Names = "",
    without: Annotated[str, typer.Option(metavar="A,B", help="Run all but these programs.")] = "",
    demo: Annotated[
        bool, typer.Option("--demo", help="Feed invented mail, so that there is something to review.")
    ] = False,
    json: Json = None,
) -> None:
    """Run everything on this machine: review screen, flows, model versions, drift, service, console; until Ctrl-C.

    `--json` is written once everything answers. The next start finds all as it was.
    """
    from triage_cl.adapters.supervision.programs import chosen, programs
    from triage_cl.cli.checkout import checkout
    from triage_cl.domain.errors import BadInput
    from triage_cl.settings import load_settings

    root = checkout()
    if root is None:
        raise BadInput("`triage up` runs the applications of a checkout; this library was installed without them.")
    settings = load_settings()
    settings = settings.model_copy(update={"home": settings.home.resolve()})
    kept = chosen(programs(settings, demo), _names(only), _names(without))
    _run(_reviewing(settings, kept, root), kept, root, demo, json)


def _names(listed: str) -> list[str]:
    return [name.strip() for name in listed.split(",") if name.strip()]


def _reviewing(settings: "Settings", kept: Sequence["Program"], root: Path) -> "Settings":
    """The settings, with Label Studio for the reviews where it runs; raises BadInput where it is not installed."""
    from triage_cl.adapters.label_studio import server
    from triage_cl.adapters.supervision.programs import LABEL_STUDIO
    from triage_cl.domain.errors import BadInput

    if LABEL_STUDIO not in {program.name for program in kept}:
        return settings
    if not server.executable(root).exists():
        raise BadInput("Label Studio is not installed: `make label-studio` does it; or leave it out with --without.")
    return settings.model_copy(update={"reviews": LABEL_STUDIO})


def _run(settings: "Settings", kept: Sequence["Program"], root: Path, demo: bool, json: str | None) -> None:
    from triage_cl.adapters.supervision.conductor import conduct
    from triage_cl.adapters.supervision.programs import environment, steps
    from triage_cl.adapters.supervision.supervisor import Supervisor
    from triage_cl.cli.up_access import show_access
    from triage_cl.cli.up_screen import screen

    everything = [*steps(settings, _prepare(settings, demo)), *kept]
    out = console(stderr=json == "-")
    home = settings.home
    supervisor = Supervisor(everything, home / "up", home / "logs", Path.cwd(), environment(settings, root))
    with _told_to_stop() as ends:
        with supervisor:
            show_access(settings, kept, out)
            with screen(everything, home / "logs", out) as show:
                conduct(supervisor, everything, _telling(show, kept, json), ends)
            out.print("Stopping …")
        out.print("Stopped; what was acknowledged is kept.")


def _prepare(settings: "Settings", demo: bool) -> bool:
    """Make what everything shares: keys, the ledger, a demo's departments; whether there is a champion already.

    What cannot be made is told before anything starts.
    """
    from triage_cl.bootstrap import bootstrap, utcnow
    from triage_cl.cli.feeding import open_departments
    from triage_cl.usecases.retrain import standing_at

    with closing(bootstrap(settings)) as app:
        app.access, app.keys  # noqa: B018
        if demo:
            open_departments(app.ledger, utcnow())
        return standing_at(app.ledger).champion is not None


@contextmanager
def _told_to_stop() -> Iterator[Event]:
    """Set when somebody wants us to stop; a second signal does not interrupt the stopping."""
    ends = Event()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, lambda *_: ends.set()) for number in numbers]
    try:
        yield ends
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


Show = Callable[[Mapping[str, "Condition"]], None]


def _telling(show: Show, kept: Sequence["Program"], json: str | None) -> Show:
    """`show`, and the JSON as soon as everything is well for the first time."""
    from triage_cl.bootstrap import utcnow

    started, told = utcnow(), False

    def show_and_tell(conditions: Mapping[str, "Condition"]) -> None:
        nonlocal told
        show(conditions)
        if not told and all(condition.well for condition in conditions.values()):
            told = True
            write_json(_result(kept, conditions, started), json)

    return show_and_tell


def _result(kept: Sequence["Program"], conditions: Mapping[str, "Condition"], started: datetime) -> dict[str, Any]:
    programs = [
        {
            "name": program.name,
            "url": program.url,
            "healthy": conditions[program.name].well,
            "seconds": _seconds(conditions[program.name].first_well, started),
        }
        for program in kept
    ]
    return {"programs": programs, "seconds": max(_seconds(one.first_well, started) for one in conditions.values())}


def _seconds(at: datetime | None, started: datetime) -> float:
    return round(max(0.0, (at - started).total_seconds()), 1) if at else 0.0

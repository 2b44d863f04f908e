"""`triage bench serve`: the service under load, beside what SQLite alone takes on the same machine just then."""

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triage_cl.cli.output import Json, console, print_table, write_json

if TYPE_CHECKING:
    from triage_cl.adapters.service_load import Outcome
    from triage_cl.bootstrap import App

#: The invented organisation's mail: so many distinct ones; of the first ones the champion is taught so many.
DAYS, MAILS_A_DAY, LESSONS = 28, 150, 1_000
OVERLOAD = 10
SINGLES_PER_SECOND = 50


def plug_into(commands: typer.Typer) -> None:
    """Add the command to `triage bench`."""
    commands.command()(serve)


def serve(
    seconds: Annotated[float, typer.Option(min=1, help="How long the load in batches lasts.")] = 60,
    batch: Annotated[int, typer.Option(min=1, help="Mails in one request.")] = 50,
    clients: Annotated[int, typer.Option(min=1, help="Requests under way at once.")] = 4,
    json: Json = None,
) -> None:
    """Load the service with batches, single mails and ten times too much, from this process.

    A service of its own is started over a new ledger, with a champion that was taught a thousand lessons.
    """
    from triage_cl.settings import load_settings

    with tempfile.TemporaryDirectory(dir=_folder(load_settings().home).resolve()) as folder:
        result = _measure(Path(folder), seconds, batch, clients)
    if not write_json(result, json):
        rows = [(name.replace("_", " "), f"{value:,}") for name, value in result.items() if not isinstance(value, dict)]
        rows += [(f"overload: {name.replace('_', ' ')}", f"{value:,}") for name, value in result["overload"].items()]
        print_table("The service, measured", rows)


def _folder(home: Path) -> Path:
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    return home


def _measure(folder: Path, seconds: float, batch: int, clients: int) -> dict[str, Any]:
    from triage_cl.adapters.bare_sqlite import mails_per_second
    from triage_cl.adapters.service_load import Load
    from triage_cl.synthesis.stream import generate

    out = console(stderr=True)
    scenario = generate(seed=1, days=DAYS, mails_per_day=MAILS_A_DAY)
    out.print(f"Teaching a champion {LESSONS:,} lessons of {len(scenario.lines):,} generated mails …")
    app, taught = _teach(folder, scenario.lines, scenario.departments)
    out.print("Measuring SQLite alone …")
    bare = mails_per_second(folder, _rows(scenario.lines), batch, min(seconds, 10))
    with _service(folder) as (url, process):
        lines = [{**line, "department": None} for line in scenario.lines]
        load = Load(url, app.access.api_key, lines)
        load.closed(2, batch, clients)
        out.print(f"Batches of {batch} for {seconds:g} s …")
        batches = load.closed(seconds, batch, clients)
        out.print(f"Single mails, {SINGLES_PER_SECOND} a second …")
        singles = load.open(min(seconds, 30), 1, SINGLES_PER_SECOND)
        rate = batches.accepted / batches.seconds
        out.print(f"{OVERLOAD} times too much …")
        overload, grown = _overload(load, process, batch, rate, min(seconds, 15))
        stored = app.ledger.fed() - taught
    app.close()
    accepted = sum(one.accepted for one in (batches, singles, overload))
    return {
        "mails_per_second": round(rate, 1),
        "bare_mails_per_second": round(bare, 1),
        "ratio": round(rate / bare, 3),
        "batch_p50_ms": _milliseconds(batches, 0.5),
        "batch_p99_ms": _milliseconds(batches, 0.99),
        "batch_failed": batches.failed + batches.refused,
        "single_p50_ms": _milliseconds(singles, 0.5),
        "single_p99_ms": _milliseconds(singles, 0.99),
        "single_failed": singles.failed + singles.refused,
        "overload": {
            "offered_per_second": round(overload.offered / overload.seconds, 1),
            "accepted": overload.accepted,
            "refused": overload.refused,
            "failed": overload.failed,
            "accepted_p99_ms": _milliseconds(overload, 0.99),
            "memory_growth_mib": round(grown, 1),
        },
        "accepted": accepted,
        "lost": max(0, accepted - stored),
    }


def _milliseconds(outcome: "Outcome", part: float) -> float:
    return round(1_000 * outcome.percentile(part), 1)


def _teach(folder: Path, lines: Any, departments: Any) -> tuple["App", int]:
    """The application over a new ledger with departments and lessons; how many mails that took."""
    import io
    import json

    from triage_cl.adapters.mail.archive import read_lines
    from triage_cl.bootstrap import bootstrap
    from triage_cl.domain.corrections import Correction, Origin, Source
    from triage_cl.domain.departments import DepartmentAdded
    from triage_cl.domain.emails import Message
    from triage_cl.settings import load_settings
    from triage_cl.usecases.departments import names_ever
    from triage_cl.usecases.receive import receive

    now = datetime.now(UTC)
    app = bootstrap(load_settings(home=folder, database_url="", registry="folder"))
    app.ledger.append([DepartmentAdded(id, name) for id, name in departments], now)
    app.ensure_ready(now)
    written = "\n".join(json.dumps(line) for line in lines[:LESSONS]).encode()
    messages = [found for found in read_lines(io.BytesIO(written), "generated") if isinstance(found, Message)]
    emails = {message.key: receive(message, app.keys, now) for message in messages}
    app.desk().triage(list(emails.values()), lambda _: now)
    known = names_ever(app.ledger)
    told = [(emails[m.key].id, known.get((m.department or "").casefold())) for m in messages]
    corrections = [
        Correction(id, department, Source.IMPORT, Origin.SCRATCH, True, "generator", f"generated:{id}", now)
        for id, department in told
        if department is not None
    ]
    app.ledger.append(corrections, now)
    return app, app.ledger.fed()


def _rows(lines: Any) -> list[dict[str, str]]:
    return [
        {
            "id": str(line["id"]),
            "received_at": str(line["received_at"]),
            "sender": str(line.get("sender", "")),
            "subject": str(line.get("subject", "")),
            "body": str(line.get("body") or line.get("raw", "")),
        }
        for line in lines
    ]


@contextlib.contextmanager
def _service(home: Path) -> Iterator[tuple[str, Any]]:
    """A service over the ledger in `home`; its URL and its process."""
    import psutil

    from triage_cl.adapters.processes import free_port, start, stop, wait_answers

    port = free_port()
    environment = os.environ | {"TRIAGE_HOME": str(home), "TRIAGE_REGISTRY": "folder", "TRIAGE_DATABASE_URL": ""}
    command = [sys.executable, "-m", "triage_cl.cli", "serve", "--port", str(port)]
    keeper = start(command, home, environment, home / "service.log")
    url = f"http://127.0.0.1:{port}"
    try:
        wait_answers(f"{url}/ready", 60, keeper)
        yield url, next(one for one in psutil.Process(keeper.pid).children() if one.cmdline()[1:] == command[1:])
    finally:
        stop(keeper)


def _overload(load: Any, process: Any, batch: int, rate: float, seconds: float) -> tuple["Outcome", float]:
    """What came of ten times the rate that it can take, and by how many MiB the service grew meanwhile at most."""
    before = peak = process.memory_info().rss
    over = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not over.wait(0.1):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        outcome = load.open(seconds, batch, OVERLOAD * rate / batch)
    finally:
        over.set()
        watcher.join()
    return outcome, (peak - before) / 2**20

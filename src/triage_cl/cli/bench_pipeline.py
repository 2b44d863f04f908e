"""`triage bench pipeline`: raw mail to durable decisions, on one core and by two processes."""

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triage_cl.cli.output import Json, console, print_table, write_json

if TYPE_CHECKING:
    from triage_cl.adapters.pipeline_load import Done

LESSONS = 5_000
ROUNDS = 3

#: A round lasts about so long: shorter mail is taken in several times, each time as other mail.
ROUND_SECONDS = 5.0

SAMPLE_SECONDS = 1.0


def plug_into(commands: typer.Typer) -> None:
    """Add the command to `triage bench`."""
    commands.command()(pipeline)


def pipeline(
    mail: Annotated[Path, typer.Option(help="Raw messages, in whatever `triage ingest` reads.")],
    processes: Annotated[int, typer.Option(min=2, help="Processes that write the same ledger.")] = 2,
    json: Json = None,
) -> None:
    """Take raw mail in, on one core and then with several processes: the best of three rounds of each, in turn.

    Each round has a new SQLite ledger on the disk of the data folder, with a champion that was taught 5,000 lessons.
    """
    from triage_cl.adapters.calibrator import calibrate
    from triage_cl.bootstrap import bootstrap
    from triage_cl.cli.rehearsing import Memory
    from triage_cl.domain.errors import BadInput

    if not mail.exists():
        raise BadInput(f"{mail} does not exist.")
    app = bootstrap()
    with tempfile.TemporaryDirectory(dir=app.home) as folder, Memory(SAMPLE_SECONDS) as memory:
        result = _measured(Path(folder), mail, processes, app.settings.group)
    result |= {"peak_mib": round(memory.peak_mib, 1), "calibration": calibrate(app.home)}
    if not write_json(result, json):
        _print(result)


def _measured(folder: Path, mail: Path, processes: int, group: int) -> dict[str, Any]:
    from triage_cl.adapters.pipeline_load import prepare, stay_on_core, take_in
    from triage_cl.adapters.pipeline_stages import hostile_ms, stages_us

    out = console(stderr=True)
    template, home = folder / "template", folder / "home"
    template.mkdir()
    out.print(f"Teaching a champion {LESSONS:,} generated lessons …")
    prepare(template, LESSONS)
    out.print("One round to warm up …")
    warm, _ = take_in(template, home, mail, 1, 1, group)
    times = max(1, math.ceil(ROUND_SECONDS / _seconds(warm)))
    single, several = [], []
    for number in range(1, ROUNDS + 1):
        out.print(f"Round {number} of {ROUNDS}: the mail {times} times on one core, then by {processes} processes …")
        single.append(take_in(template, home, mail, 1, times, group))
        several.append(take_in(template, home, mail, processes, times * processes, group))
    out.print("Stage by stage, and hostile messages …")
    stay_on_core(0)
    [best] = max((done for done, _ in single), key=_rate)
    latencies, ingested = sorted(best.latencies), best.ingested
    return {
        "mails": ingested.mails,
        "mails_per_second_one_core": round(_rate([best]), 1),
        "processes": processes,
        "two_process_ratio": round(max(_rate(done) for done, _ in several) / _rate([best]), 3),
        "busy_us": round(1e6 * best.busy / ingested.mails, 1),
        "p50_ms": _milliseconds(latencies, 0.5),
        "p99_ms": _milliseconds(latencies, 0.99),
        "decided": ingested.decided,
        "quarantined": ingested.quarantined,
        "lost": sum(_lost(done, stored) for done, stored in (*single, *several)),
        "times_over": times,
        "stages_us": stages_us(template, mail, group),
        "hostile_ms": hostile_ms(template),
    }


def _seconds(done: Sequence["Done"]) -> float:
    return max(one.ended for one in done) - min(one.began for one in done)


def _rate(done: Sequence["Done"]) -> float:
    """Mails a second."""
    return sum(one.ingested.mails for one in done) / _seconds(done)


def _lost(done: Sequence["Done"], stored: int) -> int:
    """Mails that have neither a decision in the ledger nor a reason in quarantine."""
    counts = [one.ingested for one in done]
    return sum(one.mails - one.repeated - one.quarantined for one in counts) - stored


def _milliseconds(ordered: Sequence[float], part: float) -> float:
    return round(1e3 * ordered[min(len(ordered) - 1, int(part * len(ordered)))], 1) if ordered else 0.0


def _print(result: dict[str, Any]) -> None:
    tables = {
        "stages_us": "Stages, µs a mail",
        "hostile_ms": "Hostile messages, ms each",
        "calibration": "This machine",
    }
    plain = [(name.replace("_", " "), f"{value:,}") for name, value in result.items() if name not in tables]
    print_table("Raw mail to durable decisions, best of three", plain)
    for name, title in tables.items():
        print_table(title, [(each, f"{value:,}") for each, value in result[name].items()])

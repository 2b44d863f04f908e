"""`triage bench drift`: how long a day's decisions take to be summarised for drift, and in how much memory."""

from collections.abc import Iterable
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triage_cl.cli.output import Json, print_table, progress_bar, write_json

if TYPE_CHECKING:
    from triage_cl.statistics.sketches import Sketch
    from triage_cl.usecases.decision_stream import Page

SEED = 0
SAMPLE_SECONDS = 0.1


def plug_into(commands: typer.Typer) -> None:
    """Add the command to `triage bench`."""
    commands.command()(drift)


def drift(
    rows: Annotated[int, typer.Option(min=1_000, help="How many decisions the day has.")] = 5_000_000,
    page: Annotated[int, typer.Option(min=1_000, help="How many of them come at a time.")] = 50_000,
    json: Json = None,
) -> None:
    """Summarise a day of generated decisions and answers for drift, page by page, in this one process."""
    from triage_cl.adapters.calibrator import calibrate
    from triage_cl.bootstrap import bootstrap
    from triage_cl.cli.rehearsing import Memory

    home = bootstrap().home
    with Memory(SAMPLE_SECONDS) as memory:
        result = _measured(rows, page)
    result |= {"peak_mib": round(memory.peak_mib, 1), "calibration": calibrate(home)}
    if not write_json(result, json):
        plain = [
            (name.replace("_", " "), f"{value:,}") for name, value in result.items() if not isinstance(value, dict)
        ]
        print_table("A day of decisions, summarised", plain)


def _measured(rows: int, page: int) -> dict[str, Any]:
    import numpy as np

    from triage_cl.statistics.daily import Profile
    from triage_cl.usecases.decision_stream import pages

    began = perf_counter()
    with progress_bar() as bar:
        made = bar.track(pages(rows, page, np.random.default_rng(SEED)), total=-(-rows // page), description="pages")
        sketch, seconds, answers = _summarised(made)
    started = perf_counter()
    Profile.of(sketch).readings(sketch)
    seconds += perf_counter() - started
    return {
        "rows": int(sketch.mails.sum()),
        "answers": answers,
        "seconds": round(seconds, 3),
        "rows_per_second": round(rows / seconds),
        "with_generating_seconds": round(perf_counter() - began, 3),
        "sketch_bytes": sum(getattr(sketch, name).nbytes for name in sketch.__slots__[1:]),
    }


def _summarised(pages: "Iterable[Page]") -> "tuple[Sketch, float, int]":
    """The summary of all pages, how many seconds it took without making them, and how many answers there were."""
    import numpy as np

    from triage_cl.statistics.sketches import Sketch

    sketch, seconds, answers = Sketch.empty(), 0.0, 0
    for decisions, wrong in pages:
        started = perf_counter()
        drawn = np.flatnonzero(np.asarray(decisions.drawn))
        told = Sketch.of_answers(np.asarray(decisions.probability)[drawn], wrong[drawn])
        sketch = sketch + Sketch.of_decisions(decisions) + told
        seconds, answers = seconds + perf_counter() - started, answers + drawn.size
    return sketch, seconds, answers

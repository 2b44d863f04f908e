"""`triage bench replay`: how long the fold of a ledger's lessons takes."""

import tempfile
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triage_cl.cli.output import Json, console, print_table, write_json

if TYPE_CHECKING:
    from triage_cl.adapters.sql.ledger import Ledger

ROUNDS = 3
SEED = 0


def plug_into(commands: typer.Typer) -> None:
    """Add the command to `triage bench`."""
    commands.command()(replay)


def replay(
    lessons: Annotated[int, typer.Option(min=1, help="How many lessons the ledger has.")] = 100_000,
    json: Json = None,
) -> None:
    """Fold a ledger of generated mail, reviewed and answered, into the default recipe; the best of three times."""
    from triage_cl.adapters.calibrator import calibrate
    from triage_cl.bootstrap import bootstrap

    home = bootstrap().home
    with tempfile.TemporaryDirectory(dir=home) as folder:
        result = _measured(Path(folder), lessons) | {"calibration": calibrate(home)}
    if not write_json(result, json):
        plain = {name: value for name, value in result.items() if name != "calibration"}
        print_table("A fold of the ledger, best of three", [(_words(name), _told(plain[name])) for name in plain])


def _measured(folder: Path, lessons: int) -> dict[str, Any]:
    from triage_cl.adapters.lesson_ledger import fill
    from triage_cl.adapters.sql.ledger import Ledger
    from triage_cl.adapters.sql.migrate import migrate
    from triage_cl.privacy.keys import Keys

    out = console(stderr=True)
    keys = Keys.from_seed(SEED)
    ledger = Ledger(f"sqlite:///{folder / 'ledger.db'}", durable=False)
    migrate(ledger.engine)
    out.print(f"Writing a ledger of {lessons:,} lessons …")
    fill(ledger, lessons, keys, SEED)
    out.print(f"Folding it, {ROUNDS} times …")
    rounds = [_folded(ledger, keys.subkey("features")) for _ in range(ROUNDS)]
    ledger.close()
    seconds, processor, learned, fingerprint = min(rounds)
    return {
        "lessons": learned,
        "seconds": round(seconds, 3),
        "processor_seconds": round(processor, 3),
        "lessons_per_second": round(learned / seconds, 1),
        "fingerprint": fingerprint,
    }


def _folded(ledger: "Ledger", key: bytes) -> tuple[float, float, int, str]:
    """Seconds, seconds of processor time, lessons and fingerprint."""
    from triage_cl.learning.recipes import DEFAULT_RECIPE
    from triage_cl.usecases.learn import fold

    head = ledger.position()
    started, worked = perf_counter(), process_time()
    learner = fold(ledger, DEFAULT_RECIPE, key, 0, head, head)
    seconds, processor = perf_counter() - started, process_time() - worked
    return seconds, processor, learner.lessons, learner.fingerprint()


def _words(name: str) -> str:
    return name.replace("_", " ")


def _told(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:,}"

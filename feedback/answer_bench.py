"""The receiver and the service as processes over one ledger, answered to by webhook: the measurement itself."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from subprocess import Popen
from typing import Any

from feedback.answer_learning import Watch, positions_after
from feedback.answer_load import AnswerLoad, Sent
from feedback.busy_office import BusyOffice, Webhook
from triage_cl.adapters.bare_sqlite import mails_per_second
from triage_cl.adapters.calibrator import calibrate
from triage_cl.adapters.processes import free_port, start, stop, wait_answers
from triage_cl.bootstrap import App, bootstrap
from triage_cl.settings import load_settings

#: Webhooks that nobody measures: the first ones find nothing ready.
WARM_UP = 200
#: How long the processes may take to start, and the served model to take in the last edit, seconds.
START_SECONDS, LEARN_SECONDS = 120.0, 300.0
BARE_SECONDS = 3.0
PARTS = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}


@dataclass(frozen=True, slots=True)
class Shape:
    """How much there is before, how much is sent by how many who wait for replies, and at which rate by chance."""

    mails: int
    lessons: int
    answers: int
    reviewers: int
    rate: float
    seconds: float


def measure(shape: Shape, folder: Path, tell: Callable[[str], object]) -> dict[str, Any]:
    """What came of it, in milliseconds, answers a second, and ratios to this machine just then."""
    tell("a ledger with a history")
    with contextlib.closing(bootstrap(load_settings(home=folder, database_url="", registry="folder"))) as app:
        office = BusyOffice(app, shape.mails, shape.lessons)
        bare, calibration = _bare(folder), calibrate(folder)
        tell("receiver and service start")
        with (
            running_receiver(app) as (receiver, _),
            running_service(app) as service,
            Watch(service, app.access.api_key) as watch,
        ):
            load = AnswerLoad(receiver, app.access.webhook_secret)
            load.closed(office.webhooks(shape.reviewers, WARM_UP))
            tell(f"{shape.reviewers} reviewers at once")
            closed = _phase(app, watch, lambda: load.closed(office.webhooks(shape.reviewers, shape.answers)))
            tell(f"{shape.rate:g} answers a second")
            calm = in_turn(office.webhooks(shape.reviewers, round(shape.rate * shape.seconds)))
            open_ = _phase(app, watch, lambda: load.open(calm, shape.rate))
    closed |= {"ratio_to_bare": round(closed["answers_per_second"] / bare, 2)}
    return {
        "in_flight": shape.reviewers,
        "closed": closed,
        "open": {"offered_per_second": shape.rate, **open_},
        "bare_commits_per_second": round(bare, 1),
        "calibration": calibration,
    }


def _phase(app: App, watch: Watch, send: Callable[[], list[Sent]]) -> dict[str, Any]:
    """What became of the webhooks that `send` sends, once the served model has taken all of them in."""
    before = app.ledger.position()
    sent = send()
    watch.wait(app.ledger.position(), LEARN_SECONDS)
    positions = positions_after(app.ledger, before)
    taken = [one for one in sent if one.taken]
    seconds = max(one.at + one.seconds for one in taken) - min(one.at for one in taken)
    return {
        "answers": len(sent),
        "changed": sum(one.webhook.changes for one in sent),
        "answers_per_second": round(len(taken) / seconds, 1),
        "reply_ms": milliseconds([one.seconds for one in taken]),
        "learned_ms": milliseconds(watch.delays(sent, positions, changes=False)),
        "changed_counts_ms": milliseconds(watch.delays(sent, positions, changes=True)),
        "failed": len(sent) - len(taken),
        "lost": sum(one.webhook.answer_id not in positions for one in taken),
    }


def milliseconds(seconds: Sequence[float]) -> dict[str, float]:
    """Percentiles of durations; all 0 where there are none."""
    ordered = sorted(seconds) or [0.0]
    return {
        name: round(1_000 * ordered[min(len(ordered) - 1, int(part * len(ordered)))], 1) for name, part in PARTS.items()
    }


def in_turn(work: Sequence[Sequence[Webhook]]) -> list[Webhook]:
    """Everybody's first, then everybody's second, and so on."""
    return [webhook for webhook in chain(*zip_longest(*work)) if webhook is not None]


def _bare(folder: Path) -> float:
    """Synced commits of one row a second that SQLite alone makes there."""
    row = dict.fromkeys(("id", "received_at", "sender", "subject", "body"), 100 * "x")
    return mails_per_second(folder, [row], 1, BARE_SECONDS)


@contextlib.contextmanager
def running_receiver(app: App) -> "Iterator[tuple[str, Popen[bytes]]]":
    """The receiver of an installation whose Label Studio cannot be asked, as a process, and its URL."""
    url, nobody = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    told = {"TRIAGE_RECEIVER_URL": url, "TRIAGE_LABEL_STUDIO_URL": nobody}
    with _running(app, "feedback.receiver", f"{url}/health", **told) as process:
        yield url, process


@contextlib.contextmanager
def running_service(app: App) -> Iterator[str]:
    """The service of an installation, as a process: its URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with _running(app, "triage_cl.cli serve --port", f"{url}/ready", str(port)):
        yield url


@contextlib.contextmanager
def _running(app: App, module: str, health: str, *more: str, **told: str) -> "Iterator[Popen[bytes]]":
    root = Path(__file__).resolve().parents[1]
    environment = {**os.environ, **app.settings.environment(), **told}
    process = start([sys.executable, "-m", *module.split(), *more], root, environment, app.home / f"{module[:8]}.log")
    try:
        wait_answers(health, START_SECONDS, process)
        yield process
    finally:
        stop(process)

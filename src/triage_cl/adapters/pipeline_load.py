"""Raw mail to durable decisions, as fast as one or several processes do it, each on a core of its own."""

import multiprocessing
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path
from time import perf_counter, process_time

from triage_cl.adapters.folder_registry import FolderRegistry
from triage_cl.adapters.mail.sources import Raw, Share, read_raw
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.adapters.sql.migrate import migrate
from triage_cl.domain.emails import Message, Unreadable
from triage_cl.domain.errors import TriageError
from triage_cl.domain.review import ReviewPolicy
from triage_cl.learning.recipes import DEFAULT_RECIPE
from triage_cl.privacy.keys import Keys
from triage_cl.synthesis.labelled_mail import long_mail
from triage_cl.usecases.ingest import Ingested, ingest
from triage_cl.usecases.receive import receive
from triage_cl.usecases.retrain import ensure_champion
from triage_cl.usecases.snapshots import Snapshots
from triage_cl.usecases.teach_archive import teach_archive
from triage_cl.usecases.triage import Desk

SEED = 0
LARGE_GROUP = 1_000

#: Seconds that processes wait for each other before they begin.
PATIENCE = 120.0

_WARM = Raw(b"From: a@b.example\nSubject: hello\n\nThe invoice 4711 of 10.0.0.1 is at http://example.org/\n", "warm")


@dataclass(frozen=True, slots=True)
class Work:
    """What one process takes in: its share of the mail at `path`, `times` over, into the ledger in `home`."""

    home: Path
    path: Path
    share: Share
    times: int
    group: int


@dataclass(frozen=True, slots=True)
class Done:
    """What became of it, when, the time of the processor, and each mail's from being read to being durable; seconds."""

    ingested: Ingested
    began: float
    ended: float
    busy: float
    latencies: Sequence[float]


def prepare(home: Path, lessons: int) -> None:
    """A ledger in `home` with a champion and its snapshot, taught `lessons` generated mails of 20 departments."""
    now, keys = datetime.now(UTC), Keys.from_seed(SEED)
    with closing(_ledger(home)) as ledger:
        migrate(ledger.engine)
        teach_archive(ledger, keys, _lessons(lessons), lambda: now, LARGE_GROUP)
        ledger.append([ReviewPolicy()], now)
        ensure_champion(ledger, FolderRegistry(home / "registry"), DEFAULT_RECIPE, keys.subkey("features"), now)
    with ready_desk(home) as desk:
        for learner in desk.learners.values():
            desk.snapshots.save(learner)


def _lessons(count: int) -> Iterator[Message]:
    for number, mail in enumerate(long_mail(SEED, count)):
        yield Message(
            source="generated",
            key=f"{number}",
            sender=mail.sender,
            subject=mail.subject,
            body=mail.body,
            received_at=mail.received_at,
            thread=mail.thread,
            department=mail.label,
        )


@contextmanager
def ready_desk(home: Path) -> Iterator[Desk]:
    """What decides mail over the ledger in `home`; all that is compiled or loaded on first use is there."""
    with closing(_ledger(home)) as ledger:
        desk = Desk(ledger, Keys.from_seed(SEED), Snapshots(home / "snapshots"))
        desk.refresh()
        message = _WARM.parsed()
        if isinstance(message, Message):
            desk.decide([receive(message, desk.keys, datetime.now(UTC))], lambda email: email.received_at)
        yield desk


def _ledger(home: Path) -> Ledger:
    return Ledger(f"sqlite:///{home / 'ledger.db'}")


def take_in(template: Path, home: Path, path: Path, processes: int, times: int, group: int) -> tuple[list[Done], int]:
    """What `processes` processes made of the mail over a copy of the ledger; how many decisions that has more.

    They begin together. TriageError when one of them fails. The copy is gone afterwards.
    """
    shutil.copytree(template, home)
    before = _stored(home)
    done = _together([Work(home, path, Share(number, processes), times, group) for number in range(1, processes + 1)])
    stored = _stored(home) - before
    shutil.rmtree(home)
    return done, stored


def _stored(home: Path) -> int:
    with closing(_ledger(home)) as ledger:
        return ledger.fed()


def _together(work: Sequence[Work]) -> list[Done]:
    """Each piece of work by a new process, begun at the same moment."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(len(work))
    processes, results = [], []
    for number, mine in enumerate(work):
        result, told = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(mine, number, barrier, told), daemon=True)
        process.start()
        told.close()
        processes.append(process)
        results.append(result)
    try:
        return [result.recv() for result in results]
    except EOFError:
        raise TriageError("A process that took mail in has failed; what it said stands above.") from None
    finally:
        for process in processes:
            process.join(PATIENCE)


def _work(work: Work, number: int, barrier: Barrier, told: Connection) -> None:
    stay_on_core(number)
    reading: list[float] = []
    latencies: list[float] = []

    def durable(so_far: Ingested) -> None:
        now = perf_counter()
        latencies.extend(now - read_at for read_at in reading[len(latencies) : so_far.mails])

    with ready_desk(work.home) as desk:
        barrier.wait(PATIENCE)
        began, busy = perf_counter(), process_time()
        ingested = ingest(desk, _mail(work, reading), lambda: datetime.now(UTC), work.group, progress=durable)
        told.send(Done(ingested, began, perf_counter(), process_time() - busy, latencies))


def stay_on_core(number: int) -> None:
    """Bind this process to one of the cores that it may use, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[number % len(cores)]})


def _mail(work: Work, reading: list[float]) -> Iterator[Message | Unreadable]:
    """The mail, each time with other ends of its messages, so that it is other mail; and when each was read."""
    for time in range(work.times):
        for item in read_raw(work.path):
            if work.share.has(item):
                reading.append(perf_counter())
                yield _again(item, time)


def _again(item: Raw | Message | Unreadable, time: int) -> Message | Unreadable:
    if isinstance(item, Raw):
        return Raw(item.data + b"\n" * time, item.source).parsed()
    return replace(item, key=f"{item.key} {time}") if isinstance(item, Message) else item

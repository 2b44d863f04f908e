"""What each stage on the way of a raw mail costs, and what a hostile message costs in all of them."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from triage_cl.adapters.hostile_mail import hostile_mail
from triage_cl.adapters.mail.parse import parse_message
from triage_cl.adapters.mail.sources import Raw, read_raw
from triage_cl.adapters.pipeline_load import ready_desk
from triage_cl.domain.emails import Message
from triage_cl.usecases.receive import receive
from triage_cl.usecases.triage import Desk

ROUNDS = 3


class _Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        began = perf_counter()
        yield
        self.seconds[name] += perf_counter() - began


def stages_us(home: Path, path: Path, group: int) -> Mapping[str, float]:
    """Microseconds that a mail at `path` takes in each stage, over the ledger in `home`, to which it is added."""
    desk, clock, now = ready_desk(home), _Clock(), datetime.now(UTC)
    with clock.stage("read"):
        raw = [item for item in read_raw(path) if isinstance(item, Raw)]
    with clock.stage("parse"):
        parsed = [item.parsed() for item in raw]
    messages = [item for item in parsed if isinstance(item, Message)]
    with clock.stage("redact"):
        emails = [receive(message, desk.keys, now) for message in messages]
    for begin in range(0, len(emails), group):
        some = emails[begin : begin + group]
        with clock.stage("describe"):
            desk.describe(some)
        with clock.stage("describe and decide"):
            admissions = desk.decide(some, lambda _: now)
        with clock.stage("store"):
            desk.ledger.known([email.id for email in some])
            desk.ledger.admit(admissions, desk.seen)
    desk.ledger.close()
    clock.seconds["decide"] = clock.seconds.pop("describe and decide") - clock.seconds["describe"]
    return {name: round(1e6 * seconds / max(1, len(raw)), 1) for name, seconds in clock.seconds.items()}


def hostile_ms(home: Path) -> Mapping[str, float]:
    """Milliseconds to decide each hostile message, the best of three; none is stored."""
    desk = ready_desk(home)
    taken = {name: min(_seconds(desk, raw) for _ in range(ROUNDS)) for name, raw in hostile_mail()}
    desk.ledger.close()
    return {name: round(1e3 * seconds, 1) for name, seconds in taken.items()}


def _seconds(desk: Desk, raw: bytes) -> float:
    began = perf_counter()
    message = parse_message(raw, "hostile")
    if isinstance(message, Message):
        desk.decide([receive(message, desk.keys, datetime.now(UTC))], lambda email: email.received_at)
    return perf_counter() - began

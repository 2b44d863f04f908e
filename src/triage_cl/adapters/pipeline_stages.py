"""What each stage on the way of a raw mail costs, and what a hostile message costs in all of them."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from triage_cl.adapters.hostile_mail import hostile_mail
from triage_cl.adapters.mail.parse import parse_message
from triage_cl.adapters.mail.sources import Raw, read_raw
from triage_cl.adapters.pipeline_load import ready_desk
from triage_cl.domain.emails import Email, Message
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
    clock, now = _Clock(), datetime.now(UTC)
    with clock.stage("read"):
        raw = [item for item in read_raw(path) if isinstance(item, Raw)]
    with clock.stage("parse"):
        parsed = [item.parsed() for item in raw]
    messages = [item for item in parsed if isinstance(item, Message)]
    with ready_desk(home) as desk:
        with clock.stage("redact"):
            emails = [receive(message, desk.keys, now) for message in messages]
        for begin in range(0, len(emails), group):
            _decide_and_store(desk, clock, emails[begin : begin + group], now)
    clock.seconds["decide"] -= clock.seconds["describe"]
    return {name: round(1e6 * seconds / max(1, len(raw)), 1) for name, seconds in clock.seconds.items()}


def _decide_and_store(desk: Desk, clock: _Clock, emails: Sequence[Email], now: datetime) -> None:
    with clock.stage("describe"):
        desk.describe(emails)
    with clock.stage("decide"):
        admissions = desk.decide(emails, lambda _: now)
    with clock.stage("store"):
        desk.ledger.known([email.id for email in emails])
        desk.ledger.admit(admissions, desk.seen)


def hostile_ms(home: Path) -> Mapping[str, float]:
    """Milliseconds to decide each hostile message, the best of three; none is stored."""
    with ready_desk(home) as desk:
        taken = {name: min(_seconds(desk, raw) for _ in range(ROUNDS)) for name, raw in hostile_mail()}
    return {name: round(1e3 * seconds, 1) for name, seconds in taken.items()}


def _seconds(desk: Desk, raw: bytes) -> float:
    began = perf_counter()
    message = parse_message(raw, "hostile")
    if isinstance(message, Message):
        desk.decide([receive(message, desk.keys, datetime.now(UTC))], lambda email: email.received_at)
    return perf_counter() - began

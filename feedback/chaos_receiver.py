"""The receiving side under chaos: the real one, in a process that may be killed at any moment."""

import json
import logging
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection as Pipe
from threading import Lock
from typing import Any

import httpx

from feedback.catching_up import CatchingUp, trouble_in
from feedback.chaos_office import Office, Question
from feedback.chaos_wire import Breaking, Wire
from feedback.hearing import Ear
from feedback.receiver import Receiver
from triage_cl.adapters.label_studio.connection import Connection
from triage_cl.api.problems import UNEXPECTED
from triage_cl.usecases.reconcile import reconcile
from triage_cl.usecases.triage import Desk

#: It waits for others to notice something, too, for a tenth of what a lookup takes: much happens here.
SETTLING = 0.1
#: It is quiet when so many reconciliations in a row find nothing.
QUIET = 2


@dataclass(frozen=True, slots=True)
class Way:
    """How Label Studio is asked: through `wire`, or over the network where there is none; a part breaks off."""

    url: str
    token: str
    wire: Pipe | None
    breaking: float


def receive(office: Office, orders: Pipe, way: Way, now: datetime, lookup: float, reconciles: bool) -> None:
    """Obey orders until there are no more; `reconciles` says whether Label Studio is asked at all."""
    # Whoever interrupts the command means the process that gives the orders.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.disable(logging.CRITICAL)
    side = ReceivingSide(office, way, now, lookup, reconciles)
    with suppress(EOFError, ConnectionError):
        while True:
            order = json.loads(orders.recv_bytes())
            orders.send_bytes(json.dumps(side.obey(order)).encode())


class ReceivingSide:
    """Receiver, reconciliation and live learner, over one ledger; `now` is Label Studio's clock as last told."""

    def __init__(self, office: Office, way: Way, now: datetime, lookup: float, reconciles: bool) -> None:
        self.now = now
        self._ledger, self._reconciles, self._told = office.ledger, reconciles, 0
        self._network = Breaking(_transport(way.wire), way.breaking)
        self._queue = office.queue(Connection(way.url, way.token, self._network))
        self._catching_up = CatchingUp(self._ledger, lambda: self._queue, lambda: self.now, settling=SETTLING * lookup)
        self._receiver = Receiver("", Ear(self._ledger, office.keys, lambda: self.now), self._catching_up)
        self._desk = Desk(self._ledger, office.keys, office.snapshots)
        if reconciles:
            self._catching_up.start()

    def obey(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Do what is told; what was wrong, None for nothing. That Label Studio is out of reach is not wrong."""
        self.now = datetime.fromisoformat(order["now"])
        trouble = trouble_in(lambda: self._do(order))
        before, self._told = self._told, self._network.broken
        unexpected = self._catching_up.trouble == UNEXPECTED
        return {"trouble": UNEXPECTED if unexpected else trouble, "broken": self._told - before}

    def _do(self, order: Mapping[str, Any]) -> None:
        match order["do"]:
            case "take":
                self._receiver.take(json.dumps(order["webhook"]).encode())
            case "learn":
                self._learn()
            case "settle" if self._reconciles:
                self._settle()

    def _learn(self) -> None:
        self._desk.refresh()
        for learner in self._desk.learners.values():
            self._desk.snapshots.save(learner)

    def _settle(self) -> None:
        self._catching_up.stop()
        self._network.is_calm = True
        quiet = 0
        while quiet < QUIET:
            self._queue.look_for_deleted()
            found = reconcile(self._ledger, self._queue, self.now)
            quiet = 0 if found.corrections else quiet + 1


def _transport(wire: Pipe | None) -> httpx.BaseTransport:
    if wire is None:
        return httpx.HTTPTransport()
    asking = Lock()

    def ask(question: Question) -> tuple[int, object] | None:
        with asking:
            wire.send_bytes(json.dumps(question).encode())
            told = json.loads(wire.recv_bytes())
        return tuple(told) if told else None

    return Wire(ask)

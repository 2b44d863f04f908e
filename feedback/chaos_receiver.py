"""The receiving side under chaos: the real one, in a process that may be killed at any moment."""

import json
import logging
import signal
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from multiprocessing.connection import Connection as Pipe
from threading import Lock
from typing import Any

from feedback.catching_up import CatchingUp, trouble_in
from feedback.chaos_office import Office, Question
from feedback.hearing import Ear
from feedback.receiver import Receiver
from triage_cl.api.problems import UNEXPECTED
from triage_cl.usecases.reconcile import reconcile
from triage_cl.usecases.triage import Desk

#: How long it waits for others to notice something, too, seconds: there is more to do here than people do.
SETTLING = 0.005
#: It is quiet when so many reconciliations in a row find nothing.
QUIET = 2


def receive(office: Office, orders: Pipe, wire: Pipe, now: datetime, reconciles: bool) -> None:
    """Obey orders until there are no more; `reconciles` says whether Label Studio is asked at all."""
    # Whoever interrupts the command means the process that gives the orders.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.disable(logging.CRITICAL)
    side = ReceivingSide(office, wire, now, reconciles)
    with suppress(EOFError, ConnectionError):
        while True:
            order = json.loads(orders.recv_bytes())
            orders.send_bytes(json.dumps(side.obey(order)).encode())


class ReceivingSide:
    """Receiver, reconciliation and live learner, over one ledger; `now` is Label Studio's clock as last told."""

    def __init__(self, office: Office, wire: Pipe, now: datetime, reconciles: bool) -> None:
        self.now = now
        self._ledger, self._wire, self._reconciles = office.ledger, wire, reconciles
        self._asking = Lock()
        self._queue = office.queue(self._ask)
        self._catching_up = CatchingUp(self._ledger, lambda: self._queue, lambda: self.now, settling=SETTLING)
        self._receiver = Receiver("", Ear(self._ledger, office.keys, lambda: self.now), self._catching_up)
        self._desk = Desk(self._ledger, office.keys, office.snapshots)
        if reconciles:
            self._catching_up.start()

    def obey(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Do what is told; what was wrong, None for nothing. That Label Studio is out of reach is not wrong."""
        self.now = datetime.fromisoformat(order["now"])
        trouble = trouble_in(lambda: self._do(order))
        return {"trouble": UNEXPECTED if self._catching_up.trouble == UNEXPECTED else trouble}

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
        quiet = 0
        while quiet < QUIET:
            self._queue.look_for_deleted()
            found = reconcile(self._ledger, self._queue, self.now)
            quiet = 0 if found.corrections else quiet + 1

    def _ask(self, question: Question) -> tuple[int, object] | None:
        with self._asking:
            self._wire.send_bytes(json.dumps(question).encode())
            told = json.loads(self._wire.recv_bytes())
        return tuple(told) if told else None

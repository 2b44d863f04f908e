"""The receiving side's process: given orders, answered its questions, killed, and started again."""

import json
import multiprocessing
import time
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from feedback.chaos_board import Board
from feedback.chaos_office import Office, Question
from feedback.chaos_receiver import Way, receive
from triage_cl.domain.errors import BadInput, TriageError

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

#: How long one order may take, seconds.
PATIENCE = 120.0


@dataclass
class ReceiverProcess:
    """At most one process at a time, whose questions to Label Studio break off sometimes: the part `breaking` of them.

    It is a fork of this process, which has imported and compiled everything: a new one costs milliseconds.
    """

    office: Office
    board: Board
    breaking: float = 0.0
    reconciles: bool = True
    #: How many questions broke off, as far as it was told.
    broken: int = field(default=0, init=False)
    _running: "tuple[BaseProcess, Pipe, Pipe] | None" = field(default=None, init=False)

    @property
    def runs(self) -> bool:
        """Whether there is one."""
        return self._running is not None

    def start(self) -> None:
        """Begin, if there is none."""
        if self._running is not None:
            return
        if "fork" not in multiprocessing.get_all_start_methods():
            raise BadInput("Processes are killed and started again by forking, which this system cannot.")
        context = multiprocessing.get_context("fork")
        orders, wire = context.Pipe(), context.Pipe()
        way = Way(self.board.url, self.board.token, wire[1] if self.board.ask else None, self.breaking)
        given = (self.office, orders[1], way, self.board.now, self.board.lookup, self.reconciles)
        process = context.Process(target=_begin, args=((orders[0], wire[0]), given), daemon=True)
        process.start()
        for end in (orders[1], wire[1]):
            end.close()
        self._running = process, orders[0], wire[0]

    def _there(self) -> "tuple[BaseProcess, Pipe, Pipe]":
        if self._running is None:
            raise TriageError("No receiving side was started.")
        return self._running

    def tell(self, do: str, **more: object) -> None:
        """Give an order, without waiting for anything."""
        order = {"now": self.board.now.isoformat(), "do": do, **more}
        _, orders, _ = self._there()
        orders.send_bytes(json.dumps(order).encode())

    def hear(self, seconds: float = PATIENCE) -> dict[str, Any] | None:
        """What became of the order, None where that was not told in time; questions are answered meanwhile."""
        _, orders, wire = self._there()
        until = time.monotonic() + seconds
        try:
            while ready := wait([orders, wire], max(0.0, until - time.monotonic())):
                if wire in ready:
                    wire.send_bytes(json.dumps(self._ask(json.loads(wire.recv_bytes()))).encode())
                if orders in ready:
                    told: dict[str, Any] = json.loads(orders.recv_bytes())
                    self.broken += told["broken"]
                    return told
        except (EOFError, ConnectionError):
            raise TriageError("The receiving side ended by itself.") from None
        return None

    def _ask(self, question: Question) -> tuple[int, object] | None:
        return self.board.ask(question) if self.board.ask else None

    def go_on(self, seconds: float) -> None:
        """Let it do for so long whatever it does, if there is one; what it tells meanwhile is not heard."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self.runs:
                self.hear(left)
            else:
                time.sleep(left)

    def obeyed(self, do: str, **more: object) -> str | None:
        """Give an order and wait until it is done; what was wrong, None for nothing."""
        self.tell(do, **more)
        told = self.hear()
        if told is None:
            raise TriageError(f"The receiving side did not {do} in {PATIENCE:.0f} seconds.")
        trouble: str | None = told["trouble"]
        return trouble

    def kill(self) -> None:
        """End it at once, whatever it does: it gets no time for anything."""
        if self._running is None:
            return
        process, *pipes = self._running
        process.kill()
        process.join()
        for pipe in pipes:
            pipe.close()
        self._running = None


def _begin(others: tuple[Pipe, Pipe], given: tuple[Office, Pipe, Way, datetime, float, bool]) -> None:
    # The ends that are not its own: it notices by them that nobody gives orders any more.
    for end in others:
        end.close()
    receive(*given)

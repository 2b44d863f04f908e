"""Find in the background what webhooks did not tell, soon after somebody noticed and every now and then."""

import logging
import threading
from collections.abc import Callable
from datetime import datetime

from triage_cl.adapters.label_studio.reviews import LabelStudioReviews
from triage_cl.api.problems import UNEXPECTED, log_unexpected
from triage_cl.domain.errors import TriageError
from triage_cl.usecases.ledger import Ledger
from triage_cl.usecases.reconcile import reconcile

LOG = logging.getLogger("triage.receiver")

#: How long it waits for somebody to notice something, and for others to notice it too, seconds.
PERIOD_SECONDS, SETTLING_SECONDS = 30.0, 0.2
#: How long what is being done may take when it is told to end, seconds; it can be done again.
FAREWELL_SECONDS = 5.0


class CatchingUp:
    """A thread that reconciles `settling` seconds after it was woken, at its start, and every `PERIOD_SECONDS`.

    `prepare` is done before each time. What fails is tried again the next time; `trouble` is the sentence about it.
    """

    def __init__(
        self,
        ledger: Ledger,
        queue: Callable[[], LabelStudioReviews],
        clock: Callable[[], datetime],
        prepare: Callable[[], object] = lambda: None,
        settling: float = SETTLING_SECONDS,
    ) -> None:
        self._ledger, self._queue, self._clock, self._prepare = ledger, queue, clock, prepare
        self._settling = settling
        self._woken, self._ended, self._sweep = threading.Event(), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="catching-up", daemon=True)
        self.last_at: datetime | None = None
        self.trouble: str | None = None

    def start(self) -> None:
        """Begin, and reconcile at once."""
        self._woken.set()
        self._thread.start()

    def wake(self, sweep: bool = False) -> None:
        """Reconcile soon; with `sweep` also look for tasks that were deleted."""
        if sweep:
            self._sweep.set()
        self._woken.set()

    def stop(self) -> None:
        """End after what is being done."""
        self._ended.set()
        self._woken.set()
        self._thread.join(FAREWELL_SECONDS)

    def _run(self) -> None:
        while True:
            if self._woken.wait(PERIOD_SECONDS):
                self._ended.wait(self._settling)
            if self._ended.is_set():
                return
            self._woken.clear()
            self._catch_up()

    def _catch_up(self) -> None:
        troubles = [trouble for step in (self._prepare, self._reconcile) if (trouble := trouble_in(step)) is not None]
        trouble = next(iter(troubles), None)
        if trouble is not None and trouble != self.trouble:
            LOG.warning("%s It is tried again.", trouble)
        self.trouble = trouble

    def _reconcile(self) -> None:
        queue = self._queue()
        if self._sweep.is_set():
            self._sweep.clear()
            queue.look_for_deleted()
        reconcile(self._ledger, queue, self._clock())
        self.last_at = self._clock()


def trouble_in(step: Callable[[], object]) -> str | None:
    """Do something; the sentence about what was wrong, None where nothing was."""
    try:
        step()
    except TriageError as error:
        return str(error)
    except Exception as error:  # the outermost line of a thread
        log_unexpected(error)
        return UNEXPECTED
    return None

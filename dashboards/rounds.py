"""Looking again and again, in a thread of its own, so that no page ever waits for a look."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from triage_cl.domain.errors import TriageError

Seen = TypeVar("Seen")

log = logging.getLogger("triage.console")


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why nothing new was seen, and since when."""

    why: str
    since: datetime


class Round(Generic[Seen]):
    """What `look` gave last, and what keeps it from being renewed.

    It is renewed every `seconds`, or more rarely: looking takes at most the part `busy` of the time.
    """

    def __init__(
        self,
        name: str,
        look: Callable[[datetime], Seen],
        seconds: float,
        clock: Callable[[], datetime],
        busy: float = 1.0,
    ) -> None:
        self.seen: Seen | None = None
        self.trouble: Trouble | None = None
        self.looked = threading.Event()
        self._look, self._seconds, self._clock, self._busy = look, seconds, clock, busy
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; returns when the last look has ended, or after a few seconds."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def once(self) -> None:
        """Look now; a failure leaves what was seen before, and is told."""
        at = self._clock()
        try:
            self.seen = self._look(at)
            self.trouble = None
        except TriageError as error:
            self._fails(str(error), at)
        except Exception as error:  # the thread's outermost line: the next look may succeed
            log.exception("%s", self._thread.name)
            self._fails(type(error).__name__, at)
        self.looked.set()

    def _fails(self, why: str, at: datetime) -> None:
        self.trouble = Trouble(why, self.trouble.since if self.trouble else at)

    def _run(self) -> None:
        pause = 0.0
        while not self._over.wait(pause):
            started = time.monotonic()
            self.once()
            pause = max(self._seconds, (time.monotonic() - started) * (1 / self._busy - 1))

"""A slow question, asked in a thread of its own when somebody wants to know, and again once something changed."""

import contextlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from typing import Generic, TypeVar

Told = TypeVar("Told")


class Asked(Generic[Told]):
    """What `ask` told last; a page waits at most `seconds` for it."""

    def __init__(self, name: str, ask: Callable[[], Told], seconds: float) -> None:
        self._ask, self._seconds = ask, seconds
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._state: object = None
        self._asked: Future[Told] | None = None
        self._last: Told | None = None

    def told(self, state: object) -> Told | None:
        """The answer of this `state`, or of an earlier one while it is awaited, None while that is the first.

        Raises what asking raised.
        """
        asked = self._asked
        if asked is None or (asked.done() and (self._state != state or asked.exception())):
            self._state, self._asked = state, self._thread.submit(self._ask)
            asked = self._asked
        with contextlib.suppress(TooLate):
            self._last = asked.result(self._seconds)
        return self._last

    def stop(self) -> None:
        """End the thread, after what it is doing."""
        self._thread.shutdown(wait=False, cancel_futures=True)

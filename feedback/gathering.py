"""What arrives while a group is being recorded is the next group: one commit for everybody who waits."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from starlette.concurrency import run_in_threadpool

Item = TypeVar("Item")
Result = TypeVar("Result")


class Gathering(Generic[Item, Result]):
    """Hands what is waiting to `record`, in the order of its arrival and in a thread, one group after the other.

    `record` tells each item's result, or the error that its sender gets.
    """

    def __init__(self, record: Callable[[Sequence[Item]], Sequence[Result | Exception]]) -> None:
        self._record = record
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._task: asyncio.Task[None] | None = None

    async def add(self, item: Item) -> Result:
        """The item's result once its group is recorded; raises what `record` tells for it."""
        result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, result))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._go_on())
        return await result

    async def _go_on(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            for (_, waiting), result in zip(group, await self._results(group), strict=True):
                if waiting.done():
                    # Whoever sent it went away; it is recorded all the same.
                    continue
                if isinstance(result, Exception):
                    waiting.set_exception(result)
                else:
                    waiting.set_result(result)

    async def _results(self, group: "Sequence[tuple[Item, asyncio.Future[Result]]]") -> Sequence[Result | Exception]:
        try:
            return await run_in_threadpool(self._record, [item for item, _ in group])
        except Exception as error:  # nobody of the group may wait for ever
            return [error] * len(group)

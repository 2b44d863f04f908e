"""Load on the service by HTTP, from one process: as fast as it answers, or at a fixed rate whatever it answers."""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from time import perf_counter
from typing import Any

import httpx

NDJSON = {"content-type": "application/x-ndjson"}
#: How long a request may take before it counts as failed, seconds.
PATIENCE = 60.0


@dataclass
class Outcome:
    """What a load came to; latencies in seconds, of the requests that were accepted."""

    seconds: float = 0.0
    offered: int = 0
    accepted: int = 0
    refused: int = 0
    failed: int = 0
    latencies: list[float] = field(default_factory=list)
    advised: int = 0

    def percentile(self, part: float) -> float:
        """The latency below which this part of the accepted requests stayed; 0 without any."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0


@dataclass
class Load:
    """Mail for the service at `url`: `lines` of the archive format, sent again and again under other ids."""

    url: str
    key: str = field(repr=False)
    lines: Sequence[dict[str, Any]]
    _numbers: Iterator[int] = field(default_factory=count, init=False, repr=False)

    def body(self, batch: int) -> bytes:
        """The next `batch` mails, a line each."""
        return "\n".join(json.dumps(self._next()) for _ in range(batch)).encode()

    def _next(self) -> dict[str, Any]:
        number = next(self._numbers)
        return {**self.lines[number % len(self.lines)], "id": f"load-{number}"}

    def closed(self, seconds: float, batch: int, clients: int) -> Outcome:
        """So many clients that each send the next batch as soon as the last one is answered."""
        return asyncio.run(self._closed(seconds, batch, clients))

    def open(self, seconds: float, batch: int, per_second: float) -> Outcome:
        """So many requests a second, on time whatever the service answers."""
        return asyncio.run(self._open(seconds, batch, per_second))

    def _client(self) -> httpx.AsyncClient:
        limits = httpx.Limits(max_connections=256, max_keepalive_connections=256)
        headers = NDJSON | {"authorization": f"Bearer {self.key}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, limits=limits, timeout=PATIENCE, trust_env=False)

    async def _closed(self, seconds: float, batch: int, clients: int) -> Outcome:
        outcome, started = Outcome(), perf_counter()

        async def send_on(client: httpx.AsyncClient) -> None:
            while perf_counter() - started < seconds:
                await self._send(client, self.body(batch), batch, outcome)

        async with self._client() as client:
            await asyncio.gather(*(send_on(client) for _ in range(clients)))
        outcome.seconds = perf_counter() - started
        return outcome

    async def _open(self, seconds: float, batch: int, per_second: float) -> Outcome:
        outcome, started = Outcome(), perf_counter()
        bodies = [self.body(batch) for _ in range(round(seconds * per_second))]
        sent = []
        async with self._client() as client:
            started = perf_counter()
            for number, body in enumerate(bodies):
                await _until(started + number / per_second)
                sent.append(asyncio.create_task(self._send(client, body, batch, outcome)))
            await asyncio.gather(*sent)
        outcome.seconds = perf_counter() - started
        return outcome

    async def _send(self, client: httpx.AsyncClient, body: bytes, batch: int, outcome: Outcome) -> None:
        outcome.offered += batch
        began = perf_counter()
        try:
            answer = await client.post("/emails", content=body)
        except httpx.HTTPError:
            outcome.failed += batch
            return
        if answer.status_code == httpx.codes.OK:
            outcome.accepted += batch
            outcome.latencies.append(perf_counter() - began)
        elif answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            outcome.refused += batch
            outcome.advised += "retry-after" in answer.headers
        else:
            outcome.failed += batch


async def _until(moment: float, clock: Callable[[], float] = perf_counter) -> None:
    await asyncio.sleep(max(0.0, moment - clock()))

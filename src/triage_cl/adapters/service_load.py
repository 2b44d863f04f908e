"""Load on the service by HTTP, from one process: as fast as it answers, or at a fixed rate whatever it answers."""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import count
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

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

    async def _closed(self, seconds: float, batch: int, clients: int) -> Outcome:
        outcome, lines, started = Outcome(), _Lines(self.url, self.key), perf_counter()

        async def send_on() -> None:
            while perf_counter() - started < seconds:
                await _send(lines, self.body(batch), batch, outcome)

        await asyncio.gather(*(send_on() for _ in range(clients)))
        outcome.seconds = perf_counter() - started
        lines.close()
        return outcome

    async def _open(self, seconds: float, batch: int, per_second: float) -> Outcome:
        outcome, lines = Outcome(), _Lines(self.url, self.key)
        bodies = [self.body(batch) for _ in range(round(seconds * per_second))]
        started = perf_counter()
        sent = []
        for number, body in enumerate(bodies):
            await _until(started + number / per_second)
            sent.append(asyncio.create_task(_send(lines, body, batch, outcome)))
        outcome.seconds = perf_counter() - started
        await asyncio.gather(*sent)
        lines.close()
        return outcome


class _Lines:
    """Connections to one server: an idle one is used again, another one opened where all are busy.

    An HTTP client would do more, and in this process it would be what is measured.
    """

    def __init__(self, url: str, key: str) -> None:
        site = urlsplit(url)
        self._host, self._port = site.hostname or "127.0.0.1", site.port or 80
        self._head = (
            f"POST /emails HTTP/1.1\r\nhost: {site.netloc}\r\nauthorization: Bearer {key}\r\n"
            "content-type: application/x-ndjson\r\ncontent-length: "
        ).encode()
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def post(self, body: bytes) -> tuple[int, bool]:
        """The status of the answer, and whether it says when to come back."""
        reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection(self._host, self._port)
        writer.write(self._head + b"%d\r\n\r\n" % len(body) + body)
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        _, _, rest = head.partition(b"content-length: ")
        await reader.readexactly(int(rest.partition(b"\r\n")[0]))
        if b"connection: close" in head:
            writer.close()
        else:
            self._idle.append((reader, writer))
        return int(head.split(b" ", 2)[1]), b"retry-after:" in head

    def close(self) -> None:
        """Give back the connections."""
        for _, writer in self._idle:
            writer.close()


async def _send(lines: _Lines, body: bytes, batch: int, outcome: Outcome) -> None:
    outcome.offered += batch
    began = perf_counter()
    try:
        status, advised = await asyncio.wait_for(lines.post(body), PATIENCE)
    except (OSError, asyncio.IncompleteReadError, TimeoutError):
        outcome.failed += batch
        return
    if status == HTTPStatus.OK:
        outcome.accepted += batch
        outcome.latencies.append(perf_counter() - began)
    elif status == HTTPStatus.TOO_MANY_REQUESTS:
        outcome.refused += batch
        outcome.advised += advised
    else:
        outcome.failed += batch


async def _until(moment: float, clock: Callable[[], float] = perf_counter) -> None:
    await asyncio.sleep(max(0.0, moment - clock()))

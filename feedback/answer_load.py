"""Webhooks as Label Studio sends them: each over a connection of its own, and its reviewer waits for the reply."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from random import Random
from time import perf_counter
from urllib.parse import urlsplit

from feedback.busy_office import Webhook
from feedback.projects import WEBHOOK_HEADER, WEBHOOK_PATH

#: How long a reply may take before it counts as none, seconds.
PATIENCE = 60.0
SEED = 0


@dataclass(frozen=True, slots=True)
class Sent:
    """A webhook, when it was sent (by `perf_counter`), after how many seconds the reply was there; 0 without any."""

    webhook: Webhook
    at: float
    seconds: float
    status: int

    @property
    def taken(self) -> bool:
        """Whether the receiver said that it is in the ledger."""
        return self.status == HTTPStatus.OK


@dataclass(frozen=True)
class AnswerLoad:
    """Sends webhooks to the receiver at `url`."""

    url: str
    secret: str = field(repr=False)

    def closed(self, work: Sequence[Sequence[Webhook]]) -> list[Sent]:
        """As many reviewers as there are sequences; each one's next webhook goes when the last one is answered."""
        return asyncio.run(self._closed(work))

    def open(self, webhooks: Sequence[Webhook], per_second: float) -> list[Sent]:
        """So many a second on average, by chance (Poisson), whatever the receiver answers."""
        return asyncio.run(self._open(webhooks, per_second))

    async def _closed(self, work: Sequence[Sequence[Webhook]]) -> list[Sent]:
        async def send_on(webhooks: Sequence[Webhook]) -> list[Sent]:
            return [await self._send(webhook) for webhook in webhooks]

        return [sent for each in await asyncio.gather(*map(send_on, work)) for sent in each]

    async def _open(self, webhooks: Sequence[Webhook], per_second: float) -> list[Sent]:
        chance = Random(SEED)  # noqa: S311  (repeatable, nothing secret)
        moment = perf_counter()
        under_way = []
        for webhook in webhooks:
            moment += chance.expovariate(per_second)
            await asyncio.sleep(max(0.0, moment - perf_counter()))
            under_way.append(asyncio.create_task(self._send(webhook)))
        return list(await asyncio.gather(*under_way))

    async def _send(self, webhook: Webhook) -> Sent:
        began = perf_counter()
        try:
            status = await asyncio.wait_for(self._post(webhook.body), PATIENCE)
        except (OSError, TimeoutError):
            status = 0
        return Sent(webhook, began, perf_counter() - began if status else 0.0, status)

    async def _post(self, body: bytes) -> int:
        site, loop = urlsplit(self.url), asyncio.get_running_loop()
        head = (
            f"POST {WEBHOOK_PATH} HTTP/1.1\r\nHost: {site.netloc}\r\nAccept: */*\r\n{WEBHOOK_HEADER}: {self.secret}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        reply: asyncio.Future[int] = loop.create_future()
        await loop.create_connection(lambda: _Request(head.encode() + body, reply), site.hostname or "", site.port or 0)
        return await reply


class _Request(asyncio.Protocol):
    """One request on a connection that is closed after the reply; its status is the future's result.

    An HTTP client would do more, and in this process it would be what is measured.
    """

    def __init__(self, request: bytes, reply: "asyncio.Future[int]") -> None:
        self._request, self._reply, self._heard = request, reply, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the request."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Take the reply, which comes whole or in parts."""
        self._heard += data
        head, blank, rest = self._heard.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0) if blank else 0
        if blank and len(rest) >= length and not self._reply.done():
            self._reply.set_result(int(head.split(b" ", 2)[1]))
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """Say that no reply will come, if none has."""
        if not self._reply.done():
            self._reply.set_exception(error or ConnectionResetError("no reply"))

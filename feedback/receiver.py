"""Takes Label Studio's webhooks: an answer is in the ledger before Label Studio hears that it has arrived.

Label Studio sends each webhook once and a reviewer waits for the answer, so it is given in milliseconds; what cannot
be settled from the webhook alone is looked up afterwards. `python -m feedback.receiver` serves it.
"""

import hmac
import json
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool

from feedback.catching_up import CatchingUp
from feedback.hearing import TASKS_DELETED, Ear
from feedback.projects import WEBHOOK_HEADER, WEBHOOK_PATH, in_step
from triage_cl.api.problems import UNEXPECTED, TooLarge, log_unexpected, plug_into, problem
from triage_cl.bootstrap import App, bootstrap, utcnow
from triage_cl.domain.errors import BadInput, TriageError

#: A webhook brings a task with its whole text, and the project each time.
MOST_BYTES = 32 * 2**20
DEFAULT_PORT = 8701


@dataclass
class Receiver:
    """What takes webhooks in one process."""

    secret: str
    ear: Ear
    catching_up: CatchingUp
    heard_at: datetime | None = None

    def proves(self, given: str) -> bool:
        """Whether a webhook is Label Studio's."""
        return hmac.compare_digest(given.encode(), self.secret.encode())

    def take(self, body: bytes) -> dict[str, Any]:
        """Record what a webhook's body tells; raises BadInput where it cannot be read."""
        event = _event(body)
        self.heard_at = utcnow()
        try:
            heard = self.ear.hear(event)
        except TriageError:
            self.catching_up.wake()
            raise
        if not heard.settled:
            self.catching_up.wake(sweep=event.get("action") == TASKS_DELETED)
        return {"corrections": heard.corrections, "settled": heard.settled}

    def health(self) -> dict[str, Any]:
        """How it is going."""
        return {
            "status": "up",
            "webhook_at": _told(self.heard_at),
            "reconciled_at": _told(self.catching_up.last_at),
            "trouble": self.catching_up.trouble,
        }


def _event(body: bytes) -> dict[str, Any]:
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        raise BadInput("It is not JSON.") from None
    if not isinstance(event, dict):
        raise BadInput("It is no JSON object.")
    return event


def _told(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def build(app: App, keeps_screens: bool = False) -> Receiver:
    """A receiver, not started; with `keeps_screens` it also keeps the projects in step with the departments."""
    ear = Ear(app.ledger, app.keys, utcnow)
    prepare = KeepingInStep(app) if keeps_screens else lambda: None
    return Receiver(app.access.webhook_secret, ear, CatchingUp(app.ledger, lambda: app.label_studio, utcnow, prepare))


class KeepingInStep:
    """Sets the review screens up anew when departments changed since it last did."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._position: int | None = None

    def __call__(self) -> None:
        """Bring the screens in step."""
        self._position = in_step(self._app, self._position)


def create_api(receiver: Receiver) -> FastAPI:
    """The HTTP side of a receiver, whose thread lives with the application's lifespan."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        receiver.catching_up.start()
        yield
        await run_in_threadpool(receiver.catching_up.stop)

    api = FastAPI(title="Corrections from Label Studio", docs_url=None, redoc_url=None, lifespan=lifespan)
    plug_into(api)

    @api.get("/health")
    def health() -> dict[str, Any]:
        return receiver.health()

    @api.post(WEBHOOK_PATH)
    async def take(request: Request) -> Response:
        if not receiver.proves(request.headers.get(WEBHOOK_HEADER, "")):
            return problem(HTTPStatus.UNAUTHORIZED, f"The header {WEBHOOK_HEADER} is missing or wrong.")
        body = await _body(request)
        try:
            return _answer(await run_in_threadpool(receiver.take, body))
        except TriageError:
            raise
        except Exception as error:  # the outermost line of a request
            log_unexpected(error)
            receiver.catching_up.wake()
            return problem(HTTPStatus.INTERNAL_SERVER_ERROR, UNEXPECTED)

    return api


def _answer(told: dict[str, Any]) -> Response:
    return Response(json.dumps(told), media_type="application/json")


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            raise TooLarge(f"At most {MOST_BYTES // 2**20} MiB are read.")
    return bytes(body)


def main() -> None:
    """Serve a receiver where the setting receiver_url says, until it is told to end."""
    import uvicorn

    from triage_cl.cli.serving import listen

    app = bootstrap()
    at = urlsplit(app.settings.receiver_url)
    listener = listen(at.hostname or "127.0.0.1", at.port or DEFAULT_PORT)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    # Uvicorn ends in good order and then raises the signal again; that it was told to end is no failure.
    signal.signal(signal.SIGTERM, lambda *_: None)
    config = uvicorn.Config(create_api(build(app, keeps_screens=True)), log_config=None, access_log=False)
    uvicorn.Server(config).run([listener])
    app.close()


if __name__ == "__main__":
    import sys

    try:
        main()
    except TriageError as error:
        sys.exit(f"triage: {error}")

"""Takes Label Studio's webhooks: an answer is in the ledger before Label Studio hears that it has arrived.

Label Studio sends each webhook once and a reviewer waits for the answer, so it is given in milliseconds; what cannot
be settled from the webhook alone is looked up afterwards. `python -m feedback.receiver` serves it.
"""

import gc
import hmac
import json
import logging
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from feedback.catching_up import CatchingUp
from feedback.gathering import Gathering
from feedback.hearing import TASKS_DELETED, Ear, Heard, Outcome
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

    def take(self, body: bytes) -> Heard:
        """Record what a webhook's body tells; raises BadInput where it cannot be read."""
        [outcome] = self.take_all([body])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def take_all(self, bodies: Sequence[bytes]) -> list[Outcome]:
        """Record what webhooks' bodies tell, in their order: what became of each, or what `take` would raise."""
        self.heard_at = utcnow()
        read = [_event(body) for body in bodies]
        events = [event for event in read if not isinstance(event, BadInput)]
        outcomes = iter(self.ear.hear_all(events))
        told = [one if isinstance(one, BadInput) else next(outcomes) for one in read]
        if any(isinstance(outcome, Exception) or not outcome.settled for outcome in told):
            self.catching_up.wake(sweep=any(event.get("action") == TASKS_DELETED for event in events))
        return told

    def health(self) -> dict[str, Any]:
        """How it is going."""
        return {
            "status": "up",
            "webhook_at": _told(self.heard_at),
            "reconciled_at": _told(self.catching_up.last_at),
            "trouble": self.catching_up.trouble,
        }


def _event(body: bytes) -> dict[str, Any] | BadInput:
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return BadInput("It is not JSON.")
    return event if isinstance(event, dict) else BadInput("It is no JSON object.")


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


def create_api(receiver: Receiver) -> Starlette:
    """The HTTP side of a receiver, whose thread lives with the application's lifespan."""
    gathering = Gathering(receiver.take_all)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        receiver.catching_up.start()
        yield
        await run_in_threadpool(receiver.catching_up.stop)

    async def health(_: Request) -> Response:
        return JSONResponse(receiver.health())

    async def take(request: Request) -> Response:
        if not receiver.proves(request.headers.get(WEBHOOK_HEADER, "")):
            return problem(HTTPStatus.UNAUTHORIZED, f"The header {WEBHOOK_HEADER} is missing or wrong.")
        body = await _body(request)
        try:
            return JSONResponse(asdict(await gathering.add(body)))
        except TriageError:
            raise
        except Exception as error:  # the outermost line of a request
            log_unexpected(error)
            receiver.catching_up.wake()
            return problem(HTTPStatus.INTERNAL_SERVER_ERROR, UNEXPECTED)

    api = Starlette(routes=[Route("/health", health), Route(WEBHOOK_PATH, take, methods=["POST"])], lifespan=lifespan)
    plug_into(api)
    return api


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            raise TooLarge(f"At most {MOST_BYTES // 2**20} MiB are read.")
    return bytes(body)


def keep_garbage_small() -> None:
    """Let no reviewer wait while Python looks for garbage in everything that was imported: up to a tenth of a second.

    What is there now is never looked through again, what comes later a hundred times less often: there is hardly any.
    """
    gc.freeze()
    young, middle, old = gc.get_threshold()
    gc.set_threshold(young, middle, 100 * old)


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
    # Without what costs every webhook time and tells nobody anything.
    config = uvicorn.Config(
        create_api(build(app, keeps_screens=True)),
        log_config=None,
        access_log=False,
        proxy_headers=False,
        date_header=False,
        server_header=False,
    )
    keep_garbage_small()
    uvicorn.Server(config).run([listener])
    app.close()


if __name__ == "__main__":
    import sys

    try:
        main()
    except TriageError as error:
        sys.exit(f"triage: {error}")

"""What every request passes: the key, a limit for its body, the clock; and no traceback on the way back."""

import hmac
from collections.abc import Mapping
from http import HTTPStatus
from time import perf_counter

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from triage_cl.api.measures import Measures
from triage_cl.api.problems import UNEXPECTED, log_unexpected, problem

#: What answers without the key.
OPEN = frozenset({"/health", "/ready", "/openapi.json"})
#: The one route that reads its body itself, at the door; the others take small ones.
STREAMED = "/emails"
SMALL_BODY_BYTES = 64 * 2**10


class Guard:
    """The outermost part of the application: closed without the key, unless a path is listed as open."""

    def __init__(self, inner: ASGIApp, key: str, measures: Measures) -> None:
        self._inner, self._measures = inner, measures
        self._key = key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        began = perf_counter()
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            if scope["path"] in OPEN or self._known(scope):
                await self._inner(scope, receive if scope["path"] == STREAMED else _limited(receive), sending)
            else:
                refusal = problem(
                    HTTPStatus.UNAUTHORIZED, "The key is missing or wrong.", {"www-authenticate": "Bearer"}
                )
                await refusal(scope, receive, sending)
        except Exception as error:  # the outermost line of a request
            log_unexpected(error)
            if not status:
                await problem(HTTPStatus.INTERNAL_SERVER_ERROR, UNEXPECTED)(scope, receive, sending)
        finally:
            self._measure(scope, status, perf_counter() - began)

    def _known(self, scope: Scope) -> bool:
        headers: Mapping[bytes, bytes] = dict(scope["headers"])
        scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
        return scheme.lower() == b"bearer" and hmac.compare_digest(given.strip(), self._key)

    def _measure(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "none")
        self._measures.requests.labels(route, status).inc()
        self._measures.seconds.labels(route).observe(seconds)


def _limited(receive: Receive) -> Receive:
    """The same body, up to what any route but one needs."""
    read = 0

    async def receiving() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > SMALL_BODY_BYTES:
            too_large = f"The request is too large. At most {SMALL_BODY_BYTES // 2**10} KiB are read here."
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, too_large)
        return message

    return receiving

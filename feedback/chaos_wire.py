"""Ways to Label Studio other than the network alone: through another process, and through what breaks off."""

from random import Random

import httpx

from feedback.chaos_office import Ask


class Wire(httpx.BaseTransport):
    """Takes the requests of Label Studio's client elsewhere than to the network."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer, or a broken connection."""
        told = self._ask(
            {
                "method": request.method,
                "path": request.url.path,
                "query": dict(request.url.params),
                "body": request.read().decode(),
            }
        )
        if told is None:
            raise httpx.ConnectError("it is out of reach", request=request)
        status, body = told
        return httpx.Response(status, json=body, request=request)


class Breaking(httpx.BaseTransport):
    """Breaks off some requests before they arrive, and counts them; none after `is_calm` was set."""

    def __init__(self, inner: httpx.BaseTransport, part: float) -> None:
        self._inner, self._part = inner, part
        # How often it is asked is nothing that a seed tells.
        self._random = Random()  # noqa: S311
        self.is_calm, self.broken = False, 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer, or a broken connection."""
        if not self.is_calm and self._random.random() < self._part:
            self.broken += 1
            raise httpx.ConnectError("the connection breaks off", request=request)
        return self._inner.handle_request(request)

    def close(self) -> None:
        """Give back what is open."""
        self._inner.close()

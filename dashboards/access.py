"""Who may see the console: whoever shows the API key, once in a form and then by a signed cookie, or in a header."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

COOKIE = "triage_console"
SESSION = timedelta(hours=12)


@dataclass(frozen=True)
class Door:
    """Opens to `api_key`; sessions are signed with `secret` and end with the key under which they began."""

    api_key: str = field(repr=False)
    secret: bytes = field(repr=False)
    clock: Callable[[], datetime]

    def opens(self, key: str) -> bool:
        """Whether this is the key."""
        return hmac.compare_digest(key.encode(), self.api_key.encode())

    def session(self) -> str:
        """A cookie's value that is good for `SESSION`."""
        expires = str(int((self.clock() + SESSION).timestamp()))
        return f"{expires}.{self._signature(expires)}"

    def admits(self, cookie: str | None, authorization: str | None) -> bool:
        """Whether a request comes with a session, or with the key as a bearer's token."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() == "bearer":
            return self.opens(token.strip())
        return cookie is not None and self._holds(cookie)

    def _holds(self, cookie: str) -> bool:
        expires, _, signature = cookie.partition(".")
        signed = hmac.compare_digest(signature.encode(), self._signature(expires).encode())
        return signed and int(expires) > self.clock().timestamp()

    def _signature(self, expires: str) -> str:
        key = hmac.digest(self.secret, self.api_key.encode(), "sha256")
        return hmac.digest(key, expires.encode(), "sha256").hex()

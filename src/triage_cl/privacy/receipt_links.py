"""Links that open one mail's receipt to whoever has them, and nothing else; they hold as long as the master key."""

import hmac
from dataclasses import dataclass, field
from urllib.parse import quote

#: What a link's path begins with.
PREFIX = "/receipts/"
TOKEN_BYTES = 16


@dataclass(frozen=True, slots=True)
class ReceiptLinks:
    """Makes and proves the links of one installation: `console` is where they lead, `secret` the key of this purpose.

    A token is HMAC-SHA-256 (RFC 2104) over the mail's id, cut to 128 bits.
    """

    console: str
    secret: bytes = field(repr=False)

    def url(self, email_id: str) -> str:
        """The link to a mail's receipt; "" where no console is known."""
        if not self.console:
            return ""
        return f"{self.console.rstrip('/')}{PREFIX}{quote(email_id, safe='')}/{self._token(email_id)}"

    def opens(self, email_id: str, token: str) -> bool:
        """Whether this token belongs to this mail; it takes as long for a wrong one."""
        return hmac.compare_digest(_bytes(token), self._token(email_id).encode())

    def _token(self, email_id: str) -> str:
        return hmac.digest(self.secret, _bytes(email_id), "sha256")[:TOKEN_BYTES].hex()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
